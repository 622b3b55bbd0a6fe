"""Shortening what an agent says, for people to read; the whole is in the transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MAX_TEXT = 4096
"""Characters of a tool's output, or of one of its arguments."""
MAX_ITEMS = 50
MAX_DEPTH = 6
MAIN_ARGUMENTS = ("command", "url", "filePath", "filepath", "path")
"""What arguments of tools are called that say what the call is about, the first one first."""
_ROOM = 16 << 10
"""Characters of all arguments of a call."""


def shortened(text: str, most: int = MAX_TEXT) -> str:
    """The beginning and the end of a text that is too long: errors stand at the end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def main_argument(arguments: object, names: Sequence[str] = MAIN_ARGUMENTS) -> str:
    """What a tool call is about: a command, an address, a path; empty if that is none of its arguments."""
    if not isinstance(arguments, Mapping):
        return ""
    return next((str(arguments[name]) for name in names if arguments.get(name)), "")


def bounded_arguments(arguments: object) -> Mapping[str, object]:
    """The arguments of a tool call, cut where they are long, many or deep."""
    if not isinstance(arguments, Mapping):
        return {}
    for most in (MAX_TEXT, MAX_TEXT // 16):
        short = {str(name)[:MAX_ITEMS]: _bounded(value, most, MAX_DEPTH) for name, value in _first(arguments)}
        if len(repr(short)) <= _ROOM:
            return short
    return dict.fromkeys(short, "…")


def _bounded(value: object, most: int, depth: int) -> object:
    match value:
        case str():
            return shortened(value, most)
        case bool() | int() | float() | None:
            return value
        case _ if depth == 0:
            return "…"
        case Mapping():
            return {str(name)[:MAX_ITEMS]: _bounded(inner, most, depth - 1) for name, inner in _first(value)}
        case list() | tuple():
            return [_bounded(inner, most, depth - 1) for inner in value[:MAX_ITEMS]]
        case _:
            return shortened(str(value), most)


def _first(mapping: Mapping[object, object]) -> list[tuple[object, object]]:
    return list(mapping.items())[:MAX_ITEMS]
