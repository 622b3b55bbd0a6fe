"""Bad requests as the old service told them: FastAPI's list of everything that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Loc = tuple[str | int, ...]
_MOST_TEXT = 200
_MOST_ITEMS = 50
_MOST_DEPTH = 5
_MOST_NUMBER = 2**63
_SECRET = "password"  # noqa: S105


class Unprocessable(Exception):
    """A request that cannot be used: 422, with all of its faults."""

    def __init__(self, faults: Sequence[dict[str, Any]]) -> None:
        super().__init__("; ".join(fault["msg"] for fault in faults))
        self.faults = list(faults)


class Faults:
    """Gathers what is wrong with a request."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def add(self, loc: Loc, kind: str, msg: str, value: object) -> None:
        """One fault: where it is, what kind it is of, what to tell a person, and what was given there."""
        self.found.append({"type": kind, "loc": list(loc), "msg": msg, "input": _shown(loc, value)})

    def missing(self, loc: Loc, parent: object) -> None:
        """A field that must be there is not; ``parent`` is what it should be in."""
        self.add(loc, "missing", "Field required", parent)

    def raise_if_any(self) -> None:
        """Raises Unprocessable if anything was found."""
        if self.found:
            raise Unprocessable(self.found)


def _shown(loc: Loc, value: object) -> object:
    """What was given, without passwords, and no more of it than helps."""
    return "**********" if _SECRET in loc and isinstance(value, str) else _bounded(value, 0)


def _bounded(value: object, depth: int) -> object:
    match value:
        case str():
            return value if len(value) <= _MOST_TEXT else value[:_MOST_TEXT] + "…"
        case dict() | list() if depth == _MOST_DEPTH:
            return "…"
        case dict():
            some = list(value.items())[:_MOST_ITEMS]
            return {
                _bounded(key, depth): "**********" if key == _SECRET else _bounded(held, depth + 1)
                for key, held in some
            }
        case list():
            return [_bounded(item, depth + 1) for item in value[:_MOST_ITEMS]]
        case int() if abs(value) >= _MOST_NUMBER:
            return _bounded(str(value), depth)
        case _:
            return value
