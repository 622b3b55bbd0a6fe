"""Watching a task: every event once and in order, whatever happens to the streams under it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass

import grpc.aio

from agent_runtime.backoff import Backoff
from agent_runtime.errors import ServerFailed, TaskNotFound
from agent_runtime.streams import Stream, follow
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2

WatchUpdate = event_pb2.TaskEvent | service_pb2.WatchGap | task_pb2.Task
"""What a watch yields: events in order, a gap before the first event after a hole, and last the final task."""

WatchCall = grpc.aio.UnaryStreamCall[service_pb2.WatchTaskRequest, service_pb2.WatchTaskResponse]

_OPENING_SECONDS = 20.0


def watch(
    open_call: Callable[[service_pb2.WatchTaskRequest], WatchCall],
    request: service_pb2.WatchTaskRequest,
    *,
    backoff: Backoff,
    patience: float,
) -> AsyncGenerator[WatchUpdate, None]:
    """Yield each update of a task exactly once, over as many streams as it takes; end after the final task."""
    cursor = _Cursor.of(request)
    return follow(
        lambda: _TaskStream(open_call(cursor.resume(request)), cursor),
        what=f"the watch of task {request.task_id}",
        backoff=backoff,
        patience=patience,
    )


@dataclass(slots=True)
class _Cursor:
    """The last sequence that was seen or that the server said to have left out; None before a watch of the head."""

    sequence: int | None
    filtered: bool

    @classmethod
    def of(cls, request: service_pb2.WatchTaskRequest) -> _Cursor:
        return cls(request.after_sequence if request.HasField("after_sequence") else None, bool(request.kinds))

    def resume(self, request: service_pb2.WatchTaskRequest) -> service_pb2.WatchTaskRequest:
        """The request that goes on from here."""
        resumed = service_pb2.WatchTaskRequest()
        resumed.CopyFrom(request)
        if self.sequence is not None:
            resumed.after_sequence = self.sequence
        return resumed

    def admit(self, first: int, last: int) -> bool:
        """Move past what was just received; False if it is no news. A hole that nobody announced is an error."""
        if self.sequence is None:
            self.sequence = first - 1
        if first > self.sequence + 1 and not self.filtered:
            raise ServerFailed(f"events {self.sequence + 1} to {first - 1} are missing and no gap was announced")
        if last <= self.sequence:
            return False
        self.sequence = last
        return True

    def cover(self, sequence: int) -> None:
        """Move past events that were sent or filtered out; none may be new if no kind is."""
        self.admit(sequence + 1, sequence)


class _TaskStream(Stream[service_pb2.WatchTaskResponse, WatchUpdate]):
    """One WatchTask stream."""

    def __init__(self, call: WatchCall, cursor: _Cursor) -> None:
        super().__init__(call, _OPENING_SECONDS)
        self._cursor = cursor

    def take_in(self, response: service_pb2.WatchTaskResponse) -> Iterator[WatchUpdate]:
        kind = response.WhichOneof("update")
        self.moved = self.moved or kind != "opened"
        match kind:
            case "opened":
                self._open(response.opened)
            case "events":
                for event in response.events.events:
                    if self._cursor.admit(event.sequence, event.sequence):
                        yield event
            case "gap":
                if self._cursor.admit(response.gap.first_missing, response.gap.last_missing):
                    yield response.gap
            case "heartbeat":
                self._cursor.cover(response.heartbeat.sequence)
            case "closed":
                if response.closed.reason == service_pb2.CLOSE_REASON_TASK_DELETED:
                    raise TaskNotFound("the task was deleted", reason="TASK_NOT_FOUND")
                self._cursor.cover(response.closed.sequence)
                self.close(response.closed)
                if self.finished:
                    yield response.closed.task

    def _open(self, opened: service_pb2.WatchOpened) -> None:
        if self._cursor.sequence is None:
            self._cursor.sequence = opened.after_sequence
        interval = opened.heartbeat_interval.ToTimedelta().total_seconds()
        if interval > 0:
            self._silence = 2 * interval
