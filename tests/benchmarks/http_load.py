"""Loads of HTTP clients, on bare sockets: they must cost less than what they measure."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import cast

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


def request_of(verb: str, path: str, body: bytes = b"", accept: str = "*/*") -> bytes:
    """The bytes of a request."""
    head = [f"{verb} {path} HTTP/1.1", "host: bench", f"accept: {accept}"]
    if body:
        head += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


class Caller(asyncio.Protocol):
    """One connection that sends a request again and again while there are numbers left."""

    def __init__(self, request: bytes, status: bytes, numbers: Iterator[int]) -> None:
        self._request = request
        self._status = b"HTTP/1.1 " + status
        self._numbers = numbers
        self._data = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.last = b""
        """The body of the last answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def begin(self) -> None:
        """Send the next request, if there is to be one."""
        if next(self._numbers, None) is None:
            self.done.set_result(None)
        else:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take in an answer; the next request follows when it is whole."""
        self._data += data
        end = self._data.find(_HEAD_END)
        if end < 0:
            return
        at = self._data.find(_LENGTH, 0, end) + len(_LENGTH)
        whole = end + len(_HEAD_END) + int(self._data[at : self._data.index(b"\r", at)])
        if len(self._data) < whole:
            return
        if not self._data.startswith(self._status):
            self.done.set_exception(RuntimeError(f"another answer than {self._status!r}: {self._data[:500]!r}"))
            return
        self.last = self._data[end + len(_HEAD_END) : whole]
        self._data = self._data[whole:]
        self.begin()

    def connection_lost(self, _error: Exception | None) -> None:
        """Nothing more will come."""
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server has hung up"))


async def connected(address: str, request: bytes, status: bytes, numbers: Iterator[int]) -> Caller:
    """A caller with its connection."""
    host, port = address.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    _, caller = await loop.create_connection(lambda: Caller(request, status, numbers), host, int(port))
    return caller


class Reader(asyncio.Protocol):
    """One connection that reads a stream to its end."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.pieces: list[bytes] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        cast("asyncio.WriteTransport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        """Keep it; what it holds is looked at when the clock has stopped."""
        self.pieces.append(data)
        if data.endswith(b"\r\n0\r\n\r\n") or (data == b"0\r\n\r\n" and self.pieces[-2].endswith(b"\r\n")):
            self.done.set_result(None)

    def sequences(self) -> list[int]:
        """The sequences of the events that came."""
        _head, _, chunked = b"".join(self.pieces).partition(_HEAD_END)
        body, at = bytearray(), 0
        while True:
            end = chunked.index(b"\r\n", at)
            size = int(chunked[at:end], 16)
            if not size:
                break
            body += chunked[end + 2 : end + 2 + size]
            at = end + 2 + size + 2
        return [
            json.loads(line[6:])["sequence"]
            for message in body.split(b"\n\n")
            if b"event:" not in message
            for line in message.split(b"\n")
            if line.startswith(b"data: ")
        ]


async def read(address: str, path: str, events: int, readers: int) -> tuple[float, float]:
    """Read a stream of server-sent events in several places at once: seconds, and the share of a core it took here."""
    host, port = address.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    request = request_of("GET", path, accept="text/event-stream")
    begin, cpu = time.perf_counter(), time.process_time()
    reading = [(await loop.create_connection(lambda: Reader(request), host, int(port)))[1] for _ in range(readers)]
    await asyncio.gather(*(reader.done for reader in reading))
    took = time.perf_counter() - begin
    share = (time.process_time() - cpu) / took
    for reader in reading:
        sequences = reader.sequences()
        assert len(sequences) >= events, f"{len(sequences)} of {events} events"
        assert sequences == list(range(1, len(sequences) + 1)), "a gap in the stream"
        reader.pieces.clear()
    return took, share
