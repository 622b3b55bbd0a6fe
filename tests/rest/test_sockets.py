"""Watches as WebSockets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from agent_runtime_server.testing.script import Script
from tests.rest.support import PATIENCE, door
from tests.rest.test_streams import TALK
from tests.rpc.support import BLOCKING, driver_of


async def test_a_socket_gets_each_response_as_a_message_and_is_closed(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(TALK))) as at:
        task = await at.done((await at.create())["id"])
        async with asyncio.timeout(PATIENCE), at.socket(f"/v1/tasks/{task['id']}:watch?after_sequence=0") as socket:
            updates = [json.loads(text) async for text in socket]
            assert socket.close_code == 1000
        first, *middle, last = updates
        assert (list(first), list(last)) == (["opened"], ["closed"])
        sequences = [event["sequence"] for update in middle for event in update["events"]["events"]]
        assert sequences == list(range(1, task["sequence"] + 1))
        assert last["closed"]["task"]["status"] == "completed"


async def test_a_live_socket_outlives_what_its_client_says(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        async with asyncio.timeout(PATIENCE), at.socket(f"/v1/tasks/{task['id']}:watch") as socket:
            assert "opened" in json.loads(await socket.recv())
            for said in ("ping", b"\x00\xff", "{" * 1000):
                await socket.send(said)
            await at.line.cancel(task["id"])
            updates = [json.loads(text) async for text in socket]
        assert updates[-1]["closed"]["reason"] == "task_done"


async def test_too_long_a_message_ends_a_socket(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        async with asyncio.timeout(PATIENCE), at.socket(f"/v1/tasks/{task['id']}:watch") as socket:
            await socket.recv()
            await socket.send("x" * 100_000)
            await socket.wait_closed()
        assert socket.close_code == 1009


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/tasks/none:watch", 404),
        ("/v1/tasks/none:watch?after_sequence=x", 400),
        ("/v1/tasks:watch?filter=%28", 400),
        ("/v1/nothing", 403),
    ],
)
async def test_a_socket_is_refused_with_the_reason(tmp_path: Path, path: str, status: int) -> None:
    async with door(tmp_path) as at:
        with pytest.raises(InvalidStatus) as refused:
            async with at.socket(path):
                pass
        assert refused.value.response.status_code == status
        if status != 403:
            assert json.loads(refused.value.response.body or b"")["status"] == status


async def test_all_tasks_over_a_socket(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        async with asyncio.timeout(PATIENCE), at.socket("/v1/tasks:watch") as socket:
            update = json.loads(await socket.recv())
            assert update["task"]["id"] == task["id"]
            at.line.app.signals.drain()
            async for text in socket:
                update = json.loads(text)
            assert socket.close_code == 1000
        assert (update["closed"]["reason"], bool(update["resume_token"])) == ("draining", True)


async def test_pages_that_are_not_listed_open_no_socket(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING), cors_origins="http://good.test") as at:
        task = await at.create()
        address = f"{at.ws_url}/v1/tasks/{task['id']}:watch"
        for origin in ("http://good.test", at.base_url):
            async with connect(address, additional_headers={"origin": origin}, open_timeout=PATIENCE) as socket:
                assert "opened" in json.loads(await socket.recv())
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address, additional_headers={"origin": "http://bad.test"}, open_timeout=PATIENCE):
                pass
        assert refused.value.response.status_code == 403
