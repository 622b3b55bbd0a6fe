"""A runner that plays scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent_runtime_server.domain.results import TestSummary
from agent_runtime_server.ports import Availability, Emit, RunJob, TestReport
from agent_runtime_server.testing.script import NOTHING, Player, Script


class ScriptedRunner:
    """Plays the same script in every run; ``reports`` are given one after another, the last one again and again."""

    def __init__(
        self,
        script: Script = NOTHING,
        reports: Sequence[TestReport] = (TestReport(TestSummary()),),
        *,
        problems: Sequence[str] = (),
    ) -> None:
        """``problems`` are what ``check`` finds."""
        self.player = Player()
        self.jobs: list[RunJob] = []
        self._script = script
        self._reports = reports
        self._problems = problems

    def availability(self) -> Availability:
        """Always available."""
        return Availability(True, "1")

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        """Play the script."""
        self.jobs.append(job)
        await self.player.play(self._script, job.workspace, emit, job.stop)
        return self._reports[min(len(self.jobs), len(self._reports)) - 1]

    async def check(self, workspace: Path) -> Sequence[str]:
        """The problems it was made with."""
        del workspace
        return self._problems
