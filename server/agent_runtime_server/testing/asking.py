"""Answers without people, and a meter without a limit."""

from __future__ import annotations

from agent_runtime_server.domain.inputs import Answer, InputDecision, Question
from agent_runtime_server.domain.task import Failure
from agent_runtime_server.domain.usage import ModelUsage


class Answers:
    """An ``ports.Ask`` that gives the same answer to every question, and remembers them."""

    def __init__(self, answer: Answer | None = None) -> None:
        """Without an answer it is as if nobody answered in time."""
        self.answer = answer or Answer(InputDecision.REJECT, resolver="timeout")
        self.questions: list[Question] = []

    async def __call__(self, question: Question) -> Answer:
        """The answer."""
        self.questions.append(question)
        return self.answer


class Tally:
    """A ``ports.Meter`` that counts, and refuses once it is given a failure."""

    def __init__(self, failure: Failure | None = None) -> None:
        self.failure = failure
        self.calls: list[ModelUsage] = []

    async def admit(self) -> Failure | None:
        """The failure, if it was given one."""
        return self.failure

    def used(self, usage: ModelUsage) -> None:
        """Remember it."""
        self.calls.append(usage)
