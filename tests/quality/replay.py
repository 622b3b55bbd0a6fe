"""The same suite without judgement: every action of its tests, and none of their expectations."""

from __future__ import annotations

import re
from pathlib import Path

from tests.quality.suites import Suite

_BEGIN = re.compile(r"^[ \t]*(?:await )?expect\b", re.MULTILINE)
_QUOTES = "'\"`"
_REGEX_BEFORE = "(,=:[!&|?{};"


def without_expectations(suite: Suite, folder: Path) -> Suite:
    """A copy in another folder; what signs in is left as it is."""
    copy = suite.copied(folder)
    for file in copy.specs():
        file.write_text(acting_only(file.read_text()))
    return copy


def acting_only(source: str) -> str:
    """A test's source, without the statements that begin with ``expect``."""
    kept, place = [], 0
    while found := _BEGIN.search(source, place):
        kept.append(source[place : found.start()])
        place = _end(source, found.end())
    return "".join(kept) + source[place:]


def _end(source: str, place: int) -> int:
    """Where the statement ends in which a place is: behind its semicolon, outside of brackets and strings."""
    depth, quote, before = 0, "", ""
    while place < len(source):
        sign = source[place]
        if quote:
            if sign == "\\":
                place += 1
            elif sign == quote:
                quote = ""
        elif sign in _QUOTES or (sign == "/" and before in _REGEX_BEFORE):
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign == ";" and not depth:
            return place + 1
        if not sign.isspace():
            before = sign
        place += 1
    return place
