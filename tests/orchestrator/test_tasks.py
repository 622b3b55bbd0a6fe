import asyncio
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.faults import DriverUnavailable, QueueFull
from agent_runtime_server.domain.task import Status, Task
from agent_runtime_server.ports import IdempotencyKey
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.store import MemoryStore
from tests.orchestrator.house import NEW, House


class SlowStore(MemoryStore):
    """Writes at once, answers later: a caller may give up in between, when there is something ``written``."""

    def __init__(self) -> None:
        super().__init__(JsonCodec())
        self.written = asyncio.Event()

    async def create(self, *args: object, **kwargs: object) -> tuple[Task, bool]:
        created = await super().create(*args, **kwargs)  # type: ignore[arg-type]
        await self._dawdle()
        return created

    async def transition(self, *args: object, **kwargs: object) -> Task:
        changed = await super().transition(*args, **kwargs)  # type: ignore[arg-type]
        await self._dawdle()
        return changed

    async def _dawdle(self) -> None:
        self.written.set()
        await asyncio.sleep(0.05)


async def test_a_create_whose_caller_gives_up_is_queued_all_the_same(tmp_path: Path) -> None:
    store = SlowStore()
    house = House(tmp_path, store=store)
    creating = asyncio.create_task(house.tasks.create(NEW, None))
    await store.written.wait()
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert len(await house.store.unfinished()) == 1
    assert house.dispatcher.depth() == 1


async def test_a_cancel_whose_caller_gives_up_takes_the_task_from_the_queue(tmp_path: Path) -> None:
    store = SlowStore()
    house = House(tmp_path, store=store)
    task, _ = await house.tasks.create(NEW, None)
    store.written.clear()
    cancelling = asyncio.create_task(house.tasks.cancel(task.id, "enough"))
    await store.written.wait()
    cancelling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelling
    assert house.dispatcher.depth() == 0
    assert await house.store.secrets(task.id) == b""


async def test_a_replay_is_answered_though_the_queue_is_full(tmp_path: Path) -> None:
    house = House(tmp_path, max_queue=1)
    key = IdempotencyKey("CreateTask", str(uuid.uuid4()), b"digest")
    task, _ = await house.tasks.create(NEW, key)
    assert await house.tasks.create(NEW, key) == (task, True)
    with pytest.raises(QueueFull):
        await house.tasks.create(NEW, None)


async def test_a_replay_queues_a_task_that_was_stored_but_never_queued(tmp_path: Path) -> None:
    before = House(tmp_path)
    key = IdempotencyKey("CreateTask", str(uuid.uuid4()), b"digest")
    task, _ = await before.tasks.create(NEW, key)
    after = House(tmp_path, store=before.store)
    assert await after.tasks.create(NEW, key) == (task, True)
    assert after.dispatcher.queue_state(task.id) == QueueState(1, 1, "slot")


async def test_a_task_that_nobody_runs_any_more_can_be_cancelled(tmp_path: Path) -> None:
    house = House(tmp_path)
    task, _ = await house.tasks.create(NEW, None)
    house.dispatcher.cancel(task.id, timedelta())
    await house.executor.start(task.id)
    cancelled, initiated = await house.tasks.cancel(task.id, "stuck")
    assert (cancelled.status, initiated) == (Status.CANCELLED, True)
    assert await house.store.secrets(task.id) == b""


async def test_a_new_server_queues_what_waits(tmp_path: Path) -> None:
    before = House(tmp_path)
    waiting, _ = await before.tasks.create(NEW, None)
    after = House(tmp_path, store=before.store)
    await after.recovery.run(after.dispatcher)
    assert after.dispatcher.queue_state(waiting.id) == QueueState(1, 1, "slot")
    assert await after.store.secrets(waiting.id) != b""


async def test_a_driver_that_is_not_there_is_said_with_the_reason(tmp_path: Path) -> None:
    house = House(tmp_path, driver=ScriptedDriver(name="explorer", problem="no browser here"))
    with pytest.raises(DriverUnavailable, match="no browser here"):
        await house.tasks.create(NEW, None)


async def test_places_are_told_to_waiting_tasks_only(tmp_path: Path) -> None:
    house = House(tmp_path)
    task, _ = await house.tasks.create(NEW, None)
    await house.tasks.tell_place(task.id, QueueState(1, 1))
    assert (await house.store.get(task.id)).sequence == 2
    await house.executor.start(task.id)
    await house.tasks.tell_place(task.id, QueueState(1, 1))
    assert (await house.store.get(task.id)).sequence == 4
