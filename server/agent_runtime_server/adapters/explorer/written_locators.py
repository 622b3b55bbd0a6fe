"""Locators as they stand in a test's source or in Playwright's errors: found, read, and written anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent_runtime_server.adapters.explorer.language import Locator

_CALL = re.compile(r"\bget(?P<what>ByRole|ByLabel|ByPlaceholder|ByText|ByTestId)\s*\(")
_STRING = re.compile(r"""(?P<quote>['"`])(?P<text>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)""", re.DOTALL)
_WORDS = re.compile(r"/\^?(?P<text>[\w][\w ,'-]*)\$?/i?(?=[\s,})]|$)")
"""A regular expression that is no more than words."""
_OPTION = re.compile(r"(?P<name>\w+)\s*:\s*(?P<value>(?:true|false|\d+)\b)?")
_POSITION = re.compile(r"\.(?:first\(\)|last\(\)|nth\(-?\d+\))")
_KINDS = {"ByLabel": "label", "ByPlaceholder": "placeholder", "ByText": "text", "ByTestId": "test_id"}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_NAMED_IN_ERRORS = (
    re.compile(r"strict mode violation: (?P<locator>.+?) resolved to \d+ elements"),
    re.compile(r"^Locator:\s+(?P<locator>.+)$", re.MULTILINE),
    re.compile(r"waiting for (?P<locator>(?:getBy|locator\().+?)(?: to be \w+)?$", re.MULTILINE),
)


class Call(NamedTuple):
    """A call such as ``getByRole('button', { name: 'Save' })`` and where it stands in a text."""

    locator: Locator
    start: int
    end: int


def plain(error: str) -> str:
    """An error's message without colours."""
    return _ANSI.sub("", error)


def locator_in(error: str) -> str:
    """The locator that an error is about, as Playwright prints it; empty when it names none."""
    for pattern in _NAMED_IN_ERRORS:
        if found := pattern.search(error):
            return found["locator"].strip()
    return ""


def calls_in(text: str) -> Iterator[Call]:
    """All calls in a text whose arguments are written out; one inside of another comes before it."""
    for found in _CALL.finditer(text):
        end = _closing(text, found.end())
        if end and (locator := _read(found["what"], text[found.end() : end])):
            yield Call(locator, found.start(), end + 1)


def chain_in(printed: str) -> list[Locator] | None:
    """The calls of a printed locator, outermost first, apart from which of several it takes; None when it is made of
    anything else."""
    printed = _POSITION.sub("", printed)
    chain: list[Locator] = []
    position = 0
    for call in calls_in(printed):
        if call.start < position:
            continue
        if call.start != position:
            return None
        chain.append(call.locator)
        position = call.end + 1
    return chain if chain and position > len(printed) else None


def _read(what: str, arguments: str) -> Locator | None:
    arguments = arguments.strip()
    first = _text_at(arguments, 0)
    if first is None:
        return None
    value, end = first
    options = _options(arguments[end:].strip().removeprefix(",").strip().removesuffix(",").strip())
    if options is None:
        return None
    exact = options.pop("exact", "false") == "true"
    if what == "ByRole":
        name, level = options.pop("name", None), options.pop("level", None)
        if options:
            return None
        number = int(level) if level and level.isdigit() else None
        return Locator(by="role", value=value, name=name, exact=exact, level=number)
    return None if options else Locator(by=_KINDS[what], value=value, exact=exact)  # type: ignore[arg-type]


def _options(text: str) -> dict[str, str] | None:
    """The options of a call; None when one of them is not written out."""
    if not text:
        return {}
    if not (text.startswith("{") and text.endswith("}")):
        return None
    found: dict[str, str] = {}
    rest = text[1:-1].strip()
    while rest:
        option = _OPTION.match(rest)
        if option is None:
            return None
        value, end = option["value"], option.end()
        if value is None:
            written = _text_at(rest, end)
            if written is None:
                return None
            value, end = written
        found[option["name"]] = value
        rest = rest[end:].strip().removeprefix(",").strip()
    return found


def _text_at(source: str, position: int) -> tuple[str, int] | None:
    """A text that is written out at a place, as a string or as a pattern, and where it ends."""
    if string := _STRING.match(source, position):
        return None if "${" in string["text"] else (_unescaped(string["text"]), string.end())
    if pattern := _WORDS.match(source, position):
        return pattern["text"], pattern.end()
    return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _closing(text: str, start: int) -> int | None:
    """Where the bracket closes that was opened just before a position."""
    depth, position = 1, start
    while position < len(text):
        if string := _STRING.match(text, position):
            position = string.end()
            continue
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position
        position += 1
    return None
