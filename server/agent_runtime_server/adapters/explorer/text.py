"""References in texts: ``${uid}`` and its like, with ``$${`` for a literal ``${``; and patterns of URLs."""

from __future__ import annotations

import re
import secrets
import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple, TypeVar, cast

from msgspec.structs import astuple, replace

from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, Step
from agent_runtime_server.adapters.explorer.language import Data, Locator, Recall, Remember, RememberText

_T = TypeVar("_T")
_DIGITS = string.digits + string.ascii_lowercase
_turns = count(secrets.randbelow(36))
_TOKEN = re.compile(r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")


class Reference(NamedTuple):
    """A place in a text where a value goes in."""

    name: str


class UnknownReferenceError(LookupError):
    """A text refers to a value that nobody gave."""


def new_uid() -> str:
    """What ``${uid}`` stands for: nine letters and digits, as tests have them; another one each time."""
    number, written = (time.time_ns() // 1_000_000) * 36 + next(_turns) % 36, ""
    while number:
        number, digit = divmod(number, 36)
        written = _DIGITS[digit] + written
    return written


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


def remembered(steps: Sequence[Step]) -> dict[str, None]:
    """What steps find out, by its names, in their order."""
    actions = (action for step in steps for action in step.actions)
    return {action.name: None for action in actions if isinstance(action, Remember | RememberText)}


def locators_in(data: object) -> Iterator[Locator]:
    """The locators of a piece of a flow, as often as they occur; not those that they are made of."""
    if isinstance(data, Locator):
        yield data
    elif isinstance(data, Flow):
        yield from locators_in(data.steps)
    elif isinstance(data, Data):
        yield from locators_in(astuple(data))
    elif isinstance(data, tuple):
        for value in data:
            yield from locators_in(value)


def relocated(data: _T, old: Locator, new: Locator) -> _T:
    """A piece of a flow with another locator in the place of one, also where that is part of others."""
    if data == old:
        return cast("_T", new)
    if isinstance(data, Data):
        fields = {name: relocated(getattr(data, name), old, new) for name in data.__struct_fields__}
        return replace(data, **fields)
    if isinstance(data, tuple):
        return cast("_T", tuple(relocated(value, old, new) for value in data))
    return data


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Put the values in. Raises ``UnknownReferenceError``."""
    return "".join(part if isinstance(part, str) else _value(part.name, values) for part in parse(text))


def filled(locator: Locator, values: Mapping[str, str]) -> Locator:
    """Put the values into all texts of a locator. Raises ``UnknownReferenceError``."""
    return rewritten(locator, lambda text: substitute(text, values))


def rewritten(locator: Locator, write: Callable[[str], str]) -> Locator:
    """The locator with all its texts written anew."""
    return replace(
        locator,
        value=write(locator.value),
        name=None if locator.name is None else write(locator.name),
        has_text=None if locator.has_text is None else write(locator.has_text),
        has=locator.has and rewritten(locator.has, write),
        within=locator.within and rewritten(locator.within, write),
    )


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
