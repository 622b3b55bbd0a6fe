"""Secrets: sealed where they must be kept, and taken out of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol


class Secrets(Protocol):
    """Seals secret values, so that a stolen database does not hold them."""

    def seal(self, values: Mapping[str, str], task_id: str) -> bytes:
        """Sealed values that only ``unseal`` with the same task id opens; empty for no values."""
        ...

    def digest(self, data: bytes) -> bytes:
        """A keyed digest: equal for equal data, and of no use for guessing the data to whoever lacks the key."""
        ...

    def unseal(self, sealed: bytes, task_id: str) -> Mapping[str, str]:
        """The values; raises ValueError if they are not for this task or were changed."""
        ...


class Scrub(Protocol):
    """Takes secrets out of files."""

    async def __call__(self, root: Path, path: Path, redact: Callable[[bytes], bytes]) -> None:
        """Redact a file below ``root``, or the files of a folder, in place, also what is packed in them. No link is
        followed, whoever puts one there meanwhile. Raises OSError."""
        ...
