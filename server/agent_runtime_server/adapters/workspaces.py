"""Workspaces as plain folders."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import aiofiles

from agent_runtime_server.domain import quarantine
from agent_runtime_server.domain.faults import FieldViolation, FileNotFound, InvalidField, PathOutsideSession
from agent_runtime_server.ports import SessionFile

PIECE = 1 << 20
_SIGNED_IN = ".auth"
"""Where suites keep the cookies of a signed-in browser, by Playwright's custom."""
_NOT_OF_SESSION = frozenset({"node_modules", _SIGNED_IN})
_LEFT_BEHIND = (_SIGNED_IN, "artifacts/run-0")
_TEST_FILE = re.compile(r"\.(spec|test)\.[cm]?[jt]sx?$")
_NO_TESTS = (f"{quarantine.FOLDER}/", "tests/seed.spec.", "artifacts/")
_MOST_FILES = 100_000
"""Longest list of files; the rest is left out."""


class Toolchain(Protocol):
    """What a workspace needs of the toolchain."""

    def link(self, workspace: Path) -> None:
        """Make ``node_modules`` of the workspace lead to the toolchain."""
        ...


class FolderWorkspaces:
    """The ``Workspaces`` port: ``root/<session>/``."""

    def __init__(self, root: Path, toolchain: Toolchain) -> None:
        self._root = _real(root)
        self._toolchain = toolchain

    async def prepare(self, session_id: str) -> Path:
        """The session's folder, made when it is new."""

        def make() -> Path:
            workspace = self._workspace(session_id)
            for folder in ("specs", "tests", "artifacts"):
                (workspace / folder).mkdir(parents=True, exist_ok=True)
            self._toolchain.link(workspace)
            return workspace

        return await asyncio.to_thread(make)

    async def next_round(self, session_id: str) -> int:
        """One more than the highest ``artifacts/run-<n>``."""

        def count() -> int:
            runs = (self._workspace(session_id) / "artifacts").glob("run-*")
            return 1 + max((int(run.name[4:]) for run in runs if run.name[4:].isdecimal()), default=0)

        return await asyncio.to_thread(count)

    async def has_plan(self, session_id: str) -> bool:
        """Whether there is a plan: a Markdown file in ``specs/``."""
        specs = self._workspace(session_id) / "specs"
        return await asyncio.to_thread(lambda: any(path.is_file() for path in specs.glob("*.md")))

    async def has_tests(self, session_id: str) -> bool:
        """Whether there are tests to run, but for the seed and what is in quarantine."""

        def look() -> bool:
            workspace = self._workspace(session_id)
            return any(
                _TEST_FILE.search(file.path) and not file.directory and not file.path.startswith(_NO_TESTS)
                for file in _walk(workspace, workspace, recursive=True)
            )

        return await asyncio.to_thread(look)

    async def quarantine(self, session_id: str, path: str, reason: str) -> str:
        """Move an unsteady test to ``tests/quarantine/``. Raises PathOutsideSession, FileNotFound."""

        def move() -> str:
            with _reachable(session_id, path):
                source = self._file(session_id, path)
            workspace = self._workspace(session_id)
            old = source.relative_to(workspace).as_posix()
            new = quarantine.path_of(old)
            target = workspace / new
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(quarantine.set_aside(source.read_text("utf-8"), old, reason), "utf-8")
            source.unlink()
            return new

        return await asyncio.to_thread(move)

    async def tidy(self, session_id: str) -> None:
        """Remove the cookies of signed-in browsers, and what the flake filter's runs have written."""

        def remove() -> None:
            workspace = self._workspace(session_id)
            for path in _LEFT_BEHIND:
                shutil.rmtree(workspace / path, ignore_errors=True)

        await asyncio.to_thread(remove)

    async def files(self, session_id: str, path: str, *, recursive: bool) -> Sequence[SessionFile]:
        """Files below a folder, sorted by path. Raises PathOutsideSession, FileNotFound."""

        def look() -> Sequence[SessionFile]:
            workspace = self._workspace(session_id)
            with _reachable(session_id, path):
                folder = self._inside(session_id, path)
                if folder != workspace and not folder.is_dir():
                    raise FileNotFound(f"session {session_id} has no folder {path}")
                found = _walk(workspace, folder, recursive=recursive)
                return sorted(found, key=lambda file: file.path)[:_MOST_FILES]

        return await asyncio.to_thread(look)

    async def read(
        self, session_id: str, path: str, offset: int, limit: int
    ) -> tuple[SessionFile, AsyncIterator[bytes]]:
        """One file and its bytes, as many as it has now. Raises PathOutsideSession, FileNotFound, InvalidField."""

        def look() -> tuple[Path, SessionFile]:
            with _reachable(session_id, path):
                file = self._file(session_id, path)
                return file, _describe(self._workspace(session_id), file, file.stat())

        file, described = await asyncio.to_thread(look)
        left = described.size_bytes - offset
        if left < 0:
            behind = FieldViolation("read_offset", f"is behind the file's {described.size_bytes} bytes")
            raise InvalidField(f"read_offset {behind.description}", violations=[behind])
        return described, _pieces(file, offset, min(limit, left) if limit else left)

    def _workspace(self, session_id: str) -> Path:
        if session_id in ("", ".", "..") or "/" in session_id or "\0" in session_id:
            raise PathOutsideSession(f"{session_id!r} is no session id")
        return self._root / session_id

    def _inside(self, session_id: str, path: str) -> Path:
        """The real path, if it is in the session."""
        workspace = self._workspace(session_id)
        if "\0" in path or ".." in Path(path).parts:
            raise PathOutsideSession(f"{path!r} leads out of the session")
        real = _real(workspace / path)
        if not real.is_relative_to(workspace):
            raise PathOutsideSession(f"{path!r} leads out of the session")
        if kept_out := _NOT_OF_SESSION.intersection(Path(path).parts + real.relative_to(workspace).parts):
            raise PathOutsideSession(f"{min(kept_out)} is not part of the session")
        return real

    def _file(self, session_id: str, path: str) -> Path:
        file = self._inside(session_id, path)
        if not file.is_file():
            raise FileNotFound(f"session {session_id} has no file {path}")
        return file


@contextmanager
def _reachable(session_id: str, path: str) -> Iterator[None]:
    """What the system refuses to look at, such as a name that is too long, is not there."""
    try:
        yield
    except OSError as problem:
        raise FileNotFound(f"session {session_id} has no {path[:200]}: {problem.strerror}") from problem


def _real(path: Path) -> Path:
    # Unlike Path.resolve, it takes a circle of links for a path of its own.
    return Path(os.path.realpath(path))


def _walk(workspace: Path, folder: Path, *, recursive: bool) -> Iterator[SessionFile]:
    """What is in a folder now; links out of the workspace, and files that go meanwhile, are left out."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name in _NOT_OF_SESSION or (entry.is_symlink() and not _real(path).is_relative_to(workspace)):
            continue
        try:
            yield _describe(workspace, path, entry.stat())
        except OSError:
            continue
        if recursive and entry.is_dir(follow_symlinks=False):
            yield from _walk(workspace, path, recursive=True)


def _describe(workspace: Path, path: Path, state: os.stat_result) -> SessionFile:
    directory = stat.S_ISDIR(state.st_mode)
    return SessionFile(
        path=path.relative_to(workspace).as_posix(),
        size_bytes=0 if directory else state.st_size,
        update_time=datetime.fromtimestamp(state.st_mtime, UTC),
        directory=directory,
    )


async def _pieces(path: Path, offset: int, count: int) -> AsyncIterator[bytes]:
    async with aiofiles.open(path, "rb") as file:
        await file.seek(offset)
        while count and (piece := await file.read(min(PIECE, count))):
            yield piece
            count -= len(piece)
