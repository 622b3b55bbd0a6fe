"""A way to the server that can be broken off: bytes are passed on, and heads of requests are noted."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """Listens on a port of its own; each connection leads to the server while the way is whole."""

    def __init__(self, target: str) -> None:
        """``target`` is the server's ``http://HOST:PORT``."""
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self._target = (parts.hostname, parts.port)
        self._ways: set[asyncio.Task[None]] = set()
        self._broken = False
        self.heads: list[str] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.break_off()

    async def break_off(self) -> None:
        """Close all connections, and each new one at once."""
        self._broken = True
        ways = list(self._ways)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    def mend(self) -> None:
        """Let connections through again."""
        self._broken = False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = asyncio.current_task()
        assert way is not None
        self._ways.add(way)
        try:
            if not self._broken:
                await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._ways.discard(way)
            await _shut(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, back, self.heads))
                group.create_task(self._copy(there, writer, None))
        except* OSError:
            pass
        finally:
            await _shut(back)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, heads: list[str] | None) -> None:
        while piece := await source.read(65536):
            if heads is not None:
                heads.append(piece.decode("latin-1"))
            sink.write(piece)
            await sink.drain()
        sink.write_eof()


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
