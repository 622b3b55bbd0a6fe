import asyncio
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime_server.adapters.clock import SystemClock
from agent_runtime_server.adapters.embedded import EmbeddedDispatcher
from agent_runtime_server.domain.event import Event, QueueState, StatusChanged, told
from agent_runtime_server.domain.faults import DriverUnavailable, QueueFull
from agent_runtime_server.domain.task import FailureReason, NewTask, Status, Task
from agent_runtime_server.orchestrator.tasks import Admission, Tasks
from agent_runtime_server.ports import IdempotencyKey
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.secrets import PlainSecrets
from agent_runtime_server.testing.store import MemoryStore
from agent_runtime_server.testing.workspaces import PlainWorkspaces
from tests.orchestrator.support import NOW, SPEC

NEW = NewTask(replace(SPEC, session_id="", driver=""), password="hunter2")


async def no_notice(_task_id: str, _place: QueueState) -> None:
    """Nobody is told."""


class SlowStore(MemoryStore):
    """Writes at once, answers later: a caller may give up in between."""

    async def create(self, *args: object, **kwargs: object) -> tuple[Task, bool]:
        created = await super().create(*args, **kwargs)  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        return created

    async def transition(self, *args: object, **kwargs: object) -> Task:
        changed = await super().transition(*args, **kwargs)  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        return changed


class House:
    """Tasks over fakes, with a queue that nobody works on."""

    def __init__(self, folder: Path, store: MemoryStore | None = None, problem: str = "", max_queue: int = 100) -> None:
        self.store = store or MemoryStore(JsonCodec())
        self.dispatcher = EmbeddedDispatcher(no_notice)
        driver = ScriptedDriver(name="explorer", problem=problem)
        self.tasks = Tasks(
            self.store,
            self.dispatcher,
            PlainWorkspaces(folder),
            PlainSecrets(),
            {"explorer": driver},
            SystemClock(),
            Admission("explorer", max_queue),
        )

    async def start(self, task_id: str) -> None:
        """Claim a task, as a worker would."""
        event = Event(task_id, NOW, StatusChanged(Status.PENDING, Status.RUNNING))
        await self.store.claim(task_id, lambda task: told(task, event))


async def test_a_create_whose_caller_gives_up_is_queued_all_the_same(tmp_path: Path) -> None:
    house = House(tmp_path, SlowStore(JsonCodec()))
    creating = asyncio.create_task(house.tasks.create(NEW, None))
    await asyncio.sleep(0.02)
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert len(await house.store.unfinished()) == 1
    assert house.dispatcher.depth() == 1


async def test_a_cancel_whose_caller_gives_up_takes_the_task_from_the_queue(tmp_path: Path) -> None:
    house = House(tmp_path, SlowStore(JsonCodec()))
    task, _ = await house.tasks.create(NEW, None)
    cancelling = asyncio.create_task(house.tasks.cancel(task.id, "enough"))
    await asyncio.sleep(0.02)
    cancelling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelling
    assert house.dispatcher.depth() == 0
    assert await house.store.secrets(task.id) == b""


async def test_a_replay_is_answered_though_the_queue_is_full(tmp_path: Path) -> None:
    house = House(tmp_path, max_queue=1)
    key = IdempotencyKey(str(uuid.uuid4()), b"digest")
    task, _ = await house.tasks.create(NEW, key)
    assert await house.tasks.create(NEW, key) == (task, True)
    with pytest.raises(QueueFull):
        await house.tasks.create(NEW, None)


async def test_a_replay_queues_a_task_that_was_stored_but_never_queued(tmp_path: Path) -> None:
    before = House(tmp_path)
    key = IdempotencyKey(str(uuid.uuid4()), b"digest")
    task, _ = await before.tasks.create(NEW, key)
    after = House(tmp_path, before.store)
    assert await after.tasks.create(NEW, key) == (task, True)
    assert after.dispatcher.queue_state(task.id) == QueueState(1, 1, "slot")


async def test_a_task_that_nobody_runs_any_more_can_be_cancelled(tmp_path: Path) -> None:
    house = House(tmp_path)
    task, _ = await house.tasks.create(NEW, None)
    house.dispatcher.cancel(task.id)
    await house.start(task.id)
    cancelled, initiated = await house.tasks.cancel(task.id, "stuck")
    assert (cancelled.status, initiated) == (Status.CANCELLED, True)
    assert await house.store.secrets(task.id) == b""


async def test_a_new_server_queues_what_waits_and_ends_what_ran(tmp_path: Path) -> None:
    before = House(tmp_path)
    running, _ = await before.tasks.create(NEW, None)
    waiting, _ = await before.tasks.create(NEW, None)
    await before.start(running.id)
    after = House(tmp_path, before.store)
    await after.tasks.resume()
    assert after.dispatcher.queue_state(waiting.id) == QueueState(1, 1, "slot")
    lost = await after.store.get(running.id)
    assert lost.status is Status.FAILED
    assert lost.failure is not None
    assert (lost.failure.reason, lost.failure.retryable) == (FailureReason.WORKER_LOST, True)
    assert await after.store.secrets(running.id) == b""
    assert await after.store.secrets(waiting.id) != b""


async def test_a_driver_that_is_not_there_is_said_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DriverUnavailable, match="no browser here"):
        await House(tmp_path, problem="no browser here").tasks.create(NEW, None)


async def test_places_are_told_to_waiting_tasks_only(tmp_path: Path) -> None:
    house = House(tmp_path)
    task, _ = await house.tasks.create(NEW, None)
    await house.tasks.tell_place(task.id, QueueState(1, 1))
    assert (await house.store.get(task.id)).sequence == 2
    await house.start(task.id)
    await house.tasks.tell_place(task.id, QueueState(1, 1))
    assert (await house.store.get(task.id)).sequence == 3
