"""A tally of what was done since the start: how long tasks ran, and what models used."""

from __future__ import annotations

from collections.abc import Callable

from agent_runtime_server.domain.task import Status, Task, TaskType
from agent_runtime_server.domain.usage import ModelUsage, Usage
from agent_runtime_server.measure import Distribution
from agent_runtime_server.ports import Emit

RUN_SECONDS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Bounds for runs of tasks."""


class Tally:
    """Counts, as they stand."""

    def __init__(self) -> None:
        self.runs: dict[tuple[TaskType, Status], Distribution] = {}
        """Seconds from the first start to the end of tasks that have run."""
        self.usage = Usage()

    def ended(self, task: Task) -> None:
        """Count a task at the end of an attempt; one that is to be tried again is not at its own."""
        if task.done and task.start_time and task.end_time:
            took = (task.end_time - task.start_time).total_seconds()
            self.runs.setdefault((task.spec.task_type, task.status), Distribution(RUN_SECONDS)).add(took)

    def counting(self, emit: Emit) -> Callable[[ModelUsage], None]:
        """Tell what a call of a model has used, and count it."""

        def used(usage: ModelUsage) -> None:
            self.usage = self.usage.plus(usage)
            emit(usage)

        return used
