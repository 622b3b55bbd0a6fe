"""Archives of sessions, made piece by piece: neither an archive nor a file in it is ever whole in memory."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import IO, BinaryIO, cast

import zstandard

from agent_runtime_server.adapters.beneath import PIECE, chunks
from agent_runtime_server.adapters.workspaces.tree import Tree
from agent_runtime_server.domain.faults import FileNotFound, PathOutsideSession
from agent_runtime_server.ports import ArchiveFormat, SessionFile

_CHUNK = PIECE // 4
"""So much is read and packed between two looks whether a piece is full."""
_ZIP_LEVEL = 1
"""Most of a session is videos and traces, which no level makes smaller."""
_ZIP_TIMES = ((1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58))
"""The earliest and the latest time that a zip can tell."""


def archived(tree: Tree, form: ArchiveFormat) -> Generator[bytes, None, None]:
    """The pieces of an archive of all that is to be seen of a session; empty ones mean that none is full yet.

    Raises OSError, also for a file that gets shorter meanwhile.
    """
    sink = _Sink()
    pack = {ArchiveFormat.ZIP: _zip, ArchiveFormat.TAR_ZSTD: _tar_zstd}[form]
    with closing(pack(tree, sink)) as packing:
        for _ in packing:
            yield sink.take(at_least=PIECE)
    while piece := sink.take(at_least=1):
        yield piece


class _Sink:
    """What is packed and not yet taken; it can be written only, as zips allow."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self, *, at_least: int) -> bytes:
        """One piece; nothing if there is less than so much."""
        if len(self._waiting) < at_least:
            return b""
        piece = bytes(self._waiting[:PIECE])
        del self._waiting[:PIECE]
        return piece


def _zip(tree: Tree, sink: _Sink) -> Generator[None, None, None]:
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_DEFLATED, compresslevel=_ZIP_LEVEL) as archive:
        for file, opened in _contents(tree):
            earliest, latest = _ZIP_TIMES
            time = min(max(file.update_time.timetuple()[:6], earliest), latest)
            entry = zipfile.ZipInfo(file.path + "/" * file.directory, time)
            entry.external_attr = (stat.S_IFDIR if opened is None else stat.S_IFREG) << 16 | _mode(opened) << 16
            entry.compress_type = zipfile.ZIP_STORED if opened is None else zipfile.ZIP_DEFLATED
            entry.file_size = file.size_bytes
            with archive.open(entry, "w") as target:
                for chunk in _content(file, opened):
                    target.write(chunk)
                    yield
            yield


def _tar_zstd(tree: Tree, sink: _Sink) -> Generator[None, None, None]:
    packer = zstandard.ZstdCompressor().compressobj()
    with closing(_tar(tree)) as blocks:
        for block in blocks:
            sink.write(packer.compress(block))
            yield
    sink.write(packer.flush())


def _tar(tree: Tree) -> Generator[bytes, None, None]:
    for file, opened in _contents(tree):
        entry = tarfile.TarInfo(file.path)
        entry.type = tarfile.DIRTYPE if opened is None else tarfile.REGTYPE
        entry.mode = _mode(opened)
        entry.mtime = int(file.update_time.timestamp())
        entry.size = file.size_bytes
        yield entry.tobuf(tarfile.PAX_FORMAT)
        yield from _content(file, opened)
        yield bytes(-file.size_bytes % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _contents(tree: Tree) -> Iterator[tuple[SessionFile, BinaryIO | None]]:
    """Everything to be seen, sorted by path, files opened; without files that are gone meanwhile."""
    for each in sorted(tree.walk(), key=lambda file: file.path):
        if each.directory:
            yield each, None
            continue
        try:
            found, opened = tree.open(each.path)
        except (FileNotFound, PathOutsideSession):
            continue
        with opened:
            yield replace(found, path=each.path), opened


def _content(file: SessionFile, opened: BinaryIO | None) -> Iterator[bytes]:
    """As many bytes of a file as it had when it was opened."""
    left = file.size_bytes
    if opened is not None:
        for chunk in chunks(opened, left, _CHUNK):
            yield chunk
            left -= len(chunk)
    if left:
        raise OSError(f"{file.path} got shorter while it was archived")


def _mode(opened: BinaryIO | None) -> int:
    return 0o755 if opened is None or os.fstat(opened.fileno()).st_mode & stat.S_IXUSR else 0o644
