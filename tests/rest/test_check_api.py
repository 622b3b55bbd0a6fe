"""``agent-runtime test-api`` against a real server with both doors."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.cli.probes import all_methods
from agent_runtime.v1 import service_pb2
from tests.rest.support import PATIENCE, door
from tests.rpc.support import line

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]


async def check(address: str, *arguments: str) -> tuple[int, str, str]:
    """Run the command; its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent_runtime.cli.main", "--server", address, "test-api", *arguments),
        env={**os.environ, "PYTHONPATH": str(ROOT / "client")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(2 * PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def checks(out: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(out)["checks"]
    return found


async def test_every_endpoint_is_as_it_has_to_be_and_nothing_is_left_behind(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        code, out, err = await check(served.line.app.address, "-o", "json")
        found = checks(out)
        assert [finding for finding in found if not finding["ok"]] == [], err
        assert (code, json.loads(out)["ok"]) == (0, True)
        called = {finding["call"] for finding in found if finding["door"] == "gRPC"}
        assert called == {f"{method.containing_service.name}.{method.name}" for method in all_methods()}
        over_http = [finding["call"] for finding in found if finding["door"] == "HTTP"]
        assert len(over_http) > len(called)
        assert {"GET /health", "GET /tasks", "POST /tasks", "GET /metrics", "GET /docs"} <= set(over_http)
        assert all(finding["milliseconds"] > 0 for finding in found)
        left = await served.line.sessions.ListSessions(service_pb2.ListSessionsRequest())
        tasks = await served.line.runtime.ListTasks(service_pb2.ListTasksRequest())
        assert (left.total_sessions, tasks.total_tasks) == (0, 0)


async def test_routes_of_the_contract_are_all_called(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        _, out, _ = await check(served.line.app.address, "-o", "json")
        called = [finding["call"] for finding in checks(out)]
        paths = (await served.http.get("/openapi.json")).json()["paths"]
        documented = {
            f"{verb.upper()} {path}"
            for path, operations in paths.items()
            for verb in operations
            if path.startswith("/v1/") and verb in ("get", "post", "put", "patch", "delete")
        }
        assert len(documented) >= 26
        assert [one for one in documented if not any(_fits(one, call) for call in called)] == []


def _fits(documented: str, call: str) -> bool:
    """Whether a call is one of an operation, such as ``GET /v1/tasks/{task_id}``."""
    pattern, path = documented.split("/"), call.split(" (")[0].split("?")[0].split("/")
    return len(pattern) == len(path) and all(
        wanted == given or (wanted.startswith("{") and wanted.partition("}")[2] == "".join(given.partition(":")[1:]))
        for wanted, given in zip(pattern, path, strict=True)
    )


async def test_an_answer_that_is_not_right_is_told(tmp_path: Path) -> None:
    async def not_the_door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    other = await asyncio.start_server(not_the_door, "127.0.0.1")
    url = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}"
    async with other, door(tmp_path) as served:
        code, out, _ = await check(served.line.app.address, url)
        lines = out.splitlines()
        assert code == 1
        assert any(line.startswith("--  HTTP  GET /health ") and "expected 200" in line for line in lines)
        # A route that is not there is no task that is not there.
        assert any(
            line.startswith("--  HTTP  GET /v1/tasks/no-such-task ") and "TASK_NOT_FOUND" in line for line in lines
        )
        assert all(line.startswith("ok") for line in lines if "  gRPC  " in line)


async def test_a_server_without_an_http_door_has_the_other_one(tmp_path: Path) -> None:
    async with line(tmp_path) as served:
        code, out, _ = await check(served.app.address)
        assert code == 0
        assert "the server has no HTTP door" in out
        assert "  HTTP  " not in out


async def test_bad_addresses_and_no_server_are_other_exit_codes() -> None:
    assert (await check("127.0.0.1:1", "ftp://x"))[0] == 2
    code, _, err = await check("127.0.0.1:1")
    assert (code, err.startswith("error: ")) == (3, True)
