import pytest

from agent_runtime.v1 import service_pb2, session_pb2, task_pb2
from tests.unit.cli.conftest import Command
from tests.unit.client.fake_service import FakeService, done_task


@pytest.fixture
def two_tasks(service: FakeService) -> FakeService:
    """The newest first, as a server lists them; it works in the session of another."""
    service.tasks = {"task-9": done_task("task-9"), **service.tasks}
    service.tasks["task-9"].session_id = "shared"
    service.sessions["shared"] = session_pb2.Session(id="shared")
    return service


@pytest.mark.parametrize(
    "how",
    [
        ("get", "@latest"),
        ("watch", "@latest"),
        ("wait", "@latest"),
        ("logs", "@latest"),
        ("logs", "-f", "@latest"),
        ("results", "@latest"),
        ("files", "@latest"),
        ("download", "@latest"),
        ("cancel", "@latest"),
        ("update", "@latest", "--priority", "1"),
        ("retry", "@latest"),
        ("delete", "@latest"),
    ],
    ids=" ".join,
)
def test_it_is_the_newest_task(command: Command, two_tasks: FakeService, how: tuple[str, ...]) -> None:
    assert command(*how).code == 0
    first, *asked = two_tasks.requests
    assert isinstance(first, service_pb2.ListTasksRequest)
    assert first.page_size == 1
    ids = {
        request.task.id if isinstance(request, service_pb2.UpdateTaskRequest) else request.task_id  # type: ignore[attr-defined]
        for request in asked
    }
    assert ids == {"task-9"}


@pytest.mark.parametrize("how", [("get", "@latest"), ("archive", "@latest"), ("delete", "@latest")], ids=" ".join)
def test_for_a_session_it_is_the_newest_tasks(
    command: Command, two_tasks: FakeService, how: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert command("sessions", *how).code == 0
    assert two_tasks.requests[-1].session_id == "shared"  # type: ignore[attr-defined]


def test_a_new_task_may_name_it(command: Command, two_tasks: FakeService) -> None:
    submit = ("submit", "run", "--app-url", "http://shop.test/")
    assert command(*submit, "--session", "@latest").code == 0
    assert command(*submit, "--from-task", "@latest").code == 0
    first, second = two_tasks.asked(service_pb2.CreateTaskRequest)
    assert (first.task.session_id, first.task.from_task_id) == ("shared", "")
    assert (second.task.session_id, second.task.from_task_id) == ("", "task-9")


def test_without_a_task_it_is_not_found(command: Command, service: FakeService) -> None:
    service.tasks.clear()
    ran = command("get", "@latest")
    assert (ran.code, ran.err) == (5, "error: there is no task yet, so that @latest is none\n")
    assert task_pb2.Task() not in service.tasks.values()
