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
from tests.e2e.lives import GatedPage, Lives, attempts, reach, says
from tests.line.support import COMPLETE

KILLS = ("Exploring ", "Proving that", "Running the tests")
"""What the task says when the server is killed, in one attempt after the other."""
END_SECONDS = 300.0
_PAUSE_SECONDS = 0.1

pytestmark = pytest.mark.timeout(600)


async def test_a_reader_over_kills(tmp_path: Path, tables: Tables) -> None:
    with Lives(tmp_path, http_address=_free_address()) as lives, GatedPage().served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            task = await client.create_task(COMPLETE, url, retry_policy=attempts(len(KILLS) + 1))
            reading = asyncio.create_task(_read(lives.server.http_address, task.id))
            for attempt, text in enumerate(KILLS, 1):
                await reach(client, task.id, says(text), attempt)
                lives.kill()
                await asyncio.to_thread(lives.again)
            sequences, closed, connections = await reading
            final = await client.get_task(task.id)
    assert sequences == list(range(1, final.sequence + 1))
    assert (closed["reason"], closed["task"]["status"]) == ("task_done", "completed")
    assert connections > len(KILLS)
    header = ["kills", "connections", "events", "missing", "twice"]
    tables.add("Server-sent events over kills of the server", header, [(len(KILLS), connections, len(sequences), 0, 0)])


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
