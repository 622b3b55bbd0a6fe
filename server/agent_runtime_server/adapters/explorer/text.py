"""References in texts: ``${uid}`` and its like, with ``$${`` for a literal ``${``; and patterns of URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import astuple

from agent_runtime_server.adapters.explorer.flow import Data, Expectation, Flow, Recall, Step

_TOKEN = re.compile(r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")


class Reference(NamedTuple):
    """A place in a text where a value goes in."""

    name: str


class UnknownReferenceError(LookupError):
    """A text refers to a value that nobody gave."""


def parse(text: str) -> tuple[str | Reference, ...]:
    """Split a text into literal strings (unescaped, never empty, never two in a row) and references."""
    parts: list[str | Reference] = []
    literal = ""
    for part in _tokens(text):
        if isinstance(part, str):
            literal += part
            continue
        if literal:
            parts.append(literal)
        parts.append(part)
        literal = ""
    if literal:
        parts.append(literal)
    return tuple(parts)


def _tokens(text: str) -> Iterator[str | Reference]:
    end = 0
    for match in _TOKEN.finditer(text):
        yield text[end : match.start()]
        yield "${" if match["escaped"] else Reference(match["name"])
        end = match.end()
    yield text[end:]


def references(text: str) -> frozenset[str]:
    """The names a text refers to."""
    return frozenset(part.name for part in parse(text) if isinstance(part, Reference))


def names_in(data: object) -> frozenset[str]:
    """All names that a piece of a flow refers to, in its texts and numbers; titles are for people and refer to none."""
    if isinstance(data, str):
        return references(data)
    if isinstance(data, Recall):
        return frozenset({data.name})
    if isinstance(data, Flow):
        return names_in(data.steps)
    if isinstance(data, Step):
        return names_in((data.actions, data.expectations))
    if isinstance(data, Expectation):
        return names_in(data.check)
    if isinstance(data, Data):
        return names_in(astuple(data))
    if isinstance(data, tuple):
        return frozenset().union(*map(names_in, data))
    return frozenset()


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Put the values in. Raises ``UnknownReferenceError``."""
    return "".join(part if isinstance(part, str) else _value(part.name, values) for part in parse(text))


def _value(name: str, values: Mapping[str, str]) -> str:
    try:
        return values[name]
    except KeyError:
        raise UnknownReferenceError(f"no value for ${{{name}}}") from None


def escape(literal: str) -> str:
    """Write a literal string as a text: what ``substitute`` turns back into it."""
    return literal.replace("${", "$${")


def url_expression(pattern: str) -> str:
    """The regular expression of a URL pattern: ``*`` stands for any characters but ``/``."""
    return "[^/]*".join(re.sub(r"[.*+?^${}()|[\]\\/]", r"\\\g<0>", part) for part in pattern.split("*"))
