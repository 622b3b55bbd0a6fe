"""What both wire formats have in common: a request that is read, an answer to be written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from agent_runtime_server.testing.scripted_model.scenarios import Step, Usage

Json = dict[str, Any]

PIECE_CHARACTERS = 60
"""Of a call's arguments, in one chunk of a stream."""


@dataclass(frozen=True, slots=True)
class Message:
    """One of a conversation."""

    role: str
    text: str = ""
    results: str = ""
    """Of tools."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks."""

    model: str
    messages: list[Message]
    tools: list[str]
    size: int
    """In bytes, from which its tokens are estimated."""
    stream: bool
    stream_usage: bool = True
    """Whether a stream tells the usage."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """With its identity, and its arguments as JSON."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says to a request; the same request gets the same answer."""

    id: str
    request: Request
    text: str
    reasoning: str
    calls: list[ToolCall]
    usage: Usage


class Wire(Protocol):
    """A provider's format."""

    def read(self, body: bytes) -> Request:
        """Understand a request; raise ``msgspec.MsgspecError`` if it is none."""
        ...

    def whole(self, answer: Answer) -> Json:
        """An answer in one piece."""
        ...

    def events(self, answer: Answer) -> Iterator[bytes]:
        """An answer as server-sent events."""
        ...

    def error(self, status: int, message: str) -> Json:
        """The body of an HTTP error."""
        ...


def answer_of(request: Request, step: Step, seed: str) -> Answer:
    """What a step says; ``seed`` tells this answer from others in a conversation."""

    def identity(part: object) -> str:
        return hashlib.sha256(f"{seed}/{len(request.messages)}/{part}".encode()).hexdigest()[:24]

    calls = [
        ToolCall(f"call_{identity(number)}", call.tool, encoded(call.args)) for number, call in enumerate(step.calls)
    ]
    said = len(step.text) + len(step.reasoning) + sum(len(call.arguments) for call in calls)
    usage = step.usage or Usage(input=request.size // 4 + 1, output=said // 4 + 1, reasoning=len(step.reasoning) // 4)
    return Answer(identity("answer"), request, step.text, step.reasoning, calls, usage)


def encoded(value: object) -> str:
    """As JSON."""
    return msgspec.json.encode(value).decode()


def words(text: str) -> list[str]:
    """The chunks in which text is streamed."""
    return re.findall(r"\S+\s*|\s+", text)


def pieces(arguments: str) -> list[str]:
    """The chunks in which a call's arguments are streamed."""
    return [arguments[at : at + PIECE_CHARACTERS] for at in range(0, len(arguments), PIECE_CHARACTERS)]
