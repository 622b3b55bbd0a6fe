"""Artifact bytes in memory."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

from agent_runtime_server.domain.faults import ArtifactNotFound
from agent_runtime_server.ports import BlobRef

_PIECE = 1 << 20


class MemoryBlobs:
    """The ``Blobs`` port."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def put(self, source: Path) -> BlobRef:
        """Keep a copy of a file, or a zip of a folder."""
        data = _content(source)
        digest = hashlib.sha256(data).hexdigest()
        self._kept[digest] = data
        return BlobRef(digest, len(data))

    async def read(self, sha256: str, offset: int, limit: int) -> AsyncIterator[bytes]:
        """Bytes from ``offset``."""
        if sha256 not in self._kept:
            raise ArtifactNotFound
        wanted = self._kept[sha256][offset : offset + limit if limit else None]
        for start in range(0, len(wanted), _PIECE):
            yield wanted[start : start + _PIECE]


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
