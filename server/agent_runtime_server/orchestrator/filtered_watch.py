"""Following every task that matches a filter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta

from agent_runtime_server.domain.faults import TaskNotFound
from agent_runtime_server.domain.filters import TASK_FIELDS, Filter, matches, parse
from agent_runtime_server.domain.task import Task
from agent_runtime_server.orchestrator.feed import Change, Feed, Place, Values
from agent_runtime_server.orchestrator.signals import Signals, Waiter
from agent_runtime_server.orchestrator.watch import (
    BATCH_BYTES,
    Closed,
    CloseReason,
    Events,
    Heartbeat,
    Watches,
    jittered,
)
from agent_runtime_server.ports import Clock, Store, TaskOrder, TaskQuery

_AT_ONCE = 100
"""Tasks, or changes, looked at together."""

Select = Callable[[bytes, int], bytes]
"""Cuts framed events down to the kinds asked for, and to those up to a sequence."""


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a watch. Heartbeats and Closed are without a sequence."""

    token: str
    """Resumes after it; empty, which starts over, until all tasks that match were sent."""
    update: Task | Events | Heartbeat | Closed


class FilteredWatches:
    """Opens watches of all tasks that match a filter. They count as watches of one task do."""

    def __init__(self, store: Store, clock: Clock, signals: Signals, feed: Feed, watches: Watches) -> None:
        self._store = store
        self._clock = clock
        self._signals = signals
        self._feed = feed
        self._watches = watches

    async def follow(
        self, text: str, token: str, *, heartbeat: timedelta | None, select: Select
    ) -> AsyncGenerator[Step, None]:
        """Without a token all matching tasks as they stand, and a heartbeat; then what happens; then Closed.

        A task that comes to match is sent as it stands, followed by the events that came with it. As long as it
        matches, each of its events is sent once and in order, the one that ends this included; of a task that matched
        at the start, those after its ``sequence``. Deleted tasks are left out. Raises BadFilter, InvalidField,
        TooManyWatchers; ResumeTokenExpired, also later to a reader that is too far behind.
        """
        where = parse(text, TASK_FIELDS)
        await self._feed.ready()
        reader = _Reader(self._store, self._feed, where, select)
        if token:
            reader.place = self._feed.place(token, text)
        self._watches.admit()
        waiter = Waiter()
        self._feed.join(waiter)
        try:
            now = self._clock.monotonic
            interval = self._watches.heartbeat(heartbeat)
            end_of_age = now() + jittered(self._watches.limits.max_age)
            beat = now() + jittered(interval)
            if not token:
                async with aclosing(reader.present()) as updates:
                    async for update in updates:
                        yield Step("", update)
                yield Step(self._feed.token(reader.place, text), Heartbeat(0, caught_up=False))
                beat = now() + jittered(interval)
            while True:
                waiter.arm()
                async with aclosing(reader.coming()) as updates:
                    async for update in updates:
                        yield Step(self._feed.token(reader.place, text), update)
                        beat = now() + jittered(interval)
                resume = self._feed.token(reader.place, text)
                caught_up = reader.place.position == self._feed.position
                if self._signals.draining:
                    delay = self._watches.limits.reconnect_delay
                    yield Step(resume, Closed(CloseReason.DRAINING, 0, reconnect_delay=delay))
                    return
                if now() >= end_of_age:
                    yield Step(resume, Closed(CloseReason.MAX_AGE, 0))
                    return
                if now() >= beat:
                    yield Step(resume, Heartbeat(0, caught_up))
                    beat = now() + jittered(interval)
                if caught_up:
                    await self._signals.sleep(waiter, min(beat, end_of_age))
                else:
                    await asyncio.sleep(0)
        finally:
            self._feed.leave(waiter)
            self._watches.release()


class _Reader:
    """One watch's way through the tasks and the feed."""

    def __init__(self, store: Store, feed: Feed, where: Filter | None, select: Select) -> None:
        self._store = store
        self._feed = feed
        self._where = where
        self._select = select
        self.place = Place(feed.position)

    async def present(self) -> AsyncGenerator[Task | Events, None]:
        """All tasks that match, as they stand, and what happened to them while they were read."""
        covered: dict[str, int] = {}
        token = ""
        while True:
            query = TaskQuery(_AT_ONCE, token, self._where, TaskOrder.CREATED, total=False)
            page = await self._store.list(query)
            for task in page.items:
                if self._feed.catch_up(task):
                    covered[task.id] = task.sequence
                yield task
            token = page.next_token
            if not token:
                break
        last = self._feed.position
        while self.place.position < last:
            for change in self._feed.after(self.place.position, min(_AT_ONCE, last - self.place.position)):
                if change.task_id in covered:
                    first = covered[change.task_id] + 1
                    if self._fits(change.before) or self._fits(change.after):
                        async for update in self._events(change, max(first, change.first)):
                            yield update
                elif self._fits(change.after):
                    now = await self._task(change.task_id)
                    if now is not None and self._feed.catch_up(now):
                        covered[now.id] = now.sequence
                        last = self._feed.position  # of what it covers, nothing is to be sent again later
                        yield now
                self.place = Place(change.position)

    async def coming(self) -> AsyncGenerator[Task | Events, None]:
        """Some of what happens next. ``place`` is behind each update when it is given."""
        for change in self._feed.after(self.place.position, _AT_ONCE):
            matched, matches_now = self._fits(change.before), self._fits(change.after)
            if matched or matches_now:
                within = self.place.within
                if within < 0 and not matched:
                    task = await self._task(change.task_id)
                    if task is not None:
                        self.place = replace(self.place, within=change.first - 1)
                        yield task
                async for events in self._events(change, max(within + 1, change.first)):
                    self.place = replace(self.place, within=events.last)
                    yield events
            self.place = Place(change.position)

    async def _events(self, change: Change, first: int) -> AsyncGenerator[Events, None]:
        """The events of a change from a sequence on, those that are still kept."""
        after = first - 1
        try:
            while after < change.last:
                batch = await self._store.read(change.task_id, after, BATCH_BYTES)
                if batch.last <= after:
                    return
                after = min(batch.last, change.last)
                if framed := self._select(batch.framed, change.last):
                    yield Events(framed, after)
        except TaskNotFound:
            return

    async def _task(self, task_id: str) -> Task | None:
        """A task as it stands; None if it was deleted."""
        try:
            return await self._store.get(task_id)
        except TaskNotFound:
            return None

    def _fits(self, values: Values | None) -> bool:
        return values is not None and (self._where is None or matches(self._where, values.get))
