"""What connects the server with a process tree: the command's standard streams and the supervisor's control socket."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Literal

MAX_LINE = 1 << 20
"""Longest line in bytes; the rest of it is dropped."""
CHUNK = 1 << 14
"""Most bytes read from a pipe at once."""

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line without its end; bytes that are not UTF-8 are replaced."""

    stream: Stream
    text: str
    truncated: bool = False
    """Whether it was longer than MAX_LINE and was cut."""


async def input_pipe(owned: ExitStack, handed_over: ExitStack) -> tuple[asyncio.StreamWriter, int]:
    """A pipe to write to, and the end to hand over."""
    loop = asyncio.get_running_loop()
    theirs, ours = os.pipe()
    handed_over.callback(os.close, theirs)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(ours, "wb", 0)
    )
    owned.callback(transport.close)
    return asyncio.StreamWriter(transport, protocol, None, loop), theirs


async def output_pipe(owned: ExitStack, handed_over: ExitStack) -> tuple[asyncio.StreamReader, int]:
    """A pipe to read from, and the end to hand over."""
    ours, theirs = os.pipe()
    handed_over.callback(os.close, theirs)
    reader = asyncio.StreamReader(limit=CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", 0)
    )
    owned.callback(transport.close)
    return reader, theirs


class Control:
    """The server's end of the control socket: JSON lines both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: Mapping[str, object]) -> None:
        """Tell the supervisor; one that has ended misses nothing."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")
            with suppress(ConnectionError):
                await self._writer.drain()

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the supervisor tells, until it ends."""
        with suppress(ConnectionError):
            while (line := await self._reader.readline()).endswith(b"\n"):
                yield json.loads(line)

    def close(self) -> None:
        """Let go of the supervisor; it kills what it still has."""
        self._writer.close()


class Splitter:
    """Cuts one stream into lines of a bounded length."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held = bytearray()
        self._cut = False

    def feed(self, data: bytes) -> list[OutputLine]:
        """The lines that this piece of the stream completes."""
        *ends, start = data.split(b"\n")
        lines = []
        for end in ends:
            self._hold(end)
            lines.append(self._take())
        self._hold(start)
        return lines

    def rest(self) -> list[OutputLine]:
        """The last line, if the stream did not end with a line's end."""
        return [self._take()] if self._held else []

    def _hold(self, piece: bytes) -> None:
        room = MAX_LINE - len(self._held)
        self._cut |= len(piece) > room
        self._held += piece[:room]

    def _take(self) -> OutputLine:
        line = OutputLine(self._stream, self._held.decode(errors="replace").removesuffix("\r"), self._cut)
        self._held.clear()
        self._cut = False
        return line
