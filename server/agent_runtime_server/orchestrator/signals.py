"""Wake-ups for readers of task logs. No payload travels here: a woken reader looks into the log itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from math import floor

from agent_runtime_server.domain.task import Task
from agent_runtime_server.ports import Clock, Store

_CROWD = 16
_SWEEP_SECONDS = 0.02
"""With more than ``_CROWD`` readers of one task, wake-ups are gathered for so long: one sweep serves many events."""
ALARM_SECONDS = 0.1
"""Alarms go off at whole multiples of this: thousands of sleepers share one timer."""


class Waiter:
    """One reader's place to sleep. It sleeps at most once at a time."""

    __slots__ = ("_future", "_woken")

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """End this sleep, or the next one if the reader is awake."""
        self._woken = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def arm(self) -> None:
        """Forget earlier wake-ups. Called before the log is read: what comes after is not missed."""
        self._woken = False

    def sleep(self) -> asyncio.Future[None]:
        """Is done once woken; at once if that happened since ``arm``."""
        self._future = asyncio.get_running_loop().create_future()
        if self._woken:
            self._future.set_result(None)
        return self._future


@dataclass(slots=True)
class Topic:
    """The readers of one task."""

    waiters: set[Waiter] = field(default_factory=set)
    final: Task | None = None
    """The task, once it was seen to be done; shared, so that not every reader looks it up."""
    checked: int = -1
    """Newest sequence at which somebody looked whether it was done."""
    sweeping: bool = False


class Signals:
    """Wakes readers when their task's log grows, when a moment they asked for has come, and when the server drains."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._changes = store.changes()
        self._clock = clock
        self._topics: dict[str, Topic] = {}
        self._alarms: dict[int, set[Waiter]] = {}
        self.draining = False

    def statistics(self) -> int:
        """How many readers there are."""
        return sum(len(topic.waiters) for topic in self._topics.values())

    def join(self, task_id: str, waiter: Waiter) -> Topic:
        """Start to wake a reader for a task."""
        topic = self._topics.setdefault(task_id, Topic())
        topic.waiters.add(waiter)
        return topic

    def leave(self, task_id: str, waiter: Waiter) -> None:
        """Stop it."""
        topic = self._topics[task_id]
        topic.waiters.discard(waiter)
        if not topic.waiters:
            del self._topics[task_id]

    def wake(self, task_id: str) -> None:
        """Wake the readers of a task; a crowd a little later."""
        topic = self._topics.get(task_id)
        if topic is None or topic.sweeping:
            return
        if len(topic.waiters) <= _CROWD:
            _wake(topic)
        else:
            topic.sweeping = True
            asyncio.get_running_loop().call_later(_SWEEP_SECONDS, _sweep, topic)

    async def sleep(self, waiter: Waiter, until: float) -> None:
        """Sleep until woken, or until the first alarm after a monotonic moment."""
        tick = floor(until / ALARM_SECONDS) + 1
        alarm = self._alarms.setdefault(tick, set())
        alarm.add(waiter)
        try:
            await waiter.sleep()
        finally:
            alarm.discard(waiter)
            if not alarm and self._alarms.get(tick) is alarm:
                del self._alarms[tick]

    def drain(self) -> None:
        """Tell every reader that the server goes away."""
        self.draining = True
        for topic in self._topics.values():
            for waiter in tuple(topic.waiters):
                waiter.wake()

    async def run(self) -> None:
        """Feed wake-ups until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_store())
            group.create_task(self._watch_clock())

    async def _watch_store(self) -> None:
        async for task_ids in self._changes:
            for task_id in task_ids:
                self.wake(task_id)

    async def _watch_clock(self) -> None:
        while True:
            now = self._clock.monotonic()
            for tick in [tick for tick in self._alarms if tick * ALARM_SECONDS <= now]:
                for waiter in tuple(self._alarms.pop(tick)):
                    waiter.wake()
            await asyncio.sleep(ALARM_SECONDS)


def _wake(topic: Topic) -> None:
    for waiter in tuple(topic.waiters):
        waiter.wake()


def _sweep(topic: Topic) -> None:
    topic.sweeping = False
    _wake(topic)
