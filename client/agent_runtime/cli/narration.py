"""The lines of a watch, with what agents say put together from its pieces."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from agent_runtime.cli.describe import Line, lines, said_line
from agent_runtime.v1 import event_pb2
from agent_runtime.watch import WatchUpdate

_LINE_CHARACTERS = 1000


class Narration:
    """Tells the updates of one task. A line of an agent's message is told when it is whole, or when something else
    happens; reasoning is left out."""

    def __init__(self) -> None:
        self._open = event_pb2.AgentMessage()
        """The line that goes on."""
        self._time = datetime.now(UTC)

    def lines(self, update: WatchUpdate) -> Iterator[Line]:
        """The lines that can be told now."""
        if not isinstance(update, event_pb2.TaskEvent) or not update.HasField("agent_message"):
            yield from self._close()
            yield from lines(update)
            return
        message = update.agent_message
        if message.reasoning:
            return
        if message.message_id != self._open.message_id:
            yield from self._close()
        self._open.message_id, self._open.agent = message.message_id, message.agent
        self._time = update.event_time.ToDatetime(UTC)
        *whole, rest = (self._open.text + message.text).split("\n")
        for text in whole:
            yield from self._line(text)
        while len(rest) > _LINE_CHARACTERS:
            yield from self._line(rest[:_LINE_CHARACTERS])
            rest = rest[_LINE_CHARACTERS:]
        self._open.text = rest
        if message.final:
            yield from self._close()

    def _close(self) -> Iterator[Line]:
        yield from self._line(self._open.text)
        self._open.Clear()

    def _line(self, text: str) -> Iterator[Line]:
        if text.strip():
            yield said_line(self._time, event_pb2.AgentMessage(agent=self._open.agent, text=text))
