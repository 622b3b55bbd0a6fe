"""Which files of a workspace have changed since a moment."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from agent_runtime_server.adapters.beneath import opened_folder
from agent_runtime_server.adapters.workspaces.runs import ARTIFACTS, is_run
from agent_runtime_server.adapters.workspaces.tree import NOT_OF_SESSION


def changed(workspace: Path, since: datetime) -> Iterator[Path]:
    """Regular files, in no order, but for what is not of the session and what is in runs' folders. No link is followed;
    what goes meanwhile is left out. Raises OSError."""
    earliest = since.timestamp()
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        within = waiting.pop()
        for name, state in _states(workspace, within):
            parts = (*within, name)
            if stat.S_ISDIR(state.st_mode):
                if name not in NOT_OF_SESSION and not (within == (ARTIFACTS,) and is_run(name)):
                    waiting.append(parts)
            # Whoever writes a file may set its times back, but not the moment when that was done.
            elif stat.S_ISREG(state.st_mode) and max(state.st_mtime, state.st_ctime) >= earliest:
                yield workspace.joinpath(*parts)


def _states(workspace: Path, within: tuple[str, ...]) -> list[tuple[str, os.stat_result]]:
    """What is in a folder; nothing if it is gone, or no folder any more."""
    states: list[tuple[str, os.stat_result]] = []
    with (
        suppress(FileNotFoundError, NotADirectoryError),
        opened_folder(workspace, within) as folder,
        os.scandir(folder) as entries,
    ):
        for entry in entries:
            with suppress(FileNotFoundError):
                states.append((entry.name, entry.stat(follow_symlinks=False)))
    return states
