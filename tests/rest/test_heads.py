"""Heads of requests that are too long, or never there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agent_runtime_server.rest import heads
from tests.rest.crowd import held, let_go
from tests.rest.support import PATIENCE, Door, door
from tests.rest.test_streams import SSE
from tests.rpc.support import BLOCKING, driver_of

INFO = b"GET /v1/info HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = b"POST /v1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = b"x" * 5_000_000


@asynccontextmanager
async def opened(at: Door) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, with patience."""
    reader, writer = await asyncio.open_connection(*at.base_url.removeprefix("http://").split(":"))
    async with asyncio.timeout(PATIENCE):
        yield reader, writer
    writer.close()


async def answered(reader: asyncio.StreamReader) -> bytes:
    """The next answer, which says its length."""
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [line[16:] for line in head.split(b"\r\n") if line.startswith(b"content-length: ")]
    return head + await reader.readexactly(int(length))


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    """All that comes before the connection is closed, or broken."""
    told = b""
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            told += piece
    return told


@pytest.mark.parametrize("kept", [False, True], ids=["first", "kept"])
@pytest.mark.parametrize(
    "start", [b"GET /", INFO + b"A: ", INFO, b"\r\n"], ids=["address", "value of a header", "name of a header", "lines"]
)
async def test_a_head_that_is_too_long_is_refused(tmp_path: Path, start: bytes, kept: bool) -> None:
    rest = b"\r\n" * 2_500_000 if start == b"\r\n" else ENDLESS
    async with door(tmp_path) as at, opened(at) as (reader, writer):
        if kept:
            writer.write(INFO + b"\r\n")
            assert (await answered(reader)).startswith(b"HTTP/1.1 200 ")
        writer.write(start + rest)
        told = await answered(reader)
        assert told.startswith(b"HTTP/1.1 431 ")
        assert b'"status":431' in told
        assert await to_the_end(reader) == b""


async def test_who_sends_on_after_a_refusal_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_LINGER_SECONDS", 0.2)

    async def pour(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with door(tmp_path) as at, opened(at) as (_, writer):
        with pytest.raises(ConnectionError):
            await pour(writer)


async def test_trailers_are_bounded_too(tmp_path: Path) -> None:
    async with door(tmp_path) as at, opened(at) as (reader, writer):
        writer.write(CHUNKED + b"2\r\n{}\r\n0\r\nA: " + ENDLESS)
        assert await to_the_end(reader) == b""


async def test_long_heads_and_many_at_once_are_answered(tmp_path: Path) -> None:
    async with door(tmp_path) as at, opened(at) as (reader, writer):
        longest = INFO + b"A: " + b"x" * (heads.MAX_HEAD_BYTES - len(INFO) - 7) + b"\r\n\r\n"
        assert len(longest) == heads.MAX_HEAD_BYTES
        writer.write(longest)
        assert (await answered(reader)).startswith(b"HTTP/1.1 200 ")
        count = 100
        writer.write((INFO + b"A: " + b"x" * 2000 + b"\r\n\r\n") * count)
        for _ in range(count):
            assert (await answered(reader)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("kept", [False, True], ids=["first", "kept"])
@pytest.mark.parametrize("sent", [b"", b"G", INFO], ids=["nothing", "a byte", "half a head"])
async def test_a_head_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes, kept: bool
) -> None:
    async with door(tmp_path) as at:
        if not kept:
            monkeypatch.setattr(heads, "HEAD_SECONDS", 0.5)
        async with opened(at) as (reader, writer):
            if kept:
                writer.write(INFO + b"\r\n")
                await answered(reader)
                monkeypatch.setattr(heads, "HEAD_SECONDS", 0.5)
                writer.write(INFO + b"\r\n")
                await answered(reader)
            writer.write(sent)
            assert await to_the_end(reader) == b""


async def test_a_head_that_comes_in_drops_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door(tmp_path) as at:
        monkeypatch.setattr(heads, "HEAD_SECONDS", 0.5)
        async with opened(at) as (reader, writer):
            writer.write(INFO + b"A: ")
            ending = asyncio.create_task(to_the_end(reader))
            while not ending.done():
                writer.write(b"x")
                await asyncio.wait({ending}, timeout=0.05)
            assert ending.result() == b""


async def test_a_call_may_take_longer_than_its_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        monkeypatch.setattr(heads, "HEAD_SECONDS", 1.0)
        address = f"/v1/tasks/{task['id']}:watch?heartbeat_interval=1s"
        async with asyncio.timeout(PATIENCE):
            async with at.http.stream("GET", address, headers=SSE) as response, at.socket(address) as other:
                text = ""
                async for piece in response.aiter_text():
                    text += piece
                    if text.count(": heartbeat") == 2:
                        break
                while '"heartbeat"' not in str(await other.recv()):
                    pass
                await (await other.ping())


async def test_connections_far_beyond_the_bound_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_SPARE_CONNECTIONS", -21_000)
    async with door(tmp_path, max_watchers=20_001) as at, opened(at) as (first, writer):
        async with opened(at) as (second, _):
            assert await to_the_end(second) == b""
        writer.write(INFO + b"\r\n")
        assert (await answered(first)).startswith(b"HTTP/1.1 200 ")


async def test_who_asks_for_more_and_leaves_ends_the_call_under_way(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        await at.line.until(task["id"], lambda seen: bool(seen.current_phase))
        before = await held(at)
        async with opened(at) as (reader, writer):
            address = f"/v1/tasks/{task['id']}:watch?heartbeat_interval=1s"
            writer.write(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            await reader.readuntil(b'"opened"')
            writer.write(INFO + b"\r\n")
            await writer.drain()
        async with asyncio.timeout(PATIENCE):
            await let_go(at, before)
