"""The embedded dispatcher: a priority queue and worker slots in this process."""

from __future__ import annotations

import asyncio
import logging
import os
from bisect import bisect_left, insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.faults import TaskNotFound
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome, pipeline
from agent_runtime_server.domain.status import IllegalMove
from agent_runtime_server.domain.task import Status, Task
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import (
    Clock,
    DispatcherStatistics,
    Expire,
    Fenced,
    Notify,
    PhaseExecutor,
    SessionTaken,
    StopSign,
)

T = TypeVar("T")

_log = logging.getLogger("agent_runtime.dispatcher")

_MEMORY_PER_TASK = 2 * 1024**3
_TOLD_POSITIONS = 10
"""Only the head of the queue is told of every move: the rest would cost a write each."""
_TELL_SECONDS = 0.5
_TICK_SECONDS = 0.25
_BUSY_RETRY_SECONDS = 1.0
_PERSIST_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)
"""Pauses between tries to write a task's end; the last is repeated."""
_LAST_TRIES = 3
"""Tries when the server goes away."""


def slots_of_this_machine() -> int:
    """How many tasks run at once: one for each core and 2 GiB of memory, at least one."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, memory // _MEMORY_PER_TASK))


@dataclass(order=True, slots=True)
class _Waiting:
    priority: int
    number: int
    """Order of submission."""
    task: Task = field(compare=False)
    start_by: datetime | None = field(compare=False)
    told: tuple[int, str] | None = field(default=None, compare=False)
    """Its place, and what it waits for, as they were told last."""
    postponed: bool = field(default=False, compare=False)
    """It could not be begun, and is tried again in a moment."""

    @property
    def session(self) -> str:
        return self.task.spec.session_id

    @property
    def begun(self) -> bool:
        """Whether it waits between two attempts."""
        return self.task.attempt > 0


@dataclass(slots=True)
class _Running:
    work: asyncio.Task[None]
    stop: StopSign
    task: Task
    """As it was submitted last."""
    stopping: bool = False
    after: Task | None = None
    """What became of the task, once its attempt has ended."""
    postponed: bool = False
    """The attempt could not begin."""


class _NotBegun(Exception):
    """A task could not be claimed: it stays queued."""


class _Context:
    """The PipelineContext of one claimed task."""

    def __init__(self, execute: PhaseExecutor, task: Task, stop: StopSign) -> None:
        self._execute = execute
        self._task = task
        self._stop = stop

    async def run_phase(self, number: int, kind: PhaseKind, inputs: PhaseInputs) -> PhaseResult:
        return await self._execute.run_phase(self._task, number, kind, inputs, self._stop)


class EmbeddedDispatcher:
    """The Dispatcher port, in this process."""

    def __init__(self, clock: Clock, notify: Notify, expire: Expire) -> None:
        self._clock = clock
        self._notify = notify
        self._expire = expire
        self._waiting: dict[str, _Waiting] = {}
        self._line: list[_Waiting] = []
        """The same, first to last."""
        self._held: dict[str, str] = {}
        """Sessions that a waiting task holds, for it was begun or is postponed, and that task."""
        self._running: dict[str, _Running] = {}
        self._sessions: set[str] = set()
        self._number = 0
        self._changed = asyncio.Event()
        self._places_changed = asyncio.Event()
        self._draining = False
        self._slots = 0

    def submit(self, task: Task) -> None:
        """Queue a task."""
        if task.id in self._running:
            self._running[task.id].task = task
            return
        earlier = self._leave_line(task.id)
        if earlier is not None and earlier.priority == task.priority:
            waiting = _Waiting(task.priority, earlier.number, task, task.start_by, earlier.told)
        else:
            self._number += 1
            waiting = _Waiting(task.priority, self._number, task, task.start_by)
        waiting.postponed = earlier is not None and earlier.postponed
        self._enter_line(waiting)
        self._moved()

    def cancel(self, task_id: str, grace: timedelta) -> bool:
        """Stop a task if it is queued or running here; whether it was running."""
        if self._leave_line(task_id) is not None:
            self._moved()
            return False
        running = self._running.get(task_id)
        if running is None:
            return False
        if not running.stopping or grace.total_seconds() < running.stop.grace:
            running.stop.ask(grace.total_seconds())
        if not running.stopping:
            running.stopping = True
            running.work.cancel()
        return True

    def depth(self) -> int:
        """How many tasks are queued."""
        return len(self._waiting)

    def statistics(self) -> DispatcherStatistics:
        """How busy it is."""
        return DispatcherStatistics(len(self._waiting), len(self._running), self._slots)

    def queue_state(self, task_id: str) -> QueueState | None:
        """A queued task's place."""
        mine = self._waiting.get(task_id)
        return None if mine is None else self._state(mine, bisect_left(self._line, mine) + 1)

    def _state(self, waiting: _Waiting, position: int) -> QueueState:
        for_what = "slot" if self._has_session(waiting) else "session"
        retry_time = waiting.task.retry_time
        if retry_time is not None and retry_time > self._clock.now():
            for_what = "retry"
        return QueueState(position, len(self._line), for_what)

    def _enter_line(self, waiting: _Waiting) -> None:
        self._waiting[waiting.task.id] = waiting
        insort(self._line, waiting)
        if waiting.begun or (waiting.postponed and waiting.session not in self._held):
            self._held[waiting.session] = waiting.task.id

    def _leave_line(self, task_id: str) -> _Waiting | None:
        waiting = self._waiting.pop(task_id, None)
        if waiting is not None:
            del self._line[bisect_left(self._line, waiting)]
            if self._held.get(waiting.session) == task_id:
                del self._held[waiting.session]
        return waiting

    def _moved(self) -> None:
        self._changed.set()
        self._places_changed.set()

    async def run_worker(self, execute: PhaseExecutor, *, slots: int) -> None:
        """Run queued tasks until cancelled or drained."""
        self._slots = slots
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(self._tell_places()), group.create_task(self._watch_the_clock())]
            while not self._draining:
                self._changed.clear()
                entry = self._next() if len(self._running) < slots else None
                if entry is None:
                    await self._changed.wait()
                    continue
                task_id = entry.task.id
                self._leave_line(task_id)
                self._sessions.add(entry.session)
                stop = StopSign()
                work = group.create_task(self._work(execute, entry.task, stop))
                self._running[task_id] = _Running(work, stop, entry.task)
                # Not in the work itself: cancelled before its first step, that would never run.
                work.add_done_callback(partial(self._ended, entry))
                self._places_changed.set()
            for helper in helpers:
                helper.cancel()

    def _next(self) -> _Waiting | None:
        now = self._clock.now()
        return next((entry for entry in self._line if _is_due(entry, now) and self._has_session(entry)), None)

    def _has_session(self, entry: _Waiting) -> bool:
        return entry.session not in self._sessions and self._held.get(entry.session, entry.task.id) == entry.task.id

    def _ended(self, entry: _Waiting, _work: asyncio.Task[None]) -> None:
        running = self._running.pop(entry.task.id)
        self._sessions.discard(entry.session)
        if running.postponed and not running.stopping and not self._draining:
            task = running.task
            self._enter_line(_Waiting(task.priority, entry.number, task, task.start_by, entry.told, postponed=True))
            asyncio.get_running_loop().call_later(_BUSY_RETRY_SECONDS, self._try_again, task.id)
        again = running.after
        if again is not None and again.status is Status.PENDING and not self._draining:
            self._enter_line(_Waiting(again.priority, entry.number, again, again.start_by))
        self._moved()

    def _try_again(self, task_id: str) -> None:
        if (waiting := self._waiting.get(task_id)) is not None:
            waiting.postponed = False
            self._changed.set()

    async def _work(self, execute: PhaseExecutor, task: Task, stop: StopSign) -> None:
        try:
            await self._carry_out(execute, task.id, stop)
        except (IllegalMove, TaskNotFound, Fenced) as gone:
            _log.info("task is not ours any more: %s", gone, extra={"task_id": task.id})
        except (SessionTaken, _NotBegun) as problem:
            _log.info("task cannot be started yet: %s", problem.__cause__ or problem, extra={"task_id": task.id})
            self._running[task.id].postponed = True
        except Exception:
            _log.exception("task could not be ended", extra={"task_id": task.id})

    async def _carry_out(self, execute: PhaseExecutor, task_id: str, stop: StopSign) -> None:
        claim = asyncio.ensure_future(execute.start(task_id))
        try:
            task = await asyncio.shield(claim)
            outcome: TaskOutcome | Exception = await pipeline(_Context(execute, task, stop), task.spec, task.checkpoint)
        except asyncio.CancelledError:
            await to_the_end(self._release(execute, claim))
            raise
        except (IllegalMove, TaskNotFound, Fenced, SessionTaken):
            raise
        except Exception as broken:
            if claim.exception() is not None:
                raise _NotBegun from broken
            _log.exception("task broke", extra={"task_id": task_id})
            outcome = broken

        async def finish() -> None:
            self._running[task_id].after = await self._persist(lambda: execute.finish(task, outcome))

        await to_the_end(finish())

    async def _release(self, execute: PhaseExecutor, claim: asyncio.Future[Task]) -> None:
        task = await claim
        await self._persist(lambda: execute.release(task))

    async def _persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write a task's end, again and again if the store cannot: without it the task would stay running. A server
        that goes away tries a few times only; the next one ends the task."""
        tries = 0
        while True:
            try:
                return await write()
            except (IllegalMove, TaskNotFound, Fenced):
                raise
            except Exception:
                tries += 1
                if self._draining and tries > _LAST_TRIES:
                    raise
                _log.exception("the end of a task cannot be written; trying again")
                await asyncio.sleep(_PERSIST_SECONDS[min(tries, len(_PERSIST_SECONDS)) - 1])

    async def _watch_the_clock(self) -> None:
        """Let tasks start whose time has come, and end those that have waited for too long."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = self._clock.now()
            if self._held:
                self._changed.set()
            for entry in [entry for entry in self._line if entry.start_by and entry.start_by <= now]:
                try:
                    if (await self._expire(entry.task.id)).done:
                        self._leave_line(entry.task.id)
                        self._moved()
                except Exception:
                    _log.warning("an overdue task cannot be ended yet", exc_info=True)

    async def _tell_places(self) -> None:
        while True:
            await self._places_changed.wait()
            self._places_changed.clear()
            for position, waiting in enumerate(self._line[:_TOLD_POSITIONS], start=1):
                state = self._state(waiting, position)
                if waiting.told is None or (state.position, state.waiting_for) != waiting.told:
                    try:
                        await self._notify(waiting.task.id, state)
                        waiting.told = (state.position, state.waiting_for)
                    except Exception:
                        _log.warning("place not told", exc_info=True, extra={"task_id": waiting.task.id})
            await asyncio.sleep(_TELL_SECONDS)

    async def drain(self, grace: timedelta) -> None:
        """Start nothing more; give running tasks the grace, then interrupt and release them."""
        self._draining = True
        self._changed.set()
        if not self._running:
            return
        _, late = await asyncio.wait(
            [running.work for running in self._running.values()], timeout=grace.total_seconds()
        )
        for running in tuple(self._running.values()):
            if running.work in late:
                running.stop.ask(0)
                running.work.cancel()
        if late:
            await asyncio.wait(late)


def _is_due(entry: _Waiting, now: datetime) -> bool:
    """Whether it may start by now, and has not waited for too long: then the clock ends it."""
    retry_time, start_by = entry.task.retry_time, entry.start_by
    return not entry.postponed and (retry_time is None or retry_time <= now) and (start_by is None or now < start_by)
