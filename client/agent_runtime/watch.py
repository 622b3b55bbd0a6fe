"""Watching: one endless iterator over a task's events, whatever happens to the streams under it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import grpc.aio

from agent_runtime.backoff import Backoff
from agent_runtime.errors import AgentRuntimeError, ServerFailed, Unreachable, translated
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2

WatchUpdate = event_pb2.TaskEvent | service_pb2.WatchGap | task_pb2.Task
"""What a watch yields: events in order, a gap before the first event after a hole, and last the final task."""

WatchCall = grpc.aio.UnaryStreamCall[service_pb2.WatchTaskRequest, service_pb2.WatchTaskResponse]

_OPENING_SECONDS = 20.0
_LONGEST_ASKED_DELAY = 60.0

_log = logging.getLogger(__name__)


async def watch(
    open_stream: Callable[[service_pb2.WatchTaskRequest], WatchCall],
    request: service_pb2.WatchTaskRequest,
    *,
    backoff: Backoff,
    patience: float,
) -> AsyncGenerator[WatchUpdate, None]:
    """Yield each update of a task exactly once, over as many streams as it takes; end after the final task.

    ``patience`` is how many seconds the server may stay silent or away before ``Unreachable`` is raised. Other
    errors of the server, such as ``TaskNotFound``, are raised at once.
    """
    cursor = _Cursor.of(request)
    heard = time.monotonic()
    failures = 0
    while True:
        stream = _Stream(open_stream(cursor.resume(request)), cursor)
        try:
            async with contextlib.aclosing(stream.updates()) as updates:
                async for update in updates:
                    yield update
        except AgentRuntimeError as error:
            if not error.broken:
                raise
            stream.error = error
        finally:
            stream.cancel()
        if stream.finished:
            return
        heard = stream.heard or heard
        if stream.closed:
            failures = 0 if stream.moved else failures + 1
        else:
            failures = 1 if stream.moved else failures + 1
            if time.monotonic() - heard > patience:
                raise stream.error or Unreachable("the watch was cut off again and again")
        _log.info("watch of %s resumes after %s: %s", request.task_id, cursor.sequence, stream.error or "closed")
        await asyncio.sleep(max(stream.delay, backoff.delay(failures)))


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


class _Stream:
    """One WatchTask stream and how it ended."""

    def __init__(self, call: WatchCall, cursor: _Cursor) -> None:
        self._call = call
        self._cursor = cursor
        self._silence = _OPENING_SECONDS
        self.heard: float | None = None
        """When the last message came, on the monotonic clock."""
        self.moved = False
        """Something came after ``opened``."""
        self.closed = False
        """The server ended the stream in order."""
        self.finished = False
        """The task is done and all was yielded."""
        self.delay = 0.0
        """Seconds that the server asked to wait before a reconnect."""
        self.error: AgentRuntimeError | None = None

    async def updates(self) -> AsyncGenerator[WatchUpdate, None]:
        while (response := await self._read()) is not None:
            self.heard = time.monotonic()
            match response.WhichOneof("update"):
                case "opened":
                    self._open(response.opened)
                    continue
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
                    self._close(response.closed)
                    if self.finished:
                        yield response.closed.task
                    return
            self.moved = True
        self.error = Unreachable("the connection broke")

    async def _read(self) -> service_pb2.WatchTaskResponse | None:
        """The next message; None when the stream ended, with or without an error to be raised."""
        try:
            with translated():
                async with asyncio.timeout(self._silence):
                    response = await self._call.read()
        except TimeoutError:
            raise Unreachable(f"the server was silent for {self._silence:g} s", broken=True) from None
        return response if isinstance(response, service_pb2.WatchTaskResponse) else None

    def _open(self, opened: service_pb2.WatchOpened) -> None:
        if self._cursor.sequence is None:
            self._cursor.sequence = opened.after_sequence
        interval = opened.heartbeat_interval.ToTimedelta().total_seconds()
        if interval > 0:
            self._silence = 2 * interval

    def _close(self, closed: service_pb2.WatchClosed) -> None:
        self._cursor.cover(closed.sequence)
        self.closed = True
        self.finished = closed.reason == service_pb2.CLOSE_REASON_TASK_DONE
        self.delay = min(closed.reconnect_delay.ToTimedelta().total_seconds(), _LONGEST_ASKED_DELAY)

    def cancel(self) -> None:
        self._call.cancel()
