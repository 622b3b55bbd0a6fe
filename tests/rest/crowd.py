"""Readers that come and go at random, and what a server holds for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.rest.support import Door

_SSE_HEAD = "Accept: text/event-stream\r\n"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
NO_BEAT = 300
"""Seconds between heartbeats: nobody is to learn from a write that fails that a reader has gone."""
_AT_ONCE = 50
"""Connections that are being opened."""
_STEP_SECONDS = 0.05
_FEW = 3


class Crowd:
    """As many readers of server-sent events as of a WebSocket, of one task."""

    def __init__(self, at: Door, task_id: str, each: int, seed: int) -> None:
        self._at = at
        self._task_id = task_id
        self._each = each
        self._random = Random(seed)

    async def stampede(self) -> None:
        """All come, and each leaves at once or when it has been told that its watch is open."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def come_and_go(head: str, patient: bool) -> None:
            async with gate:
                self._drop(await self._open(head, patient=patient))

        await asyncio.gather(*(come_and_go(head, self._random.random() < 0.5) for head in self._heads()))

    async def gather_and_leave(self) -> None:
        """All are there at the same time; then they leave in any order."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def come(head: str) -> asyncio.StreamWriter:
            async with gate:
                return await self._open(head, patient=True)

        writers = await asyncio.gather(*(come(head) for head in self._heads()))
        assert (await held(self._at))[0] >= 2 * self._each
        self._random.shuffle(writers)
        for writer in writers:
            self._drop(writer)

    def _heads(self) -> list[str]:
        heads = [_SSE_HEAD, UPGRADE] * self._each
        self._random.shuffle(heads)
        return heads

    async def _open(self, head: str, *, patient: bool) -> asyncio.StreamWriter:
        host = self._at.base_url.removeprefix("http://")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(f"GET /v1/tasks/{self._task_id}:watch HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode())
        if patient:
            await reader.readuntil(b"opened")
        return writer

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        if self._random.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()


async def held(at: Door) -> tuple[float, int, int]:
    """Open watches, tasks of the event loop, and sockets of the process."""
    scraped = (await at.http.get("/metrics")).text
    (watchers,) = [line for line in scraped.splitlines() if line.startswith("agent_runtime_watchers ")]
    return float(watchers.split()[1]), len(asyncio.all_tasks()), sum(_sockets())


async def let_go(at: Door, before: tuple[float, int, int]) -> None:
    """Wait until no more is held than before, but for a few: a server has work of its own."""
    while True:
        watches, tasks, sockets = await held(at)
        if watches == before[0] and tasks <= before[1] + _FEW and sockets <= before[2] + _FEW:
            return
        await asyncio.sleep(_STEP_SECONDS)


def _sockets() -> Iterator[bool]:
    for entry in Path("/proc/self/fd").iterdir():
        try:
            yield str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
