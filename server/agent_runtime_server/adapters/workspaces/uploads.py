"""Files that callers put into a session: where they may go, and how they appear there in one step."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agent_runtime_server.adapters.beneath import opened_folder
from agent_runtime_server.adapters.workspaces.runs import ARTIFACTS
from agent_runtime_server.adapters.workspaces.tree import Tree
from agent_runtime_server.domain.faults import FileExists, InvalidField, PathOutsideSession


def target_of(tree: Tree, path: str, *, overwrite: bool) -> tuple[str, ...]:
    """Where a file of this path goes, links inside the session followed.

    Raises PathOutsideSession, InvalidField (there can be no such file), FileExists.
    """
    parts = tree.find(path)
    if not parts or path.endswith("/"):
        raise InvalidField.of("path", "names a folder")
    if parts[0] == ARTIFACTS and len(parts) > 1 and parts[1].startswith("run-"):
        raise PathOutsideSession(f"{ARTIFACTS}/{parts[1][:100]} belongs to the runs")
    target = tree.root.joinpath(*parts)
    longest = os.pathconf(tree.root, "PC_NAME_MAX")
    if any(len(os.fsencode(part)) > longest for part in parts):
        raise InvalidField.of("path", f"has a name of more than {longest} bytes")
    if len(os.fsencode(target)) >= os.pathconf(tree.root, "PC_PATH_MAX"):
        raise InvalidField.of("path", "is too long for the server's file system")
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return parts
    except OSError as problem:
        raise InvalidField.of("path", f"cannot be a file: {problem.strerror}") from problem
    if not stat.S_ISREG(mode):
        raise InvalidField.of("path", "is a folder" if stat.S_ISDIR(mode) else "is there, and no regular file")
    if not overwrite:
        raise FileExists(f"session {tree.session_id} has a file {path} already")
    return parts


def place(tree: Tree, whole: Path, parts: tuple[str, ...]) -> os.stat_result:
    """Move a file to its place, and make its folders; both are on the disk then. Raises OSError."""
    with opened_folder(tree.root, parts[:-1], make=True) as folder:
        os.replace(whole, parts[-1], dst_dir_fd=folder)
        os.fsync(folder)
        return os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
