"""What every runner does, and what the real one makes of real suites in a real browser."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from agent_runtime_server.adapters.playwright import PlaywrightRunner
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.domain import results
from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.results import (
    ArtifactKind,
    AttemptStatus,
    Location,
    Produced,
    TestAttempt,
    TestCase,
    TestOutcome,
    TestSummary,
    Verdict,
)
from agent_runtime_server.domain.task import Failure, FailureReason, Progress, RunOptions
from agent_runtime_server.ports import TestReport, TestRunner
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from tests.contract.runner_fixtures import (
    ENDLESS,
    HANGING,
    IMPORT,
    PASSING,
    SUITE,
    Heard,
    assert_nothing_runs_in,
    outcomes,
    real,
    run,
    run_job,
    served_page,
    toolchain,
    workspace,
)

pytestmark = pytest.mark.timeout(300)

SIMPLE = {"tests/page.spec.ts": IMPORT + "test('opens', async ({ page }) => { await page.goto('/'); });"}
ONE_BY_ONE = RunOptions(workers=1)
BROKEN_CONFIG = {"playwright.config.ts": "export default {", "tests/page.spec.ts": IMPORT + "test('x', () => {});"}


def _now() -> datetime:
    return datetime.now(UTC)


CASE = TestCase(
    id=results.test_id("", ("tests/page.spec.ts", "opens")),
    project="",
    title_path=("tests/page.spec.ts", "opens"),
    location=Location("tests/page.spec.ts", 2, 5),
    outcome=TestOutcome.EXPECTED,
    attempts=(TestAttempt(0, AttemptStatus.PASSED, _now(), timedelta(seconds=1)),),
)


@dataclass(frozen=True)
class Runners:
    """One kind of runner in the states that the contract is about."""

    working: Callable[[], TestRunner]
    failing: Callable[[], TestRunner]
    """For a workspace with BROKEN_CONFIG."""
    blocking: Callable[[], tuple[TestRunner, Callable[[Path], int]]]
    """Logs ``blocked`` with a stray process, whose id the second function gives. For a workspace with HANGING, and
    with PASSING before it."""
    endless: Callable[[], TestRunner]
    """Logs ``blocked``, and ``ending`` when it is to end, which it does not. For a workspace with ENDLESS."""


def _says(text: str) -> LogEntry:
    return LogEntry(_now(), LogLevel.INFO, LogSource.TEST_RUNNER, text)


def _scripted_blocking() -> tuple[TestRunner, Callable[[Path], int]]:
    hangs = ("tests/hangs.spec.ts", "hangs")
    stopped = replace(
        CASE,
        id=results.test_id("", hangs),
        title_path=hangs,
        outcome=TestOutcome.SKIPPED,
        attempts=(TestAttempt(0, AttemptStatus.INTERRUPTED, _now(), timedelta(seconds=1)),),
    )
    runner = ScriptedRunner(Script((CASE, _says("blocked")), blocks=True, stray=True, last_facts=(stopped,)))
    return runner, lambda _: runner.player.stray_pid


SCRIPTED = Runners(
    lambda: ScriptedRunner(
        Script((Progress(0, 1, "test"), CASE, Progress(1, 1, "test"))),
        (TestReport(TestSummary(total=1, expected=1), tests=(CASE,)),),
    ),
    lambda: ScriptedRunner(
        reports=(TestReport(TestSummary(), Failure(FailureReason.RUNNER_CRASHED, "playwright.config.ts")),)
    ),
    _scripted_blocking,
    lambda: ScriptedRunner(Script((_says("blocked"),), blocks=True, last_facts=(_says("ending"),), lingers=True)),
)
REAL = Runners(real, real, lambda: (real(), lambda folder: int((folder / "stray.pid").read_text())), real)


@pytest.fixture(params=[SCRIPTED, REAL], ids=["scripted", "playwright"])
def runners(request: pytest.FixtureRequest) -> Runners:
    chosen: Runners = request.param
    return chosen


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with served_page() as url:
        yield url


async def test_tells_facts_in_order_and_reports(runners: Runners, page: str, tmp_path: Path) -> None:
    facts: list[Fact] = []
    report = await runners.working().run(run_job(workspace(tmp_path, SIMPLE), page), facts.append)
    told = [fact for fact in facts if not isinstance(fact, LogEntry)]
    assert [type(fact) for fact in told] == [Progress, TestCase, Progress]
    assert (told[0], told[2]) == (Progress(0, 1, "test"), Progress(1, 1, "test"))
    assert report.tests == (told[1],)
    assert (report.tests[0].id, report.tests[0].outcome) == (CASE.id, TestOutcome.EXPECTED)
    assert (report.summary.verdict, report.failure, report.report_path) == (Verdict.PASSED, None, "")


async def test_failure_is_a_report(runners: Runners, tmp_path: Path) -> None:
    report = await runners.failing().run(run_job(workspace(tmp_path, BROKEN_CONFIG)), lambda _: None)
    assert report.failure is not None
    assert report.failure.reason is FailureReason.RUNNER_CRASHED
    assert "playwright.config.ts" in report.failure.message


async def test_cancelling_leaves_no_process_and_no_later_fact(runners: Runners, page: str, tmp_path: Path) -> None:
    runner, stray_pid = runners.blocking()
    heard = Heard("blocked")
    running = asyncio.create_task(runner.run(run_job(workspace(tmp_path, HANGING), page), heard.emit))
    await heard.until("blocked")
    stray = psutil.Process(stray_pid(tmp_path))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    told = len(heard.facts)
    assert not psutil.pid_exists(stray.pid)
    assert_nothing_runs_in(tmp_path)
    await asyncio.sleep(0)
    assert len(heard.facts) == told
    assert "hangs" not in heard.cases


async def test_a_graceful_stop_brings_home_what_there_is(runners: Runners, page: str, tmp_path: Path) -> None:
    runner, stray_pid = runners.blocking()
    heard = Heard("blocked")
    job = run_job(workspace(tmp_path, PASSING | HANGING), page, ONE_BY_ONE, record=True)
    running = asyncio.create_task(runner.run(job, heard.emit))
    await heard.until("blocked")
    stray = psutil.Process(stray_pid(tmp_path))
    job.stop.ask(60)
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()  # impatience changes nothing
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not psutil.pid_exists(stray.pid)
    assert_nothing_runs_in(tmp_path)
    assert heard.cases["opens"].outcome is TestOutcome.EXPECTED
    assert [attempt.status for attempt in heard.cases["hangs"].attempts] == [AttemptStatus.INTERRUPTED]


@pytest.mark.parametrize("ended", ["by order", "by time"])
async def test_a_grace_ends(runners: Runners, ended: str, page: str, tmp_path: Path) -> None:
    runner = runners.endless()
    heard = Heard("blocked", "ending")
    job = run_job(workspace(tmp_path, ENDLESS), page)
    running = asyncio.create_task(runner.run(job, heard.emit))
    await heard.until("blocked")
    job.stop.ask(600 if ended == "by order" else 3)
    running.cancel()
    if ended == "by order":
        await heard.until("ending")
        assert not running.done()
        job.stop.ask(0)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 60)
    assert_nothing_runs_in(tmp_path)


async def test_check_finds_nothing_in_nothing(runners: Runners, tmp_path: Path) -> None:
    assert list(await runners.working().check(tmp_path)) == []


# --- the real one ----------------------------------------------------------------------------------------------------


async def test_a_graceful_stop_still_gives_the_report(page: str, tmp_path: Path) -> None:
    heard = Heard("blocked")
    files = {"tests/z.spec.ts": IMPORT + "test('never starts', () => {});"}
    job = run_job(workspace(tmp_path, PASSING | HANGING | files), page, ONE_BY_ONE, record=True, round_number=4)
    running = asyncio.create_task(real().run(job, heard.emit))
    await heard.until("blocked")
    job.stop.ask(60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    produced = {fact.path for fact in heard.facts if isinstance(fact, Produced) and not fact.test_id}
    assert produced == {"artifacts/run-4/report", "artifacts/run-4/junit.xml", "artifacts/run-4/results.json"}
    assert all((tmp_path / path).exists() for path in produced)
    assert heard.cases["hangs"].attempts[0].artifact_ids, "its trace"
    assert (heard.cases["never starts"].outcome, heard.cases["never starts"].attempts) == (TestOutcome.SKIPPED, ())


@dataclass(frozen=True)
class Ran:
    """A recorded run of SUITE."""

    folder: Path
    facts: list[Fact]
    report: TestReport

    def case(self, title: str) -> TestCase:
        return next(case for case in self.report.tests if case.title_path[-1] == title)


@pytest.fixture(scope="module")
def ran(page: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = workspace(tmp_path_factory.mktemp("suite"), SUITE)
    facts: list[Fact] = []
    report = asyncio.run(real().run(run_job(folder, page, record=True, round_number=3), facts.append))
    return Ran(folder, facts, report)


def test_outcomes_and_verdict_come_from_the_tests(ran: Ran) -> None:
    assert ran.report.failure is None
    summary = ran.report.summary
    assert (summary.total, summary.expected, summary.unexpected, summary.flaky, summary.skipped) == (4, 1, 1, 1, 1)
    assert summary.verdict is Verdict.FAILED
    assert {case.title_path[-1]: case.outcome for case in ran.report.tests} == {
        "passes": TestOutcome.EXPECTED,
        "fails": TestOutcome.UNEXPECTED,
        "flaky": TestOutcome.FLAKY,
        "skipped": TestOutcome.SKIPPED,
    }


def test_a_case_names_its_test(ran: Ran) -> None:
    case = ran.case("passes")
    assert (case.project, case.title_path) == ("desktop", ("tests/page.spec.ts", "page", "passes"))
    assert case.id == results.test_id(case.project, case.title_path)
    assert (case.location.path, case.location.line) == ("tests/page.spec.ts", 4)
    assert (case.tags, case.round) == (("@smoke",), 3)
    steps = {(step.title, step.category, step.depth) for step in case.attempts[0].steps}
    assert ("open the page", "test.step", 0) in steps
    assert any(depth == 1 and title.startswith("Navigate") for title, _, depth in steps)


def test_every_attempt_is_told_as_it_ends(ran: Ran) -> None:
    flaky = [fact for fact in ran.facts if isinstance(fact, TestCase) and fact.title_path[-1] == "flaky"]
    assert [(len(case.attempts), case.outcome) for case in flaky] == [
        (1, TestOutcome.UNEXPECTED),
        (2, TestOutcome.FLAKY),
    ]
    assert [attempt.status for attempt in flaky[-1].attempts] == [AttemptStatus.FAILED, AttemptStatus.PASSED]


def test_an_error_is_told_with_its_place(ran: Ran) -> None:
    (error,) = ran.case("fails").attempts[0].errors
    assert "Goodbye" in error.message
    assert "\x1b" not in error.message
    assert error.location is not None
    assert error.location.path == "tests/page.spec.ts"
    assert "toHaveText" in error.snippet


def test_attachments_are_files_of_their_attempt(ran: Ran) -> None:
    case = ran.case("fails")
    for attempt in case.attempts:
        files = [
            fact
            for fact in ran.facts
            if isinstance(fact, Produced) and (fact.test_id, fact.retry) == (case.id, attempt.retry)
        ]
        kinds = {fact.kind for fact in files}
        assert kinds == {ArtifactKind.VIDEO, ArtifactKind.TRACE, ArtifactKind.SCREENSHOT, ArtifactKind.LOG}
        assert all((ran.folder / fact.path).stat().st_size and fact.round == 3 for fact in files)
        assert {fact.path for fact in files} == set(attempt.artifact_ids)


def test_reports_are_written_and_told(ran: Ran) -> None:
    produced = {fact.kind: fact for fact in ran.facts if isinstance(fact, Produced) and not fact.test_id}
    assert ran.report.report_path == produced[ArtifactKind.REPORT].path == "artifacts/run-3/report"
    assert (ran.folder / ran.report.report_path / "index.html").stat().st_size
    junit = ElementTree.parse(ran.folder / produced[ArtifactKind.JUNIT].path).getroot()
    assert len(junit.findall(".//testcase")) >= 4
    assert json.loads((ran.folder / "artifacts/run-3/results.json").read_text())["stats"]["flaky"] == 1


def test_output_of_tests_is_logged_and_is_never_a_result(ran: Ran) -> None:
    logs = [fact for fact in ran.facts if isinstance(fact, LogEntry)]
    assert any("hello from the test" in log.message and log.level is LogLevel.INFO for log in logs)
    assert any("open the page" in log.message and log.level is LogLevel.DEBUG for log in logs)
    assert {log.source for log in logs} == {LogSource.TEST_RUNNER}
    assert ran.report.summary.duration > timedelta(milliseconds=100)


async def test_without_recording_only_results_are_kept(page: str, tmp_path: Path) -> None:
    facts: list[Fact] = []
    config = "export default { use: { video: 'on', trace: 'on', screenshot: 'on' } };"
    folder = workspace(tmp_path, {**SIMPLE, "playwright.config.js": config})
    report = await real().run(run_job(folder, page), facts.append)
    assert report.summary.verdict is Verdict.PASSED
    assert not [fact for fact in facts if isinstance(fact, Produced)]
    assert not list((folder / "artifacts").rglob("*.webm"))


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        (RunOptions(test_paths=("tests/a.spec.ts",)), {"one", "two"}),
        (RunOptions(test_paths=("tests/sub",)), {"four"}),
        (RunOptions(grep="two|three"), {"two", "three"}),
        (RunOptions(projects=("first",), grep="four"), {"four"}),
        (RunOptions(test_paths=("tests/a.spec.ts",), grep="three"), set()),
        (RunOptions(test_paths=("tests/none.spec.ts",)), set()),
        (RunOptions(projects=("none",)), set()),
    ],
    ids=["file", "folder", "grep", "project", "nothing", "no-file", "no-project"],
)
async def test_selections(options: RunOptions, titles: set[str], tmp_path: Path) -> None:
    files = {
        "playwright.config.cjs": "module.exports = { projects: [{ name: 'first' }] };",
        "tests/a.spec.ts": IMPORT + "test('one', () => {}); test('two', () => {});",
        "tests/aa.spec.ts": IMPORT + "test('three', () => {});",
        "tests/sub/b.spec.ts": IMPORT + "test('four', () => {});",
    }
    report, _ = await run(workspace(tmp_path, files), options=options)
    assert report.failure is None
    assert {case.title_path[-1] for case in report.tests} == titles
    assert report.summary.verdict is (Verdict.PASSED if titles else Verdict.NO_TESTS)


async def test_retries_and_timeout_go_before_the_configuration(tmp_path: Path) -> None:
    files = {"tests/slow.spec.ts": IMPORT + "test('slow', () => new Promise(() => {}));"}
    options = RunOptions(retries=1, workers=1, test_timeout=timedelta(milliseconds=200))
    report, _ = await run(workspace(tmp_path, files), options=options)
    assert [attempt.status for attempt in report.tests[0].attempts] == [AttemptStatus.TIMED_OUT] * 2


async def test_a_file_that_does_not_compile_is_a_failed_test(tmp_path: Path) -> None:
    files = {"tests/bad.spec.ts": "test('x' {", "tests/good.spec.ts": IMPORT + "test('good', () => {});"}
    report, _ = await run(workspace(tmp_path, files))
    assert (report.failure, report.summary.verdict) == (None, Verdict.FAILED)
    (case,) = report.tests
    assert case.title_path == ("tests/bad.spec.ts",)
    assert "Unexpected token" in case.attempts[0].errors[0].message


async def test_failed_set_up_fails_the_run_visibly(tmp_path: Path) -> None:
    files = {
        "playwright.config.mjs": "export default { projects: [{ name: 'up', testMatch: /setup/ },"
        " { name: 'main', dependencies: ['up'] }] };",
        "sign-in.setup.ts": IMPORT + "test('sign in', () => { throw new Error('refused'); });",
        "tests/page.spec.ts": IMPORT + "test('page', () => {});",
    }
    report, _ = await run(workspace(tmp_path, files))
    assert report.failure is None
    expected = {("up", "sign in"): TestOutcome.UNEXPECTED, ("main", "page"): TestOutcome.SKIPPED}
    assert outcomes(report) == expected
    assert report.summary.verdict is Verdict.FAILED


async def test_a_browser_that_is_not_there_is_a_failure_of_the_machinery(tmp_path: Path) -> None:
    folder = workspace(tmp_path / "workspace", SIMPLE)
    runner = PlaywrightRunner(toolchain(), {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "no-browsers")})
    report = await runner.run(run_job(folder), lambda _: None)
    assert report.failure is not None
    assert report.failure.reason is FailureReason.BROWSER_MISSING


async def test_check_tells_file_and_line(tmp_path: Path) -> None:
    files = {
        "tsconfig.json": json.dumps(
            {
                "compilerOptions": {
                    "strict": True,
                    "noEmit": True,
                    "module": "NodeNext",
                    "types": ["node"],
                    "skipLibCheck": True,
                },
                "include": ["tests/**/*.ts"],
            }
        ),
        "eslint.config.mjs": "import t from 'typescript-eslint';\nexport default t.configs.recommended;\n",
        "tests/bad.spec.ts": IMPORT + "test('x', () => {\n  const wrong: number = 'text';\n});",
    }
    problems = await real().check(workspace(tmp_path, files))
    assert any(line.startswith("tests/bad.spec.ts:3 TS2322") for line in problems), problems
    assert any(line.startswith("tests/bad.spec.ts:3 ") and "no-unused-vars" in line for line in problems), problems


def test_availability_names_the_version(tmp_path: Path) -> None:
    assert real().availability().available
    assert real().availability().version.startswith("1.")
    without = PlaywrightRunner(Toolchain(tmp_path)).availability()
    assert not without.available
    assert "playwright" in without.message
