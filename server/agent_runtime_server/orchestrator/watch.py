"""Following a task's log. A reader holds a cursor, no queue: being slow costs nothing, being cut off loses nothing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from agent_runtime_server.domain.faults import SequenceAhead, TaskNotFound, TooManyWatchers
from agent_runtime_server.domain.task import Task
from agent_runtime_server.orchestrator.signals import Signals, Topic, Waiter
from agent_runtime_server.ports import Clock, Store

BATCH_BYTES = 256 * 1024
_JITTER = (0.8, 0.9)
"""Share of an interval that is waited."""


class GapReason(Enum):
    """Why a watch has a hole."""

    TRIMMED = "trimmed"
    SKIPPED = "skipped"


class CloseReason(Enum):
    """Why the server ends a watch."""

    TASK_DONE = "task_done"
    DRAINING = "draining"
    MAX_AGE = "max_age"
    TASK_DELETED = "task_deleted"


@dataclass(frozen=True, slots=True)
class Opened:
    """The watch exists; always first."""

    task: Task
    after: int
    first: int
    """Oldest event still kept."""
    heartbeat: timedelta


@dataclass(frozen=True, slots=True)
class Events:
    """Consecutive framed events of the kinds asked for, up to ``last``."""

    framed: bytes
    last: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Everything up to ``sequence`` was sent or filtered out."""

    sequence: int
    caught_up: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole in the stream; ``task`` is as of its end or later."""

    first: int
    last: int
    reason: GapReason
    task: Task


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream ends; always last."""

    reason: CloseReason
    sequence: int
    task: Task | None = None
    reconnect_delay: timedelta = timedelta()


Update = Opened | Events | Heartbeat | Gap | Closed


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """Bounds of a watch."""

    min_heartbeat: timedelta = timedelta(seconds=1)
    max_heartbeat: timedelta = timedelta(minutes=5)
    default_heartbeat: timedelta = timedelta(seconds=15)
    max_age: timedelta = timedelta(hours=1)
    max_watchers: int = 20_000
    reconnect_delay: timedelta = timedelta(seconds=1)


class Watches:
    """Opens watches."""

    def __init__(self, store: Store, clock: Clock, signals: Signals, limits: WatchLimits) -> None:
        self._store = store
        self._clock = clock
        self._signals = signals
        self._open = 0
        self.limits = limits

    @property
    def open(self) -> int:
        """How many watches there are."""
        return self._open

    def admit(self) -> None:
        """Count one more watch. Raises TooManyWatchers."""
        if self._open >= self.limits.max_watchers:
            raise TooManyWatchers
        self._open += 1

    def release(self) -> None:
        """Count one less."""
        self._open -= 1

    async def follow(
        self,
        task_id: str,
        after: int | None,
        *,
        heartbeat: timedelta | None = None,
        skip_to_head: bool = False,
        select: Callable[[bytes], bytes] | None = None,
    ) -> AsyncIterator[Update]:
        """Opened; then events, gaps and heartbeats; then Closed.

        ``after`` None starts at the head. ``select`` cuts framed events down to the kinds asked for. Raises
        TaskNotFound, SequenceAhead, TooManyWatchers, all before Opened.
        """
        self.admit()
        waiter = Waiter()
        topic = self._signals.join(task_id, waiter)
        # One generator with few variables, not several: an idle watch is little else.
        try:
            task = await self._store.get(task_id)
            head = task.sequence
            cursor = head if after is None else after
            if cursor > head:
                raise SequenceAhead(f"after_sequence {cursor} is ahead of the newest event, {head}")
            interval = self.heartbeat(heartbeat)
            kept_from = (await self._store.read(task_id, head, 1)).kept_from
            yield Opened(task, cursor, kept_from, interval)
            if skip_to_head and cursor < head:
                yield Gap(cursor + 1, head, GapReason.SKIPPED, task)
                cursor = head
            now = self._clock.monotonic
            end_of_age = now() + jittered(self.limits.max_age)
            beat = now() + jittered(interval)
            try:
                while True:
                    waiter.arm()
                    batch = await self._store.read(task_id, cursor, BATCH_BYTES)
                    if cursor + 1 < batch.kept_from:
                        yield Gap(cursor + 1, batch.kept_from - 1, GapReason.TRIMMED, await self._store.get(task_id))
                        cursor = batch.kept_from - 1
                        continue
                    if batch.last > cursor:
                        cursor = batch.last
                        framed = select(batch.framed) if select else batch.framed
                        if framed:
                            yield Events(framed, cursor)
                            beat = now() + jittered(interval)
                    caught_up = cursor >= batch.head
                    if caught_up and (final := await self._final(task_id, topic, cursor)):
                        yield Closed(CloseReason.TASK_DONE, cursor, final)
                        return
                    if self._signals.draining:
                        yield Closed(CloseReason.DRAINING, cursor, reconnect_delay=self.limits.reconnect_delay)
                        return
                    if now() >= end_of_age:
                        yield Closed(CloseReason.MAX_AGE, cursor)
                        return
                    if now() >= beat:
                        yield Heartbeat(cursor, caught_up)
                        beat = now() + jittered(interval)
                    if caught_up:
                        await self._signals.sleep(waiter, min(beat, end_of_age))
            except TaskNotFound:
                yield Closed(CloseReason.TASK_DELETED, cursor)
        finally:
            self._signals.leave(task_id, waiter)
            self.release()

    async def _final(self, task_id: str, topic: Topic, cursor: int) -> Task | None:
        """The task if it is done with all its events read. Nothing follows the event that ends a task."""
        if topic.checked < cursor:
            task = await self._store.get(task_id)
            if task.done:
                topic.final = task
            topic.checked = max(topic.checked, cursor)
        final = topic.final
        return final if final is not None and final.sequence == cursor else None

    async def wait(self, task_id: str, until: Callable[[Task], bool], timeout: timedelta) -> tuple[Task, bool]:
        """The task once it is done or as wanted, or as it stands when time is up; and whether it came to it."""
        waiter = Waiter()
        deadline = self._clock.monotonic() + timeout.total_seconds()
        self._signals.join(task_id, waiter)
        try:
            while True:
                waiter.arm()
                task = await self._store.get(task_id)
                met = task.done or until(task)
                if met or self._signals.draining or self._clock.monotonic() >= deadline:
                    return task, met
                await self._signals.sleep(waiter, deadline)
        finally:
            self._signals.leave(task_id, waiter)

    def heartbeat(self, asked: timedelta | None) -> timedelta:
        """The longest silence in force for what was asked."""
        limits = self.limits
        if not asked:
            return limits.default_heartbeat
        return min(max(asked, limits.min_heartbeat), limits.max_heartbeat)


def jittered(interval: timedelta) -> float:
    """Seconds to wait: never late, and not all watchers at once."""
    return interval.total_seconds() * random.uniform(*_JITTER)  # noqa: S311
