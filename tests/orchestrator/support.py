"""What the tests of the orchestrator share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from agent_runtime_server.adapters.clock import SystemClock
from agent_runtime_server.domain.event import Event, FileChanged, StatusChanged, told
from agent_runtime_server.domain.task import Status, Task, TaskSpec, TaskType, Token
from agent_runtime_server.orchestrator.signals import Signals
from agent_runtime_server.orchestrator.watch import Update, Watches, WatchLimits
from agent_runtime_server.ports import Batch, EventCodec
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.store import MemoryStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = TaskSpec(TaskType.PLAN, "http://app.test/", "t", "explorer")
TOKEN = Token(1, 0)


class SlowReads(MemoryStore):
    """Reads at once, answers later: things happen in between."""

    def __init__(self, codec: EventCodec) -> None:
        super().__init__(codec)
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """Happens once, between the next read and its answer."""

    async def read(self, task_id: str, after: int, limit: int) -> Batch:
        """Events after a sequence, as of a moment ago."""
        batch = await super().read(task_id, after, limit)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        for _ in range(10 if meanwhile else 3):
            await asyncio.sleep(0)
        return batch


class Scene:
    """A store with one running task, and watches on it."""

    def __init__(self, limits: WatchLimits) -> None:
        self.store = SlowReads(JsonCodec())
        self.clock = SystemClock()
        self.signals = Signals(self.store, self.clock)
        self.watches = Watches(self.store, self.clock, self.signals, limits)
        self._batch = 0

    async def begin(self) -> None:
        """Events 1 (created) and 2 (started)."""
        task = Task("t", SPEC, NOW, NOW)
        await self.store.create(task, Event("t", NOW, StatusChanged(None, Status.PENDING)))
        started = Event("t", NOW, StatusChanged(Status.PENDING, Status.RUNNING))
        await self.store.claim("t", lambda task: told(task, started))

    async def add(self, count: int = 1) -> None:
        """Append file events."""
        self._batch += 1
        events = [Event("t", NOW, FileChanged(f"{self._batch}/{number}")) for number in range(count)]
        await self.store.append("t", TOKEN, self._batch, events)

    async def end(self) -> None:
        """The last event."""
        ended = Event("t", NOW, StatusChanged(Status.RUNNING, Status.COMPLETED))
        await self.store.transition("t", lambda task: told(task, ended))


@asynccontextmanager
async def scene(**limits: object) -> AsyncIterator[Scene]:
    """A running scene."""
    stage = Scene(WatchLimits(**{"min_heartbeat": timedelta(milliseconds=100)} | limits))  # type: ignore[arg-type]
    await stage.begin()
    feeding = asyncio.create_task(stage.signals.run())
    await asyncio.sleep(0)
    try:
        yield stage
    finally:
        feeding.cancel()
        await asyncio.wait([feeding])
        await stage.store.close()


async def take(updates: AsyncIterator[Update], count: int) -> list[Update]:
    """The next updates."""
    async with asyncio.timeout(60):
        return [await anext(updates) for _ in range(count)]


async def rest(updates: AsyncIterator[Update]) -> list[Update]:
    """All updates to the end."""
    async with asyncio.timeout(60):
        return [update async for update in updates]
