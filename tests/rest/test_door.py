"""The door itself: how it opens and closes, what it holds, and who must not wait for whom."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from agent_runtime.v1 import task_pb2
from agent_runtime_server import loopback
from agent_runtime_server.http_door import CannotListen, bound
from agent_runtime_server.rest.frames import Frames
from agent_runtime_server.settings import Settings
from agent_runtime_server.testing.script import Script
from tests.line.support import ROOT
from tests.rest.crowd import NO_BEAT, UPGRADE, Crowd, held, let_go
from tests.rest.support import PATIENCE, answer, door
from tests.rest.test_streams import SSE, TALK
from tests.rpc.support import BLOCKING, driver_of, line

_DOORS_OWN = ("starlette", "uvicorn", "websockets", "prometheus_client", "agent_runtime_server.rest")


def serve(folder: Path, wrapper: tuple[str, ...] = (), **settings: str) -> subprocess.Popen[str]:
    """A server of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AGENT_RUNTIME_")}
    environment |= {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("client", "server"))}
    environment["TMPDIR"] = settings.pop("tmpdir", tempfile.gettempdir())
    environment |= {f"AGENT_RUNTIME_{name.upper()}": value for name, value in settings.items()}
    command = [*wrapper, sys.executable, "-m", "agent_runtime.cli.main", "serve", "--address", "127.0.0.1:0"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_second_line_of_a_server_says_where_http_is_and_sigterm_ends_both(tmp_path: Path) -> None:
    server = serve(tmp_path, http_address="127.0.0.1:0")
    assert server.stdout is not None
    assert " listens on " in server.stdout.readline()
    said, _, address = server.stdout.readline().strip().rpartition(" ")
    assert said == "HTTP on"
    assert httpx.get(f"{address}/v1/info", timeout=PATIENCE).json()["http_url"] == address
    server.send_signal(signal.SIGTERM)
    out, errors = server.communicate(timeout=PATIENCE)
    assert (server.returncode, out) == (0, ""), errors
    assert "Traceback" not in errors


def test_a_port_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = serve(tmp_path, http_address=address)
        out, errors = server.communicate(timeout=PATIENCE)
        assert (server.returncode, out) == (1, "")
        assert errors.strip() == f"agent-runtime: cannot listen on {address} for HTTP: Address already in use"
        with pytest.raises(CannotListen), bound(Settings(http_address=address)):
            pass


def test_nothing_of_the_door_is_loaded_before_grpc_serves() -> None:
    code = f"""
import sys
import agent_runtime_server.app
print([name for name in sys.modules if name.startswith({_DOORS_OWN!r})])
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("client", "server"))}
    loaded = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


async def test_a_server_without_http_has_no_door(tmp_path: Path) -> None:
    async with line(tmp_path) as served:
        assert served.app.door is None


@pytest.mark.parametrize("host", ["[::1]", "localhost"])
async def test_other_names_of_this_machine(tmp_path: Path, host: str) -> None:
    async with door(tmp_path, http_address=f"{host}:0") as at:
        assert (await at.http.get("/v1/info")).status_code == 200


def test_a_server_takes_all_the_descriptors_that_it_may_have(tmp_path: Path) -> None:
    server = serve(tmp_path, ("sh", "-c", 'ulimit -Sn 256 && exec "$@"', "sh"), http_address="127.0.0.1:0")
    assert server.stdout is not None
    server.stdout.readline()
    soft, hard = psutil.Process(server.pid).rlimit(psutil.RLIMIT_NOFILE)
    assert soft == min(hard, 65_536) > 256
    server.terminate()
    server.communicate(timeout=PATIENCE)


async def test_a_server_ends_though_readers_are_there(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        address = f"/v1/tasks/{task['id']}:watch"
        async with asyncio.timeout(PATIENCE):
            async with at.http.stream("GET", address, headers=SSE) as response, at.socket(address) as other:
                await other.recv()
                at.line.app.signals.drain()
                assert "event: closed" in (await response.aread()).decode()
                assert [message async for message in other][-1].startswith('{"closed"')  # type: ignore[arg-type]


@pytest.mark.timeout(300)
async def test_a_reader_that_takes_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    script = Script([entry for entry in TALK for _ in range(400)], blocks=True)
    async with door(tmp_path, driver_of(plan=script)) as at:
        task = await at.create()
        await at.line.driver.player.told.wait()
        host = at.base_url.removeprefix("http://")
        stalled = []
        for _ in range(40):
            reader, writer = await asyncio.open_connection(*host.split(":"), limit=1024)
            request = f"GET /v1/tasks/{task['id']}:watch?after_sequence=0 HTTP/1.1\r\nHost: {host}\r\n\r\n"
            writer.write(request.encode())
            await reader.readline()  # it has begun, and is left there
            stalled.append(writer)
        async with asyncio.timeout(2 * PATIENCE):
            assert (await at.http.get(f"/v1/tasks/{task['id']}")).status_code == 200
            await at.line.cancel(task["id"])
            address = f"/v1/tasks/{task['id']}:watch"
            whole = await at.http.get(address, headers=SSE, params={"after_sequence": 0})
            assert "event: closed" in whole.text
        for writer in stalled:
            writer.close()


STALLING = [
    ("/v1/tasks/{}:watch?after_sequence=0", "Accept: text/event-stream\r\n", 1),
    ("/v1/tasks/{}:watch?after_sequence=0", UPGRADE, 1),
    ("/tasks/{}/stream", UPGRADE, 1),
    ("/tasks/{}/logs", "", 10),
]
"""Calls, and how often each is made: more is to come than the system's buffers hold."""


@pytest.mark.timeout(300)
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="there is nothing like it elsewhere")
async def test_the_connection_of_a_reader_that_takes_nothing_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "GIVE_UP_MS", 5000)  # it holds for the test's own connection, too
    script = Script([entry for entry in TALK for _ in range(400)], blocks=True)
    async with door(tmp_path, driver_of(plan=script)) as at:
        task = await at.create()
        async with asyncio.timeout(PATIENCE):
            while answer(await at.http.get(f"/tasks/{task['id']}/logs"))["total_debug_entries"] < 400 * len(TALK):
                await asyncio.sleep(0.05)
        host, _, port = at.base_url.removeprefix("http://").partition(":")

        def at_the_server(readers: list[socket.socket]) -> set[int]:
            ports = {reader.getsockname()[1] for reader in readers}
            mine = psutil.Process().net_connections("tcp")
            return {each.raddr[1] for each in mine if each.raddr and each.laddr[1] == int(port)} & ports

        loop = asyncio.get_running_loop()
        with ExitStack() as stack:
            readers = []
            for path, more, times in STALLING:
                reader = stack.enter_context(socket.socket())
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                reader.setblocking(False)
                await loop.sock_connect(reader, (host, int(port)))
                request = f"GET {path.format(task['id'])} HTTP/1.1\r\nHost: {host}:{port}\r\n{more}\r\n"
                await loop.sock_sendall(reader, request.encode() * times)
                assert await loop.sock_recv(reader, 1) == b"H"  # it has begun, and is left there
                readers.append(reader)
            async with asyncio.timeout(2 * PATIENCE):
                while at_the_server(readers):
                    assert (await at.http.get("/v1/info")).status_code == 200


@pytest.mark.timeout(300)
async def test_clients_that_drop_leave_nothing(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING), default_heartbeat_seconds=NO_BEAT) as at:
        task = await at.create()
        await at.line.until(task["id"], lambda seen: bool(seen.current_phase))
        before = await held(at)
        crowd = Crowd(at, task["id"], 50, seed=5)
        for appear in (crowd.stampede, crowd.gather_and_leave):
            async with asyncio.timeout(2 * PATIENCE):
                await appear()
                await let_go(at, before)
        assert (await at.line.get(task["id"])).status == task_pb2.TASK_STATUS_RUNNING


def test_frames_are_made_once_and_bounded() -> None:
    made: list[bytes] = []

    def make(message: bytes) -> bytes:
        made.append(message)
        return message * 100

    frames = Frames(max_bytes=3000)
    assert [frames.of(make, b"a" * 5), frames.of(make, b"b" * 5)] == [b"a" * 500, b"b" * 500]
    assert frames.of(make, b"a" * 5) == b"a" * 500
    assert made == [b"a" * 5, b"b" * 5]
    for letter in (b"c", b"d", b"e"):
        frames.of(make, letter * 5)
        assert frames.held_bytes <= 3000
    frames.of(make, b"a" * 5)
    assert made.count(b"b" * 5) == 1
    frames.of(make, b"b" * 5)
    assert (made.count(b"a" * 5), made.count(b"b" * 5)) == (1, 2)
    frames.of(make, b"x" * 1000)
    assert frames.held_bytes == 0
