"""Which step of which scenario answers a request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_runtime_server.testing.scripted_model.scenarios import DONE, Fault, ScenarioError, Step, filled, place
from agent_runtime_server.testing.scripted_model.wire import Request

MARK = re.compile(r"\[\[([\w.-]+)\]\]")
ASIDE = "Scripted session"
"""The answer to a request without tools, such as for a title or a summary: it is outside of every scenario."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What a request gets."""

    scenario: str
    """Empty for a request without tools."""
    number: int
    """Of the step, the first is 0."""
    step: Step
    start: int = 0
    """Where the message that chose the scenario is in the conversation."""


class Play:
    """Finds answers in the scenarios. Nothing of a conversation is kept, but how often a step has failed."""

    def __init__(self, scenarios: Mapping[str, Sequence[Step]]) -> None:
        self.scenarios = scenarios
        self._faults: Counter[tuple[str, int]] = Counter()

    def cue(self, request: Request) -> Cue:
        """The step that a request is at; raise ``ScenarioError`` when there is no scenario for it.

        A scenario is chosen by the last mark ``[[name]]`` of one in a message of the user, or else by the model's name,
        or else is "default". Of several marks in that message, one counts whose scenario calls offered tools only: so
        the same words can go to agents that have different tools. The step is the number of the assistant's turns since
        that message, or since the start.
        """
        if not request.tools:
            return Cue("", 0, Step(text=ASIDE))
        scenario, start = self._chosen(request)
        later = request.messages[start:]
        number = sum(message.role == "assistant" for message in later)
        steps = self.scenarios[scenario]
        return Cue(scenario, number, steps[number] if number < len(steps) else DONE, start)

    def fault(self, cue: Cue) -> Fault | None:
        """The error that this request gets, counted."""
        fault = cue.step.error
        if fault is None:
            return None
        self._faults[cue.scenario, cue.number] += 1
        return fault if fault.times is None or self._faults[cue.scenario, cue.number] <= fault.times else None

    def line(self, cue: Cue, request: Request) -> Step:
        """The step with its placeholders replaced; raise ``ScenarioError`` if one finds nothing."""
        if not cue.scenario:
            return cue.step
        later = request.messages[cue.start :]
        prompt = "\n".join(message.text for message in later if message.role == "user")
        results = "\n".join(message.results for message in later if message.results)
        try:
            return filled(cue.step, prompt, results)
        except ScenarioError as error:
            raise ScenarioError(f"{place(cue.scenario, cue.number)}: {error}") from None

    def _chosen(self, request: Request) -> tuple[str, int]:
        """The scenario, and the message that chose it."""
        marks = [
            (name, index)
            for index, message in enumerate(request.messages)
            if message.role == "user"
            for name in MARK.findall(message.text)
        ]
        known = [mark for mark in marks if mark[0] in self.scenarios]
        if known:
            last = [mark for mark in known if mark[1] == known[-1][1]]
            fitting = (mark for mark in reversed(last) if self._tools(mark[0]) <= set(request.tools))
            return next(fitting, last[-1])
        for name in (request.model, "default"):
            if name in self.scenarios:
                return name, 0
        names = ", ".join(dict.fromkeys(repr(name) for name, _ in marks)) or "no scenario"
        raise ScenarioError(f"the messages mark {names}, which is not here, nor is {request.model!r} or 'default'")

    def _tools(self, scenario: str) -> set[str]:
        """Tools that a scenario calls."""
        return {call.tool for step in self.scenarios[scenario] for call in step.calls}
