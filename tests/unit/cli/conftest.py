from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from agent_runtime.cli.main import main
from tests.unit.client.fake_service import FakeService, done_task, log_events, serving_in_thread


@dataclass
class Ran:
    """What a command line came to."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def service() -> FakeService:
    """A fake server's state: one task that is done, with eight events."""
    return FakeService({"task-1": done_task()}, log_events(8))


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process."""

    def run_(*arguments: str) -> Ran:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        captured = capfd.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_


@pytest.fixture
def command(service: FakeService, run: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs a command line against the fake server."""
    with serving_in_thread(service) as address:
        monkeypatch.setenv("AGENT_RUNTIME_SERVER", address)
        yield run
