"""A real server over real sockets, HTTP beside gRPC, with scripted hands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import EventSource
from websockets.asyncio.client import connect

from tests.rpc.support import APP, Line, line

PATIENCE = 60.0
"""Seconds; for what must happen, on a machine that is busy."""


@dataclass
class Door:
    """A running server with its HTTP door."""

    line: Line
    base_url: str
    http: httpx.AsyncClient

    @property
    def ws_url(self) -> str:
        """Where WebSockets are."""
        return self.base_url.replace("http://", "ws://")

    def socket(self, path: str) -> connect:
        """A WebSocket, to be opened."""
        return connect(self.ws_url + path, open_timeout=PATIENCE)

    async def create(self, task_type: str = "plan", **fields: Any) -> dict[str, Any]:
        """Create a task over HTTP; fields of the task."""
        task = {"task_type": task_type, "configuration": {"app_url": APP}} | fields
        made: dict[str, Any] = answer(await self.http.post("/v1/tasks", json=task))
        return made

    async def done(self, task_id: str) -> dict[str, Any]:
        """The task at its end."""
        async with asyncio.timeout(PATIENCE):
            while True:
                waited = answer(await self.http.get(f"/v1/tasks/{task_id}:wait"))
                if waited["met"]:
                    task: dict[str, Any] = waited["task"]
                    return task


@dataclass
class Message:
    """What a reader of server-sent events gets."""

    event: str
    id: str
    data: Any


async def events(response: httpx.Response) -> AsyncIterator[Message]:
    """The messages of a stream, to its end; those without data are none."""
    async for sent in EventSource(response).aiter_sse():
        if sent.data:
            yield Message(sent.event, sent.id, json.loads(sent.data))


def answer(response: httpx.Response, status: int = 200) -> Any:
    """The JSON of an answer with the expected status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


@asynccontextmanager
async def door(folder: Path, *parts: Any, **settings: Any) -> AsyncIterator[Door]:
    """Serve on free ports of this machine; arguments are those of ``line``."""
    async with line(folder, *parts, **{"http_address": "127.0.0.1:0"} | settings) as served:
        assert served.app.door is not None
        await served.app.door.opened.wait()
        address = served.app.door.address
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as http:
            yield Door(served, address, http)
