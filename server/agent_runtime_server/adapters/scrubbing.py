"""Takes secrets out of files before they are kept: Playwright's traces and reports hold whatever a test has typed."""

from __future__ import annotations

import asyncio
import base64
import errno
import io
import os
import re
import secrets
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from agent_runtime_server.adapters.beneath import names_in, open_file, opened_folder

Parts = tuple[str, ...]
"""A path below the root, step by step."""
Redact = Callable[[bytes], bytes]

MAX_BYTES = 256 << 20
"""Longest file that is looked through, unpacked too."""
_ZIP = b"PK\x03\x04"
_EMBEDDED = re.compile(rb"(?<=data:application/zip;base64,)[A-Za-z0-9+/]+=*")
"""How Playwright's report holds its data."""


async def scrub(root: Path, path: Path, redact: Redact) -> None:
    """Redact the texts of a file below ``root``, or of the files of a folder, in place; also those in zips and in
    embedded zips.

    Links are left alone, and what goes away meanwhile is no error. Raises OSError, also for a file that is too large to
    be looked through, after the other files are done.
    """
    await asyncio.to_thread(_scrub, root, path.relative_to(root).parts, redact)


def _scrub(root: Path, parts: Parts, redact: Redact) -> None:
    problems = []
    for file in _files(root, parts):
        try:
            _scrub_file(root, file, redact, parts[:-1])
        except OSError as problem:
            if not _is_gone(problem):
                problems.append(problem)
    if problems:
        raise problems[0]


def _files(root: Path, parts: Parts) -> Iterator[Parts]:
    """The file itself, or the regular files of a folder."""
    try:
        with opened_folder(root, parts) as folder:
            names = sorted(names_in(folder))
            kinds = [os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode for name in names]
    except NotADirectoryError:
        yield parts
        return
    except OSError as problem:
        if not _is_gone(problem):
            raise
        return
    for name, kind in zip(names, kinds, strict=True):
        if stat.S_ISDIR(kind):
            yield from _files(root, (*parts, name))
        elif stat.S_ISREG(kind):
            yield (*parts, name)


def _is_gone(problem: OSError) -> bool:
    """Whether a file is not there any more, or is a link now."""
    return isinstance(problem, FileNotFoundError | NotADirectoryError) or problem.errno == errno.ELOOP


def _scrub_file(root: Path, file: Parts, redact: Redact, beside: Parts) -> None:
    """``beside`` is the folder in which it is written anew, so that nobody who packs the folder of the file finds it
    there until it is whole."""
    with open_file(root, file) as opened:
        state = os.fstat(opened.fileno())
        if state.st_size > MAX_BYTES:
            raise OSError(f"{file[-1]} is too large to be searched for secrets")
        before = opened.read(MAX_BYTES)
    after = _without(before, redact)
    if after is before:
        return
    part = f".{secrets.token_hex(8)}.part"
    with opened_folder(root, beside) as place, opened_folder(root, file[:-1]) as folder:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(part, flags, 0o600, dir_fd=place), "wb") as new:
                new.write(after)
                os.fchmod(new.fileno(), stat.S_IMODE(state.st_mode))
            os.stat(file[-1], dir_fd=folder, follow_symlinks=False)  # what is gone is not made again
            os.replace(part, file[-1], src_dir_fd=place, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=place)
            raise


def _without(content: bytes, redact: Redact) -> bytes:
    """The content without secrets; the same object if it had none."""
    if content.startswith(_ZIP):
        return _repacked(content, redact)
    if not _is_text(content):
        return content
    after = redact(content)
    if b";base64," in after:
        # Most of a report's page is the program that shows it; the data are embedded.
        after = _EMBEDDED.sub(lambda found: _reembedded(found[0], redact), after)
    return content if after == content else after


def _reembedded(encoded: bytes, redact: Redact) -> bytes:
    packed = base64.b64decode(encoded)
    after = _without(packed, redact)
    return encoded if after is packed else base64.b64encode(after)


def _repacked(packed: bytes, redact: Redact) -> bytes:
    """A zip without secrets in its files. What is no sound zip is left as it is."""
    target = io.BytesIO()
    changed = False
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
            if sum(entry.file_size for entry in old.infolist()) > MAX_BYTES:
                raise OSError("an archive is too large to be searched for secrets")
            for entry in old.infolist():
                before = old.read(entry)
                after = _without(before, redact)
                changed |= after is not before
                new.writestr(entry, after)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return packed
    return target.getvalue() if changed else packed


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
