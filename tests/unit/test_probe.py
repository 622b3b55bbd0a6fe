"""Whether an app is there, asked of real servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent_runtime_server.adapters import probe
from agent_runtime_server.adapters.probe import reach


@contextmanager
def app(*statuses: int) -> Iterator[str]:
    """The address of an app that answers with these, one after another, and then with the last one."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("statuses", [(200,), (404,), (302,), (503, 200)])
async def test_an_app_that_answers_is_there(statuses: tuple[int, ...]) -> None:
    """What it makes of a stranger is its own business, and it may need a moment."""
    with app(*statuses) as url:
        assert await reach(url) == ""


async def test_an_app_that_is_broken_is_told_with_its_status() -> None:
    with app(500) as url:
        assert await reach(url) == "it answers with HTTP status 500"


async def test_an_app_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert "refused" in await reach(f"http://127.0.0.1:{port}/")
