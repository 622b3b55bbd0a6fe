"""A driver that plays scripts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.task import TaskType
from agent_runtime_server.ports import Availability, Emit, PhaseJob, PhaseReport
from agent_runtime_server.testing.script import NOTHING, Player, Script


class ScriptedDriver:
    """Plays a script for each kind of phase, and then reports; kinds without one report at once."""

    def __init__(
        self,
        scripts: Mapping[PhaseKind, Script] = {},
        reports: Mapping[PhaseKind, PhaseReport] = {},
        *,
        name: str = "scripted",
        problem: str = "",
        signs_in: bool = True,
        uses_model: bool = False,
    ) -> None:
        """``problem`` makes it unavailable."""
        self.name = name
        self.signs_in = signs_in
        self.uses_model = uses_model
        self.left: list[str] = []
        """Tasks that it was told to leave."""
        self.player = Player()
        self.jobs: list[PhaseJob] = []
        self._scripts = scripts
        self._reports = reports
        self._problem = problem

    def availability(self) -> Availability:
        """Available, unless it was made with a problem."""
        return Availability(not self._problem, "1", self._problem)

    def task_types(self) -> Collection[TaskType]:
        """All of them."""
        return frozenset(TaskType)

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Play the script of the job's kind."""
        self.jobs.append(job)
        await self.player.play(self._scripts.get(job.kind, NOTHING), job.workspace, emit)
        return self._reports.get(job.kind, PhaseReport())

    async def leave(self, task_id: str) -> None:
        """Remember it."""
        self.left.append(task_id)
