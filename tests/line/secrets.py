"""Looks for a secret in files, also in what is packed."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

_EMBEDDED = re.compile(rb"data:application/zip;base64,([A-Za-z0-9+/=]+)")


def places_of(secret: str, folder: Path) -> list[str]:
    """Files below a folder that hold the secret, in archives too, as ``archive!file``. Links are not followed."""
    files = (path for path in folder.rglob("*") if path.is_file() and not _linked(path, folder))
    return [place for path in files for place in _places(secret.encode(), str(path), path.read_bytes())]


def _linked(path: Path, folder: Path) -> bool:
    return any(part.is_symlink() for part in (path, *path.parents) if part.is_relative_to(folder))


def _places(secret: bytes, name: str, content: bytes) -> Iterator[str]:
    if secret in content:
        yield name
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from _places(secret, f"{name}!{member}", archive.read(member))
    for embedded in _EMBEDDED.finditer(content):
        yield from _places(secret, f"{name}!embedded", base64.b64decode(embedded[1]))
