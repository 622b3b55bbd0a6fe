"""Snapshots of workspaces: a tar that is the same for the same content, and the way back from it.

Links are kept as they are, and never followed. Of ``artifacts`` there are the names of the runs' folders only.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from agent_runtime_server.adapters.beneath import chunks, new_file, open_file, opened_folder, real
from agent_runtime_server.adapters.workspaces.runs import ARTIFACTS, FILTERS, OURS, Runs, is_run
from agent_runtime_server.adapters.workspaces.tree import MODULES, NOT_OF_SESSION

_ENTRIES = "AGENT_RUNTIME.entries"
"""Says how many entries there are: a tar that is cut between two of them is as good as any other."""
_STAYS = frozenset({MODULES, ARTIFACTS, OURS})
"""Entries of a workspace that restoring leaves where they are."""


def take(workspace: Path, target: Path) -> None:
    """Write a snapshot of a workspace where nobody works. Raises OSError."""
    entries = sorted(_entries(workspace))
    told = {_ENTRIES: str(len(entries))}
    with (
        target.open("wb") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers=told) as tar,
    ):
        for parts, kind in entries:
            entry = tarfile.TarInfo("/".join(parts))
            entry.type, entry.mode = kind, 0o755
            if kind == tarfile.REGTYPE:
                with open_file(workspace, parts) as content:
                    state = os.fstat(content.fileno())
                    entry.size = state.st_size
                    entry.mode = 0o755 if state.st_mode & stat.S_IXUSR else 0o644
                    tar.addfile(entry, content)
                continue
            if kind == tarfile.SYMTYPE:
                with opened_folder(workspace, parts[:-1]) as folder:
                    entry.linkname = os.readlink(parts[-1], dir_fd=folder)
            tar.addfile(entry)


def restore(workspace: Path, snapshot: Path, scratch: Path) -> None:
    """Make a workspace what it was, by way of an empty folder beside it.

    Until the snapshot is unpacked nothing is changed, and what cannot be put into its place is put back. Raises
    OSError, ValueError for a file that is no snapshot.
    """
    fresh, old = scratch / "fresh", scratch / "old"
    fresh.mkdir()
    old.mkdir()
    try:
        runs = _unpack(snapshot, fresh)
    except (tarfile.TarError, EOFError, OverflowError) as problem:
        raise ValueError(f"this is no snapshot: {problem}") from problem
    _swap(workspace, fresh, old)
    _bring_modules_back(old, workspace)
    Runs(workspace).keep_only(runs)


def _entries(workspace: Path) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """Parts of the path and kind of everything that a snapshot holds."""
    for name in Runs(workspace).names():
        if name != FILTERS:
            yield (ARTIFACTS, name), tarfile.DIRTYPE
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        folder = waiting.pop()
        with opened_folder(workspace, folder) as descriptor, os.scandir(descriptor) as entries:
            for entry in entries:
                parts = (*folder, entry.name)
                if entry.name in NOT_OF_SESSION or parts == (ARTIFACTS,):
                    continue
                if entry.is_symlink():
                    yield parts, tarfile.SYMTYPE
                elif entry.is_dir(follow_symlinks=False):
                    yield parts, tarfile.DIRTYPE
                    waiting.append(parts)
                elif entry.is_file(follow_symlinks=False):
                    yield parts, tarfile.REGTYPE


def _unpack(snapshot: Path, target: Path) -> set[str]:
    """Unpack into an empty folder; returns the names of the runs. Raises OSError, ValueError, tarfile.TarError."""
    folders: set[PurePosixPath] = {PurePosixPath()}
    seen: set[PurePosixPath] = set()
    runs: set[str] = set()
    with tarfile.open(snapshot, "r:") as tar:
        for entry in tar:
            path = PurePosixPath(entry.name)
            if path in seen or not path.name or ".." in path.parts or NOT_OF_SESSION.intersection(path.parts):
                raise ValueError(f"a snapshot has no {entry.name[:200]!r} here")
            seen.add(path)
            if path.parts[0] == ARTIFACTS:
                if len(path.parts) != 2 or not is_run(path.name) or not entry.isdir():
                    raise ValueError(f"a snapshot has no {entry.name[:200]!r}")
                runs.add(path.name)
            elif path.parent not in folders:
                raise ValueError(f"{entry.name[:200]!r} is in no folder of the snapshot")
            elif entry.isdir():
                (target / path).mkdir()
                folders.add(path)
            elif entry.issym():
                (target / path).symlink_to(entry.linkname)
            elif entry.type == tarfile.REGTYPE:
                _unpack_file(tar, entry, target / path)
            else:
                raise ValueError(f"{entry.name[:200]!r} is neither file, folder nor link")
        if tar.pax_headers.get(_ENTRIES) != str(len(seen)):
            raise ValueError(f"the snapshot has {len(seen)} entries, not {tar.pax_headers.get(_ENTRIES)}")
    return runs


def _unpack_file(tar: tarfile.TarFile, entry: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(entry)
    assert content is not None, "a regular file"
    with new_file(target, executable=bool(entry.mode & stat.S_IXUSR)) as file:
        for chunk in chunks(content, entry.size):
            file.write(chunk)


def _swap(workspace: Path, fresh: Path, old: Path) -> None:
    """Take out what is there, and put in what is fresh; everything is put back if that fails."""
    moves: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        source.rename(target)
        moves.append((source, target))

    try:
        for entry in list(workspace.iterdir()):
            if entry.name not in _STAYS:
                move(entry, old / entry.name)
        for entry in list(fresh.iterdir()):
            move(entry, workspace / entry.name)
    except OSError:
        for source, target in reversed(moves):
            target.rename(source)
        raise


def _bring_modules_back(old: Path, workspace: Path) -> None:
    """Dependencies below the workspace's own folders are no part of snapshots, and stay."""
    for path, folders, _ in os.walk(old):
        if MODULES in folders:
            folders.remove(MODULES)
            home = workspace / Path(path).relative_to(old)
            if home.is_dir() and real(home) == home:
                with suppress(FileExistsError):
                    Path(path, MODULES).rename(home / MODULES)
