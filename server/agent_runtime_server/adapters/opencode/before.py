"""A workspace as it was before an agent worked in it: what has changed since, and putting it back."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from agent_runtime_server.adapters.opencode import beneath

MAX_FILES = 20_000
MAX_KEPT_BYTES = 1 << 20
"""Larger files are not kept."""
MAX_ALL_KEPT_BYTES = 64 << 20
SNAPSHOTS = ".playwright-mcp"
"""Where Playwright's tools put pages that they saw, for the agent to read."""
KEPT_FOLDER = "tests"
"""Where files are kept with their content, so that they can be put back."""

_NOT_LOOKED_INTO = frozenset(
    {"node_modules", ".git", ".auth", ".agent-runtime", "artifacts", "test-results", SNAPSHOTS}
)


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Enough to see whether a file was written."""

    inode: int
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths of the workspace, sorted."""

    added: tuple[str, ...]
    altered: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Whatever is not as it was."""
        return tuple(sorted((*self.added, *self.altered, *self.removed)))

    @property
    def written(self) -> tuple[str, ...]:
        """What is new or has another content."""
        return tuple(sorted((*self.added, *self.altered)))


@dataclass(frozen=True, slots=True)
class Before:
    """Regular files of a workspace, but for dependencies, artifacts, browser state and what is the runtime's own."""

    workspace: Path
    _stamps: Mapping[str, _Stamp]
    _kept: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def look(cls, workspace: Path) -> Before:
        """As they are now. Raises OSError."""
        stamps: dict[str, _Stamp] = {}
        kept: dict[str, bytes] = {}
        room = MAX_ALL_KEPT_BYTES
        for path, stamp in _files(workspace):
            stamps[path] = stamp
            if path.startswith(f"{KEPT_FOLDER}/") and stamp.size <= min(MAX_KEPT_BYTES, room):
                with suppress(OSError):
                    kept[path] = beneath.read(workspace, path, MAX_KEPT_BYTES)
                    room -= len(kept[path])
        return cls(workspace, stamps, kept)

    @property
    def paths(self) -> tuple[str, ...]:
        """What there was, sorted."""
        return tuple(sorted(self._stamps))

    def changes(self) -> Changes:
        """What has changed since. Raises OSError."""
        now = dict(_files(self.workspace))
        return Changes(
            tuple(sorted(now.keys() - self._stamps.keys())),
            tuple(sorted(path for path in now.keys() & self._stamps.keys() if self._differs(path, now[path]))),
            tuple(sorted(self._stamps.keys() - now.keys())),
        )

    def put_back(self, paths: Collection[str]) -> None:
        """Make files what they were, as far as they were kept; what was not there is removed. Raises OSError."""
        for path in paths:
            if path in self._kept:
                beneath.write(self.workspace, path, self._kept[path])
            elif path not in self._stamps:
                beneath.remove(self.workspace, path)

    def _differs(self, path: str, now: _Stamp) -> bool:
        if now == self._stamps[path]:
            return False
        if path not in self._kept or now.size != len(self._kept[path]):
            return True
        return beneath.read(self.workspace, path, MAX_KEPT_BYTES) != self._kept[path]


def _files(workspace: Path) -> Iterator[tuple[str, _Stamp]]:
    """Raises OSError when there are too many."""
    count = 0
    for folder, folders, names, descriptor in os.fwalk(workspace, follow_symlinks=False):
        folders[:] = [name for name in folders if name not in _NOT_LOOKED_INTO]
        within = PurePosixPath(folder).relative_to(workspace)
        for name in names:
            with suppress(FileNotFoundError):
                seen = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(seen.st_mode):
                    count += 1
                    if count > MAX_FILES:
                        raise OSError(f"the workspace has more than {MAX_FILES} files")
                    yield str(within / name), _Stamp(seen.st_ino, seen.st_size, seen.st_mtime_ns)
