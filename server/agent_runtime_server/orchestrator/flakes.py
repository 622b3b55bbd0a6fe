"""The flake filter: generated tests run twice before they count; those that do not pass both times are set aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.results import TestCase, TestOutcome
from agent_runtime_server.domain.task import Failure, Phase, Progress, RunOptions, TaskSpec
from agent_runtime_server.ports import Clock, Emit, RunJob, StopSign, TestReport, TestRunner, Workspaces

_RUNS = 2
_WORTH_TELLING = (LogLevel.WARNING, LogLevel.ERROR)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What the filter left."""

    kept: tuple[str, ...]
    set_aside: tuple[tuple[str, str], ...] = ()
    """Path and reason of each test that was quarantined."""
    failure: Failure | None = None


class FlakeFilter:
    """Runs generated tests twice and quarantines what is not steady."""

    def __init__(self, runner: TestRunner, workspaces: Workspaces, clock: Clock) -> None:
        self._runner = runner
        self._workspaces = workspaces
        self._clock = clock

    async def sift(
        self,
        workspace: Path,
        spec: TaskSpec,
        environment: dict[str, str],
        paths: Sequence[str],
        emit: Emit,
        redact: Callable[[str], str],
    ) -> Sifted:
        """Keep the tests of ``paths`` that pass every time. ``redact`` takes secrets out of the reasons.

        The runs' own files are the caller's to remove.
        """
        reasons: dict[str, str] = {}
        for number in range(1, _RUNS + 1):
            emit(_activity(f"Checking that the tests are steady, run {number} of {_RUNS}"))
            report = await self._run(workspace, spec, environment, paths, emit)
            if report.failure is not None:
                return Sifted(tuple(paths), failure=report.failure)
            for path in paths:
                if path not in reasons and (reason := _unsteady(path, report.tests, redact)):
                    reasons[path] = f"{reason} (run {number} of {_RUNS})"
        for path, reason in reasons.items():
            moved = await self._workspaces.quarantine(spec.session_id, path, reason)
            emit(self._log(LogLevel.WARNING, f"set aside {path} as {moved}: {reason}"))
        kept = tuple(path for path in paths if path not in reasons)
        emit(self._log(LogLevel.INFO, f"flake filter: {len(kept)} tests kept, {len(reasons)} set aside"))
        return Sifted(kept, tuple(reasons.items()))

    async def _run(
        self, workspace: Path, spec: TaskSpec, environment: dict[str, str], paths: Sequence[str], emit: Emit
    ) -> TestReport:
        options = RunOptions(test_paths=tuple(paths))
        job = RunJob(workspace, spec.app_url, options, environment, round=0, stop=StopSign(), record=False)

        def progress_only(fact: Fact) -> None:
            if isinstance(fact, Progress) or (isinstance(fact, LogEntry) and fact.level in _WORTH_TELLING):
                emit(fact)

        return await self._runner.run(job, progress_only)

    def _log(self, level: LogLevel, message: str) -> LogEntry:
        return LogEntry(self._clock.now(), level, LogSource.RUNTIME, message)


def _activity(text: str) -> PhaseChanged:
    return PhaseChanged(Phase.GENERATING_TESTS, Phase.GENERATING_TESTS, text)


def _unsteady(path: str, tests: Sequence[TestCase], redact: Callable[[str], str]) -> str:
    """Why the tests of a file do not count as steady; empty when they do."""
    mine = [test for test in tests if test.location.path == path]
    if not mine:
        return "no test of this file ran"
    for test in mine:
        if test.outcome is not TestOutcome.EXPECTED:
            errors = [error.message for attempt in test.attempts for error in attempt.errors]
            return redact(errors[0]).splitlines()[0][:300] if errors and errors[0] else test.outcome.value
    return ""
