import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import agent_runtime
from agent_runtime import AgentRuntimeClient
from agent_runtime.cli import demo
from agent_runtime.cli.children import ChildFailed, child
from agent_runtime.cli.exits import ExitCode
from agent_runtime.v1 import task_pb2
from tests.unit.client.fake_service import FakeService, Turn, done_task, serving

SLEEPS = "import time; print('READY http://here', flush=True); time.sleep(600)"


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


async def test_a_child_is_ready_when_it_says_so_and_gone_after_the_block(tmp_path: Path) -> None:
    async with child("it", python(SLEEPS), "READY", log=tmp_path / "log") as running:
        assert running.ready == "http://here"
        process = psutil.Process(running.process.pid)
        assert process.is_running()
    assert not process.is_running()


async def test_a_childs_own_children_go_with_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('READY', inner.pid, flush=True); time.sleep(600)"
    )
    async with child("it", python(script), "READY", log=tmp_path / "log") as running:
        inner = psutil.Process(int(running.ready))
    await asyncio.to_thread(psutil.wait_procs, [inner], 60)
    assert not inner.is_running() or inner.status() == psutil.STATUS_ZOMBIE


async def test_a_child_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    script = "import sys; print('no database', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ChildFailed, match="the server ended with exit code 3:\nno database"):
        async with child("the server", python(script), "READY", log=tmp_path / "log"):
            raise AssertionError("it never was ready")


async def test_a_child_that_ends_ends_the_wait_for_the_task(tmp_path: Path) -> None:
    script = "import time; print('READY', flush=True); time.sleep(0.5)"
    service = FakeService({"task-1": task_pb2.Task(id="task-1")}, heartbeat=60)
    service.turns.append(Turn(end="stall"))
    async with (
        serving(service) as address,
        AgentRuntimeClient(address) as client,
        child("the shop", python(script), "READY", log=tmp_path / "log") as running,
    ):
        with pytest.raises(ChildFailed, match="the shop ended with exit code 0"):
            await demo._follow_with(client, "task-1", (running,))


async def test_the_last_line_tells_what_came_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = tmp_path / "workspaces" / "task-1"
    for path in ("specs/plan.md", "tests/a.spec.ts", "artifacts/run-1/report/index.html"):
        (session / path).parent.mkdir(parents=True, exist_ok=True)
        (session / path).touch()
    task = done_task()
    task.result.test_paths.append("tests/a.spec.ts")
    task.result.plan_artifact_id, task.result.report_artifact_id = "specs-plan.md", "artifacts-run-1-report"
    task.create_time.FromSeconds(100)
    task.end_time.FromSeconds(160)
    service = FakeService({"task-1": task}, artifacts={"specs/plan.md": b"", "artifacts/run-1/report": b""})
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        outcome = await demo._outcome(client, task)
    assert outcome == {
        "task_id": "task-1",
        "status": "completed",
        "verdict": "passed",
        "tests": 3,
        "passed": 3,
        "flaky": 0,
        "findings": 0,
        "plan": "workspaces/task-1/specs/plan.md",
        "tests_dir": "workspaces/task-1/tests",
        "report": "workspaces/task-1/artifacts/run-1/report/index.html",
        "seconds": 60.0,
    }


@pytest.mark.parametrize(
    ("status", "verdict", "code"),
    [
        ("completed", "passed", ExitCode.GOOD),
        ("completed", "flaky", ExitCode.GOOD),
        ("completed", "failed", ExitCode.TESTS_FAILED),
        ("completed", "no_tests", ExitCode.TESTS_FAILED),
        ("failed", "", ExitCode.FAILED),
        ("cancelled", "", ExitCode.CANCELLED),
    ],
)
def test_exit_codes(status: str, verdict: str, code: ExitCode) -> None:
    assert demo._exit_code({"status": status, "verdict": verdict}) is code


def test_without_a_checkout_it_says_so(tmp_path: Path) -> None:
    shutil.copytree(Path(agent_runtime.__file__).parent, tmp_path / "site" / "agent_runtime")
    ran = subprocess.run(
        [sys.executable, "-m", "agent_runtime.cli.main", "demo"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "only a source checkout has" in ran.stderr
