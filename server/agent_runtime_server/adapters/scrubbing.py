"""Takes secrets out of files before they are kept: Playwright's traces and reports hold whatever a test has typed."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Redact = Callable[[bytes], bytes]

MAX_BYTES = 256 << 20
"""Longest file that is looked through, unpacked too."""
_ZIP = b"PK\x03\x04"
_EMBEDDED = re.compile(rb"(?<=data:application/zip;base64,)[A-Za-z0-9+/]+=*")
"""How Playwright's report holds its data."""


async def scrub(path: Path, redact: Redact) -> None:
    """Redact the texts of a file, or of the files of a folder, in place; also those in zips and in embedded zips.

    Links are left alone, and what goes away meanwhile is no error. Raises OSError, also for a file that is too large to
    be looked through, after the other files are done.
    """
    await asyncio.to_thread(_scrub, path, redact)


def _scrub(path: Path, redact: Redact) -> None:
    problems = []
    for file in sorted(path.rglob("*")) if path.is_dir() and not path.is_symlink() else [path]:
        try:
            _scrub_file(file, redact, path.parent)
        except FileNotFoundError:
            continue
        except OSError as problem:
            problems.append(problem)
    if problems:
        raise problems[0]


def _scrub_file(file: Path, redact: Redact, beside: Path) -> None:
    if file.is_symlink() or not file.is_file():
        return
    if file.stat().st_size > MAX_BYTES:
        raise OSError(f"{file.name} is too large to be searched for secrets")
    before = file.read_bytes()
    after = _without(before, redact)
    if after is not before:
        with _replacing(file, beside) as part:
            part.write_bytes(after)


@contextmanager
def _replacing(file: Path, beside: Path) -> Iterator[Path]:
    """A file to be written that then takes the place of another: who reads meanwhile sees one or the other.

    Until then it is ``beside`` the folder, so that nobody who packs the folder finds it there.
    """
    descriptor, name = tempfile.mkstemp(dir=beside, prefix=".")
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
        part.chmod(file.stat().st_mode)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


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
