"""The repair of failing tests: run, let the agent change tests, run again, and judge what it did.

The agent says what it thinks was wrong; whether a test is repaired is for the next run to say, and whether its change
is taken is for the rules here: a changed assertion counts only when that was allowed, a disabled test never counts, and
a test that is not repaired is left as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from agent_runtime_server.domain.assertions import disabled, weakened
from agent_runtime_server.domain.event import LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.inputs import Answer, InputDecision, InputKind, Question
from agent_runtime_server.domain.pipeline import PhaseResult, repair_rounds
from agent_runtime_server.domain.results import (
    ArtifactKind,
    Produced,
    Repair,
    RepairCause,
    RepairVerdict,
    TestCase,
    TestOutcome,
    artifact_id,
)
from agent_runtime_server.domain.task import Failure, FailureReason, Phase, Progress, RunOptions, TestName
from agent_runtime_server.orchestrator.stage import Stage
from agent_runtime_server.orchestrator.suite_files import Sources, SuiteFiles, changed, diff, text_of
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Clock, Diagnosis, PhaseReport, TestReport, Workspaces

_MOST_QUESTION = 20_000
"""Characters of a diff that a question shows."""

_VERDICTS = {RepairCause.ASSERTION: RepairVerdict.BEHAVIOR_CHANGED}
"""Of tests that were left as they were for good, apart from refused ones."""

Drive = Callable[[Stage, Sequence[TestCase], int], Awaitable[PhaseReport]]
"""Lets the driver repair failing tests, in a round."""
RunSuite = Callable[[Stage, RunOptions], Awaitable[tuple[TestReport, str]]]
"""Runs tests and records the run; also gives the id of its report."""


@dataclass(slots=True)
class _Case:
    """A test that failed when the repair began."""

    test: TestCase
    repair: Repair | None = None
    """Set once it is decided."""
    said: Repair | None = None
    """What the last round that decided nothing brought."""

    @property
    def id(self) -> str:
        return self.test.id

    @property
    def path(self) -> str:
        return self.test.location.path


@dataclass(frozen=True, slots=True)
class _Round:
    """One round: what the agent said and changed, and what the run after it showed."""

    number: int
    before: Sources
    after: Sources
    diagnoses: Mapping[str, Diagnosis]
    tests: Mapping[str, TestCase]


@dataclass(frozen=True, slots=True)
class _Suite:
    """The suite as it was, and what repairs have made of it."""

    files: SuiteFiles
    original: Sources
    good: dict[str, bytes | None] = field(default_factory=dict)
    """Content of what accepted repairs have changed, None for what they have removed."""

    async def settle(self) -> None:
        """Leave the changes of accepted repairs, and no others."""
        wanted = {**self.original, **self.good}
        kept = {path: content for path, content in wanted.items() if content is not None}
        await self.files.put_back(kept, changed(kept, await self.files.read()))


class _Stopped(Exception):
    """The repair cannot go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Fixing:
    """The FIX phase."""

    def __init__(self, workspaces: Workspaces, clock: Clock, drive: Drive, run_suite: RunSuite) -> None:
        self._workspaces = workspaces
        self._clock = clock
        self._drive = drive
        self._run_suite = run_suite

    async def fix(self, stage: Stage) -> PhaseResult:
        """Repair what fails, within the task's rounds; the result holds a ``Repair`` for each test that failed."""
        spec = stage.task.spec
        files = SuiteFiles(self._workspaces, spec.session_id)
        self._tell(stage, "Running the tests to see which fail")
        report, report_id = await self._run_suite(stage, spec.run)
        if report.failure is not None:
            return PhaseResult(report.failure)
        cases = [_Case(test) for test in report.tests if test.outcome is TestOutcome.UNEXPECTED]
        if not cases:
            return PhaseResult(
                None, "Every test passes: there is nothing to repair.", "", report_id, (), report.summary
            )
        suite = _Suite(files, await files.read())
        failure = None
        try:
            for number in range(1, repair_rounds(spec) + 1):
                await self._round(stage, suite, cases, number)
                if all(case.repair for case in cases):
                    break
        except _Stopped as stopped:
            failure = stopped.failure
        finally:
            # Whatever ends the repair: of a person's suite nothing stays that repaired nothing.
            await to_the_end(suite.settle())
        self._give_up_the_rest(stage, cases)
        repaired = sorted(suite.good)
        if repaired and failure is None:
            self._tell(stage, "Running all tests once more")
            report, report_id = await self._run_suite(stage, spec.run)
            failure = report.failure
        repairs = tuple(case.repair for case in cases if case.repair)
        return PhaseResult(
            failure,
            _account(cases),
            report_artifact_id=report_id,
            test_paths=tuple(path for path in repaired if _is_test(path)),
            summary=report.summary,
            repairs=repairs,
        )

    async def _round(self, stage: Stage, suite: _Suite, cases: Sequence[_Case], number: int) -> None:
        open_cases = [case for case in cases if case.repair is None]
        stage.emit(Progress(len(cases) - len(open_cases), len(cases), "tests"))
        self._tell(stage, f"Repairing {len(open_cases)} tests, round {number}")
        before = await suite.files.read()
        report = await self._drive(stage, [case.test for case in open_cases], number)
        if report.failure is not None:
            raise _Stopped(report.failure)
        names = tuple(TestName(case.test.project, case.test.title_path) for case in open_cases)
        self._tell(stage, f"Running the repaired tests, round {number}")
        after = await suite.files.read()
        ran, _ = await self._run_suite(stage, RunOptions(workers=stage.task.spec.run.workers, only=names))
        if ran.failure is not None:
            raise _Stopped(ran.failure)
        play = _Round(
            number,
            before,
            after,
            {diagnosis.test_id: diagnosis for diagnosis in report.diagnoses},
            {test.id: test for test in ran.tests},
        )
        for case in open_cases:
            await self._judge(stage, suite, case, play)
            case.test = play.tests.get(case.id, case.test)
        await self._undo_refused(suite, play, open_cases)

    async def _judge(self, stage: Stage, suite: _Suite, case: _Case, play: _Round) -> None:
        """Decide about a test, if this round has decided it."""
        diagnosis = play.diagnoses.get(case.id)
        test = play.tests.get(case.id)
        outcome = test.outcome if test else None
        mine = [path for path in changed(suite.original, play.after) if path == case.path or not _is_test(path)]
        base = Repair(
            case.id,
            RepairVerdict.REFUSED,
            diagnosis.cause if diagnosis else None,
            diagnosis.explanation if diagnosis else "",
            outcome=outcome,
            round=play.number,
        )
        texts = [(text_of(suite.original, path), text_of(play.after, path)) for path in mine]
        if any(disabled(old, new) for old, new in texts):
            self._log(stage, f"{_title(case.test)} was disabled, which is no repair")
            case.repair = replace(base, explanation="The agent disabled the test instead of repairing it.")
            return
        if outcome is not TestOutcome.EXPECTED:
            case.said = base
            if diagnosis and diagnosis.cause is RepairCause.APP_DEFECT:
                case.repair = replace(base, verdict=RepairVerdict.APP_DEFECT)
            elif diagnosis and diagnosis.final:
                case.repair = replace(base, verdict=_VERDICTS.get(diagnosis.cause, RepairVerdict.REFUSED))
            return
        if not mine:
            self._log(stage, f"{_title(case.test)} passes again, and nothing was changed: it is not steady")
            case.repair = replace(base, cause=RepairCause.TIMING, explanation="It passed again without a change.")
            return
        text = diff(suite.original, play.after, mine)
        cause = base.cause if base.cause is not RepairCause.APP_DEFECT else None
        repair = replace(base, verdict=RepairVerdict.REPAIRED, cause=cause)
        if any(weakened(old, new) for old, new in texts):
            repair = await self._review(stage, case, replace(repair, cause=RepairCause.ASSERTION), text)
        path = f"artifacts/repairs/{stage.task.id}/round-{play.number}/{case.path}.diff"
        await suite.files.keep(path, text)
        stage.emit(Produced(ArtifactKind.DIFF, path, "text/x-diff", test_id=case.id, round=play.number))
        case.repair = replace(repair, diff_artifact_id=artifact_id(stage.task.id, path))
        if _repaired(case):
            suite.good.update({path: play.after.get(path) for path in mine})

    async def _review(self, stage: Stage, case: _Case, repair: Repair, text: str) -> Repair:
        """What becomes of a repair that changes what its test asserts."""
        repair = replace(repair, assertion_changed=True)
        options = stage.task.spec.repair
        if options.review_assertion_changes:
            prompt = f"A repair changes what {_title(case.test)!r} asserts. Accept it?\n\n{text[:_MOST_QUESTION]}"
            answer = await stage.ask(Question(InputKind.REPAIR_REVIEW, prompt))
            if answer.decision is InputDecision.ABORT:
                raise _Stopped(_aborted(answer))
            verdict = RepairVerdict.REPAIRED if answer.allowed else RepairVerdict.REFUSED
            return replace(repair, verdict=verdict, reviewer=answer.resolver)
        if options.accept_assertion_changes:
            return repair
        return replace(repair, verdict=RepairVerdict.BEHAVIOR_CHANGED)

    async def _undo_refused(self, suite: _Suite, play: _Round, cases: Sequence[_Case]) -> None:
        """Take back the changes of files whose tests were decided otherwise, so that later rounds do not build on
        them."""
        repaired = {case.path for case in cases if _repaired(case)}
        refused = {case.path for case in cases if case.repair} - repaired
        await suite.files.put_back(play.before, [path for path in changed(play.before, play.after) if path in refused])

    def _give_up_the_rest(self, stage: Stage, cases: Sequence[_Case]) -> None:
        for case in cases:
            if case.repair is None:
                text = "No change was found that makes it pass."
                said = f"{text} Last said: {case.said.explanation}" if case.said and case.said.explanation else text
                case.repair = Repair(case.id, RepairVerdict.REFUSED, explanation=said, outcome=case.test.outcome)
        mixed = {case.path for case in cases if _repaired(case)} & {case.path for case in cases if not _repaired(case)}
        for path in sorted(mixed):
            self._log(stage, f"{path} has the repair of one test; look at the others in it, too")

    def _tell(self, stage: Stage, activity: str) -> None:
        stage.emit(PhaseChanged(Phase.FIXING_TESTS, Phase.FIXING_TESTS, activity))

    def _log(self, stage: Stage, text: str) -> None:
        stage.emit(LogEntry(self._clock.now(), LogLevel.WARNING, LogSource.RUNTIME, text))


def _aborted(answer: Answer) -> Failure:
    if answer.resolver == "timeout":
        return Failure(FailureReason.INPUT_EXPIRED, "nobody reviewed a repair in time")
    return Failure(FailureReason.INPUT_REFUSED, "the answer to a repair was to stop the task")


def _repaired(case: _Case) -> bool:
    return case.repair is not None and case.repair.verdict is RepairVerdict.REPAIRED


def _is_test(path: str) -> bool:
    name = PurePosixPath(path).name
    return ".spec." in name or ".test." in name


def _title(test: TestCase) -> str:
    return " > ".join(test.title_path[1:]) or test.title_path[0]


def _account(cases: Sequence[_Case]) -> str:
    lines = []
    for case in cases:
        if case.repair is not None:
            cause = f", {case.repair.cause.value.replace('_', ' ')}" if case.repair.cause else ""
            why = f": {case.repair.explanation}" if case.repair.explanation else ""
            lines.append(f"- {_title(case.test)}: {case.repair.verdict.value.replace('_', ' ')}{cause}{why}")
    return "**Repairs**\n\n" + "\n".join(lines)
