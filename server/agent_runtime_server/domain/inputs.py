"""Questions that an agent puts to a person, and the rules that answer first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from fnmatch import fnmatchcase

from agent_runtime_server.domain.agent import ToolCall
from agent_runtime_server.domain.usage import Budget


class InputKind(Enum):
    """What kind of answer is wanted."""

    PERMISSION = "permission"
    """May this tool call go ahead?"""
    QUESTION = "question"
    """Free text or a choice."""
    BUDGET = "budget"
    """A budget is spent; go on with more?"""
    REPAIR_REVIEW = "repair_review"
    """A repair changes what a test asserts; accept it?"""


class InputDecision(Enum):
    """An answer."""

    ALLOW_ONCE = "allow_once"
    ALLOW_FOR_TASK = "allow_for_task"
    REJECT = "reject"
    ABORT = "abort"
    """Reject and stop the task."""
    ANSWER = "answer"
    """A text answer to a question."""


ALLOWED: Mapping[InputKind, tuple[InputDecision, ...]] = {
    InputKind.PERMISSION: (
        InputDecision.ALLOW_ONCE,
        InputDecision.ALLOW_FOR_TASK,
        InputDecision.REJECT,
        InputDecision.ABORT,
    ),
    InputKind.QUESTION: (InputDecision.ANSWER, InputDecision.REJECT, InputDecision.ABORT),
    InputKind.BUDGET: (InputDecision.ALLOW_ONCE, InputDecision.REJECT, InputDecision.ABORT),
    InputKind.REPAIR_REVIEW: (InputDecision.ALLOW_ONCE, InputDecision.REJECT, InputDecision.ABORT),
}
"""Decisions that each kind of question takes."""


_ALLOWANCES = (InputDecision.ALLOW_ONCE, InputDecision.ALLOW_FOR_TASK)
_SHELLS = frozenset({"bash", "shell"})
_JOINED_STREAMS = re.compile(r"\d?>&\d")
_BETWEEN_COMMANDS = re.compile(r"[;&|\n`(){}]+|\$\(|<\(|>\(")


@dataclass(frozen=True, slots=True)
class InputRule:
    """A standing answer to permissions; ``*`` is a wildcard in both patterns."""

    tool: str
    decision: InputDecision
    argument_pattern: str = ""
    """Over the tool's main argument; empty matches any."""

    def matches(self, tool: str, argument: str) -> bool:
        """Whether it answers for this call.

        The commands of a line for a shell count one by one: an allowance must fit all of them, a refusal one.
        """
        if not fnmatchcase(tool, _only_stars(self.tool)):
            return False
        if not self.argument_pattern:
            return True
        pattern = _only_stars(self.argument_pattern)
        fitting = [fnmatchcase(part, pattern) for part in (_commands(argument) if tool in _SHELLS else [argument])]
        return all(fitting) if self.decision in _ALLOWANCES else any((*fitting, fnmatchcase(argument, pattern)))


@dataclass(frozen=True, slots=True)
class InputPolicy:
    """What happens when the agent asks."""

    default_decision: InputDecision | None = None
    """For permissions that no rule matches; None asks a person."""
    rules: tuple[InputRule, ...] = ()
    """First match wins."""
    answer_timeout: timedelta = timedelta()
    """How long to wait for a person; 0 takes the server's default when a task is created."""
    on_timeout: InputDecision = InputDecision.REJECT
    """When nobody answers: REJECT or ABORT."""

    def standing_answer(self, tool: str, argument: str) -> InputDecision | None:
        """What the rules and the default say to a call; None leaves it to a person."""
        for rule in self.rules:
            if rule.matches(tool, argument):
                return rule.decision
        return self.default_decision


@dataclass(frozen=True, slots=True)
class Question:
    """What a driver wants to know."""

    kind: InputKind
    prompt: str
    tool_call: ToolCall | None = None
    """That waits, for a permission; whoever asks keeps its arguments short."""
    argument: str = ""
    """Its main argument (a command, a path, a URL), for the rules."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person, a rule or a timeout said."""

    decision: InputDecision
    text: str = ""
    added_budget: Budget = Budget()
    """For a BUDGET question that was allowed."""
    resolver: str = ""
    """user, rule, timeout, or server when the task ended first."""

    @property
    def allowed(self) -> bool:
        """Whether it is a yes."""
        return self.decision in (InputDecision.ALLOW_ONCE, InputDecision.ALLOW_FOR_TASK, InputDecision.ANSWER)


@dataclass(frozen=True, slots=True)
class InputResolution:
    """How a question was answered."""

    input_id: str
    decision: InputDecision
    resolve_time: datetime
    text: str = ""
    resolver: str = ""
    added_budget: Budget = Budget()
    """For a BUDGET question that was allowed."""

    @property
    def answer(self) -> Answer:
        """What whoever asked is told."""
        return Answer(self.decision, self.text, self.added_budget, self.resolver)


@dataclass(frozen=True, slots=True)
class InputRequest:
    """A question to a person, as it is kept and shown."""

    id: str
    task_id: str
    kind: InputKind
    prompt: str
    create_time: datetime
    expire_time: datetime
    """When ``default_decision`` is taken."""
    default_decision: InputDecision
    allowed_decisions: tuple[InputDecision, ...]
    tool_call: ToolCall | None = None
    choices: tuple[str, ...] = ()
    resolution: InputResolution | None = None


def _commands(line: str) -> list[str]:
    """The commands of a line for a shell, those in substitutions and subshells too; quotes are not looked at."""
    parts = _BETWEEN_COMMANDS.split(_JOINED_STREAMS.sub("", line))
    return [part.strip() for part in parts if part.strip()] or [line]


def _only_stars(pattern: str) -> str:
    return pattern.replace("[", "[[]").replace("?", "[?]")
