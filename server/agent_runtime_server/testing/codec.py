"""An event codec for tests, which needs no protobuf."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from agent_runtime_server.domain.event import Event, Payload
from agent_runtime_server.domain.task import Phase

TAG = b"\x0a"
"""Field 1, length-delimited."""


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """What ``decode`` finds in a batch; ``payload`` is the JSON of the payload named ``kind``."""

    sequence: int
    task_id: str
    event_time: datetime
    phase: Phase | None
    kind: str
    payload: msgspec.Raw

    def as_type(self, payload: type[Payload]) -> Payload:
        """The payload as a value."""
        assert payload.__name__ == self.kind
        return msgspec.json.decode(self.payload, type=payload)


class JsonCodec:
    """The ``EventCodec`` port: framed like protobuf, with JSON inside."""

    def encode(self, event: Event, sequence: int) -> bytes:
        """One framed event."""
        payload = msgspec.Raw(msgspec.json.encode(event.payload))
        kind = type(event.payload).__name__
        decoded = DecodedEvent(sequence, event.task_id, event.event_time, event.phase, kind, payload)
        body = msgspec.json.encode(decoded)
        return TAG + _varint(len(body)) + body


def decode(framed: bytes) -> list[DecodedEvent]:
    """The events of a batch, each with its sequence."""
    events: list[DecodedEvent] = []
    position = 0
    while position < len(framed):
        assert framed[position : position + 1] == TAG
        length = shift = 0
        more = True
        while more:
            position += 1
            length |= (framed[position] & 0x7F) << shift
            shift += 7
            more = framed[position] > 0x7F
        start, position = position + 1, position + 1 + length
        assert position <= len(framed)
        events.append(msgspec.json.decode(framed[start:position], type=DecodedEvent))
    return events


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
