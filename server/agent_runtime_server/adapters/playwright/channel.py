"""Where the reporter's lines arrive: a Unix socket of the run's own, apart from everything that tests print."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from agent_runtime_server.adapters.processes import SHORT, Owner

MAX_LINE = 8 << 20
"""Bytes; the reporter's own bounds keep an attempt's line well below it."""
MAX_PATH = 100
"""What fits into a socket address everywhere, in bytes."""
_REST = len("/xxxxxxxx/reporter")
"""What a socket's path has besides the folder for temporary files and the prefix."""
TURN_LINES = 100
"""Lines that are taken before others have their turn."""
END_SECONDS = 10.0
"""How long the last lines may take to arrive after the runner has exited."""


class Channel:
    """The reporter's connection: one for each run, the first that is made."""

    def __init__(self, path: Path, take: Callable[[bytes], None]) -> None:
        self.path = path
        self._take = take
        self._ended = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._closed = False

    @property
    def folder(self) -> Path:
        """A folder of the run's own, gone with the channel."""
        return self.path.parent

    @property
    def connected(self) -> bool:
        """Whether the reporter has come."""
        return self._writer is not None

    async def drained(self) -> None:
        """Wait until the reporter has said everything. For after it has exited; bounded all the same."""
        if self.connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self._ended.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.connected:
            writer.close()
            return
        self._writer = writer
        try:
            # A reporter that was killed leaves half a line, or resets the connection; what came before it stands. After
            # a line that is too long (ValueError) nothing can be understood, and the run lacks its end.
            with suppress(ConnectionError, ValueError):
                while not self._closed:
                    for _ in range(TURN_LINES):
                        if not (line := await reader.readline()).endswith(b"\n") or self._closed:
                            return
                        self._take(line)
                    await asyncio.sleep(0)
        finally:
            writer.close()
            self._ended.set()

    async def _close(self) -> None:
        """Hand on no more lines."""
        self._closed = True
        if self._writer is not None:
            self._writer.transport.abort()
            await self._ended.wait()


@asynccontextmanager
async def listen(take: Callable[[bytes], None], owner: Owner | None = None) -> AsyncIterator[Channel]:
    """A channel that hands each line to ``take``, which must not fail. It is gone when the block is left.

    What the channel of an owner leaves when the server is killed is found by the next one.
    """
    prefix = owner.prefix if owner else "run-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=_short_folder(prefix)) as folder:
        channel = Channel(Path(folder) / "reporter", take)
        server = await asyncio.start_unix_server(channel._serve, str(channel.path), limit=MAX_LINE)
        try:
            yield channel
        finally:
            server.close()
            await channel._close()


def _short_folder(prefix: str) -> Path | None:
    """Where a socket's path is short enough; a deep TMPDIR is passed over."""
    room = MAX_PATH - len(prefix) - _REST
    return SHORT if len(tempfile.gettempdir().encode()) > room else None
