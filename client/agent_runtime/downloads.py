"""Downloads: a byte stream into a file, taken up again after a break and checked against its digest."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent_runtime.backoff import Backoff
from agent_runtime.errors import AgentRuntimeError, InvalidRequest, TransferCorrupt
from agent_runtime.v1 import artifact_pb2

Chunks = AsyncGenerator[artifact_pb2.FileChunk, None]
ReadFrom = Callable[[int], Chunks]
"""Reads a byte stream from an offset to its end."""

_TRIES_WITHOUT_PROGRESS = 5


async def download(read: ReadFrom, target: Path, *, backoff: Backoff) -> Path:
    """Write a whole byte stream to ``target``, which appears only when it is complete and its sha256 is right.

    Until then the bytes are in ``<target>.part``; a later call goes on from there if the stream has a digest to prove
    that they belong together. Raises ``TransferCorrupt``, or the error of the read after some tries in vain.
    """
    part = target.with_name(target.name + ".part")
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    whole = await _resume(read, part, backoff) or await _fetch(read, part, 0, backoff)
    if not await asyncio.to_thread(_matches, part, whole):
        await asyncio.to_thread(part.unlink)
        raise TransferCorrupt(f"{target.name}: the bytes received do not match the size or sha256 that was announced")
    await asyncio.to_thread(part.replace, target)
    return target


async def download_unsized(read: Callable[[], Chunks], target: Path, *, backoff: Backoff) -> Path:
    """Write a byte stream that has neither size nor digest, nor can be read from an offset, to ``target``.

    A break begins it anew; ``target`` appears only when the stream has ended in order.
    """
    part = target.with_name(target.name + ".part")
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    failures = 0
    try:
        while True:
            try:
                await _fetch_unsized(read(), part)
                break
            except AgentRuntimeError as error:
                failures += 1
                if not error.broken or failures >= _TRIES_WITHOUT_PROGRESS:
                    raise
            await asyncio.sleep(backoff.delay(failures))
        await asyncio.to_thread(part.replace, target)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
    return target


async def _fetch_unsized(stream: Chunks, part: Path) -> None:
    offset = 0
    async with contextlib.aclosing(stream) as chunks:
        with await asyncio.to_thread(_open_at, part, 0) as file:
            async for chunk in chunks:
                offset = await _write(file, chunk, offset, part.stem)


@dataclass(frozen=True, slots=True)
class _Whole:
    """What the first chunk says of the whole stream; the digest may be unknown."""

    size: int
    sha256: str


async def _resume(read: ReadFrom, part: Path, backoff: Backoff) -> _Whole | None:
    """Complete the part file that an earlier call left; None if there is none, or if it is of something else."""
    earlier = await asyncio.to_thread(_size, part)
    if not earlier:
        return None
    with contextlib.suppress(InvalidRequest, TransferCorrupt):
        whole = await _fetch(read, part, earlier, backoff)
        matches = await asyncio.to_thread(_matches, part, whole)
        if matches and whole.sha256:
            return whole
    return None


async def _fetch(read: ReadFrom, part: Path, offset: int, backoff: Backoff) -> _Whole:
    """Bring the part file from ``offset`` to the end of the stream, over several reads if need be."""
    failures = 0
    whole: _Whole | None = None
    while True:
        before = offset
        try:
            async with contextlib.aclosing(read(offset)) as chunks:
                with await asyncio.to_thread(_open_at, part, offset) as file:
                    async for chunk in chunks:
                        if chunk.size_bytes or chunk.sha256:
                            whole = _same(whole, _Whole(chunk.size_bytes, chunk.sha256), part.stem)
                        offset = await _write(file, chunk, offset, part.stem)
            return whole or _Whole(0, "")
        except AgentRuntimeError as error:
            failures = failures + 1 if offset == before else 1
            if not error.broken or failures >= _TRIES_WITHOUT_PROGRESS:
                raise
            await asyncio.sleep(backoff.delay(failures))


async def _write(file: BinaryIO, chunk: artifact_pb2.FileChunk, offset: int, name: str) -> int:
    """Write the chunk that is due at an offset; the next offset."""
    if chunk.offset != offset:
        raise TransferCorrupt(f"{name}: got offset {chunk.offset} where {offset} was due")
    await asyncio.to_thread(file.write, chunk.data)
    return offset + len(chunk.data)


def _same(known: _Whole | None, said: _Whole, name: str) -> _Whole:
    if known is not None and said != known:
        raise TransferCorrupt(f"{name}: it changed while it was read")
    return said


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _open_at(path: Path, offset: int) -> BinaryIO:
    file = path.open("r+b" if offset else "wb")
    file.seek(offset)
    file.truncate()
    return file


def _matches(path: Path, whole: _Whole) -> bool:
    if _size(path) != whole.size:
        return False
    if not whole.sha256:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == whole.sha256.lower()
