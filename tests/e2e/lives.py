"""A server that is killed and started again on the same folders, and what it is given to do meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from types import TracebackType
from typing import Any, Self

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import event_pb2, task_pb2
from tests.contract.runner_fixtures import IMPORT
from tests.e2e.invariants import database
from tests.line.support import Followed, Server, follow

REACH_SECONDS = 180.0
"""How long a task may take to get to where something is done to it."""
GONE_SECONDS = 15.0
"""How long the processes of a server that was killed may live on."""
_STEP_SECONDS = 0.001

PAGE = "<!doctype html><html lang='en'><title>Page</title><h1>Hello</h1><a href='/'>Start</a></html>"

SUITE = {
    "tests/page.spec.ts": IMPORT
    + """
test('opens', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading')).toHaveText('Hello');
});
""",
}
"""One test that passes on the gated page."""

Seen = Callable[[event_pb2.TaskEvent], bool]


class Lives:
    """Servers on the same folders and address, one after the other."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        """Start the first one, with one slot and short waits between attempts unless told otherwise."""
        quick: dict[str, Any] = {"slots": 1, "drain_grace_seconds": 0, "retry_backoff_seconds": 0.2}
        self._folder = folder
        self._settings = {**quick, **settings}
        self.server = Server(folder, **self._settings)
        self.kills = 0

    def kill(self) -> None:
        """SIGKILL the server that runs."""
        self.server.kill()
        self.kills += 1

    def again(self) -> float:
        """Start the next one; seconds until it listened."""
        began = time.monotonic()
        self.server = Server(self._folder, self.server.address, **self._settings)
        return time.monotonic() - began

    async def orphans_gone(self) -> float:
        """Wait until nothing of the dead server is left by itself; seconds that this took."""
        began = time.monotonic()
        async with asyncio.timeout(GONE_SECONDS):
            while self.server.started():
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    def client(self) -> AgentRuntimeClient:
        """A client of whichever server runs."""
        return self.server.client()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()


async def reach(client: AgentRuntimeClient, task_id: str, seen: Seen, attempt: int = 1) -> event_pb2.TaskEvent:
    """The first event of an attempt that is as wanted; asserts that there is one."""
    async with asyncio.timeout(REACH_SECONDS), contextlib.aclosing(client.watch(task_id)) as updates:
        async for update in updates:
            if isinstance(update, event_pb2.TaskEvent) and update.attempt == attempt and seen(update):
                return update
    raise AssertionError(f"attempt {attempt} of task {task_id} did not get there")


def says(text: str) -> Seen:
    """An activity that begins with the text, or a log line that has it."""
    return lambda event: (
        event.phase_change.activity.startswith(text) or any(text in entry.message for entry in event.log.entries)
    )


def has(kind: str) -> Seen:
    """An event with this payload."""
    return lambda event: event.WhichOneof("payload") == kind


@contextlib.asynccontextmanager
async def watched(client: AgentRuntimeClient, task_id: str) -> AsyncIterator[asyncio.Task[Followed]]:
    """A watcher of the task that goes on over all lives of the server."""
    following = asyncio.create_task(follow(client, task_id))
    try:
        yield following
    finally:
        following.cancel()
        await asyncio.wait({following})


def stop_in_phase(running: Server, task_id: str, number: int) -> None:
    """Let a server go on in small steps until a task is in its phase of this number; it is stopped there."""
    with closing(database(running)) as connection:
        while True:
            os.kill(running.pid, SIGSTOP)
            # Where it was stopped while it had a lock, nobody can read until it goes on.
            try:
                phase, done = connection.execute("SELECT phase, done FROM task WHERE id = ?", (task_id,)).fetchone()
            except sqlite3.OperationalError as error:
                if "lock" not in str(error):
                    raise
            else:
                assert not done, "it was too fast"
                if phase == number:
                    return
            os.kill(running.pid, SIGCONT)
            time.sleep(_STEP_SECONDS)


async def upload(client: AgentRuntimeClient, files: Mapping[str, str], folder: Path) -> str:
    """A new session with these files; its id."""
    session = await client.create_session()
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        await client.upload_session_file(session.id, file, path)
    return session.id


class GatedPage:
    """A small web page that answers nobody while its gate is shut."""

    def __init__(self, html: str = PAGE, status: int = 200) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.knocked = threading.Event()
        """Somebody waits at the gate, or has."""
        self.html = html
        self.status = status

    def shut(self) -> None:
        """Let nobody in from now on."""
        self.knocked.clear()
        self.gate.clear()

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        """Its URL."""
        page = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if not page.gate.is_set():
                    page.knocked.set()
                page.gate.wait(REACH_SECONDS)
                content = page.html.encode()
                with contextlib.suppress(ConnectionError):
                    self.send_response(page.status)
                    self.send_header("content-type", "text/html; charset=utf-8")
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
                pass

        class Site(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A browser that was killed has hung up: that is no error here."""

        with Site(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/"
            finally:
                self.gate.set()
                server.shutdown()
                thread.join()


def once_each(followed: Followed) -> bool:
    """Whether a watcher saw every event of its task exactly once."""
    return [event.sequence for event in followed.events] == list(range(1, followed.task.sequence + 1))


def attempts(number: int) -> task_pb2.RetryPolicy:
    """At most so many attempts."""
    return task_pb2.RetryPolicy(max_attempts=number)
