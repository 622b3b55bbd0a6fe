"""A file that grows in a workspace where an agent is at work: no link of its making is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO


@contextmanager
def appended(workspace: Path, path: str) -> Iterator[BinaryIO]:
    """A file of the workspace to append to, made with its folders if it is not there. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with (
        _opened(workspace, path, flags, make=True) as descriptor,
        os.fdopen(descriptor, "ab", closefd=False) as file,
    ):
        yield file


@contextmanager
def _opened(workspace: Path, path: str, flags: int, *, make: bool = False) -> Iterator[int]:
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or path.startswith("/"):
        raise PermissionError(f"{path!r} is not a path of the workspace")
    *folders, name = parts
    within = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            if make:
                _make(folder, within)
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
            os.close(within)
            within = inner
        # A pipe that nobody reads from or writes to must not block whoever opens it.
        descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644, dir_fd=within)
    finally:
        os.close(within)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PermissionError(f"{path} is not a file")
        yield descriptor
    finally:
        os.close(descriptor)


def _make(folder: str, within: int) -> None:
    try:
        os.mkdir(folder, dir_fd=within)
    except FileExistsError:
        return
