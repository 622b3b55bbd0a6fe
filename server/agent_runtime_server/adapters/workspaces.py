"""Workspaces as plain folders."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import aiofiles

from agent_runtime_server.domain.faults import FieldViolation, FileNotFound, InvalidField, PathOutsideSession
from agent_runtime_server.ports import SessionFile

PIECE = 1 << 20
_LINKED = "node_modules"
_TEST_FILE = re.compile(r"\.(spec|test)\.[cm]?[jt]sx?$")
_NO_TESTS = ("tests/quarantine/", "tests/seed.spec.")
_MOST_FILES = 100_000


class Toolchain(Protocol):
    """What a workspace needs of the toolchain."""

    def link(self, workspace: Path) -> None:
        """Make ``node_modules`` of the workspace lead to the toolchain."""
        ...


class FolderWorkspaces:
    """The ``Workspaces`` port: ``root/<session>/``."""

    def __init__(self, root: Path, toolchain: Toolchain) -> None:
        self._root = root.absolute()
        self._toolchain = toolchain

    async def prepare(self, session_id: str) -> Path:
        """The session's folder, made when it is new."""
        return await asyncio.to_thread(self._prepare, session_id)

    def _prepare(self, session_id: str) -> Path:
        workspace = self._root / session_id
        for folder in ("specs", "tests", "artifacts"):
            (workspace / folder).mkdir(parents=True, exist_ok=True)
        self._toolchain.link(workspace)
        return workspace

    async def next_round(self, session_id: str) -> int:
        """One more than the highest ``artifacts/run-<n>``."""
        return await asyncio.to_thread(self._next_round, session_id)

    def _next_round(self, session_id: str) -> int:
        runs = (self._root / session_id / "artifacts").glob("run-*")
        numbers = [int(run.name[4:]) for run in runs if run.name[4:].isdigit()]
        return max(numbers, default=0) + 1

    async def has_plan(self, session_id: str) -> bool:
        """Whether there is a plan."""
        specs = self._root / session_id / "specs"
        return await asyncio.to_thread(lambda: any(specs.glob("*.md")))

    async def has_tests(self, session_id: str) -> bool:
        """Whether there are tests to run."""

        def look() -> bool:
            workspace = self._root / session_id
            return any(
                _TEST_FILE.search(file.path) and not file.path.startswith(_NO_TESTS)
                for file in _walk(workspace, workspace, recursive=True)
            )

        return await asyncio.to_thread(look)

    async def quarantine(self, session_id: str, path: str, reason: str) -> str:
        """Move an unsteady test to ``tests/quarantine/``."""
        return await asyncio.to_thread(self._quarantine, session_id, path, reason)

    def _quarantine(self, session_id: str, path: str, reason: str) -> str:
        source = self._inside(session_id, path)
        target = self._root / session_id / "tests" / "quarantine" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        depth = len(Path(path).parent.parts)
        text = re.sub(r"^(\s*)test\(", r"\1test.fixme(", source.read_text(), flags=re.MULTILINE)
        text = re.sub(r"(from\s+['\"])((?:\.\./)+|\./)", lambda found: _moved(found, depth), text)
        target.write_text(f"// quarantined: {' '.join(reason.split())}\n{text}")
        source.unlink()
        return target.relative_to(self._root / session_id).as_posix()

    async def files(self, session_id: str, path: str, *, recursive: bool) -> Sequence[SessionFile]:
        """Files below a folder."""

        def look() -> Sequence[SessionFile]:
            folder = self._inside(session_id, path)
            if not folder.is_dir():
                if path:
                    raise FileNotFound(f"session {session_id} has no folder {path}")
                return ()
            found = sorted(_walk(self._root / session_id, folder, recursive=recursive), key=lambda file: file.path)
            return found[:_MOST_FILES]

        return await asyncio.to_thread(look)

    async def read(
        self, session_id: str, path: str, offset: int, limit: int
    ) -> tuple[SessionFile, AsyncIterator[bytes]]:
        """One file and its bytes."""

        def look() -> tuple[Path, SessionFile]:
            file = self._inside(session_id, path)
            if not file.is_file():
                raise FileNotFound(f"session {session_id} has no file {path}")
            return file, _describe(self._root / session_id, file)

        file, described = await asyncio.to_thread(look)
        if offset > described.size_bytes:
            behind = FieldViolation("read_offset", f"is behind the file's {described.size_bytes} bytes")
            raise InvalidField(f"read_offset {behind.description}", violations=[behind])
        return described, _pieces(file, offset, limit)

    def _inside(self, session_id: str, path: str) -> Path:
        """The real path, if it is in the session."""
        workspace = (self._root / session_id).resolve()
        target = workspace / path
        parts = Path(path).parts
        resolved = target.resolve()
        if "\0" in path or Path(path).is_absolute() or ".." in parts or not resolved.is_relative_to(workspace):
            raise PathOutsideSession(f"{path!r} leads out of the session")
        if _LINKED in parts:
            raise PathOutsideSession(f"{_LINKED} is not part of the session")
        return resolved


def _moved(found: re.Match[str], depth: int) -> str:
    """A relative import, seen from ``tests/quarantine/`` instead of from a folder ``depth`` deep."""
    up = found[2].count("../")
    return found[1] + "../" * (2 - depth + up) if 2 - depth + up > 0 else found[0]


def _walk(workspace: Path, folder: Path, *, recursive: bool) -> Iterator[SessionFile]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name == _LINKED or (path.is_symlink() and not path.resolve().is_relative_to(workspace.resolve())):
            continue
        if not path.exists():
            continue
        yield _describe(workspace, path)
        if recursive and path.is_dir() and not path.is_symlink():
            yield from _walk(workspace, path, recursive=True)


def _describe(workspace: Path, path: Path) -> SessionFile:
    state = path.stat()
    directory = path.is_dir()
    try:
        relative = path.relative_to(workspace)
    except ValueError:
        relative = path.relative_to(workspace.resolve())
    return SessionFile(
        path=relative.as_posix(),
        size_bytes=0 if directory else state.st_size,
        update_time=datetime.fromtimestamp(state.st_mtime, UTC),
        directory=directory,
    )


async def _pieces(path: Path, offset: int, limit: int) -> AsyncIterator[bytes]:
    async with aiofiles.open(path, "rb") as file:
        await file.seek(offset)
        left = limit or None
        while piece := await file.read(PIECE if left is None else min(PIECE, left)):
            yield piece
            if left is not None:
                left -= len(piece)
                if not left:
                    return
