"""What each phase does, with drivers and the runner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.pipeline import PhaseKind, PhaseResult, work_of
from agent_runtime_server.domain.results import ArtifactKind, Produced, TestCase, Verdict, artifact_id
from agent_runtime_server.domain.task import Failure, FailureReason, Phase, RunOptions, Task, TaskType
from agent_runtime_server.orchestrator.admission import missing_material
from agent_runtime_server.orchestrator.can_fail import CanFail
from agent_runtime_server.orchestrator.cleaning import clean
from agent_runtime_server.orchestrator.fixing import Fixing
from agent_runtime_server.orchestrator.flakes import FlakeFilter
from agent_runtime_server.orchestrator.signing_in import SignedIn
from agent_runtime_server.orchestrator.stage import Stage
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import (
    AgentDriver,
    Clock,
    Emit,
    Mutations,
    PhaseJob,
    PhaseReport,
    RunJob,
    TestReport,
    TestRunner,
    Workspaces,
)

PLAN_PATH = "specs/plan.md"

Probe = Callable[[str], Awaitable[str]]
"""Says why an app cannot be reached; empty when it can."""


class Work:
    """Carries out the phases."""

    def __init__(
        self,
        drivers: Mapping[str, AgentDriver],
        runner: TestRunner,
        workspaces: Workspaces,
        mutations: Mutations,
        signed_in: SignedIn,
        probe: Probe,
        clock: Clock,
    ) -> None:
        self._drivers = drivers
        self._signed_in = signed_in
        self._runner = runner
        self._workspaces = workspaces
        self._probe = probe
        self._clock = clock
        self._filter = FlakeFilter(runner, workspaces, clock)
        self._can_fail = CanFail(runner, mutations)
        self._fixing = Fixing(workspaces, clock, self._repair, self._run_suite)

    async def prepare(self, stage: Stage) -> PhaseResult:
        """See that everything is there before anything costly starts."""
        spec = stage.task.spec
        what = await missing_material(self._workspaces, spec)
        if what:
            return _failed(FailureReason.NOTHING_GENERATED, f"session {spec.session_id} has {what}")
        if work_of(spec) != (PhaseKind.PLAN,) and not (state := self._runner.availability()).available:
            return _failed(FailureReason.BROWSER_MISSING, state.message)
        self._tell(stage, Phase.PREPARING, f"Looking whether {spec.app_url} answers")
        trouble = await self._probe(spec.app_url)
        if trouble:
            return _failed(
                FailureReason.APP_UNREACHABLE, f"{spec.app_url} cannot be reached: {trouble}", retryable=True
            )
        return PhaseResult()

    async def plan(self, stage: Stage) -> PhaseResult:
        """Explore the app and write a plan."""
        report = await self._drive(PhaseKind.PLAN, stage, stage.emit)
        if report.failure is not None:
            return PhaseResult(failure=report.failure, summary_markdown=report.summary_markdown)
        return PhaseResult(
            summary_markdown=report.summary_markdown, plan_artifact_id=artifact_id(stage.task.id, PLAN_PATH)
        )

    async def generate(self, stage: Stage) -> PhaseResult:
        """Write tests from the plan, and keep those that are sound and steady."""

        def without_sources(fact: Fact) -> None:
            # What the filter sets aside must not be listed: sources are kept when the task collects.
            if not (isinstance(fact, Produced) and fact.kind is ArtifactKind.TEST_SOURCE):
                stage.emit(fact)

        report = await self._drive(PhaseKind.GENERATE, stage, without_sources)
        if report.failure is not None:
            return PhaseResult(failure=report.failure, summary_markdown=report.summary_markdown)
        self._tell(stage, Phase.GENERATING_TESTS, "Compiling and linting the tests")
        for complaint in await self._runner.check(stage.workspace):
            self._log(stage, LogLevel.WARNING, complaint)
        spec = stage.task.spec
        try:
            sifted = await self._filter.sift(
                stage.workspace,
                spec,
                stage.environment,
                report.test_paths,
                stage.emit,
                stage.secrecy.redact,
                # What the explorer writes it has seen fail.
                self._can_fail if self._drivers[spec.driver].uses_model else None,
            )
        finally:
            await to_the_end(self._workspaces.tidy(spec.session_id))
        if sifted.failure is not None:
            return PhaseResult(failure=sifted.failure, test_paths=sifted.kept)
        summary = "\n\n".join(text for text in (report.summary_markdown, sifted.markdown()) if text)
        if not sifted.kept:
            failure = Failure(FailureReason.NOTHING_GENERATED, "no test was steady and able to fail; the log says why")
            return PhaseResult(failure=failure, summary_markdown=summary)
        return PhaseResult(summary_markdown=summary, test_paths=sifted.kept)

    async def run(self, stage: Stage) -> PhaseResult:
        """Run the suite and record it."""
        self._tell(stage, Phase.RUNNING_TESTS, "Running the tests")
        report, report_id = await self._run_suite(stage, stage.task.spec.run)
        counts = report.summary
        return PhaseResult(
            failure=report.failure,
            summary=None if report.failure else counts,
            report_artifact_id=report_id,
            summary_markdown=f"{counts.total} tests, {counts.expected} passed, "
            f"{counts.unexpected} failed, {counts.flaky} flaky, {counts.skipped} skipped.",
        )

    async def fix(self, stage: Stage) -> PhaseResult:
        """Repair the tests that fail."""
        spec = stage.task.spec
        if spec.task_type is TaskType.COMPLETE and stage.inputs.result.verdict not in (None, Verdict.FAILED):
            return PhaseResult()
        # Before the first run: tests of a suite without a configuration go by other names once it has one.
        if not self._drivers[spec.driver].signs_in and (failure := await self._signed_in.ready(stage)) is not None:
            return PhaseResult(failure)
        return await self._fixing.fix(stage)

    async def custom(self, stage: Stage) -> PhaseResult:
        """Follow the caller's instructions."""
        report = await self._drive(PhaseKind.CUSTOM, stage, stage.emit)
        return PhaseResult(report.failure, report.summary_markdown, test_paths=report.test_paths)

    async def collect(self, stage: Stage) -> PhaseResult:
        """Keep the sources of the tests that were written."""
        for path in stage.inputs.result.test_paths:
            stage.emit(Produced(ArtifactKind.TEST_SOURCE, path, "text/x-typescript"))
        return PhaseResult()

    async def clean(self, stage: Stage) -> None:
        """Take secrets out of what the phase has written beside its runs, as far as it has come."""
        if not stage.secrecy:
            return
        for path, why in await clean(self._workspaces, stage.task.spec.session_id, stage.begun, stage.secrecy.scrub):
            self._log(stage, LogLevel.WARNING, f"{path.relative_to(stage.workspace)} may still hold a secret: {why}")

    async def leave(self, task: Task) -> None:
        """End what is kept for a task between its phases."""
        if (driver := self._drivers.get(task.spec.driver)) is not None:
            await driver.leave(task.id)
        await self._signed_in.forget(task.id)

    async def _repair(self, stage: Stage, failing: Sequence[TestCase], number: int) -> PhaseReport:
        # The agent reads what the tests have written, and its model is told of their errors.
        await self.clean(stage)
        told = tuple(stage.secrecy.redact_fact(test) for test in failing)
        return await self._drive(PhaseKind.FIX, stage, stage.emit, told, number)

    async def _drive(
        self, kind: PhaseKind, stage: Stage, emit: Emit, failing: tuple[TestCase, ...] = (), number: int = 0
    ) -> PhaseReport:
        task = stage.task
        driver = self._drivers[task.spec.driver]

        async def save() -> None:
            await self.clean(stage)
            await stage.save()

        job = PhaseJob(
            task.id,
            kind,
            task.spec,
            stage.workspace,
            stage.inputs,
            stage.ask,
            stage.meter,
            keep_secret=stage.secrecy.add,
            save=save,
            password=stage.password if driver.signs_in else "",
            failing=failing,
            round=number,
        )
        if not driver.signs_in:
            if (failure := await self._signed_in.ready(stage)) is not None:
                return PhaseReport(failure)
            job = replace(job, storage_state=await self._signed_in.state(task.id))
        return await driver.run(job, emit)

    async def _run_suite(self, stage: Stage, options: RunOptions) -> tuple[TestReport, str]:
        """Run tests and record the run; also gives the id of its report."""
        spec = stage.task.spec
        number = await self._workspaces.begin_run(spec.session_id)
        job = RunJob(stage.workspace, spec.app_url, options, stage.environment, number, stage.stop)

        def with_artifact_ids(fact: Fact) -> None:
            stage.emit(_identified(fact, stage.task.id) if isinstance(fact, TestCase) else fact)

        try:
            report = await self._runner.run(job, with_artifact_ids)
        finally:
            await to_the_end(self._clean_up(stage, number))
        return report, artifact_id(stage.task.id, report.report_path) if report.report_path else ""

    async def _clean_up(self, stage: Stage, number: int) -> None:
        """Leave no secret in what a run has written, whether it is kept as an artifact or not."""
        session_id = stage.task.spec.session_id
        folder = f"artifacts/run-{number}"
        try:
            await self._workspaces.tidy(session_id)
            await stage.secrecy.scrub(stage.workspace / folder)
        except OSError as problem:
            self._log(stage, LogLevel.WARNING, f"{folder} stays hidden, for it may hold the password: {problem}")
        else:
            await self._workspaces.end_run(session_id, number)

    def _tell(self, stage: Stage, phase: Phase, activity: str) -> None:
        stage.emit(PhaseChanged(phase, phase, activity))

    def _log(self, stage: Stage, level: LogLevel, message: str) -> None:
        stage.emit(LogEntry(self._clock.now(), level, LogSource.RUNTIME, message))


def _failed(reason: FailureReason, message: str, *, retryable: bool = False) -> PhaseResult:
    return PhaseResult(failure=Failure(reason, message, retryable=retryable))


def _identified(case: TestCase, task_id: str) -> TestCase:
    """The runner knows files by their paths; callers know them as artifacts."""
    attempts = tuple(
        replace(attempt, artifact_ids=tuple(artifact_id(task_id, path) for path in attempt.artifact_ids))
        for attempt in case.attempts
    )
    return replace(case, attempts=attempts)
