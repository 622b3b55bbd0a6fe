"""Tasks, events and changes for tests of stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_runtime_server.domain.event import Event, LogChunk, LogEntry, LogLevel, LogSource, Payload, StatusChanged
from agent_runtime_server.domain.results import (
    Artifact,
    ArtifactKind,
    AttemptStatus,
    Location,
    TestAttempt,
    TestCase,
    TestOutcome,
)
from agent_runtime_server.domain.status import move
from agent_runtime_server.domain.task import Status, Task, TaskSpec, TaskType, Token
from agent_runtime_server.ports import Batch, Change, Store
from agent_runtime_server.testing.codec import decode

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
FIRST = Token(1, 0)
"""What the first claim of a task gives."""
EVERYTHING = 1 << 30


def at(seconds: float) -> datetime:
    """A time so long after ``NOW``."""
    return NOW + timedelta(seconds=seconds)


def new_task(task_id: str, session: str = "", seconds: float = 0) -> Task:
    spec = TaskSpec(TaskType.COMPLETE, "http://app.test/", session or task_id, "explorer", "Look at the cart")
    return Task(task_id, spec, create_time=at(seconds), update_time=at(seconds))


def event(task_id: str, payload: Payload, seconds: float = 0) -> Event:
    return Event(task_id, at(seconds), payload)


def line(task_id: str, message: str = "a line") -> Event:
    return event(task_id, LogChunk((LogEntry(NOW, LogLevel.INFO, LogSource.AGENT, message),)))


def lines(task_id: str, count: int, message: str = "a line") -> list[Event]:
    return [line(task_id, f"{message} {number}") for number in range(count)]


def artifact(artifact_id: str, size: int = 1) -> Artifact:
    return Artifact(artifact_id, ArtifactKind.LOG, f"{artifact_id}.txt", "text/plain", size, "00" * 32, NOW)


def a_test(test_id: str, round_number: int = 1, outcome: TestOutcome = TestOutcome.EXPECTED) -> TestCase:
    attempt = TestAttempt(0, AttemptStatus.PASSED, NOW, timedelta(milliseconds=1234.567))
    return TestCase(
        test_id, "chromium", ("a.spec.ts", test_id), Location("a.spec.ts", 3), outcome, (attempt,), (), round_number
    )


def to(status: Status, seconds: float = 1) -> Change:
    """The change that moves a task to a status, so long after ``NOW``."""

    def change(task: Task) -> tuple[Task, Sequence[Event]]:
        moved = replace(task, status=move(task.status, status), update_time=at(seconds))
        moved = replace(moved, end_time=at(seconds) if moved.done else None)
        return moved, [event(task.id, StatusChanged(task.status, status), seconds)]

    return change


def becomes(**fields: Any) -> Change:
    """The change that gives a task other values."""
    return lambda task: (replace(task, **fields), ())


async def create(store: Store, task_id: str = "t1", session: str = "", seconds: float = 0) -> Task:
    return await add(store, new_task(task_id, session, seconds))


async def add(store: Store, task: Task) -> Task:
    stored, replayed = await store.create(task, event(task.id, StatusChanged(None, Status.PENDING)))
    assert not replayed
    return stored


async def running(store: Store, task_id: str = "t1", session: str = "", seconds: float = 0) -> Task:
    await create(store, task_id, session, seconds)
    return await store.claim(task_id, to(Status.RUNNING))


async def finish(store: Store, task_id: str = "t1", seconds: float = 1) -> Task:
    return await store.transition(task_id, to(Status.COMPLETED, seconds))


async def done(store: Store, task_id: str = "t1", session: str = "", seconds: float = 1) -> Task:
    """A task that has run and ended, so long after ``NOW``."""
    await running(store, task_id, session)
    return await finish(store, task_id, seconds)


def sequences(batch: Batch) -> list[int]:
    """The sequences in a batch, which must be what it says they are."""
    found = [decoded.sequence for decoded in decode(batch.framed)]
    assert found == list(range(batch.first, batch.last + 1))
    return found


async def whole_log(store: Store, task_id: str = "t1", limit: int = EVERYTHING) -> list[int]:
    """All sequences that are kept, read in batches."""
    after, found = 0, list[int]()
    while True:
        batch = await store.read(task_id, after, limit)
        found += sequences(batch)
        if batch.last == batch.head or not batch.framed:
            return found
        after = batch.last
