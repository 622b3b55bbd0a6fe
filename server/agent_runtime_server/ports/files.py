"""Files: the folders that sessions work in, artifact bytes, and the room for both."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SessionFile:
    """A file or folder of a session; ``path`` is relative to it."""

    path: str
    size_bytes: int
    update_time: datetime
    directory: bool
    sha256: str = ""
    """Set by ``read`` and ``write`` only."""


class ArchiveFormat(Enum):
    """Formats of archives."""

    ZIP = "zip"
    TAR_ZSTD = "tar.zst"


class Workspaces(Protocol):
    """The folders that sessions work in."""

    async def prepare(self, session_id: str) -> Path:
        """The session's folder, made with its subfolders and the toolchain's link when it is new."""
        ...

    async def begin_run(self, session_id: str) -> int:
        """Make the folder of the next run and return its number, which is never given again in this session. Until
        ``end_run`` it is neither listed, read nor archived: it may hold secrets."""
        ...

    async def end_run(self, session_id: str, number: int) -> None:
        """Show the folder of a run whose files hold no secrets any more."""
        ...

    async def changed(self, session_id: str, since: datetime) -> Sequence[Path]:
        """Regular files that were changed since a moment, but for dependencies, stored browser state, runs' folders and
        what is the server's own; absolute paths, links not followed, at most 100,000. Raises OSError."""
        ...

    async def sessions(self) -> Sequence[str]:
        """Ids of the sessions that have a folder; other folders beside theirs are not among them."""
        ...

    async def has_folder(self, session_id: str) -> bool:
        """Whether there is a folder, or anything else, where that of the session would be."""
        ...

    async def abandon_runs(self, session_id: str) -> None:
        """Remove the folders of runs that were begun and not ended: whoever wrote them is gone."""
        ...

    async def forget_runs(self, session_id: str, before: datetime) -> None:
        """Remove the folders of runs that were last changed before a moment: videos fill disks."""
        ...

    def snapshot(self, session_id: str) -> AbstractAsyncContextManager[Path]:
        """A file, there inside the block, that ``restore`` takes: everything of the workspace that a phase may change.
        Of the runs' folders it knows the names only. The same content gives the same bytes."""
        ...

    async def restore(self, session_id: str, snapshot: AsyncIterator[bytes]) -> None:
        """Make the workspace what it was: what came since is removed, runs included. Raises OSError, ValueError for
        bytes that are no snapshot."""
        ...

    async def has_plan(self, session_id: str) -> bool:
        """Whether there is a plan to generate tests from."""
        ...

    async def has_tests(self, session_id: str) -> bool:
        """Whether there are tests to run."""
        ...

    async def quarantine(self, session_id: str, path: str, reason: str) -> str:
        """Move an unsteady test to ``tests/quarantine/`` as ``test.fixme`` with the reason; returns its new path."""
        ...

    async def tidy(self, session_id: str) -> None:
        """Remove what runs leave behind for nobody: cookies of signed-in browsers, files of the flake filter's runs,
        and what a runner that was killed had put beside the suite (names that begin with ``.agent-runtime.``)."""
        ...

    async def files(self, session_id: str, path: str, *, recursive: bool) -> Sequence[SessionFile]:
        """Files below a folder, sorted by path; without ``node_modules`` and ``.auth`` (cookies of signed-in browsers).
        Raises PathOutsideSession, FileNotFound."""
        ...

    async def write(
        self, session_id: str, path: str, pieces: AsyncIterator[bytes], *, sha256: str, overwrite: bool
    ) -> SessionFile:
        """Put a file into the session, made with its folders; nothing is seen of it before it is whole. A ``sha256``
        that is not empty must be that of the bytes. Raises PathOutsideSession, FileExists, DigestMismatch, OSError,
        and whatever ``pieces`` raises."""
        ...

    async def remove(self, session_id: str, path: str) -> None:
        """Remove one file; no error if there is none. Raises PathOutsideSession, OSError."""
        ...

    async def archive(self, session_id: str, form: ArchiveFormat) -> AsyncGenerator[bytes, None]:
        """The bytes of an archive of all that ``files`` lists, made as they are taken, in pieces of at most 1 MiB."""
        ...

    async def size(self, session_id: str) -> tuple[int, int]:
        """Bytes and number of the files that ``files`` lists."""
        ...

    async def delete(self, session_id: str) -> None:
        """Remove the session's folder; no error if there is none."""
        ...

    async def read(
        self, session_id: str, path: str, offset: int, limit: int
    ) -> tuple[SessionFile, AsyncGenerator[bytes, None]]:
        """One file and its bytes from ``offset``, at most ``limit`` of them (0: all), in pieces of at most 1 MiB.
        Raises PathOutsideSession, FileNotFound, InvalidField (offset behind the end)."""
        ...


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Stored bytes."""

    sha256: str
    size_bytes: int


class Blobs(Protocol):
    """Artifact bytes, by their digest. Nothing half-written is ever seen."""

    async def put(self, source: Path) -> BlobRef:
        """Keep a copy of a file, or a zip of a folder (same content, same bytes)."""
        ...

    def read(self, sha256: str, offset: int, limit: int) -> AsyncGenerator[bytes, None]:
        """Bytes from ``offset``, at most ``limit`` of them (0: all), in pieces of at most 1 MiB. Raises
        ArtifactNotFound."""
        ...

    async def sweep(self, in_use: Collection[str], before: datetime) -> int:
        """Remove the blobs that are not in use and were put before a moment; returns the bytes that this freed."""
        ...


class Disk(Protocol):
    """The room for state and workspaces. A reserve is held, so that ends can still be written on a full disk."""

    async def free(self) -> int:
        """Bytes left, the reserve not counted, where there are fewest."""
        ...

    async def spend_reserve(self) -> None:
        """Give the reserve up; no error if it is spent already."""
        ...

    async def hold_reserve(self) -> None:
        """Hold the reserve again, if there is room for it."""
        ...
