"""A server as a process of its own, tasks seen through to their end, and what they left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import psutil

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.paging import pages
from agent_runtime.v1 import artifact_pb2, event_pb2, service_pb2, task_pb2, test_result_pb2
from agent_runtime.watch import WatchUpdate
from agent_runtime_server.adapters.processes import Owner
from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.contract.runner_fixtures import toolchain

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 60
COMPLETE = task_pb2.TASK_TYPE_COMPLETE
RUN = task_pb2.TASK_TYPE_RUN


class SignIn(TypedDict):
    """Whom to sign in as."""

    username: str
    password: str


SIGN_IN = SignIn(username=CUSTOMER_EMAIL, password=CUSTOMER_PASSWORD)
"""The shop's customer."""


class ServerNotStarted(RuntimeError):
    """The server ended, or said nothing in time; the message has the end of its log."""


class Server:
    """``agent-runtime serve`` with data of its own. What it starts can be told by its folder for temporary files."""

    def __init__(self, folder: Path, address: str = "127.0.0.1:0", **settings: object) -> None:
        """Start it, and wait until it listens; ``settings`` are put into its environment. Raises ServerNotStarted.

        Another server may have worked in the folder before, and been killed.
        """
        self.workspaces = folder / "workspaces"
        self.state = folder / "state"
        self.log = folder / "server.log"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AGENT_RUNTIME_")}
        environment |= {
            "AGENT_RUNTIME_HTTP_ADDRESS": "none",
            "AGENT_RUNTIME_TOOLCHAIN_DIR": str(toolchain().directory),
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("client", "server")),
            "TMPDIR": str(self.temporary),
        }
        environment |= {f"AGENT_RUNTIME_{name.upper()}": str(value) for name, value in settings.items()}
        command = [
            *(sys.executable, "-m", "agent_runtime.cli.main", "serve", "--address", address),
            *("--workspace-root", str(self.workspaces), "--state-dir", str(self.state)),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.address = self._listening()
        self.http_address = self._http() if settings.get("http_address") else ""

    @property
    def pid(self) -> int:
        """Process id of the server itself."""
        return self._process.pid

    def _listening(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if " listens on " not in line:
            self._process.kill()
            self._process.wait()
            raise ServerNotStarted(f"{line}{self.log.read_text()[-2000:]}")
        return line.rpartition(" listens on ")[2].strip()

    def _http(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().removeprefix("HTTP on ").strip()

    def client(self) -> AgentRuntimeClient:
        """A client of this server."""
        return AgentRuntimeClient(self.address)

    def started(self) -> dict[int, str]:
        """Live processes, by id, that this server has started, or one before it on its folders; not itself.

        They descend from it, bear its mark, or got their environment from it.
        """
        found = {process.pid: _named(process) for process in self._descendants()}
        marks = self._marks()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.rlimit(psutil.RLIMIT_LOCKS)[1] in marks or self._has_our_folder(process):
                    found[process.pid] = _named(process)
        return {pid: name for pid, name in found.items() if name and pid != self.pid}

    def _marks(self) -> range:
        """What the server's processes bear; see ``adapters.processes.leftovers``."""
        owner = self.state / "owner"
        return Owner.of(owner).marks if owner.exists() else range(0)

    def _has_our_folder(self, process: psutil.Process) -> bool:
        return Path(process.environ().get("TMPDIR", "/")).is_relative_to(self.temporary)

    def _descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> int:
        """SIGTERM, and the exit code; a server that does not go is killed, which is no exit code 0."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()

    def kill(self) -> None:
        """SIGKILL, at whatever it is."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _named(process: psutil.Process) -> str:
    """What a process is; empty if it has ended."""
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else " ".join(process.cmdline())[:200] or process.name()
    except psutil.NoSuchProcess:
        return ""


@contextlib.contextmanager
def server(folder: Path, address: str = "127.0.0.1:0", **settings: object) -> Iterator[Server]:
    """A server inside the block; it may be killed there."""
    running = Server(folder, address, **settings)
    try:
        yield running
    finally:
        running.stop()


@dataclass
class Followed:
    """A task as its watcher saw it, up to its end."""

    task: task_pb2.Task
    events: list[event_pb2.TaskEvent] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """For each event, seconds from when it happened to when the watcher had it."""
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return self.task.id

    @property
    def logs(self) -> list[str]:
        """The messages of all log lines."""
        return [entry.message for event in self.events for entry in event.log.entries]

    @property
    def activities(self) -> list[str]:
        """What it said that it was doing."""
        said = [event.phase_change.activity for event in self.events if event.HasField("phase_change")]
        return [activity for activity in said if activity]

    @property
    def verdict(self) -> str:
        """Status and verdict, or status and reason, in short."""
        task = self.task
        if task.HasField("error"):
            reason = task_pb2.FailureReason.Name(task.error.reason).removeprefix("FAILURE_REASON_")
            return f"{_status(task)} {reason}"
        return f"{_status(task)} {task_pb2.TestVerdict.Name(task.result.verdict).removeprefix('TEST_VERDICT_')}"

    def trouble(self) -> str:
        """Why it did not go well, for the message of an assertion."""
        return f"{self.verdict}: {self.task.error.status.message}\n{self.task.result.summary_markdown}\n" + "\n".join(
            self.logs[-30:]
        )


def _status(task: task_pb2.Task) -> str:
    return task_pb2.TaskStatus.Name(task.status).removeprefix("TASK_STATUS_")


async def follow(client: AgentRuntimeClient, task_id: str) -> Followed:
    """Watch a task live, from its start to its end."""
    followed = Followed(task_pb2.Task(id=task_id))
    async for update in client.watch(task_id):
        now = time.time()
        assert not isinstance(update, service_pb2.WatchGap), update
        if isinstance(update, task_pb2.Task):
            followed.task = update
        else:
            followed.events.append(update)
            followed.delays.append(now - update.event_time.ToNanoseconds() / 1e9)
    task = followed.task
    followed.seconds = (task.end_time.ToNanoseconds() - task.create_time.ToNanoseconds()) / 1e9
    return followed


async def carry_out(
    client: AgentRuntimeClient, kind: task_pb2.TaskType.ValueType, app_url: str, seconds: float, **fields: Any
) -> Followed:
    """Create a task and follow it to its end, for at most so many seconds."""
    async with asyncio.timeout(seconds):
        task = await client.create_task(kind, app_url, **fields)
        return await follow(client, task.id)


async def until(
    client: AgentRuntimeClient, task_id: str, seen: Callable[[WatchUpdate], bool], seconds: float
) -> WatchUpdate:
    """The first update of a task that is as wanted; asserts that there is one."""
    async with asyncio.timeout(seconds), contextlib.aclosing(client.watch(task_id)) as updates:
        async for update in updates:
            if seen(update):
                return update
    raise AssertionError(f"task {task_id} ended before")


async def artifacts(client: AgentRuntimeClient, task_id: str) -> list[artifact_pb2.Artifact]:
    """All artifacts of a task."""
    return [
        artifact
        async for page in pages(lambda token: client.list_artifacts(task_id, page_token=token))
        for artifact in page.artifacts
    ]


async def results(client: AgentRuntimeClient, task_id: str) -> list[test_result_pb2.TestCase]:
    """All test cases of a task."""
    return [
        test
        async for page in pages(lambda token: client.list_test_results(task_id, page_token=token))
        for test in page.tests
    ]


@contextlib.asynccontextmanager
async def mute_app() -> AsyncIterator[str]:
    """The address of an app that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def dead_app() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"
