"""Answers of runs that have been, so that work that was broken off goes on where it stood."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


class Cache:
    """A file with a line of JSON for each answer. What was asked has to name all on which the answer depends."""

    def __init__(self, file: Path) -> None:
        """The file is made if need be; a last line that was broken off is left out."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._known: dict[str, Any] = {}
        for line in file.read_text().splitlines() if file.exists() else ():
            try:
                key, answer = json.loads(line)
            except ValueError:
                continue
            self._known[key] = answer

    def __contains__(self, asked: object) -> bool:
        return _key(asked) in self._known

    def get(self, asked: object) -> Any:
        """What was answered. Raises KeyError."""
        return self._known[_key(asked)]

    def put(self, asked: object, answer: Any) -> None:
        """Keep what was answered: anything that JSON can hold."""
        self._known[_key(asked)] = answer
        with self._file.open("a") as lines:
            # The last line may have been broken off: each one begins anew.
            lines.write("\n" + json.dumps([_key(asked), answer]))


def _key(asked: object) -> str:
    return hashlib.sha256(repr(asked).encode()).hexdigest()
