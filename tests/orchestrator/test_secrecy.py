"""What agents are told and what stays in files: neither the task's password nor the agent's own keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from agent_runtime_server.adapters.scrubbing import scrub
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.redaction import MASK
from agent_runtime_server.domain.results import (
    AttemptStatus,
    Location,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
    TestSummary,
)
from agent_runtime_server.domain.task import SignIn, SignInMethod, Status, TaskType
from agent_runtime_server.orchestrator.secrecy import Secrecy
from agent_runtime_server.ports import Emit, PhaseJob, PhaseReport, RunJob, TestReport
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.runner import ScriptedRunner
from tests.orchestrator.house import House, asking
from tests.orchestrator.support import NOW, SPEC

PASSWORD, KEY = "Passw0rd-123", "key-of-the-agent-4711"
SUITE = "tests/sign-in.spec.ts"
BESIDE = "notes/typed.txt"
QUOTED = TestError(f'locator.fill("{PASSWORD}") failed', snippet=f"> 3 | await page.fill('{PASSWORD}')")
FAILED = TestCase(
    "t1",
    "chromium",
    (SUITE, "signs in"),
    Location(SUITE, 3),
    TestOutcome.UNEXPECTED,
    (TestAttempt(0, AttemptStatus.FAILED, NOW, timedelta(), (QUOTED,)),),
)
FAILING = TestReport(TestSummary(1, 0, 1), tests=(FAILED,))


class Typing(ScriptedRunner):
    """Its tests write what they type beside the suite."""

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        """Fail, with a quotation."""
        file = job.workspace / BESIDE
        file.parent.mkdir(exist_ok=True)
        file.write_text(PASSWORD)
        return await super().run(job, emit)


class Printing(ScriptedDriver):
    """An agent that looks around, and writes its environment into a file."""

    def __init__(self) -> None:
        super().__init__(name="explorer", signs_in=False, uses_model=True)
        self.found = ""

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Look, and write."""
        job.keep_secret(KEY)
        if job.kind is PhaseKind.FIX:
            self.found = (job.workspace / BESIDE).read_text()
        (job.workspace / "environment.txt").write_text(f"TOKEN={KEY}")
        return await super().run(job, emit)


async def played(folder: Path, task_type: TaskType, password: str) -> tuple[House, Printing]:
    """A task of such an agent in a session with a failing test, to its end."""
    driver = Printing()
    house = House(folder, driver=driver, runner=Typing(reports=(FAILING,)), scrub=scrub)
    await house.sessions.create("s", None)
    suite = await house.workspaces.prepare("s")
    (suite / SUITE).write_text("test('signs in', () => {})")
    new = asking(task_type, password=password)
    sign_in = SignIn(SignInMethod.USERNAME_PASSWORD, "ada") if password else SignIn()
    spec = replace(SPEC, task_type=task_type, session_id="s", sign_in=sign_in, instructions="Look around")
    async with house.working():
        task, _ = await house.tasks.create(replace(new, spec=spec), None)
        assert (await house.done(task.id)).status is Status.COMPLETED
    return house, driver


async def test_the_fixer_is_not_told_the_password_by_errors_or_by_files(tmp_path: Path) -> None:
    _, driver = await played(tmp_path, TaskType.FIX, PASSWORD)
    job = driver.jobs[0]
    [error] = job.failing[0].attempts[0].errors
    assert error.message == f'locator.fill("{MASK}") failed'
    assert error.snippet == f"> 3 | await page.fill('{MASK}')"
    assert PASSWORD not in repr(job)
    assert driver.found == MASK


async def test_the_agents_keys_do_not_stay_in_files_also_without_a_password(tmp_path: Path) -> None:
    house, _ = await played(tmp_path, TaskType.CUSTOM, "")
    workspace = await house.workspaces.prepare("s")
    assert (workspace / "environment.txt").read_text() == f"TOKEN={MASK}"


async def test_values_that_are_added_are_hidden_from_then_on(tmp_path: Path) -> None:
    scrubbed: list[bytes] = []

    async def scrub(root: Path, path: Path, redact: Callable[[bytes], bytes]) -> None:
        scrubbed.append(redact(f"{PASSWORD} {KEY}".encode()))

    secrecy = Secrecy((), tmp_path, scrub)
    await secrecy.scrub(tmp_path)
    assert (bool(secrecy), scrubbed) == (False, [])
    secrecy.add(PASSWORD)
    secrecy.add(KEY)
    await secrecy.scrub(tmp_path)
    assert scrubbed == [f"{MASK} {MASK}".encode()]
    assert secrecy.redact(f"{PASSWORD} or {KEY}") == f"{MASK} or {MASK}"
