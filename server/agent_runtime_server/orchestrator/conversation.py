"""What an agent says and does, made fit for the log: no secret told in two halves, no text without a bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from agent_runtime_server.domain.agent import AgentMessage, ToolCall
from agent_runtime_server.domain.event import Fact

RedactBegun = Callable[[str], tuple[str, str]]
"""Takes secrets out of the beginning of a text that goes on; gives that, and the rest as it is."""

_OPEN_MESSAGES = 100
"""Messages that go on at once; of more, the oldest is not waited for."""
_TITLE_CHARACTERS = 1000
_OUTPUT_CHARACTERS = 16 * 1024
_ARGUMENT_CHARACTERS = 16 * 1024
"""Of all the arguments of a call."""
_ITEM_CHARACTERS = 10
"""What an item of a list or an object counts as, besides its text."""
_DEPTH = 10
_EXACT = 2**53
"""Whole numbers up to this one are the same in JSON."""
_CUT = "…"

T = TypeVar("T")


class Messages:
    """Messages that come in pieces. The end of a piece is held back while it may be the beginning of a secret."""

    def __init__(self, redact: Callable[[Fact], Fact], redact_begun: RedactBegun) -> None:
        self._redact = redact
        self._redact_begun = redact_begun
        self._held: dict[str, AgentMessage] = {}

    def take(self, piece: AgentMessage) -> Iterator[AgentMessage]:
        """What can be told once this piece has come."""
        earlier = self._held.pop(piece.message_id, None)
        if earlier is not None:
            piece = replace(piece, text=earlier.text + piece.text)
        if piece.final:
            yield self._whole(piece)
            return
        half = piece.text[-1:] if _begins_a_pair(piece.text[-1:]) else ""
        told, rest = self._redact_begun(sound(piece.text.removesuffix(half)))
        if told:
            yield self._whole(replace(piece, text=told))
        if rest or half:
            self._held[piece.message_id] = replace(piece, text=rest + half)
        if len(self._held) > _OPEN_MESSAGES:
            yield self._whole(self._held.pop(next(iter(self._held))))

    def left(self) -> Iterator[AgentMessage]:
        """What is held back, when no more is coming."""
        held, self._held = self._held, {}
        yield from map(self._whole, held.values())

    def _whole(self, piece: AgentMessage) -> AgentMessage:
        redacted = self._redact(replace(piece, text=sound(piece.text)))
        assert isinstance(redacted, AgentMessage), "no other fact"
        return redacted


def bounded(call: ToolCall) -> ToolCall:
    """A tool call cut where it is long, its arguments nothing but JSON."""
    return replace(
        call,
        title=cut(sound(call.title), _TITLE_CHARACTERS),
        arguments=_Arguments().fitting(call.arguments),
        output=cut(sound(call.output), _OUTPUT_CHARACTERS),
    )


def cut(text: str, most: int) -> str:
    """The beginning of a text, and how much of it is left out."""
    return text if len(text) <= most else f"{text[:most]}… [{len(text) - most} characters cut]"


def sound(text: str) -> str:
    """A text that can be encoded: JSON may hold characters of two units, of which only one has come."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _begins_a_pair(unit: str) -> bool:
    return "\ud800" <= unit <= "\udbff"


class _Arguments:
    """Arguments of one call; what there is no room for is left out."""

    def __init__(self) -> None:
        self._room = _ARGUMENT_CHARACTERS

    def fitting(self, values: Mapping[str, object], depth: int = 0) -> dict[str, object]:
        return {self._text(str(key)): self._value(value, depth) for key, value in self._items(values.items())}

    def _value(self, value: object, depth: int) -> object:
        match value:
            case None | bool():
                return value
            case int() if abs(value) <= _EXACT:
                return value
            case float() if math.isfinite(value):
                return value
            case Mapping() | list() | tuple() if depth == _DEPTH:
                return _CUT
            case Mapping():
                return self.fitting(value, depth + 1)
            case list() | tuple():
                return [self._value(item, depth + 1) for item in self._items(value)]
            case _:
                return self._text(str(value))

    def _items(self, items: Iterable[T]) -> Iterator[T]:
        for item in items:
            if self._room <= 0:
                return
            self._room -= _ITEM_CHARACTERS
            yield item

    def _text(self, text: str) -> str:
        text = cut(sound(text), max(self._room, 0))
        self._room -= len(text)
        return text
