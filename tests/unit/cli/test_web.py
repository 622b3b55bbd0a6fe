import webbrowser

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.client.fake_service import FakeService


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that a browser was asked to open."""
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", asked.append)
    return asked


def test_open_prints_the_page_of_a_task_and_opens_it(command: Command, opened: list[str]) -> None:
    ran = command("open", "task-1")
    page = "http://127.0.0.1:5001/#/tasks/task-1"
    assert (ran.code, ran.out, opened) == (0, f"{page}\n", [page])
    assert command("open").out == f"{page}\n", "the newest"
    assert command("open", "@latest").out == f"{page}\n"


def test_open_can_print_only(command: Command, opened: list[str]) -> None:
    ran = command("open", "task-1", "--print")
    assert (ran.code, ran.out, opened) == (0, "http://127.0.0.1:5001/#/tasks/task-1\n", [])


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "[::]"])
def test_a_door_on_all_addresses_is_met_where_the_server_is(
    command: Command, service: FakeService, opened: list[str], everywhere: str
) -> None:
    service.http_url = f"http://{everywhere}:5001"
    assert command("open", "task-1").out == "http://127.0.0.1:5001/#/tasks/task-1\n"
    assert len(opened) == 1


def test_open_says_when_there_is_nothing_to_open(command: Command, service: FakeService, opened: list[str]) -> None:
    assert command("open", "none").code == 5
    service.http_url = ""
    ran = command("open", "task-1")
    assert ran.code == 1
    assert "no HTTP door" in ran.err
    assert opened == []
