"""The socket between the reporter and the server."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from agent_runtime_server.adapters.playwright import channel as channels
from agent_runtime_server.adapters.playwright.channel import Channel, listen


async def _connect(channel: Channel) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_unix_connection(channel.path)
    return writer


async def test_lines_arrive_in_order_until_the_reporter_ends() -> None:
    lines: list[bytes] = []
    async with listen(lines.append) as channel:
        writer = await _connect(channel)
        writer.write(b"one\ntwo\nhalf")
        writer.close()
        await writer.wait_closed()
        while not channel.connected:
            await asyncio.sleep(0)
        await channel.drained()
    assert lines == [b"one\n", b"two\n"]
    assert not channel.path.exists()


async def test_only_the_first_connection_is_heard() -> None:
    lines: list[bytes] = []
    arrived = asyncio.Event()

    def take(line: bytes) -> None:
        lines.append(line)
        arrived.set()

    async with listen(take) as channel:
        reporter = await _connect(channel)
        reporter.write(b"real\n")
        await arrived.wait()
        reader, impostor = await asyncio.open_unix_connection(channel.path)
        impostor.write(b"forged\n")
        with suppress(ConnectionError):
            assert await reader.read() == b""
        for writer in (impostor, reporter):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await channel.drained()
    assert lines == [b"real\n"]


async def test_nothing_is_told_after_the_end() -> None:
    lines: list[bytes] = []
    arrived = asyncio.Event()

    def take(line: bytes) -> None:
        lines.append(line)
        arrived.set()

    async with listen(take) as channel:
        writer = await _connect(channel)
        writer.write(b"before\n")
        await arrived.wait()
    writer.write(b"after\n")
    for _ in range(10):
        await asyncio.sleep(0)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert lines == [b"before\n"]


async def test_without_a_reporter_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "END_SECONDS", 600.0)
    async with asyncio.timeout(60), listen(lambda _: None) as channel:
        await channel.drained()
