"""Watches as server-sent events.

The events of a task have no ``event:`` name, so that ``onmessage`` gets them; everything else has the name that it has
in the contract. ``id:`` is always where to go on, so that ``Last-Event-ID`` misses nothing: the sequence, or, of a
watch of many tasks, the resume token, which comes with the last event of a batch only.
"""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from agent_runtime.v1 import service_pb2
from agent_runtime_server.rest.json_out import encode, to_json
from agent_runtime_server.rest.problems import Refused, problem_value

MEDIA_TYPE = "text/event-stream"
LONGEST_SILENCE = Duration(seconds=15)
"""Something is sent at least that often."""
_RETRY_MS = 1000
_RECONNECT = (service_pb2.CLOSE_REASON_DRAINING, service_pb2.CLOSE_REASON_MAX_AGE)


def of_task(raw: bytes) -> bytes:
    """A WatchTaskResponse."""
    response = service_pb2.WatchTaskResponse.FromString(raw)
    match response.WhichOneof("update"):
        case "events":
            return b"".join(
                [b"id: %d\ndata: %b\n\n" % (event.sequence, to_json(event)) for event in response.events.events]
            )
        case "heartbeat":
            return _heartbeat(str(response.heartbeat.sequence))
        case "opened":
            return _named("opened", str(response.opened.after_sequence), response.opened)
        case "gap":
            return _named("gap", str(response.gap.last_missing), response.gap)
        case "closed":
            return _closed(str(response.closed.sequence), response.closed)
    return b""


def of_tasks(raw: bytes) -> bytes:
    """A WatchTasksResponse."""
    response = service_pb2.WatchTasksResponse.FromString(raw)
    token = response.resume_token
    match response.WhichOneof("update"):
        case "events":
            messages = [b"data: %b\n\n" % to_json(event) for event in response.events.events]
            return b"".join(messages[:-1]) + _id(token) + messages[-1] if messages else b""
        case "heartbeat":
            return _heartbeat(token)
        case "task":
            return _named("task", token, response.task)
        case "closed":
            return _closed(token, response.closed)
    return b""


def fault(refused: Refused) -> bytes:
    """What ends a watch that is under way."""
    return b"event: fault\ndata: %b\n\n" % encode(problem_value(refused))


def _named(name: str, where: str, message: Message) -> bytes:
    return b"event: %b\n%bdata: %b\n\n" % (name.encode(), _id(where), to_json(message))


def _id(where: str) -> bytes:
    # There may be nowhere to go on from yet. An empty id would take away the place that the reader has.
    return f"id: {where}\n".encode() if where else b""


def _heartbeat(where: str) -> bytes:
    # An id without data moves the reader's place, and is no event.
    return b": heartbeat\n%b\n" % _id(where)


def _closed(where: str, closed: service_pb2.WatchClosed) -> bytes:
    sent = _named("closed", where, closed)
    if closed.reason not in _RECONNECT:
        return sent
    return b"retry: %d\n" % max(_RETRY_MS, closed.reconnect_delay.ToMilliseconds()) + sent
