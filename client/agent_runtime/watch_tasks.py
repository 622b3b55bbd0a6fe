"""Watching many tasks: those that match a filter, as they stand and then event by event."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass

import grpc.aio

from agent_runtime.backoff import Backoff
from agent_runtime.errors import AgentRuntimeError, ResumeTokenExpired
from agent_runtime.streams import Stream, follow
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2

TasksUpdate = task_pb2.Task | event_pb2.TaskEvent
"""What a watch of many tasks yields: a task as it stands when it comes into view, then its events."""

WatchTasksCall = grpc.aio.UnaryStreamCall[service_pb2.WatchTasksRequest, service_pb2.WatchTasksResponse]

_SHORTEST_SILENCE = 20.0
"""The server does not say how often it sends heartbeats; it may be less often than it was asked to."""


def watch_tasks(
    open_call: Callable[[service_pb2.WatchTasksRequest], WatchTasksCall],
    request: service_pb2.WatchTasksRequest,
    *,
    backoff: Backoff,
    patience: float,
) -> AsyncGenerator[TasksUpdate, None]:
    """Yield matching tasks and their events without end, over as many streams as it takes."""
    silence = max(2 * request.heartbeat_interval.ToTimedelta().total_seconds(), _SHORTEST_SILENCE)
    place = _Place(request.resume_token)
    return follow(
        lambda: _TasksStream(open_call(place.resume(request)), silence, place),
        what="the watch of tasks",
        backoff=backoff,
        patience=patience,
    )


@dataclass(slots=True)
class _Place:
    """Where to resume: after the last message that was taken in."""

    token: str

    def resume(self, request: service_pb2.WatchTasksRequest) -> service_pb2.WatchTasksRequest:
        """The request that goes on from here."""
        resumed = service_pb2.WatchTasksRequest()
        resumed.CopyFrom(request)
        resumed.resume_token = self.token
        return resumed


class _TasksStream(Stream[service_pb2.WatchTasksResponse, TasksUpdate]):
    """One WatchTasks stream."""

    def __init__(self, call: WatchTasksCall, silence: float, place: _Place) -> None:
        super().__init__(call, silence)
        self._place = place

    def take_in(self, response: service_pb2.WatchTasksResponse) -> Iterator[TasksUpdate]:
        self.moved = True
        match response.WhichOneof("update"):
            case "task":
                yield response.task
            case "events":
                yield from response.events.events
            case "closed":
                self.close(response.closed)
        self._place.token = response.resume_token or self._place.token

    def survives(self, error: AgentRuntimeError) -> bool:
        """Also a token of which the server knows nothing any more: the next stream starts over."""
        if isinstance(error, ResumeTokenExpired) and self._place.token:
            self._place.token = ""
            self.heard = time.monotonic()
            return True
        return super().survives(error)
