"""The embedded dispatcher: a priority queue and worker slots in this process."""

from __future__ import annotations

import asyncio
import logging
import os
from bisect import bisect_left, insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.faults import TaskNotFound
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome, pipeline
from agent_runtime_server.domain.status import IllegalMove
from agent_runtime_server.domain.task import Task, TaskSpec
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Fenced, Notify, PhaseExecutor, SessionBusy

_log = logging.getLogger("agent_runtime.dispatcher")

_MEMORY_PER_TASK = 2 * 1024**3
_TOLD_POSITIONS = 10
"""Only the head of the queue is told of every move: the rest would cost a write each."""
_TELL_SECONDS = 0.5
_BUSY_RETRY_SECONDS = 1.0
_PERSIST_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)
"""Pauses between tries to write a task's end."""


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
    task_id: str = field(compare=False)
    spec: TaskSpec = field(compare=False)


class _Context:
    """The PipelineContext of one claimed task."""

    def __init__(self, execute: PhaseExecutor, task: Task) -> None:
        self._execute = execute
        self._task = task

    async def run_phase(self, number: int, kind: PhaseKind, inputs: PhaseInputs) -> PhaseResult:
        return await self._execute.run_phase(self._task, number, kind, inputs)


class EmbeddedDispatcher:
    """The Dispatcher port, in this process."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._waiting: dict[str, _Waiting] = {}
        self._line: list[_Waiting] = []
        """The same, first to last."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sessions: set[str] = set()
        self._number = 0
        self._changed = asyncio.Event()
        self._places_changed = asyncio.Event()
        self._draining = False

    def submit(self, task_id: str, spec: TaskSpec) -> None:
        """Queue a task."""
        if task_id in self._waiting or task_id in self._running:
            return
        self._number += 1
        self._waiting[task_id] = _Waiting(spec.priority, self._number, task_id, spec)
        insort(self._line, self._waiting[task_id])
        self._moved()

    def cancel(self, task_id: str) -> bool:
        """Stop a task if it is queued or running here; whether it was running."""
        if self._leave_line(task_id) is not None:
            self._moved()
            return False
        running = self._running.get(task_id)
        if running is None:
            return False
        running.cancel()
        return True

    def depth(self) -> int:
        """How many tasks are queued."""
        return len(self._waiting)

    def queue_state(self, task_id: str) -> QueueState | None:
        """A queued task's place."""
        mine = self._waiting.get(task_id)
        return None if mine is None else self._state(mine, bisect_left(self._line, mine) + 1)

    def _state(self, waiting: _Waiting, position: int) -> QueueState:
        for_what = "session" if waiting.spec.session_id in self._sessions else "slot"
        return QueueState(position, len(self._line), for_what)

    def _leave_line(self, task_id: str) -> _Waiting | None:
        waiting = self._waiting.pop(task_id, None)
        if waiting is not None:
            del self._line[bisect_left(self._line, waiting)]
        return waiting

    def _moved(self) -> None:
        self._changed.set()
        self._places_changed.set()

    async def run_worker(self, execute: PhaseExecutor, *, slots: int) -> None:
        """Run queued tasks until cancelled or drained."""
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell_places())
            while not self._draining:
                self._changed.clear()
                entry = self._next() if len(self._running) < slots else None
                if entry is None:
                    await self._changed.wait()
                    continue
                self._leave_line(entry.task_id)
                self._sessions.add(entry.spec.session_id)
                work = group.create_task(self._work(execute, entry))
                self._running[entry.task_id] = work
                # Not in the work itself: cancelled before its first step, that would never run.
                work.add_done_callback(partial(self._ended, entry))
                self._places_changed.set()
            telling.cancel()

    def _next(self) -> _Waiting | None:
        return next((waiting for waiting in self._line if waiting.spec.session_id not in self._sessions), None)

    def _ended(self, entry: _Waiting, _work: asyncio.Task[None]) -> None:
        del self._running[entry.task_id]
        self._sessions.discard(entry.spec.session_id)
        self._moved()

    async def _work(self, execute: PhaseExecutor, entry: _Waiting) -> None:
        try:
            await self._carry_out(execute, entry)
        except (IllegalMove, TaskNotFound, Fenced) as gone:
            _log.info("task is not ours any more: %s", gone, extra={"task_id": entry.task_id})
        except SessionBusy:
            asyncio.get_running_loop().call_later(_BUSY_RETRY_SECONDS, self.submit, entry.task_id, entry.spec)
        except Exception:
            _log.exception("task could not be ended", extra={"task_id": entry.task_id})

    async def _carry_out(self, execute: PhaseExecutor, entry: _Waiting) -> None:
        claim = asyncio.ensure_future(execute.start(entry.task_id))
        try:
            task = await asyncio.shield(claim)
            outcome: TaskOutcome | Exception = await pipeline(_Context(execute, task), entry.spec)
        except asyncio.CancelledError:
            await to_the_end(self._release(execute, claim))
            raise
        except (IllegalMove, TaskNotFound, Fenced, SessionBusy):
            raise
        except Exception as broken:
            _log.exception("task broke", extra={"task_id": entry.task_id})
            outcome = broken
        await to_the_end(_persist(lambda: execute.finish(task, outcome)))

    async def _release(self, execute: PhaseExecutor, claim: asyncio.Future[Task]) -> None:
        task = await claim
        await _persist(lambda: execute.release(task))

    async def _tell_places(self) -> None:
        told: dict[str, int] = {}
        while True:
            await self._places_changed.wait()
            self._places_changed.clear()
            head = self._line[:_TOLD_POSITIONS]
            for position, waiting in enumerate(head, start=1):
                if told.get(waiting.task_id) != position:
                    try:
                        await self._notify(waiting.task_id, self._state(waiting, position))
                    except Exception:
                        _log.warning("place not told", exc_info=True, extra={"task_id": waiting.task_id})
            told = {waiting.task_id: position for position, waiting in enumerate(head, start=1)}
            await asyncio.sleep(_TELL_SECONDS)

    async def drain(self, grace: timedelta) -> None:
        """Start nothing more; give running tasks the grace, then interrupt and release them."""
        self._draining = True
        self._changed.set()
        if not self._running:
            return
        _, late = await asyncio.wait(self._running.values(), timeout=grace.total_seconds())
        for running in late:
            running.cancel()
        if late:
            await asyncio.wait(late)


async def _persist(write: Callable[[], Awaitable[None]]) -> None:
    """Write a task's end, again and again for a while if the store cannot: without it the task would stay running."""
    for pause in _PERSIST_SECONDS:
        try:
            return await write()
        except (IllegalMove, TaskNotFound, Fenced):
            raise
        except Exception:
            _log.exception("the end of a task cannot be written; trying again")
            await asyncio.sleep(pause)
    return await write()
