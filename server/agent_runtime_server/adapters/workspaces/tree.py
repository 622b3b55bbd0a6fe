"""What of a session's folder is anybody's to see, and how it is reached."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from agent_runtime_server.adapters.beneath import open_file, opened_folder, real
from agent_runtime_server.adapters.workspaces.runs import ARTIFACTS, OURS, Runs
from agent_runtime_server.domain.faults import FileNotFound, PathOutsideSession
from agent_runtime_server.ports import SessionFile

MODULES = "node_modules"
SIGNED_IN = ".auth"
"""Where suites keep the cookies of a signed-in browser, by Playwright's custom."""
NOT_OF_SESSION = frozenset({MODULES, SIGNED_IN, OURS})
"""Names that are no part of a session, in whatever folder."""


class Tree:
    """The files of one session as they are now; what is begun afterwards may be seen half done."""

    def __init__(self, session_id: str, root: Path) -> None:
        self.session_id = session_id
        self.root = root
        self._hidden_runs = Runs(root).hidden()

    def find(self, path: str) -> tuple[str, ...]:
        """The parts of a path, links followed, whether it is there or not. Raises PathOutsideSession."""
        asked = PurePosixPath(path)
        if "\0" in path or asked.is_absolute() or ".." in asked.parts:
            raise PathOutsideSession(f"{path[:200]!r} leads out of the session")
        found = real(self.root / path)
        if not found.is_relative_to(self.root):
            raise PathOutsideSession(f"{path[:200]!r} leads out of the session")
        parts = found.relative_to(self.root).parts
        if kept_out := NOT_OF_SESSION.intersection(asked.parts + parts):
            raise PathOutsideSession(f"{min(kept_out)} is not part of the session")
        return parts

    def folder(self, path: str) -> tuple[str, ...]:
        """The parts of a folder's path. Raises PathOutsideSession, FileNotFound."""
        with self._reachable(path):
            parts = self._see(path)
            if parts:
                with opened_folder(self.root, parts):
                    pass
            return parts

    def open(self, path: str) -> tuple[SessionFile, BinaryIO]:
        """A file, to read. Raises PathOutsideSession, FileNotFound."""
        with self._reachable(path):
            parts = self._see(path)
            if not parts:
                raise FileNotFound("the session itself is no file")
            file = open_file(self.root, parts)
            return describe(parts, os.fstat(file.fileno())), file

    def walk(self, parts: Sequence[str] = (), *, recursive: bool = True) -> Iterator[SessionFile]:
        """What is to be seen in a folder now, in no order. Links are what they lead to, but not gone into; links that
        lead out, special files, names that are no text and what goes meanwhile are left out."""
        waiting = [tuple(parts)]
        while waiting:
            folder = waiting.pop()
            try:
                entries = list(os.scandir(self.root.joinpath(*folder)))
            except OSError:
                continue
            for entry in entries:
                within = (*folder, entry.name)
                try:
                    if not self._is_shown(entry, within):
                        continue
                    yield describe(within, entry.stat())
                except OSError:
                    continue
                if recursive and entry.is_dir(follow_symlinks=False):
                    waiting.append(within)

    def _see(self, path: str) -> tuple[str, ...]:
        """The parts of a path that is not hidden. Raises PathOutsideSession, FileNotFound."""
        parts = self.find(path)
        if self._is_hidden(PurePosixPath(path).parts) or self._is_hidden(parts):
            raise FileNotFound(f"session {self.session_id} has no {path[:200]}")
        return parts

    def _is_shown(self, entry: os.DirEntry[str], parts: tuple[str, ...]) -> bool:
        if entry.name in NOT_OF_SESSION or self._is_hidden(parts) or not _is_text(entry.name):
            return False
        if entry.is_symlink():
            try:
                self._see("/".join(parts))
            except (PathOutsideSession, FileNotFound):
                return False
        return entry.is_file() or entry.is_dir()

    def _is_hidden(self, parts: Sequence[str]) -> bool:
        return len(parts) > 1 and parts[0] == ARTIFACTS and parts[1] in self._hidden_runs

    @contextmanager
    def _reachable(self, path: str) -> Iterator[None]:
        """What the system refuses to look at, such as a name that is too long, is not there."""
        try:
            yield
        except OSError as problem:
            raise FileNotFound(f"session {self.session_id} has no {path[:200]}: {problem.strerror}") from problem


def describe(parts: Sequence[str], state: os.stat_result) -> SessionFile:
    """A file or folder as callers know it, without its digest."""
    directory = stat.S_ISDIR(state.st_mode)
    return SessionFile(
        path="/".join(parts),
        size_bytes=0 if directory else state.st_size,
        update_time=datetime.fromtimestamp(state.st_mtime, UTC),
        directory=directory,
    )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
