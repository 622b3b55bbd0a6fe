"""The feed: which tasks have changed, in one order for all. Its readers hold a position in it, no queue."""

from __future__ import annotations

import asyncio
import logging
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from struct import Struct, error

from agent_runtime_server.domain.faults import InvalidField, ResumeTokenExpired, TaskNotFound
from agent_runtime_server.domain.filters import TASK_FIELDS, task_value
from agent_runtime_server.domain.task import Task
from agent_runtime_server.orchestrator.signals import Signals, Topic, Waiter
from agent_runtime_server.ports import Clock, Store

_log = logging.getLogger("agent_runtime.feed")

_RETRY_SECONDS = 0.5
MAX_CHANGES = 20_000
"""Changes remembered; a reader that is further behind starts over."""
_TOPIC = ""
"""Where readers of the feed wait for wake-ups: no task has this id."""
_TOKEN = Struct(">8s8sQq")

Values = Mapping[str, object]
"""What filters see of a task: the values of its fields."""


@dataclass(frozen=True, slots=True)
class Change:
    """Some events of one task, or another change of it when ``first`` is ``last + 1``."""

    position: int
    """From 1, without holes."""
    task_id: str
    first: int
    last: int
    before: Values | None
    """None for a task that nothing was known of."""
    after: Values


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come."""

    position: int
    """The last change that it has read all of."""
    within: int = -1
    """The last event that it has read of the next change; -1 when nothing of it was read."""


@dataclass(slots=True)
class _Known:
    sequence: int
    values: Values
    position: int
    """Of its latest change."""
    done: bool
    create_time: datetime


class Feed:
    """Numbers the changes of all tasks during one life of a server."""

    def __init__(self, store: Store, clock: Clock, signals: Signals, *, max_changes: int = MAX_CHANGES) -> None:
        self._store = store
        self._signals = signals
        self._max_changes = max_changes
        self._hints = store.changes()
        self._ready = asyncio.Event()
        self._life = secrets.token_bytes(8)
        self._changes: list[Change] = []
        """A ring: change number n is at n - 1, modulo its size."""
        self._known: dict[str, _Known] = {}
        """Tasks that are not done, and those that were done in a change that is remembered."""
        self._forgotten = clock.now()
        """A task that is done, not known and no newer than this has had its events in the feed, or before its life."""
        self.position = 0
        """Of the latest change."""

    async def ready(self) -> None:
        """Returns when it is known where every task stood at the start."""
        await self._ready.wait()

    async def run(self) -> None:
        """Take in what the store tells, until cancelled."""
        for task in await self._store.unfinished():
            self._known[task.id] = _Known(task.sequence, _values_of(task), 0, task.done, task.create_time)
        self._ready.set()
        async for task_ids in self._hints:
            before = self.position
            for task_id in task_ids:
                await self._look(task_id)
            if self.position > before:
                self._signals.wake(_TOPIC)

    def catch_up(self, task: Task) -> bool:
        """Make sure that the changes up to a task as it was just read are in the feed. False for one that is done and
        whose events are all behind it."""
        known = self._known.get(task.id)
        if known is None and self._is_old(task):
            return False
        # At the same sequence the feed may know more already, such as newer labels.
        if known is None or task.sequence > known.sequence:
            self._take_in(task)
            self._signals.wake(_TOPIC)
        return True

    def after(self, position: int, limit: int) -> Sequence[Change]:
        """The changes after a position, at most so many. Raises ResumeTokenExpired when some are forgotten."""
        if position < self.position - self._max_changes:
            raise ResumeTokenExpired("more has happened than the server remembers: start over without a token")
        last = min(position + limit, self.position)
        return [self._changes[number % self._max_changes] for number in range(position, last)]

    def token(self, place: Place, text: str) -> str:
        """A resume token for a place in a watch with this filter."""
        packed = _TOKEN.pack(self._life, _digest(text), place.position, place.within)
        return urlsafe_b64encode(packed).decode()

    def place(self, token: str, text: str) -> Place:
        """The place in a resume token. Raises ResumeTokenExpired, InvalidField."""
        try:
            life, digest, position, within = _TOKEN.unpack(b64decode(token, altchars=b"-_", validate=True))
        except (ValueError, error):
            raise InvalidField.of("resume_token", "is not one that WatchTasks gave") from None
        if life != self._life:
            raise ResumeTokenExpired("the token is of an earlier life of the server: start over without it")
        if digest != _digest(text):
            raise InvalidField.of("resume_token", "is of a watch with another filter")
        if position > self.position or within < -1:
            raise InvalidField.of("resume_token", "is not one that WatchTasks gave")
        place = Place(position, within)
        self.after(place.position, 1)
        return place

    def join(self, waiter: Waiter) -> Topic:
        """Start to wake a reader."""
        return self._signals.join(_TOPIC, waiter)

    def leave(self, waiter: Waiter) -> None:
        """Stop it."""
        self._signals.leave(_TOPIC, waiter)

    async def _look(self, task_id: str) -> None:
        """Take in a task as it stands, however long the store cannot tell it."""
        while True:
            try:
                return self._take_in(await self._store.get(task_id))
            except TaskNotFound:
                self._known.pop(task_id, None)
                return None
            except Exception:
                _log.exception("a task cannot be read; it is tried again", extra={"task_id": task_id})
                await asyncio.sleep(_RETRY_SECONDS)

    def _take_in(self, task: Task) -> None:
        values = _values_of(task)
        known = self._known.get(task.id)
        if known is None:
            seen, before = task.sequence if self._is_old(task) else 0, None
        elif task.sequence < known.sequence or (task.sequence == known.sequence and values == known.values):
            return
        else:
            seen, before = known.sequence, known.values
            values = before if values == before else values
        self.position += 1
        change = Change(self.position, task.id, seen + 1, task.sequence, before, values)
        self._known[task.id] = _Known(task.sequence, values, self.position, task.done, task.create_time)
        if self.position <= self._max_changes:
            self._changes.append(change)
        else:
            place = (self.position - 1) % self._max_changes
            self._forget(self._changes[place])
            self._changes[place] = change

    def _forget(self, change: Change) -> None:
        known = self._known.get(change.task_id)
        if known is not None and known.done and known.position == change.position:
            del self._known[change.task_id]
            self._forgotten = max(self._forgotten, known.create_time)

    def _is_old(self, task: Task) -> bool:
        """Whether a task that is not known has nothing to tell any more: one that is not done would be known."""
        return task.done and task.create_time <= self._forgotten


def _values_of(task: Task) -> Values:
    value_of = task_value(task)
    return {name: value_of(name) for name in TASK_FIELDS}


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()
