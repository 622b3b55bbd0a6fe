"""Uploads: files into a session, begun again after a break and checked against their digest."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from agent_runtime.backoff import Backoff
from agent_runtime.errors import AgentRuntimeError, FileExists
from agent_runtime.sending import Requests, WriteCall, send
from agent_runtime.v1 import artifact_pb2, service_pb2, session_pb2

OpenCall = Callable[[], WriteCall]
ReadFirstChunk = Callable[[], AsyncGenerator[artifact_pb2.FileChunk, None]]
"""Reads the file that is there, which need not be more than its first chunk."""

CHUNK_BYTES = 256 * 1024

_TRIES = 5


async def upload(
    open_call: OpenCall,
    read_first_chunk: ReadFirstChunk,
    source: Path,
    header: service_pb2.WriteSessionFileHeader,
    *,
    deadline: float,
    backoff: Backoff,
) -> session_pb2.SessionFile:
    """Write a local file to the place that the header names; it appears there whole or not at all.

    A try that breaks off is followed by another. If the file is there by then with the right bytes, the earlier try
    had got through. ``deadline`` is how many seconds a chunk, and the answer, may take.
    """
    header.sha256 = await asyncio.to_thread(digest_of, source)
    failures = 0
    while True:
        try:
            return (await send(open_call(), _requests(source, header), deadline=deadline)).file
        except FileExists:
            written = await _file_there(read_first_chunk, header.path) if failures else None
            if written is None or written.sha256.lower() != header.sha256:
                raise
            return written
        except AgentRuntimeError as error:
            failures += 1
            if not error.broken or failures >= _TRIES:
                raise
            await asyncio.sleep(backoff.delay(failures))


async def is_there(read_first_chunk: ReadFirstChunk, source: Path, path: str) -> bool:
    """Whether the file that is there is known to have the bytes of the local one."""
    there = await _file_there(read_first_chunk, path)
    return there.sha256 != "" and there.sha256.lower() == await asyncio.to_thread(digest_of, source)


def digest_of(path: Path) -> str:
    """The sha256 of a local file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file below a local folder; ``below`` is its path from there, with forward slashes."""

    path: Path
    below: str
    size: int


def files_below(folder: Path, exclude: Collection[str]) -> list[LocalFile]:
    """Every file below a folder, in order of name, without what is excluded by name. Raises OSError."""
    found = []
    for directory, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if name not in exclude)
        paths = (Path(directory, name) for name in sorted(files) if name not in exclude)
        found += [LocalFile(p, p.relative_to(folder).as_posix(), p.stat().st_size) for p in paths if p.is_file()]
    return found


def _refuse(error: OSError) -> NoReturn:
    raise error


async def _requests(source: Path, header: service_pb2.WriteSessionFileHeader) -> Requests:
    yield service_pb2.WriteSessionFileRequest(header=header)
    offset = 0
    with await asyncio.to_thread(source.open, "rb") as file:
        while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield service_pb2.WriteSessionFileRequest(chunk=artifact_pb2.FileChunk(offset=offset, data=data))
            offset += len(data)


async def _file_there(read_first_chunk: ReadFirstChunk, path: str) -> session_pb2.SessionFile:
    async with contextlib.aclosing(read_first_chunk()) as chunks:
        first = await anext(chunks, artifact_pb2.FileChunk())
    return session_pb2.SessionFile(
        name=PurePosixPath(path).name,
        path=path,
        size_bytes=first.size_bytes,
        sha256=first.sha256,
        media_type=first.media_type,
    )
