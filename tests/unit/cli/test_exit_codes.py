"""Every exit code, by every way there is to come to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from agent_runtime.cli.exits import ExitCode
from agent_runtime.v1 import service_pb2, task_pb2
from tests.unit.cli.conftest import Command
from tests.unit.client.fake_service import FakeService, Turn, reason, serving_in_thread

SUBMIT = ("submit", "complete", "--app-url", "http://shop.test/")


def make_failed(task: task_pb2.Task) -> None:
    task.status = task_pb2.TASK_STATUS_FAILED
    task.error.reason = task_pb2.FAILURE_REASON_APP_UNREACHABLE
    task.error.status.message = "connection refused"


def make_tests_fail(task: task_pb2.Task) -> None:
    task.result.verdict = task_pb2.TEST_VERDICT_FAILED


def make_cancelled(task: task_pb2.Task) -> None:
    task.status = task_pb2.TASK_STATUS_CANCELLED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda task: None, ExitCode.GOOD),
        (make_failed, ExitCode.FAILED),
        (make_tests_fail, ExitCode.TESTS_FAILED),
        (make_cancelled, ExitCode.CANCELLED),
    ],
)
@pytest.mark.parametrize(
    "how",
    [
        ("watch", "task-1"),
        ("wait", "task-1"),
        (*SUBMIT, "--watch"),
        (*SUBMIT, "--wait"),
        ("retry", "task-1", "--wait"),
    ],
    ids=" ".join,
)
def test_how_a_task_went(
    command: Command,
    service: FakeService,
    change: Callable[[task_pb2.Task], None],
    code: ExitCode,
    how: tuple[str, ...],
) -> None:
    service.tasks["task-2"] = task_pb2.Task()
    service.tasks["task-2"].CopyFrom(service.tasks["task-1"])
    for task in service.tasks.values():
        change(task)
    assert command(*how).code == code


@pytest.mark.parametrize(
    ("status", "name", "code"),
    [
        (grpc.StatusCode.INTERNAL, "INTERNAL", ExitCode.FAILED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", ExitCode.FAILED),
        (grpc.StatusCode.INVALID_ARGUMENT, "BAD_FILTER", ExitCode.USAGE),
        (grpc.StatusCode.ALREADY_EXISTS, "SESSION_EXISTS", ExitCode.USAGE),
        (grpc.StatusCode.FAILED_PRECONDITION, "TASK_NOT_DONE", ExitCode.USAGE),
        (grpc.StatusCode.UNAVAILABLE, "DRAINING", ExitCode.UNREACHABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", ExitCode.UNREACHABLE),
        (grpc.StatusCode.UNAUTHENTICATED, "", ExitCode.DENIED),
        (grpc.StatusCode.PERMISSION_DENIED, "", ExitCode.DENIED),
        (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND", ExitCode.NOT_FOUND),
    ],
)
@pytest.mark.parametrize("how", [SUBMIT, ("list",), ("delete", "task-1"), ("sessions", "get", "s")], ids=" ".join)
def test_what_the_server_said(
    command: Command, service: FakeService, status: grpc.StatusCode, name: str, code: ExitCode, how: tuple[str, ...]
) -> None:
    service.failures.extend([(status, "says\tw\x1bhy", (reason(name),) if name else ())] * 4)
    ran = command(*how)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    assert "\x1b" not in ran.err


def test_nobody_there(run: Command) -> None:
    assert run("--server", "127.0.0.1:1", "get", "task-1").code == ExitCode.UNREACHABLE


def test_a_local_file_that_cannot_be_written(command: Command, service: FakeService, tmp_path: Path) -> None:
    service.artifacts = {"plan.md": b"# Plan"}
    (tmp_path / "plan.md").mkdir()
    ran = command("download", "task-1", "-o", str(tmp_path))
    assert (ran.code, ran.err.startswith("error: [Errno ")) == (ExitCode.FAILED, True)


def test_a_wait_that_takes_too_long(command: Command, service: FakeService) -> None:
    service.turns.append(Turn(3, "stall"))
    ran = command("wait", "task-1", "--timeout", "1s")
    assert (ran.code, ran.out) == (ExitCode.TIMED_OUT, "")
    assert ran.err == "not done after 1.0 s; the task goes on: agent-runtime watch task-1\n"


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (("watch", "@latest"), "the task goes on: agent-runtime watch task-1"),
        (("wait", "task-1"), "the task goes on: agent-runtime watch task-1"),
        (("logs", "-f", "task-1"), "the task goes on: agent-runtime logs -f task-1"),
        ((*SUBMIT, "--watch"), "the task goes on: agent-runtime watch task-1"),
        (("watch", "--all"), "interrupted"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_interrupt_leaves_the_task_and_says_so(service: FakeService, how: tuple[str, ...], says: str) -> None:
    service.turns.append(Turn(3, "stall"))
    with serving_in_thread(service) as address:
        watching = subprocess.Popen(
            [sys.executable, "-m", "agent_runtime.cli.main", "--server", address, *how],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            assert service.stalled.wait(60)
            watching.send_signal(signal.SIGINT)
            _, err = watching.communicate(timeout=60)
        finally:
            watching.kill()
    assert watching.returncode == ExitCode.INTERRUPTED
    assert err.endswith(f"{says}\n")
    assert service.asked(service_pb2.CancelTaskRequest) == []


def test_the_documented_codes_are_the_codes() -> None:
    page = Path(__file__).parents[3] / "docs" / "cli.md"
    rows = [line.split("|")[1].strip() for line in page.read_text().splitlines() if line.startswith("| ")]
    assert {int(cell) for cell in rows if cell.isdigit()} == {int(code) for code in ExitCode}
