import json

import pytest

from agent_runtime.v1 import service_pb2, task_pb2, test_result_pb2
from tests.unit.cli.conftest import Command
from tests.unit.client.fake_service import FakeService, done_task


def test_get_shows_a_task(command: Command) -> None:
    ran = command("get", "task-1")
    assert ran.code == 0
    shown = dict(line.split(maxsplit=1) for line in ran.out.splitlines())
    assert shown["task"] == "task-1"
    assert shown["status"] == "completed, tests passed: 3 tests, 3 passed, 0 failed"
    assert shown["app"] == "http://shop.test/"


def test_get_as_json_has_the_names_of_the_contract(command: Command) -> None:
    document = json.loads(command("get", "task-1", "-o", "json").out)
    assert document["task_type"] == "TASK_TYPE_COMPLETE"
    assert document["configuration"] == {"app_url": "http://shop.test/"}


def test_an_unknown_task_is_exit_5(command: Command) -> None:
    ran = command("get", "other")
    assert (ran.code, ran.out, ran.err) == (5, "", "error: No task has this id.\n")


def test_no_server_is_exit_3(run: Command) -> None:
    ran = run("--server", "127.0.0.1:1", "get", "task-1")
    assert ran.code == 3
    assert "No server answers" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--server", "nonsense", "get", "task-1"),
        ("get",),
        ("fly",),
        ("submit", "dance", "--app-url", "http://shop.test"),
        ("submit", "plan"),
        ("submit", "plan", "--app-url", "http://shop.test", "--watch", "--wait"),
        ("submit", "plan", "--app-url", "http://shop.test", "--password-env", "NO_SUCH_VARIABLE"),
    ],
)
def test_wrong_usage_is_exit_2(run: Command, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out == ""


def test_the_server_option_may_stand_anywhere(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_RUNTIME_SERVER", "127.0.0.1:1")
    assert command("get", "task-1", "--server=127.0.0.1:2").code == 3


def test_list_goes_through_all_pages_up_to_its_limit(command: Command, service: FakeService) -> None:
    service.tasks.update({f"task-{n}": done_task(f"task-{n}") for n in range(2, 6)})
    lines = command("list").out.splitlines()
    assert lines[0].split() == ["ID", "TYPE", "STATUS", "CREATED", "APP"]
    assert [line.split()[0] for line in lines[1:]] == list(service.tasks)
    limited = json.loads(command("list", "--limit", "3", "-o", "json").out)
    assert [task["id"] for task in limited["tasks"]] == ["task-1", "task-2", "task-3"]


def test_cancel(command: Command, service: FakeService) -> None:
    service.tasks["task-2"] = task_pb2.Task(id="task-2", status=task_pb2.TASK_STATUS_RUNNING)
    ran = command("cancel", "task-2", "--reason", "enough")
    assert (ran.code, ran.out) == (0, "task task-2 is cancelling\n")
    assert service.asked(service_pb2.CancelTaskRequest)[0].reason == "enough"


def test_text_from_elsewhere_cannot_steer_the_terminal(command: Command, service: FakeService) -> None:
    finding = service.tasks["task-1"].result.findings.add(title="a\x1b[2Jb\nc\x9b31m", url="http://shop.test")
    finding.kind = test_result_pb2.FINDING_KIND_UNLABELLED_CONTROL
    shown = command("get", "task-1").out
    assert "unlabelled control: a[2Jb | c31m (http://shop.test)" in shown
    assert "\x1b" not in shown
