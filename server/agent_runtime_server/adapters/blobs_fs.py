"""Artifact bytes in a folder, named by their digest."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import stat
import tempfile
import threading
import zipfile
from collections.abc import AsyncGenerator, Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

import aiofiles
from aiofiles.threadpool.binary import AsyncBufferedReader

from agent_runtime_server.domain.faults import ArtifactNotFound
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import BlobRef

PIECE = 1 << 20
_DIGEST = re.compile("[0-9a-f]{64}")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry of a zip: the same content gives the same bytes."""


class DirectoryBlobs:
    """The ``Blobs`` port: ``folder/ab/cd/abcd…``. A blob appears under its name only when it is whole and on disk.

    One process writes at a time (the state directory's lock sees to it); what it leaves half-written goes at the next
    start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)
        self._changing = threading.Lock()
        """So that no blob is swept away that is put again in this moment, nor its folder."""

    async def put(self, source: Path) -> BlobRef:
        """Keep a copy of a file, or a zip of a folder. Symbolic links in the folder are left out.

        Raises FileNotFoundError, also for what is neither a file nor a folder: a symbolic link, a pipe.
        """
        return await asyncio.to_thread(self._put, source)

    def _put(self, source: Path) -> BlobRef:
        with tempfile.NamedTemporaryFile(dir=self._incoming, delete=False) as target:
            incoming = Path(target.name)
            try:
                if source.is_dir() and not source.is_symlink():
                    _zip(source, target)
                else:
                    with _open_file(source) as file:
                        shutil.copyfileobj(file, target, PIECE)
                target.flush()
                os.fsync(target.fileno())
                with incoming.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    size = file.tell()
                final = self._path(digest)
                with self._changing:
                    final.parent.mkdir(parents=True, exist_ok=True)
                    incoming.replace(final)
            finally:
                incoming.unlink(missing_ok=True)
        for folder in (final.parent, final.parent.parent, self._folder):
            _sync(folder)
        return BlobRef(digest, size)

    async def read(self, sha256: str, offset: int, limit: int) -> AsyncGenerator[bytes, None]:
        """Bytes from ``offset``, at most ``limit`` of them (0: all). Raises ArtifactNotFound."""
        try:
            file = await _opened(self._path(sha256))
        except (FileNotFoundError, ValueError):
            raise ArtifactNotFound("the artifact's bytes are gone") from None
        try:
            await file.seek(offset)
            left = limit or None
            while piece := await file.read(PIECE if left is None else min(PIECE, left)):
                yield piece
                if left is not None:
                    left -= len(piece)
        finally:
            await to_the_end(file.close())

    async def sweep(self, in_use: Collection[str], before: datetime) -> int:
        """Remove the blobs that are not in use and were put before a moment; returns the bytes that this freed."""
        return await to_the_end(asyncio.to_thread(self._sweep, in_use, before))

    def _sweep(self, in_use: Collection[str], before: datetime) -> int:
        freed = 0
        for blob in list(self._folder.glob("??/??/*")):
            if blob.name in in_use:
                continue
            with self._changing:
                state = blob.lstat()
                if state.st_mtime >= before.timestamp():
                    continue
                blob.unlink()
                freed += state.st_size
                with suppress(OSError):  # others are still in there
                    blob.parent.rmdir()
                    blob.parent.parent.rmdir()
        return freed

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no SHA-256 digest")
        return self._folder / digest[:2] / digest[2:4] / digest


async def _opened(path: Path) -> AsyncBufferedReader:
    """A file, to read. Raises OSError. When it is not wanted any more before it is open, it is closed again."""
    opening = asyncio.ensure_future(aiofiles.open(path, "rb"))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await to_the_end(_closed(opening))  # also when it is cancelled again
        raise


async def _closed(opening: asyncio.Future[AsyncBufferedReader]) -> None:
    with suppress(OSError):
        await (await opening).close()


def _open_file(path: Path) -> BinaryIO:
    """A regular file, opened; neither a link is followed nor a pipe waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{path} is not a regular file")
    return os.fdopen(descriptor, "rb")


def _zip(folder: Path, target: IO[bytes]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with _open_file(path) as source, archive.open(entry, "w", force_zip64=True) as sink:
                shutil.copyfileobj(source, sink, PIECE)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
