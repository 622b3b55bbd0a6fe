import json

import grpc
import pytest

from agent_runtime.v1 import service_pb2, task_pb2, test_result_pb2
from tests.unit.cli.conftest import Command
from tests.unit.cli.test_submit_and_watch import made
from tests.unit.client.fake_service import FakeService, done_task, reason


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
        ("submit", "plan", "--app-url", "http://shop.test", "--label", "team"),
        ("submit", "plan", "--app-url", "http://shop.test", "--label", "=shop"),
        ("submit", "plan", "--app-url", "http://shop.test", "--ttl", "soon"),
        ("submit", "plan", "--app-url", "http://shop.test", "--ttl", ""),
        ("retry", "task-1", "--watch", "--wait"),
        ("retry", "task-1", "--from-phase", "collecting"),
        ("watch",),
        ("watch", "task-1", "--all"),
        ("watch", "task-1", "--filter", "done = true"),
        ("update", "task-1"),
        ("list", "--status", "sleeping"),
        ("sessions", "fly"),
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


def test_list_sends_what_it_is_asked(command: Command, service: FakeService) -> None:
    command("list", "--status", "running", "--order", "create_time")
    command("list", "--status", "running", "--status", "pending", "--label", 'team=sh"op', "--filter", "done = false")
    command("list", "--filter", "done = true", "--label", "my.org/team=shop")
    plain, combined, quoted = service.asked(service_pb2.ListTasksRequest)
    assert (plain.filter, plain.order_by) == ("status = RUNNING", "create_time")
    assert combined.filter == (
        '(status = RUNNING OR status = PENDING) AND (labels.team = "sh\\"op") AND (done = false)'
    )
    assert quoted.filter == '(labels."my.org/team" = "shop") AND (done = true)'


def test_update(command: Command, service: FakeService) -> None:
    service.tasks["task-1"].labels.update({"team": "shop", "old": "1"})
    shown = command("update", "task-1", "--label", "team=cart", "--label", "new=2", "--remove-label", "old").out
    assert "labels    new=2, team=cart\n" in shown
    assert command("update", "task-1", "--priority", "1", "--ttl", "30d").code == 0
    first, second = service.asked(service_pb2.UpdateTaskRequest)
    assert list(first.update_mask.paths) == ["labels"]
    assert list(second.update_mask.paths) == ["priority", "ttl"]
    assert (second.task.priority, second.task.ttl.seconds) == (1, 30 * 86400)


def test_an_update_of_labels_that_another_overtakes_is_done_again(command: Command, service: FakeService) -> None:
    service.tasks["task-1"].etag = "e"
    clash = (grpc.StatusCode.ABORTED, "changed", (reason("ETAG_MISMATCH"),))
    service.failures.extend([None, clash, None, clash])
    assert command("update", "task-1", "--label", "team=cart").code == 0
    assert [request.task.etag for request in service.asked(service_pb2.UpdateTaskRequest)] == ["e"] * 3


def test_delete(command: Command, service: FakeService) -> None:
    ran = command("delete", "task-1")
    assert (ran.code, ran.out, service.deleted) == (0, "task task-1 is deleted\n", ["task-1"])
    assert command("delete", "task-1").code == 5
    assert command("delete", "task-1", "--allow-missing").code == 0


def test_cancel_by_force(command: Command, service: FakeService) -> None:
    command("cancel", "task-1")
    command("cancel", "task-1", "--force")
    command("cancel", "task-1", "--grace", "5s")
    modes = [(request.mode, request.grace_period.seconds) for request in service.asked(service_pb2.CancelTaskRequest)]
    graceful = task_pb2.CANCEL_MODE_GRACEFUL
    assert modes == [(graceful, 0), (task_pb2.CANCEL_MODE_FORCE, 0), (graceful, 5)]


def test_get_tells_of_attempts_and_of_what_is_next(command: Command, service: FakeService) -> None:
    task = service.tasks["task-1"]
    interrupted = made(2)
    interrupted.end_time.FromSeconds(1_700_000_000)
    task.attempts.extend([made(1, "browser died", retry=True), interrupted, made(3)])
    task.retry_of_task_id = "task-0"
    task.expire_time.FromSeconds(1_800_000_000)
    lines = command("get", "task-1").out.splitlines()
    assert "attempt   1 failed, worker_lost: browser died" in lines
    assert "attempt   2 interrupted, not counted" in lines
    assert "attempt   3 started" in lines
    assert "retry of  task-0" in lines
    assert "expires   2027-01-15T08:00:00Z" in lines


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
