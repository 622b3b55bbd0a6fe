"""Deciding when tasks run, and running them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome
from agent_runtime_server.domain.task import Task
from agent_runtime_server.ports.work import StopSign


class PhaseExecutor(Protocol):
    """Carries out claimed tasks phase by phase; what a dispatcher's workers call."""

    async def start(self, task_id: str) -> Task:
        """Claim a task and begin its next attempt. Raises SessionTaken, IllegalMove, DiskFull."""
        ...

    async def run_phase(
        self, task: Task, number: int, kind: PhaseKind, inputs: PhaseInputs, stop: StopSign
    ) -> PhaseResult:
        """Carry out one phase under ``Token(generation, number)``. Cancelling it leaves no process behind; work may
        use the time that ``stop`` grants."""
        ...

    async def finish(self, task: Task, outcome: TaskOutcome | Exception) -> Task:
        """Write the end of an attempt: of an outcome, or of a task that broke. A task that is to be tried again is
        PENDING then, with a ``retry_time``."""
        ...

    async def release(self, task: Task) -> None:
        """End interrupted work: CANCELLED if that was asked for, else back into the queue for the next server."""
        ...


@dataclass(frozen=True, slots=True)
class DispatcherStatistics:
    """How busy a dispatcher is."""

    queued: int
    running: int
    """Slots that work."""
    slots: int


class Dispatcher(Protocol):
    """Decides when tasks run, and runs them."""

    def submit(self, task: Task) -> None:
        """Queue a PENDING task, not to start before its ``retry_time``. One that is queued already takes its place
        anew if its priority has changed; one that is running is left alone."""
        ...

    def cancel(self, task_id: str, grace: timedelta) -> bool:
        """Stop a task if it is queued or running here, with so much time to stop in good order; called again with no
        time, at once. Whether it was running."""
        ...

    def queue_state(self, task_id: str) -> QueueState | None:
        """A queued task's place."""
        ...

    def depth(self) -> int:
        """How many tasks are queued."""
        ...

    def statistics(self) -> DispatcherStatistics:
        """How busy it is."""
        ...

    async def run_worker(self, execute: PhaseExecutor, *, slots: int) -> None:
        """Run queued tasks, at most ``slots`` at once, until cancelled or drained. In a session one task runs at a
        time, and one that was begun holds it until it is done."""
        ...

    async def drain(self, grace: timedelta) -> None:
        """Start nothing more; give running tasks the grace, then interrupt and release them."""
        ...


Notify = Callable[[str, QueueState], Awaitable[None]]
"""Told when a queued task's place changes."""
Expire = Callable[[str], Awaitable[Task]]
"""Ends a queued task that has waited for too long; returns it as it is then."""
