"""Files of a workspace in which an agent is at work, which runs code: no link of its making is followed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from agent_runtime_server.adapters.beneath import open_file, opened_folder


@contextmanager
def opened(workspace: Path, path: str) -> Iterator[BufferedReader]:
    """A file of the workspace to read from. Raises OSError."""
    with open_file(workspace, _parts(path)) as file:
        yield file


@contextmanager
def appended(workspace: Path, path: str) -> Iterator[BinaryIO]:
    """A file of the workspace to append to, made with its folders if it is not there. Raises OSError."""
    # A pipe that nobody reads from must not block whoever opens it.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    with _folder(workspace, path, make=True) as (folder, name):
        descriptor = os.open(name, flags, 0o644, dir_fd=folder)
    with os.fdopen(descriptor, "ab") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PermissionError(f"{path} is not a file")
        yield file


def read(workspace: Path, path: str, most: int) -> bytes:
    """The first bytes of a file of the workspace. Raises OSError."""
    with opened(workspace, path) as file:
        return file.read(most)


def measure(workspace: Path, path: str) -> tuple[int, str]:
    """Size and SHA-256 of a file of the workspace. Raises OSError."""
    with opened(workspace, path) as file:
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


def write(workspace: Path, path: str, content: bytes) -> None:
    """A file of the workspace, whole or not at all, made with its folders. Raises OSError."""
    with _folder(workspace, path, make=True) as (folder, name):
        part = f".{name}.part"
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def move(workspace: Path, path: str, to: str) -> None:
    """Give a file of the workspace another path. Raises OSError."""
    with _folder(workspace, path) as (folder, name), _folder(workspace, to, make=True) as (other, new):
        os.replace(name, new, src_dir_fd=folder, dst_dir_fd=other)


def remove(workspace: Path, path: str) -> None:
    """Remove a file of the workspace, if it is there. Raises OSError."""
    with suppress(FileNotFoundError), _folder(workspace, path) as (folder, name):
        os.unlink(name, dir_fd=folder)


def exists(workspace: Path, path: str) -> bool:
    """Whether there is such a file, or anything else."""
    try:
        with _folder(workspace, path) as (folder, name):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


@contextmanager
def _folder(workspace: Path, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """The folder of a file, opened without following links, and the file's name in it."""
    *folders, name = _parts(path)
    with opened_folder(workspace, folders, make=make) as folder:
        yield folder, name


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or {"..", "/"} & {*parts}:
        raise PermissionError(f"{path!r} is not a path of the workspace")
    return parts
