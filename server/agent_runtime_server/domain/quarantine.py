"""Setting an unsteady test aside: the same test, marked ``test.fixme``, below ``tests/quarantine/``."""

from __future__ import annotations

import posixpath
import re

FOLDER = "tests/quarantine"

_TEST = re.compile(r"^([ \t]*)test\(", re.MULTILINE)
_IMPORT = re.compile(r"""(\b(?:from|import)\s*|\b(?:import|require)\(\s*)(['"])(\.{1,2}/[^'"\n]*)\2""")


def path_of(path: str) -> str:
    """Where a test goes: ``tests/cart/add.spec.ts`` to ``tests/quarantine/cart/add.spec.ts``."""
    return path if path.startswith(f"{FOLDER}/") else f"{FOLDER}/{path.removeprefix('tests/')}"


def set_aside(text: str, path: str, reason: str) -> str:
    """The content of the test's file there: the reason stands first, and what it imports is still found."""
    old, new = posixpath.dirname(path), posixpath.dirname(path_of(path))

    def moved(found: re.Match[str]) -> str:
        target = posixpath.relpath(posixpath.join(old, found[3]), new)
        return f"{found[1]}{found[2]}{target if target.startswith('.') else './' + target}{found[2]}"

    marked = _TEST.sub(r"\1test.fixme(", _IMPORT.sub(moved, text))
    return f"// quarantined: {' '.join(reason.split())}\n{marked}"
