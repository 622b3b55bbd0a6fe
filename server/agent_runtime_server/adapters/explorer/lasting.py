"""Names of elements that stay as they are: other data, or another day, would not change them."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer.element import Element

ANY_NUMBER = "\0"
"""Stands for a number in a name that ``lasting_name`` gives."""
_LONGEST = 60
_NUMBERED = frozenset({"heading", "columnheader"})
"""What names a part of a page, and keeps its words while its numbers change."""
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]{3}")
_COUNTED = re.compile(r"\d\s+[^\W\d_]{3}|\d[^\W\d_]")
"""A number before a word that it counts, so that another number may change the word; or within one, as in an id."""
_TIME = re.compile(
    r"\d:\d|\b(?:19|20)\d\d\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)"
    r"|\b(?:ago|am|pm|today|now)\b",
    re.IGNORECASE,
)
_SPECIAL = re.compile(r"[\\^$.*+?()[\]{}|/]")


def lasting_name(element: Element) -> str:
    """The name as it is written, if it stays; with ``ANY_NUMBER`` for each number of a heading or of the head of
    a column; else empty."""
    name = element.written
    if len(name) > _LONGEST or "${" in name:
        return ""
    if not any(map(str.isdigit, name)):
        return name
    fixed = element.role in _NUMBERED and _WORD.search(name) and not (_COUNTED.search(name) or _TIME.search(name))
    return _NUMBER.sub(ANY_NUMBER, name) if fixed else ""


def in_snapshot(name: str, *, marked: bool) -> str:
    """A lasting name as aria snapshots take it, as a pattern where there is more to it than is written.

    ``marked``: a style sheet adds something before or after it.
    """
    if marked or ANY_NUMBER in name:
        pattern = _SPECIAL.sub(lambda found: "\\" + found[0], name).replace(ANY_NUMBER, r"\d+")
        return f"/{pattern}/" if marked else f"/^{pattern}$/"
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
