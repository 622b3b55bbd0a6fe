"""Facts that come in floods, merged: log lines to chunks, pieces of a message to longer ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from agent_runtime_server.domain.agent import AgentMessage
from agent_runtime_server.domain.event import Fact, LogChunk, LogEntry

CHUNK_CHARACTERS = 64 * 1024
"""Text of one event, and one log line more."""


def merged(facts: Iterable[Fact]) -> Iterator[Fact | LogChunk]:
    """The facts in their order, with what follows each other merged."""
    for key, group in groupby(facts, _kind):
        match key:
            case "log":
                yield from _chunks(fact for fact in group if isinstance(fact, LogEntry))
            case "message", _, _:
                yield from _pieces([fact for fact in group if isinstance(fact, AgentMessage)])
            case _:
                yield from group


def _kind(fact: Fact) -> object:
    """Neighbours of one kind are merged."""
    match fact:
        case LogEntry():
            return "log"
        case AgentMessage():
            return "message", fact.message_id, fact.reasoning
    return None


def _chunks(entries: Iterable[LogEntry]) -> Iterator[LogChunk]:
    chunk: list[LogEntry] = []
    size = 0
    for entry in entries:
        chunk.append(entry)
        size += len(entry.message)
        if size >= CHUNK_CHARACTERS:
            yield LogChunk(tuple(chunk))
            chunk, size = [], 0
    if chunk:
        yield LogChunk(tuple(chunk))


def _pieces(pieces: list[AgentMessage]) -> Iterator[AgentMessage]:
    text = "".join(piece.text for piece in pieces)
    last = pieces[-1]
    while len(text) > CHUNK_CHARACTERS:
        yield replace(last, text=text[:CHUNK_CHARACTERS], final=False)
        text = text[CHUNK_CHARACTERS:]
    yield replace(last, text=text)
