"""No secret in what suites write, and what must hold one, a signed-in browser's cookies, is gone when they have run."""

import asyncio
from pathlib import Path

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import (
    AttemptStatus,
    Location,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
    TestSummary,
)
from agent_runtime_server.ports import PhaseReport, TestReport
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from tests.line.secrets import places_of
from tests.orchestrator.support import NOW
from tests.rpc.support import Line, driver_of, line
from tests.rpc.test_tasks import PASSWORD, SIGN_IN

SPEC = "tests/sign-in.spec.ts"
SOURCE = "import { test } from '@playwright/test';\ntest('a', async () => {});\n"
COOKIES = ".auth/user.json"
TOLD_OF_NOBODY = "artifacts/run-1/test-results/error-context.md"
MADE = {SPEC: SOURCE, "specs/plan.md": "# Plan"}
LEAKY = {TOLD_OF_NOBODY: f"- textbox: {PASSWORD}", COOKIES: "{}"}


async def run_again(server: Line) -> task_pb2.Task:
    """A task that runs the suite of an earlier one."""
    made = await server.done((await server.create()).id)
    sign_in = {"sign_in": SIGN_IN}
    return await server.create(task_pb2.TASK_TYPE_RUN, session_id=made.session_id, configuration=sign_in)


def assert_clean(folder: Path, session_id: str) -> None:
    workspace = folder / "workspaces" / session_id
    assert (workspace / TOLD_OF_NOBODY).read_text() == "- textbox: [redacted]"
    assert places_of(PASSWORD, folder) == []
    assert not (workspace / COOKIES).parent.exists()


async def test_a_run_leaves_none(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=Script(files=MADE)), ScriptedRunner(Script(files=LEAKY))) as server:
        task = await server.done((await run_again(server)).id)
        assert task.status == task_pb2.TASK_STATUS_COMPLETED
    assert_clean(tmp_path, task.session_id)


async def test_a_cancelled_run_leaves_none(tmp_path: Path) -> None:
    runner = ScriptedRunner(Script(files=LEAKY, blocks=True))
    async with line(tmp_path, driver_of(plan=Script(files=MADE)), runner) as server:
        task = await run_again(server)
        await asyncio.wait_for(runner.player.told.wait(), 60)
        await server.runtime.CancelTask(service_pb2.CancelTaskRequest(task_id=task.id))
        assert (await server.done(task.id)).status == task_pb2.TASK_STATUS_CANCELLED
    assert_clean(tmp_path, task.session_id)


FILTERED = {"artifacts/run-0/test-results/error-context.md": PASSWORD, COOKIES: "{}"}


def assert_nothing_left_by_the_filter(folder: Path, session_id: str) -> None:
    workspace = folder / "workspaces" / session_id
    assert not (workspace / "artifacts/run-0").exists()
    assert not (workspace / COOKIES).parent.exists()
    assert places_of(PASSWORD, folder) == []


def generating() -> ScriptedDriver:
    return ScriptedDriver(
        {PhaseKind.PLAN: Script(files={"specs/plan.md": "# Plan"}), PhaseKind.GENERATE: Script(files={SPEC: SOURCE})},
        {PhaseKind.GENERATE: PhaseReport(test_paths=(SPEC,))},
        name="explorer",
    )


async def test_the_flake_filter_leaves_none(tmp_path: Path) -> None:
    error = TestError(f"{'x' * 280} typed {PASSWORD}", "", Location(SPEC, 1), "")
    attempt = TestAttempt(0, AttemptStatus.FAILED, NOW, NOW - NOW, (error,))
    case = TestCase("id", "chromium", (SPEC, "a"), Location(SPEC, 2), TestOutcome.UNEXPECTED, (attempt,))
    runner = ScriptedRunner(Script(files=FILTERED), [TestReport(TestSummary(1, 0, 1), tests=(case,))])
    async with line(tmp_path, generating(), runner) as server:
        created = await server.create(task_pb2.TASK_TYPE_COMPLETE, configuration={"sign_in": SIGN_IN})
        task = await server.done(created.id)
    header = (tmp_path / "workspaces" / task.session_id / "tests/quarantine/sign-in.spec.ts").read_text()
    assert "correct" not in header, "nor a part of it, where the message was cut"
    assert_nothing_left_by_the_filter(tmp_path, task.session_id)


async def test_the_cancelled_flake_filter_leaves_none(tmp_path: Path) -> None:
    runner = ScriptedRunner(Script(files=FILTERED, blocks=True))
    async with line(tmp_path, generating(), runner) as server:
        created = await server.create(task_pb2.TASK_TYPE_COMPLETE, configuration={"sign_in": SIGN_IN})
        await asyncio.wait_for(runner.player.told.wait(), 60)
        await server.runtime.CancelTask(service_pb2.CancelTaskRequest(task_id=created.id))
        task = await server.done(created.id)
    assert_nothing_left_by_the_filter(tmp_path, task.session_id)
