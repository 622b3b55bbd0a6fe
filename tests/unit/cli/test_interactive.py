"""The prompt, with its commands coming from a pipe."""

import io
import sys
from collections.abc import Callable

import pytest

from agent_runtime.v1 import service_pb2, task_pb2
from tests.unit.cli.conftest import Command, Ran
from tests.unit.client.fake_service import FakeService

Prompt = Callable[..., Ran]


@pytest.fixture
def prompt(command: Command, monkeypatch: pytest.MonkeyPatch) -> Prompt:
    """Runs lines at the prompt."""

    def run(*lines: str) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return command("interactive")

    return run


def test_commands_are_carried_out_one_after_another(prompt: Prompt, service: FakeService) -> None:
    ran = prompt("list", "logs task-1", "results", "cancel", "quit", "list")
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.count("STATUS") == 1, "nothing follows quit"
    assert "RESULT  ATTEMPTS" in ran.out
    assert "task task-1 is" in ran.out
    assert [asked.task_id for asked in service.asked(service_pb2.CancelTaskRequest)] == ["task-1"], "the newest"


def test_create_asks_for_what_it_needs(prompt: Prompt, service: FakeService) -> None:
    ran = prompt("create", "http://shop.test/", "plan", "Only the search")
    assert ran.code == 0
    (request,) = service.asked(service_pb2.CreateTaskRequest)
    assert request.task.task_type == task_pb2.TASK_TYPE_PLAN
    assert request.task.configuration.app_url == "http://shop.test/"
    assert request.task.configuration.instructions == "Only the search"
    prompt("create", "http://shop.test/", "", "")
    assert service.asked(service_pb2.CreateTaskRequest)[-1].task.task_type == task_pb2.TASK_TYPE_COMPLETE


def test_create_takes_what_submit_takes(prompt: Prompt, service: FakeService) -> None:
    prompt('create plan --app-url http://shop.test/ --instructions "Two words" -q')
    (request,) = service.asked(service_pb2.CreateTaskRequest)
    assert request.task.configuration.instructions == "Two words"


def test_what_fails_does_not_end_it(prompt: Prompt) -> None:
    ran = prompt("get none", "nonsense", 'logs "half', "create", "", "interactive", "watch task-1", "health")
    assert ran.code == 0
    assert ran.out.endswith("SERVING\n")
    for said in ("error: no task", "nonsense", "No closing quotation", "the address of an app", "already"):
        assert said.lower() in ran.err.lower(), said


def test_help_lists_the_commands_and_tells_of_each(prompt: Prompt) -> None:
    ran = prompt("help", "help logs")
    for name in ("create", "list", "watch", "logs", "cancel", "results", "quit"):
        assert f"\n{name}" in f"\n{ran.out}", name
    assert "--follow" in ran.out
