"""The meter of a task: what its models use is told, and the budget is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent_runtime_server.domain.inputs import InputDecision, InputKind, Question
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.domain.usage import Budget, ModelUsage, Usage
from agent_runtime_server.ports import Ask


class TaskMeter:
    """Implements ``ports.Meter`` for one phase of a task."""

    def __init__(self, budget: Budget, used: Usage, tell: Callable[[ModelUsage], None], ask: Ask) -> None:
        """``used`` is what earlier phases and attempts have used up; ``tell`` is told of each call."""
        self._budget = budget
        self._used = used
        self._tell = tell
        self._ask = ask
        self._refusal: Failure | None = None
        self._one_question = asyncio.Lock()

    async def admit(self) -> Failure | None:
        """Why no more must be spent; at the limit a person may be asked for more."""
        async with self._one_question:
            if self._refusal is None and (spent := self._budget.spent(self._used)):
                self._refusal = await self._ask_for_more(spent)
            return self._refusal

    def used(self, usage: ModelUsage) -> None:
        """Count a call, and tell it."""
        self._used = self._used.plus(usage)
        self._tell(usage)

    async def _ask_for_more(self, spent: str) -> Failure | None:
        if not self._budget.ask_at_limit:
            return Failure(FailureReason.BUDGET_EXCEEDED, spent)
        answer = await self._ask(Question(InputKind.BUDGET, f"The budget is spent: {spent}. Go on with more?"))
        if answer.decision is InputDecision.ABORT:
            reason = FailureReason.INPUT_EXPIRED if answer.resolver == "timeout" else FailureReason.INPUT_REFUSED
            return Failure(reason, f"{spent}, and the answer was to stop")
        if not answer.allowed:
            return Failure(FailureReason.BUDGET_EXCEEDED, spent)
        self._budget = self._budget.plus(answer.added_budget)
        return None
