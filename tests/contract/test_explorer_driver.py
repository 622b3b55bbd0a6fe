"""How the explorer's process is driven, and how its lines are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.adapters.explorer.driver import COMMAND, ExplorerDriver
from agent_runtime_server.adapters.explorer.flow import Seen
from agent_runtime_server.adapters.processes import spawn
from agent_runtime_server.domain.event import Fact, FileChanged, LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import (
    ArtifactKind,
    AttemptStatus,
    Finding,
    FindingKind,
    Location,
    Produced,
    RepairCause,
    Severity,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
)
from agent_runtime_server.domain.task import Failure, FailureReason, SignIn, SignInMethod, TaskType
from agent_runtime_server.ports import Diagnosis, PhaseReport
from tests.apps.shop import CUSTOMER_EMAIL
from tests.apps.shop.launch import Shop
from tests.contract.driver_fixtures import BLOCK, explorer, mute_app, phase_job
from tests.contract.runner_fixtures import served_page

pytestmark = pytest.mark.timeout(300)


async def facts_of(
    driver: ExplorerDriver, workspace: Path, kind: PhaseKind = PhaseKind.PLAN
) -> tuple[list[Fact], PhaseReport]:
    facts: list[Fact] = []
    report = await driver.run(phase_job(workspace, kind), facts.append)
    return facts, report


async def test_findings_have_an_id_of_what_they_are(tmp_path: Path) -> None:
    seen = [
        Seen(kind="broken_link", severity="medium", url="/a", title="404", steps=("Open /",)),
        Seen(kind="broken_link", severity="medium", url="/a", title="404", steps=("Open /b",)),
        Seen(kind="broken_link", severity="medium", url="/b", title="404"),
    ]
    facts, _ = await facts_of(explorer(*map(protocol.Found, seen), protocol.Done("")), tmp_path)
    first, again, other = (fact for fact in facts if isinstance(fact, Finding))
    assert (first.kind, first.severity, first.steps) == (FindingKind.BROKEN_LINK, Severity.MEDIUM, ("Open /",))
    assert first.id == again.id != other.id


async def test_generated_tests_are_kept_and_reported(tmp_path: Path) -> None:
    files = {"tests/a.spec.ts": "test", "specs/model.json": "{}", "playwright.config.ts": "export default {}"}
    driver = explorer(*map(protocol.Wrote, files), protocol.Done("", ("tests/a.spec.ts",)), files=files)
    facts, report = await facts_of(driver, tmp_path, PhaseKind.GENERATE)
    assert [fact.path for fact in facts if isinstance(fact, FileChanged)] == list(files)
    assert {fact.path: fact.kind for fact in facts if isinstance(fact, Produced)} == {
        "tests/a.spec.ts": ArtifactKind.TEST_SOURCE,
        "specs/model.json": ArtifactKind.APP_MODEL,
    }
    assert report.test_paths == ("tests/a.spec.ts",)


async def test_log_lines_and_standard_error(tmp_path: Path) -> None:
    facts, _ = await facts_of(
        explorer(protocol.Log("warning", "slow page"), protocol.Done(""), stderr="odd\n"), tmp_path
    )
    logs = {(fact.level, fact.source, fact.message) for fact in facts if isinstance(fact, LogEntry)}
    assert logs == {
        (LogLevel.WARNING, LogSource.AGENT, "slow page"),
        (LogLevel.WARNING, LogSource.AGENT, "odd"),
    }


@pytest.mark.parametrize(
    ("driver", "said", "retryable"),
    [
        (explorer(then="sys.exit(3)", stderr="boom\n"), ("exit code 3", "boom"), False),
        (explorer(then="os.kill(os.getpid(), 9)", stderr="boom\n"), ("signal 9", "boom"), True),
        (explorer(then="os.kill(os.getppid(), 9); time.sleep(600)"), ("supervisor was killed",), True),
        (explorer(protocol.Done(""), then="sys.exit(1)"), ("exit code 1",), False),
        (explorer(), ("exit code 0",), False),
        (explorer("no line of ours", then=BLOCK), ("not understood", "no line of ours"), False),
        (explorer('{"type":"wrote","path":"../../etc/passwd"}'), ("leads out of the workspace",), False),
        (explorer(protocol.Wrote("specs/none.md")), ("No such file",), False),
        (explorer(protocol.Failed("agent_error", "lost", retryable=True)), ("lost",), True),
        (explorer(then="os.kill(os.getpid(), 19)", silence_seconds=0.5), ("said nothing for 0.5 seconds",), True),
    ],
    ids=[
        "exit",
        "killed",
        "supervisor-killed",
        "exit-after-done",
        "silent",
        "garbled",
        "outside",
        "missing-file",
        "says-so",
        "stopped",
    ],
)
async def test_a_broken_explorer_is_an_agent_error(
    driver: ExplorerDriver, said: tuple[str, ...], retryable: bool, tmp_path: Path
) -> None:
    _, report = await facts_of(driver, tmp_path)
    assert report.failure is not None
    assert report.failure.reason is FailureReason.AGENT_ERROR
    assert all(words in report.failure.message for words in said), report.failure.message
    assert report.failure.retryable is retryable


async def test_beats_keep_a_silent_explorer_alive_and_are_not_told(tmp_path: Path) -> None:
    beats = 'for _ in range(12):\n  print(json.dumps({"type": "beat"}), flush=True); time.sleep(1)\n'
    done = 'print(json.dumps({"type": "done", "summary": "well"}))'
    facts, report = await facts_of(explorer(then=beats + done, silence_seconds=10.0), tmp_path)
    assert (facts, report) == ([], PhaseReport(summary_markdown="well"))


async def test_too_much_time_is_out_of_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_runtime_server.adapters.explorer.driver.MARGIN_SECONDS", 0.0)
    job = phase_job(tmp_path, max_duration="PT1S")
    report = await explorer(then="time.sleep(600)").run(job, lambda _: None)
    assert report.failure is not None
    assert report.failure.reason is FailureReason.OUT_OF_RESOURCES


async def test_a_command_that_is_not_there_is_a_report(tmp_path: Path) -> None:
    driver = ExplorerDriver(Path.cwd, command=("no-such-command",))
    report = await driver.run(phase_job(tmp_path), lambda _: None)
    assert report.failure is not None
    assert report.failure.reason is FailureReason.AGENT_ERROR


async def test_password_travels_on_standard_input_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    await explorer(protocol.Done("")).run(phase_job(tmp_path, max_states=7), lambda _: None)
    got: dict[str, Any] = json.loads((tmp_path / "job.json").read_text())
    order = protocol.decode_job(json.dumps(got["job"]))
    assert (order.kind, order.username, order.password) == ("plan", "ada", "hunter2")
    default = protocol.Job(kind="plan", app_url="", workspace="").max_seconds
    assert (order.max_states, order.max_seconds) == (7, default)
    assert order.workspace == str(tmp_path)
    assert "hunter2" not in json.dumps([got["arguments"], got["environment"]])
    assert "SOME_API_KEY" not in got["environment"]


async def test_failing_tests_are_told_and_what_is_said_of_them_is_reported(tmp_path: Path) -> None:
    test = TestCase(
        "t1",
        "chromium",
        ("tests/a.spec.ts", "works"),
        Location("tests/a.spec.ts", 3),
        TestOutcome.UNEXPECTED,
        (
            TestAttempt(
                0,
                AttemptStatus.FAILED,
                datetime.now(UTC),
                timedelta(),
                (TestError("no button", location=Location("tests/a.spec.ts", 7, 9)),),
                artifact_ids=("artifacts/run-1/video.webm", "artifacts/run-1/trace.zip"),
            ),
        ),
    )
    elsewhere = replace(test.attempts[0], errors=(TestError("no row", location=Location("tests/page.ts", 7, 9)),))
    failing = (test, replace(test, id="t2", attempts=(elsewhere,)), replace(test, id="t3", attempts=()))
    job = replace(phase_job(tmp_path, PhaseKind.FIX), failing=failing)
    said = protocol.Diagnosed("t1", "assertion", "4 is not 3", final=True)
    report = await explorer(protocol.Done("", diagnoses=(said,))).run(job, lambda _: None)
    assert report.diagnoses == (Diagnosis("t1", RepairCause.ASSERTION, "4 is not 3", final=True),)
    order = protocol.decode_job(json.dumps(json.loads((tmp_path / "job.json").read_text())["job"]))
    assert order.kind == "fix"
    trace = "artifacts/run-1/trace.zip"
    assert order.failing == (
        protocol.Failing(id="t1", path="tests/a.spec.ts", line=7, error="no button", trace=trace),
        protocol.Failing(id="t2", path="tests/a.spec.ts", error="no row", trace=trace),
        protocol.Failing(id="t3", path="tests/a.spec.ts"),
    )


def test_what_the_explorer_can_do_is_all_but_following_instructions() -> None:
    assert set(TaskType) - set(ExplorerDriver(Path.cwd).task_types()) == {TaskType.CUSTOM}


def test_availability_tells_what_is_missing() -> None:
    assert ExplorerDriver(Path.cwd).availability().available
    without = ExplorerDriver(lambda: None).availability()
    assert not without.available
    assert "Chromium" in without.message


async def test_the_real_explorer_answers(tmp_path: Path) -> None:
    report = await ExplorerDriver(Path.cwd).run(phase_job(tmp_path, PhaseKind.GENERATE), lambda _: None)
    assert report.failure is not None  # there is no plan; what counts is that it understood its job and said so
    assert report.failure.reason is FailureReason.NOTHING_GENERATED, report.failure.message


async def test_the_real_explorer_says_that_it_lives(tmp_path: Path) -> None:
    """While the app lets it wait."""
    async with mute_app() as (url, _), spawn(COMMAND, cwd=tmp_path, env=dict(os.environ)) as tree:
        await tree.write(protocol.encode(protocol.Job(kind="plan", app_url=url, workspace=str(tmp_path))) + b"\n")
        async with asyncio.timeout(100):
            async for line in tree.lines():
                if protocol.decode_line(line.text) == protocol.Beat():
                    break


def _browser_of(folder: Path) -> psutil.Process:
    """The browser of an explorer that works in a folder."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            if process.cwd() == str(folder) and "--headless" in command and not command[0].endswith("sh"):
                return process
    raise AssertionError("there is no browser")


@pytest.mark.parametrize("victim", ["browser", "what drives it"])
async def test_a_browser_that_is_killed_says_nothing_about_the_app(victim: str, tmp_path: Path) -> None:
    job = phase_job(tmp_path)
    async with mute_app() as (url, asked):
        job = replace(job, spec=replace(job.spec, app_url=url))
        exploring = asyncio.create_task(ExplorerDriver(Path.cwd).run(job, lambda _: None))
        await asyncio.wait_for(asked.wait(), 60)
        browser = _browser_of(tmp_path)
        chosen = browser if victim == "browser" else next(p for p in browser.parents() if "node" in p.name())
        chosen.kill()
        report = await exploring
    failure = Failure(FailureReason.AGENT_ERROR, "the browser ended while it was in use", retryable=True)
    assert report.failure == failure


@pytest.mark.parametrize(
    ("program", "reason", "retryable"),
    [
        ("", FailureReason.BROWSER_MISSING, False),
        ("exit 127", FailureReason.BROWSER_MISSING, False),
        ("kill -9 $$", FailureReason.AGENT_ERROR, True),
    ],
    ids=["gone", "broken", "killed"],
)
async def test_a_browser_that_does_not_start(
    program: str, reason: FailureReason, retryable: bool, tmp_path: Path
) -> None:
    """It was there when somebody asked whether there is one."""
    browser = tmp_path / "bin" / "chromium"
    browser.parent.mkdir()
    if program:
        browser.write_text(f"#!/bin/sh\n{program}\n")
        browser.chmod(0o755)
    nowhere = str(tmp_path / "none")
    environment = {"PATH": str(browser.parent), "PLAYWRIGHT_BROWSERS_PATH": nowhere, "HOME": str(tmp_path)}
    report = await ExplorerDriver(Path.cwd, environment).run(phase_job(tmp_path), lambda _: None)
    assert report.failure is not None
    assert (report.failure.reason, report.failure.retryable) == (reason, retryable), report.failure.message


async def test_wrong_credentials_are_sign_in_failed(tmp_path: Path) -> None:
    job = phase_job(tmp_path)
    with Shop() as shop:
        spec = replace(job.spec, app_url=shop.start(), sign_in=SignIn(SignInMethod.USERNAME_PASSWORD, CUSTOMER_EMAIL))
        report = await ExplorerDriver(Path.cwd).run(replace(job, spec=spec, password="wrong"), lambda _: None)
    assert report.failure is not None
    assert (report.failure.reason, report.failure.retryable) == (FailureReason.SIGN_IN_FAILED, False)


@pytest.mark.timeout(1200)
async def test_the_real_explorer_plans_and_writes_a_page(tmp_path: Path) -> None:
    facts: list[Fact] = []
    with served_page() as url:
        for kind in (PhaseKind.PLAN, PhaseKind.GENERATE):
            job = phase_job(tmp_path, kind, max_duration="PT15M")
            spec = replace(job.spec, app_url=url, instructions="", sign_in=SignIn())
            report = await ExplorerDriver(Path.cwd).run(replace(job, spec=spec, password=""), facts.append)
            assert report.failure is None
    kinds = {fact.kind for fact in facts if isinstance(fact, Produced)}
    assert kinds == {ArtifactKind.PLAN, ArtifactKind.APP_MODEL, ArtifactKind.TEST_SOURCE}
    assert report.test_paths
    assert set(report.test_paths) <= {fact.path for fact in facts if isinstance(fact, FileChanged)}


def test_a_browser_that_was_found_is_not_looked_for_again_and_one_that_was_not_is() -> None:
    looks: list[object | None] = [None, "chromium"]
    driver = ExplorerDriver(lambda: looks.pop(0))
    assert [driver.availability().available for _ in range(3)] == [False, True, True]
    assert not looks
