"""Artifact bytes in memory."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncGenerator, Collection
from datetime import UTC, datetime
from pathlib import Path

from agent_runtime_server.domain.faults import ArtifactNotFound
from agent_runtime_server.ports import BlobRef

_PIECE = 1 << 20


class MemoryBlobs:
    """The ``Blobs`` port."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self._put: dict[str, datetime] = {}

    async def put(self, source: Path) -> BlobRef:
        """Keep a copy of a file, or a zip of a folder."""
        data = _content(source)
        digest = hashlib.sha256(data).hexdigest()
        self._kept[digest] = data
        self._put[digest] = datetime.now(UTC)
        return BlobRef(digest, len(data))

    async def read(self, sha256: str, offset: int, limit: int) -> AsyncGenerator[bytes, None]:
        """Bytes from ``offset``."""
        if sha256 not in self._kept:
            raise ArtifactNotFound
        wanted = self._kept[sha256][offset : offset + limit if limit else None]
        for start in range(0, len(wanted), _PIECE):
            yield wanted[start : start + _PIECE]

    async def sweep(self, in_use: Collection[str], before: datetime) -> int:
        """Remove what is not in use and was put before a moment; returns the bytes that this freed."""
        old = [digest for digest, put in self._put.items() if digest not in in_use and put < before]
        for digest in old:
            del self._put[digest]
        return sum(len(self._kept.pop(digest)) for digest in old)


def _content(source: Path) -> bytes:
    if source.is_symlink() or not (source.is_file() or source.is_dir()):
        raise FileNotFoundError(f"{source} is neither a file nor a folder")
    return _zip(source) if source.is_dir() else source.read_bytes()


def _zip(folder: Path) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes())
    return written.getvalue()
