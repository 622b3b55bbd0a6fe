"""Artifact bytes in a folder, named by their digest."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiofiles

from agent_runtime_server.domain.faults import ArtifactNotFound
from agent_runtime_server.ports import BlobRef

PIECE = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry of a zip: the same content gives the same bytes."""


class DirectoryBlobs:
    """The ``Blobs`` port. A blob appears under its name only when it is whole and on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, source: Path) -> BlobRef:
        """Keep a copy of a file, or a zip of a folder. Raises FileNotFoundError."""
        return await asyncio.to_thread(self._put, source)

    def _put(self, source: Path) -> BlobRef:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix="incoming-")
        incoming = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as target:
                if source.is_dir():
                    _zip(source, incoming)
                else:
                    with source.open("rb") as file:
                        shutil.copyfileobj(file, target, PIECE)
                target.flush()
                os.fsync(target.fileno())
            with incoming.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            final = self._path(digest)
            final.parent.mkdir(exist_ok=True)
            size = incoming.stat().st_size
            incoming.replace(final)
        finally:
            incoming.unlink(missing_ok=True)
        return BlobRef(digest, size)

    async def read(self, sha256: str, offset: int, limit: int) -> AsyncIterator[bytes]:
        """Bytes from ``offset``. Raises ArtifactNotFound."""
        path = self._path(sha256)
        if not await asyncio.to_thread(path.exists):
            raise ArtifactNotFound("the artifact's bytes are gone")
        async with aiofiles.open(path, "rb") as file:
            await file.seek(offset)
            left = limit or None
            while piece := await file.read(PIECE if left is None else min(PIECE, left)):
                yield piece
                if left is not None:
                    left -= len(piece)
                    if not left:
                        return

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w") as sink:
                shutil.copyfileobj(source, sink, PIECE)
