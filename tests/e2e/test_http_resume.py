"""Server-sent events over kills of the server: a reader that comes back with its Last-Event-ID has every event once."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource

from tests.e2e.conftest import Tables
from tests.e2e.lives import SUITE, GatedPage, Lives, attempts, reach, says, upload
from tests.line.support import RUN

KILLS = 3
END_SECONDS = 300.0
_PAUSE_SECONDS = 0.1

pytestmark = pytest.mark.timeout(600)


async def test_a_reader_over_kills(tmp_path: Path, tables: Tables) -> None:
    page = GatedPage()
    with Lives(tmp_path, http_address=_free_address()) as lives, page.served() as url:
        async with lives.client() as client:
            session = await upload(client, SUITE, tmp_path / "suite")
            page.shut()
            task = await client.create_task(RUN, url, session_id=session, retry_policy=attempts(KILLS + 2))
            reading = asyncio.create_task(_read(lives.server.http_address, task.id))
            for kill in range(KILLS):
                await reach(client, task.id, says("Running the tests"), attempt=kill + 1)
                lives.kill()
                await lives.orphans_gone()
                await asyncio.to_thread(lives.again)
            page.gate.set()
            async with asyncio.timeout(END_SECONDS):
                sequences, closed, connections = await reading
            final = await client.get_task(task.id)
    assert sequences == list(range(1, final.sequence + 1))
    assert (closed["reason"], closed["task"]["status"]) == ("task_done", "completed")
    assert connections > KILLS
    header = ["kills", "connections", "events", "missing", "twice"]
    tables.add("Server-sent events over kills of the server", header, [(KILLS, connections, len(sequences), 0, 0)])


async def _read(address: str, task_id: str) -> tuple[list[int], dict[str, Any], int]:
    """As an EventSource does: the sequences of all events, what closed the last stream, and how often it connected."""
    sequences: list[int] = []
    last_id, connections = "0", 0
    async with httpx.AsyncClient(base_url=address, timeout=httpx.Timeout(20, read=60)) as http:
        while True:
            headers = {"accept": "text/event-stream", "last-event-id": last_id}
            try:
                async with http.stream("GET", f"/v1/tasks/{task_id}:watch", headers=headers) as response:
                    response.raise_for_status()
                    connections += 1
                    async for message in EventSource(response).aiter_sse():
                        last_id = message.id or last_id
                        if message.event == "closed" and (closed := json.loads(message.data))["reason"] == "task_done":
                            return sequences, closed, connections
                        if message.event == "message" and message.data:
                            sequences.append(json.loads(message.data)["sequence"])
            except httpx.TransportError:
                await asyncio.sleep(_PAUSE_SECONDS)


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"
