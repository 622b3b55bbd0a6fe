"""A running task that asks people, on a clock that tests hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from agent_runtime_server.domain.agent import ToolCall, ToolCallState
from agent_runtime_server.domain.event import Event, Fact, StatusChanged, told
from agent_runtime_server.domain.inputs import Answer, InputKind, InputPolicy, InputRequest, Question
from agent_runtime_server.domain.task import Attempt, RetryPolicy, Status, Task, Token
from agent_runtime_server.domain.usage import Budget
from agent_runtime_server.orchestrator.inputs import Inputs
from agent_runtime_server.orchestrator.pausing import Pause
from agent_runtime_server.orchestrator.signals import Signals
from agent_runtime_server.ports import Change
from agent_runtime_server.testing.clock import ManualClock
from agent_runtime_server.testing.codec import JsonCodec, decode
from agent_runtime_server.testing.secrets import PlainSecrets
from agent_runtime_server.testing.store import MemoryStore
from tests.orchestrator.support import NOW, SPEC, TOKEN

EVERYTHING = 1 << 30
MINUTE = timedelta(minutes=1)
WHICH = Question(InputKind.QUESTION, "Which coupon?")
MORE = Question(InputKind.BUDGET, "Go on with more?")
REVIEW = Question(InputKind.REPAIR_REVIEW, "Accept this change?")


def may(tool: str, argument: str = "") -> Question:
    """The question whether a tool may be called."""
    call = ToolCall("c1", tool, ToolCallState.STARTED, f"Call {tool}", {"argument": argument})
    return Question(InputKind.PERMISSION, f"May it call {tool}?", call, argument)


class SlowAnswers(MemoryStore):
    """Writes at once, answers later: whoever waits may be cancelled in between."""

    async def transition(self, task_id: str, change: Change, *, token: Token | None = None) -> Task:
        """Apply a change to a task."""
        task = await super().transition(task_id, change, token=token)
        for _ in range(3):
            await asyncio.sleep(0)
        return task


class Asked:
    """The task "t", its store, and the use case."""

    def __init__(self) -> None:
        self.store = SlowAnswers(JsonCodec())
        self.clock = ManualClock(NOW)
        self.signals = Signals(self.store, self.clock)
        self.inputs = Inputs(self.store, PlainSecrets(), self.signals, self.clock, timedelta(hours=1))
        self.pause = Pause()
        self.facts: list[Fact] = []
        self.ask = partial(self.inputs.ask, "t", TOKEN, self.pause, self.facts.append)

    async def begin(self, policy: InputPolicy, budget: Budget, password: str) -> None:
        """Create and start the task."""
        task = Task("t", SPEC, NOW, NOW, input_policy=policy, budget=budget, retry_policy=RetryPolicy(3))
        sealed = PlainSecrets().seal({"password": password}, "t") if password else b""
        await self.store.create(task, Event("t", NOW, StatusChanged(None, Status.PENDING)), sealed=sealed)
        started = Event("t", NOW, StatusChanged(Status.PENDING, Status.RUNNING))
        await self.store.claim("t", lambda task: told(task, Event("t", NOW, Attempt(1, NOW)), started))

    async def asking(self, *questions: Question) -> list[asyncio.Task[Answer]]:
        """Put questions, one after the other; returns when all of them are open."""
        asked: list[asyncio.Task[Answer]] = []
        for question in questions:
            before = len((await self.task()).pending_inputs)
            asked.append(asyncio.create_task(self.ask(question)))
            await self.until(lambda task, before=before: len(task.pending_inputs) > before)  # type: ignore[misc]
        return asked

    async def task(self) -> Task:
        """The task as it is now."""
        return await self.store.get("t")

    async def open(self) -> list[InputRequest]:
        """The questions that wait for an answer."""
        return list((await self.store.input_requests("t", 99, "")).items)

    async def every(self) -> list[InputRequest]:
        """All questions."""
        return list((await self.store.input_requests("t", 99, "", resolved=True)).items)

    async def until(self, condition: Callable[[Task], bool]) -> None:
        """Returns when the task is as wanted."""
        async with asyncio.timeout(60):
            while not condition(await self.task()):
                await asyncio.sleep(0)

    async def kinds(self) -> list[str]:
        """What kinds of events there are, those of statuses with the new one."""
        found = []
        for event in decode((await self.store.read("t", 0, EVERYTHING)).framed):
            change = event.as_type(StatusChanged) if event.kind == "StatusChanged" else None
            found.append(change.new.value if isinstance(change, StatusChanged) else event.kind)
        return found

    async def cancel(self) -> None:
        """Begin to stop the task."""
        stopping = Event("t", NOW, StatusChanged(Status.RUNNING, Status.CANCELLING))
        await self.store.transition("t", lambda task: told(task, stopping))


@asynccontextmanager
async def asked(*, password: str = "", budget: Budget | None = None, **policy: object) -> AsyncIterator[Asked]:
    """A running task with such an input policy."""
    stage = Asked()
    in_force = replace(InputPolicy(answer_timeout=MINUTE), **policy)  # type: ignore[arg-type]
    await stage.begin(in_force, budget or Budget(), password)
    feeding = asyncio.create_task(stage.signals.run())
    try:
        yield stage
    finally:
        feeding.cancel()
        await asyncio.wait([feeding])
        await stage.store.close()
