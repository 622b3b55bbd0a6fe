"""The flake filter: generated tests run twice before they count, and what cannot fail does not count either.

Tests that do not pass both times are set aside, and those that would pass whatever the app does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.results import TestCase, TestOutcome
from agent_runtime_server.domain.task import Failure, Phase, Progress, RunOptions, TaskSpec
from agent_runtime_server.orchestrator.can_fail import CanFail, Proof
from agent_runtime_server.ports import Assertion, Clock, Emit, RunJob, StopSign, TestReport, TestRunner, Workspaces

_RUNS = 2
_MOST_LISTED = 50
_WORTH_TELLING = (LogLevel.WARNING, LogLevel.ERROR)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What the filter left."""

    kept: tuple[str, ...]
    set_aside: tuple[tuple[str, str], ...] = ()
    """Path and reason of each test that was quarantined."""
    failure: Failure | None = None
    cannot_fail: tuple[str, ...] = ()
    """Assertions of tests that were kept all the same."""
    unproved: tuple[str, ...] = ()

    def markdown(self) -> str:
        """An account for people; empty when there is nothing to be said."""
        parts = (
            ("Set aside:", [f"`{path}`: {reason}" for path, reason in self.set_aside]),
            ("Assertions that cannot fail:", self.cannot_fail),
            ("Assertions of which it is not known whether they can fail:", self.unproved),
        )
        return "\n\n".join(f"{title}\n\n{_list(lines)}" for title, lines in parts if lines)


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
        can_fail: CanFail | None = None,
    ) -> Sifted:
        """Keep the tests of ``paths`` that pass every time, and fail when they are to. ``redact`` takes secrets out of
        the reasons. ``can_fail`` is for tests of which nobody has proved yet that they can.

        The runs' own files are the caller's to remove.
        """
        reasons: dict[str, str] = {}
        for number in range(1, _RUNS + 1):
            emit(_activity(f"Checking that the tests are steady, run {number} of {_RUNS}"))
            report = await self._run(workspace, spec, environment, paths, emit)
            if report.failure is None and _kept_from_running(report, paths):
                emit(self._log(LogLevel.WARNING, "what the tests depend on failed, so they run once more"))
                report = await self._run(workspace, spec, environment, paths, emit)
            if report.failure is not None:
                return Sifted(tuple(paths), failure=report.failure)
            for path in paths:
                if path not in reasons and (reason := _unsteady(path, report.tests, redact)):
                    reasons[path] = f"{reason} (run {number} of {_RUNS})"
        await self._set_aside(spec, reasons, emit)
        sifted = Sifted(tuple(path for path in paths if path not in reasons), tuple(reasons.items()))
        if can_fail is not None and sifted.kept:
            emit(_activity("Checking that the tests can fail"))
            steady = [test for test in report.tests if test.location.path in sifted.kept]
            proof = await can_fail.prove(workspace, spec, environment, steady, emit)
            sifted = await self._without_pointless(spec, sifted, proof, emit, redact)
        counts = f"{len(sifted.kept)} tests kept, {len(sifted.set_aside)} set aside"
        emit(self._log(LogLevel.INFO, f"flake filter: {counts}"))
        return sifted

    async def _without_pointless(
        self, spec: TaskSpec, sifted: Sifted, proof: Proof, emit: Emit, redact: Callable[[str], str]
    ) -> Sifted:
        """Set aside what passes whatever the app does, and tell the rest."""
        reasons = {path: redact(reason) for path, reason in proof.pointless.items()}
        await self._set_aside(spec, reasons, emit)
        if proof.trouble:
            emit(self._log(LogLevel.WARNING, f"not every assertion was proved: {redact(proof.trouble)}"))
        for assertion in proof.cannot_fail:
            emit(self._log(LogLevel.WARNING, redact(f"this assertion cannot fail: {_plain(assertion)}")))
        if proof.unproved:
            emit(self._log(LogLevel.WARNING, f"{len(proof.unproved)} assertions were not proved"))
        return Sifted(
            tuple(path for path in sifted.kept if path not in reasons),
            (*sifted.set_aside, *reasons.items()),
            None,
            tuple(redact(_quoted(each)) for each in proof.cannot_fail if each.path not in reasons),
            tuple(redact(_quoted(each)) for each in proof.unproved if each.path not in reasons),
        )

    async def _set_aside(self, spec: TaskSpec, reasons: Mapping[str, str], emit: Emit) -> None:
        for path, reason in reasons.items():
            moved = await self._workspaces.quarantine(spec.session_id, path, reason)
            emit(self._log(LogLevel.WARNING, f"set aside {path} as {moved}: {reason}"))

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


def _plain(assertion: Assertion) -> str:
    why = "" if assertion.awaited else " (nobody waits for it)"
    return f"{assertion.path}:{assertion.line} {assertion.text}{why}"


def _quoted(assertion: Assertion) -> str:
    why = "" if assertion.awaited else ": nobody waits for it"
    return f"`{assertion.path}:{assertion.line}` ``{assertion.text}``{why}"


def _list(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    return "\n".join(f"- {line}" for line in [*lines[:_MOST_LISTED], *more])


def _kept_from_running(report: TestReport, paths: Sequence[str]) -> bool:
    """Something else failed, such as a set-up project: that says nothing about the tests that were skipped for it."""
    others = any(test.outcome is TestOutcome.UNEXPECTED and test.location.path not in paths for test in report.tests)
    return others and any(test.outcome is TestOutcome.SKIPPED for test in report.tests)


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
