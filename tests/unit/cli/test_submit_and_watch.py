import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from agent_runtime.v1 import event_pb2, service_pb2, task_pb2, test_result_pb2
from tests.unit.cli.conftest import Command
from tests.unit.client.fake_service import FakeService, Turn, done_task, serving_in_thread

SUBMIT = ("submit", "complete", "--app-url", "http://shop.test/")


def make_failed(task: task_pb2.Task) -> None:
    task.status = task_pb2.TASK_STATUS_FAILED
    task.error.reason = task_pb2.FAILURE_REASON_APP_UNREACHABLE
    task.error.status.message = "connection refused"


def make_cancelled(task: task_pb2.Task) -> None:
    task.status = task_pb2.TASK_STATUS_CANCELLED


def make_tests_fail(task: task_pb2.Task) -> None:
    task.result.verdict = task_pb2.TEST_VERDICT_FAILED


def test_submit_prints_the_task(command: Command, service: FakeService) -> None:
    service.tasks.clear()
    ran = command(*SUBMIT)
    assert (ran.code, ran.out) == (0, "task task-1 is pending; follow it: agent-runtime watch task-1\n")
    assert command(*SUBMIT, "-q").out == "task-2\n"
    assert json.loads(command(*SUBMIT, "-o", "json").out)["status"] == "TASK_STATUS_PENDING"


def test_submit_sends_its_options(command: Command, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    options = ("--instructions", "cart", "--username", "u", "--password-env", "SHOP_PASSWORD", "--priority", "1")
    ran = command(*SUBMIT, *options, "--session", "s", "--driver", "explorer")
    task = service.asked(service_pb2.CreateTaskRequest)[0].task
    assert task.task_type == task_pb2.TASK_TYPE_COMPLETE
    assert (task.session_id, task.priority, task.configuration.agent.driver) == ("s", 1, "explorer")
    assert (task.configuration.sign_in.username, task.configuration.sign_in.password) == ("u", "s3cret")
    assert "s3cret" not in ran.out + ran.err


@pytest.mark.parametrize(("change", "code"), [(None, 0), (make_failed, 1), (make_tests_fail, 6), (make_cancelled, 7)])
@pytest.mark.parametrize("how", [("watch", "task-1"), (*SUBMIT, "--watch"), (*SUBMIT, "--wait")])
def test_the_exit_code_tells_how_the_task_went(
    command: Command,
    service: FakeService,
    change: Callable[[task_pb2.Task], None] | None,
    code: int,
    how: tuple[str, ...],
) -> None:
    if change is not None:
        change(service.tasks["task-1"])
    assert command(*how).code == code


def test_watch_prints_one_line_an_event_into_a_pipe(command: Command, service: FakeService) -> None:
    service.turns.append(Turn(3, "unavailable"))
    lines = command("watch", "task-1").out.splitlines()
    assert lines[0] == "08:00:01Z  log       info agent: line 1"
    assert lines[4] == "08:00:05Z  status    running"
    assert lines[8].endswith("done      completed, tests passed: 3 tests, 3 passed, 0 failed")
    assert len(lines) == 9


def test_watch_as_json_is_one_object_a_line(command: Command, service: FakeService) -> None:
    service.trimmed = 2
    documents = [json.loads(line) for line in command("watch", "task-1", "-o", "json", "--after", "1").out.splitlines()]
    assert documents[0]["gap"]["last_missing"] == "2"
    assert [document["sequence"] for document in documents[1:-1]] == ["3", "4", "5", "6", "7", "8"]
    assert documents[1]["log"]["entries"][0]["log_time"] == "2027-01-15T08:00:03Z"
    assert documents[-1]["task"]["id"] == "task-1"


def test_submit_and_wait_print_the_end_only(command: Command, service: FakeService) -> None:
    service.tasks["task-2"] = done_task("task-2")
    assert json.loads(command(*SUBMIT, "--wait", "-o", "json").out)["result"]["verdict"] == "TEST_VERDICT_PASSED"
    assert command(*SUBMIT, "--wait").out.startswith("task      task-2\n")


def every_kind_of_event() -> list[event_pb2.TaskEvent]:
    payloads = [
        {"status": event_pb2.StatusChange(new_status=task_pb2.TASK_STATUS_RUNNING)},
        {"queue": task_pb2.QueueState(position=2, length=3, waiting_for="a slot")},
        {"phase_change": event_pb2.PhaseChange(new_phase=task_pb2.TASK_PHASE_PLANNING, activity="looks around")},
        {"progress": task_pb2.TaskProgress(completed=2, total=5, unit="pages")},
        {"log": event_pb2.LogChunk(dropped=7)},
        {
            "test": test_result_pb2.TestCase(
                id="t",
                title_path=["Cart", "total"],
                outcome=test_result_pb2.TEST_OUTCOME_UNEXPECTED,
                attempts=[
                    test_result_pb2.TestAttempt(errors=[test_result_pb2.TestError(message="12 is not 13\n at x")])
                ],
            )
        },
        {"test": test_result_pb2.TestCase(id="u", title_path=["Cart", "empty"])},
        {"artifact": {"kind": 5, "path": "artifacts/a.png", "size_bytes": 1500}},
        {"file": event_pb2.FileChange(path="tests/a.spec.ts", removed=True)},
        {
            "finding": test_result_pb2.Finding(
                kind=test_result_pb2.FINDING_KIND_BROKEN_LINK,
                severity=test_result_pb2.FINDING_SEVERITY_HIGH,
                title="Help",
                url="http://shop.test/help",
            )
        },
        {},
    ]
    return [event_pb2.TaskEvent(sequence=n, **payload) for n, payload in enumerate(payloads, 1)]  # type: ignore[arg-type]


def test_every_kind_of_event_has_its_words(command: Command, service: FakeService) -> None:
    service.events = every_kind_of_event()
    lines = [line.split("  ", 1)[1] for line in command("watch", "task-1").out.splitlines()]
    assert lines[:-1] == [
        "status    running",
        "queue     place 2 of 3, waiting for a slot",
        "phase     planning: looks around",
        "progress  2 of 5 pages",
        "log       7 lines were dropped",
        "test      failed Cart > total (0.0 s): 12 is not 13 | at x",
        "test      running Cart > empty",
        "artifact  screenshot artifacts/a.png (1.5 kB)",
        "file      tests/a.spec.ts removed",
        "finding   high broken link: Help (http://shop.test/help)",
        "event     of a kind that this client does not know",
    ]


def test_an_interrupt_leaves_the_task_and_says_so(service: FakeService) -> None:
    service.turns.append(Turn(3, "stall"))
    with serving_in_thread(service) as address:
        watching = subprocess.Popen(
            [sys.executable, "-m", "agent_runtime.cli.main", "--server", address, "watch", "task-1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert watching.stdout is not None
        for _ in range(3):
            assert "line" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=20)
    assert watching.returncode == 130
    assert "the task goes on: agent-runtime watch task-1" in err
    assert service.asked(service_pb2.CancelTaskRequest) == []
