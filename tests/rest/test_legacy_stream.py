"""The old service's WebSocket: its frames, in their order, and how it ends."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.task import Phase
from agent_runtime_server.rest.legacy import stream
from agent_runtime_server.testing.script import Script
from tests.orchestrator.support import NOW
from tests.rest.legacy_shapes import FRAMES, check
from tests.rest.support import PATIENCE, Door, answer, door
from tests.rest.test_legacy_logs import Halting, lines, said
from tests.rest.test_legacy_tasks import make, read
from tests.rpc.support import driver_of


def opened(at: Door, task_id: str, **options: Any) -> connect:
    """A client of a task's stream."""
    return connect(f"{at.ws_url}/tasks/{task_id}/stream", open_timeout=PATIENCE, **options)


async def next_frame(client: ClientConnection) -> dict[str, Any]:
    """The next frame, as it should look."""
    async with asyncio.timeout(PATIENCE):
        frame: dict[str, Any] = json.loads(await client.recv())
    if frame["event_type"] != "error":
        check(frame, FRAMES[frame["event_type"]])
    return frame


async def to_the_end(client: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """All frames that come, and the code that the server closes with."""
    frames = []
    with suppress(ConnectionClosed):
        while True:
            frames.append(await next_frame(client))
    assert client.close_code is not None
    return frames, client.close_code


def told(frames: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What frames tell, in short."""
    keys = {"status": ("status", "phase"), "debug": ("level", "message", "agent"), "complete": ("success", "error")}
    return [(frame["event_type"], *(frame["data"][key] for key in keys[frame["event_type"]])) for frame in frames]


async def phase_is(at: Door, task_id: str, phase: str) -> None:
    """Wait until a task is in a phase with all of its first lines recorded."""
    async with asyncio.timeout(PATIENCE):
        while (task := await read(at, task_id))["current_phase"] != phase or not task["debug_logs"]:
            pass


async def watchers(at: Door) -> int:
    """How many watches the server holds."""
    text = (await at.http.get("/metrics")).text
    (line,) = [line for line in text.splitlines() if line.startswith("agent_runtime_watchers ")]
    return int(float(line.split()[1]))


async def log_size(at: Door, task_id: str) -> int:
    """How many lines a task has logged."""
    logs = answer(await at.http.get(f"/tasks/{task_id}/logs"))
    return int(logs["total_debug_entries"])


async def nobody_watches(at: Door) -> None:
    async with asyncio.timeout(PATIENCE):
        while await watchers(at):
            await asyncio.sleep(0.02)


async def test_history_live_lines_statuses_and_the_end(tmp_path: Path) -> None:
    live: list[Fact] = [
        said("a live line"),
        said("beware", LogLevel.WARNING),
        said("of the server", LogLevel.DEBUG, LogSource.RUNTIME),
        PhaseChanged(Phase.PLANNING, Phase.PLANNING, "Trying things"),
        said("broken", LogLevel.ERROR),
    ]
    async with door(tmp_path, driver := Halting(lines(2), live)) as at:
        made = await make(at)
        await phase_is(at, made["id"], "planning")
        async with opened(at, made["id"]) as client:
            first = [await next_frame(client) for _ in range(3)]
            assert told(first) == [
                ("status", "running", "planning"),
                ("debug", "DEBUG", "[00:00:00] line 0", None),
                ("debug", "DEBUG", "[00:00:00] line 1", None),
            ]
            driver.go_on.set()
            then = [await next_frame(client) for _ in range(4)]
            assert told(then) == [
                ("debug", "INFO", "a live line", "planner"),
                ("debug", "WARNING", "beware", "planner"),
                ("debug", "DEBUG", "of the server", None),
                ("debug", "ERROR", "broken", "planner"),
            ]
            driver.go_on.set()
            rest, code = await to_the_end(client)
            assert told(rest) == [
                ("status", "running", "collecting"),
                ("status", "completed", "collecting"),
                ("complete", True, None),
            ]
            assert code == 1000
            assert {frame["data"]["task_id"] for frame in first + then + rest} == {made["id"]}


async def test_a_task_is_told_from_its_beginning(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(blocks=True)), slots=1) as at:
        holding, made = await make(at), await make(at)
        async with opened(at, made["id"]) as client:
            assert told([await next_frame(client)]) == [("status", "pending", "pending")]
            await at.http.post(f"/tasks/{holding['id']}/cancel")
            assert told([await next_frame(client) for _ in range(3)]) == [
                ("status", "initializing", "initializing"),
                ("status", "initializing", "preparing"),
                ("status", "running", "planning"),
            ]
            cancelled = asyncio.create_task(at.http.post(f"/tasks/{made['id']}/cancel"))
            frames, code = await to_the_end(client)
            assert told(frames) == [
                ("status", "running", "planning"),
                ("status", "cancelled", "planning"),
                ("complete", False, None),
            ]
            assert code == 1000
            assert answer(await cancelled)["status"] == "cancelled"


async def test_a_task_that_is_over_is_told_at_once(tmp_path: Path) -> None:
    async def nowhere(_url: str) -> str:
        return "nobody is there"

    async with door(tmp_path, probe=nowhere) as at:
        made = await make(at)
        task = await at.done(made["id"])
        message = task["error"]["status"]["message"]
        async with opened(at, made["id"]) as client:
            frames, code = await to_the_end(client)
        status, line, complete = frames
        assert told([status, complete]) == [("status", "failed", "collecting"), ("complete", False, message)]
        assert status["data"]["message"] == message
        assert line["data"]["message"].endswith("nobody is there")
        assert code == 1000


async def test_questions_are_answered_to_the_one_who_asks(tmp_path: Path) -> None:
    async with door(tmp_path, driver := Halting(lines(1))) as at:
        made = await make(at)
        await phase_is(at, made["id"], "planning")
        async with opened(at, made["id"]) as asking, opened(at, made["id"]) as silent:
            for client in (asking, silent):
                assert [frame[0] for frame in told([await next_frame(client), await next_frame(client)])] == [
                    "status",
                    "debug",
                ]
            await asking.send("ping")
            assert await asking.recv() == "pong"
            await asking.send("status")
            assert told([await next_frame(asking)]) == [("status", "running", "planning")]
            for nothing in ("", "pong", "{}", b"ping", "x" * 1000):
                await asking.send(nothing)
            await asking.send("ping")
            assert await asking.recv() == "pong"
            driver.go_on.set()
            frames, _ = await to_the_end(silent)
            assert [frame["event_type"] for frame in frames] == ["status", "status", "complete"]


async def test_pings_are_answered_after_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_GRACE_SECONDS", PATIENCE)
    async with door(tmp_path) as at:
        made = await make(at)
        await at.done(made["id"])
        async with opened(at, made["id"]) as client:
            assert [frame[0] for frame in told([await next_frame(client), await next_frame(client)])] == [
                "status",
                "complete",
            ]
            await client.send("ping")
            assert await client.recv() == "pong"
        await nobody_watches(at)


@pytest.mark.parametrize("task_id", ["nobody", "x" * 300])
async def test_an_unknown_task_is_closed_with_4004(tmp_path: Path, task_id: str) -> None:
    async with door(tmp_path) as at, opened(at, task_id) as client:
        await client.send("status")
        assert await to_the_end(client) == ([], 4004)


async def test_a_stream_outlives_its_watch(tmp_path: Path) -> None:
    driver = Halting(lines(2), lines(2, 2))
    async with door(tmp_path, driver, max_watch_age_seconds=1) as at:
        made = await make(at)
        await phase_is(at, made["id"], "planning")
        async with opened(at, made["id"]) as client:
            assert len([await next_frame(client) for _ in range(3)]) == 3
            async with asyncio.timeout(PATIENCE):
                while await watches_begun(at) < 3:
                    await asyncio.sleep(0.05)
            driver.go_on.set()
            assert told([await next_frame(client) for _ in range(2)]) == [
                ("debug", "INFO", "line 2", "planner"),
                ("debug", "INFO", "line 3", "planner"),
            ]
            driver.go_on.set()
            frames, code = await to_the_end(client)
            assert [frame["event_type"] for frame in frames] == ["status", "status", "complete"]
            assert code == 1000


async def watches_begun(at: Door) -> int:
    """How many watches of one task there have been."""
    text = (await at.http.get("/metrics")).text
    started = [line for line in text.splitlines() if line.startswith("grpc_server_started_total")]
    return sum(int(float(line.split()[-1])) for line in started if '"WatchTask"' in line)


async def test_a_server_that_goes_away_says_so(tmp_path: Path) -> None:
    async with door(tmp_path, Halting(lines(1))) as at:
        made = await make(at)
        await phase_is(at, made["id"], "planning")
        async with opened(at, made["id"]) as client:
            await next_frame(client)
            draining = asyncio.create_task(at.line.app.drain(timedelta()))
            frames, code = await to_the_end(client)
            assert frames[-1]["event_type"] == "error"
            assert set(frames[-1]["data"]) == {"task_id", "error", "timestamp"}
            assert code == 1012
            await draining


async def test_too_many_watchers_are_told_to_come_again(tmp_path: Path) -> None:
    async with door(tmp_path, Halting(lines(1)), max_watchers=1) as at:
        made = await make(at)
        async with opened(at, made["id"]) as first:
            await next_frame(first)
            async with opened(at, made["id"]) as second:
                frames, code = await to_the_end(second)
                assert [frame["event_type"] for frame in frames] == ["error"]
                assert code == 1013


async def test_clients_that_go_away_cancel_their_watches(tmp_path: Path) -> None:
    async with door(tmp_path, Halting(lines(1))) as at:
        made = await make(at)
        await phase_is(at, made["id"], "planning")
        clients = [await opened(at, made["id"]) for _ in range(50)]
        for client in clients:
            await next_frame(client)
        assert await watchers(at) == 50
        for number, client in enumerate(clients):
            if number % 2:
                client.transport.abort()
            else:
                await client.close()
        await nobody_watches(at)


async def test_a_client_that_takes_nothing_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_STALL_SECONDS", 0.5)
    long: list[Fact] = [LogEntry(NOW, LogLevel.INFO, LogSource.AGENT, "x" * 60_000) for _ in range(15)]
    async with door(tmp_path, driver := Halting(*[long] * 8)) as at:
        made = await make(at)
        for recorded in range(1, 9):  # more than what the sockets hold between them
            async with asyncio.timeout(PATIENCE):
                while await log_size(at, made["id"]) < recorded * len(long):
                    await asyncio.sleep(0.02)
            if recorded < 8:
                driver.go_on.set()
        with socket.socket() as mute:
            mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            host, port = at.ws_url.removeprefix("ws://").split(":")
            mute.connect((host, int(port)))
            mute.sendall(
                f"GET /tasks/{made['id']}/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            async with asyncio.timeout(PATIENCE):
                while await watches_begun(at) < 1:
                    await asyncio.sleep(0.02)
            await nobody_watches(at)
