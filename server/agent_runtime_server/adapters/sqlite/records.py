"""Records: domain values as JSON bytes and back, times as numbers and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from agent_runtime_server.domain.inputs import InputRequest
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.task import Task, Token

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """A task with what the store keeps beside it; the columns of the task table say what they are."""

    number: int
    task: Task
    batch: int = 0
    batch_last: int = 0
    kept_from: int = 1
    log_bytes: int = 0
    merged: int = 0
    loose_bytes: int = 0


class Records:
    """Encoders and decoders of what the store keeps. Threads may share them."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._task = msgspec.json.Decoder(Task)
        self._artifact = msgspec.json.Decoder(Artifact)
        self._test = msgspec.json.Decoder(TestCase)
        self._input = msgspec.json.Decoder(InputRequest)

    def encode(self, value: Task | Artifact | TestCase | InputRequest) -> bytes:
        """The record of a value."""
        return self._encoder.encode(value)

    def task(self, record: bytes, sequence: int, token: Token) -> Task:
        """A task, with what changes too often to be in its record."""
        return replace(self._task.decode(record), sequence=sequence, token=token)

    def artifact(self, record: bytes) -> Artifact:
        """An artifact."""
        return self._artifact.decode(record)

    def test(self, record: bytes) -> TestCase:
        """A test case."""
        return self._test.decode(record)

    def input(self, record: bytes) -> InputRequest:
        """A question to a person."""
        return self._input.decode(record)


def micros(moment: datetime) -> int:
    """Microseconds since 1970: what times are stored and compared as."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(number: int) -> datetime:
    """The time that a number of microseconds stands for."""
    return _EPOCH + number * _MICROSECOND
