"""Files below a folder, reached step by step: no link is followed, whoever puts one there in between."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, BinaryIO

PIECE = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def real(path: Path) -> Path:
    """The path without links. Unlike ``Path.resolve``, it takes a circle of links for a path of its own."""
    return Path(os.path.realpath(path))


@contextmanager
def opened_folder(root: Path, parts: Sequence[str] = (), *, make: bool = False) -> Iterator[int]:
    """The descriptor of a folder below ``root``; ``make`` makes what is missing on the way. Raises OSError."""
    here = os.open(root, _FOLDER)
    try:
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=here)
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def open_file(root: Path, parts: Sequence[str]) -> BufferedReader:
    """A regular file below ``root``, to read. Raises OSError, also for what is no regular file."""
    with opened_folder(root, parts[:-1]) as folder:
        descriptor = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{'/'.join(parts)} is not a regular file")
    return os.fdopen(descriptor, "rb")


def new_file(path: Path, *, executable: bool = False) -> BinaryIO:
    """A file that was not there, to write. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o777 if executable else 0o666), "wb")


def names_in(folder: int) -> list[str]:
    """What is in an open folder."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def remove(name: str, folder: int) -> None:
    """Remove an entry of an open folder, whatever it is; no error if it is gone."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return


def chunks(file: IO[bytes], count: int, size: int = PIECE) -> Iterator[bytes]:
    """The next bytes of a file, at most ``count`` of them, in chunks of at most ``size``."""
    while count and (chunk := file.read(min(size, count))):
        yield chunk
        count -= len(chunk)
