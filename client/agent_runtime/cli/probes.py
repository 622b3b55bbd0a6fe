"""A harmless call of every method of the contract, and what its answer has to be.

Ids of tasks are unknown ones, so that nothing is changed: a method that says so has been reached. A session of its own
is made and deleted again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from agent_runtime.v1 import artifact_pb2, service_pb2, task_pb2
from agent_runtime.values import duration

UNKNOWN = "no-such-task"
SECONDS = 20.0
"""The longest that a call may take."""
FILE = "hello.txt"
CONTENT = b"hello"
_OK, _NOT_FOUND = "OK", "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Probe:
    """A call of a method. The requests are one, or those of an upload."""

    method: MethodDescriptor
    requests: Sequence[Message]
    expected: str
    """Name of the gRPC status."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a probe."""

    door: str
    call: str
    answer: str
    ok: bool
    milliseconds: float
    problem: str = ""
    """What the answer should have been."""


def probes(session_id: str) -> list[Probe]:
    """Probes of all methods, in an order in which the session is there when it is needed."""
    pb = service_pb2
    configuration = task_pb2.TaskConfiguration(app_url="http://127.0.0.1/")
    plan = task_pb2.Task(task_type=task_pb2.TASK_TYPE_PLAN, configuration=configuration)
    changed = pb.UpdateTaskRequest(task=task_pb2.Task(id=UNKNOWN, priority=3))
    changed.update_mask.paths.append("priority")
    answer = pb.RespondToInputRequest(task_id=UNKNOWN, input_id="none", decision=task_pb2.INPUT_DECISION_REJECT)
    upload = (
        pb.WriteSessionFileRequest(header=pb.WriteSessionFileHeader(session_id=session_id, path=FILE)),
        pb.WriteSessionFileRequest(chunk=artifact_pb2.FileChunk(data=CONTENT)),
    )
    return [
        _probe(pb.GetServerInfoRequest()),
        _probe(pb.CreateTaskRequest(task=plan, validate_only=True)),
        _probe(pb.ListTasksRequest(page_size=1)),
        _probe(pb.WatchTasksRequest(heartbeat_interval=duration(1))),
        _probe(pb.ListInputRequestsRequest(task_id="-", page_size=1)),
        _probe(pb.DeleteTaskRequest(task_id=UNKNOWN, allow_missing=True)),
        _probe(changed, _NOT_FOUND),
        _probe(answer, _NOT_FOUND),
        _probe(pb.GetTaskRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.CancelTaskRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.RetryTaskRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.WaitTaskRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.WatchTaskRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.ListTaskEventsRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.ListTaskLogsRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.ListTestResultsRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.ListArtifactsRequest(task_id=UNKNOWN), _NOT_FOUND),
        _probe(pb.ReadArtifactRequest(task_id=UNKNOWN, artifact_id="none"), _NOT_FOUND),
        _probe(pb.CreateSessionRequest(session_id=session_id)),
        _probe(pb.ListSessionsRequest(page_size=1)),
        _probe(pb.GetSessionRequest(session_id=session_id)),
        _probe(*upload),
        _probe(pb.ListSessionFilesRequest(session_id=session_id)),
        _probe(pb.ReadSessionFileRequest(session_id=session_id, path=FILE)),
        _probe(pb.ArchiveSessionRequest(session_id=session_id)),
        _probe(pb.DeleteSessionRequest(session_id=session_id)),
    ]


def _probe(first: Message, *rest: Message | str) -> Probe:
    name = type(first).__name__.removesuffix("Request")
    method = next(method for method in all_methods() if method.name == name)
    requests = [first, *(part for part in rest if isinstance(part, Message))]
    expected = next((part for part in rest if isinstance(part, str)), _OK)
    return Probe(method, requests, expected)


def all_methods() -> list[MethodDescriptor]:
    """Every method of the contract."""
    return [method for service in service_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods]


async def over_grpc(channel: grpc.aio.Channel, probe: Probe) -> Finding:
    """Carry out a probe."""
    method = probe.method
    begin = time.perf_counter()
    try:
        async with asyncio.timeout(SECONDS):
            await _call(channel, probe)
        answer = _OK
    except grpc.aio.AioRpcError as error:
        answer = error.code().name
    except TimeoutError:
        answer = f"nothing within {SECONDS:.0f} s"
    took = (time.perf_counter() - begin) * 1000
    ok = answer == probe.expected
    name = f"{method.containing_service.name}.{method.name}"
    return Finding("gRPC", name, answer, ok, took, "" if ok else f"expected {probe.expected}")


async def _call(channel: grpc.aio.Channel, probe: Probe) -> None:
    """Wait for the answer; of a watch, which has no end, for its first message."""
    method = probe.method
    path = f"/{method.containing_service.full_name}/{method.name}"
    kinds: dict[str, Any] = {
        "request_serializer": type(probe.requests[0]).SerializeToString,
        "response_deserializer": GetMessageClass(method.output_type).FromString,
    }
    if method.server_streaming:
        stream: Any = channel.unary_stream(path, **kinds)(probe.requests[0])
        try:
            # A transfer that is cut off holds its session for a moment more.
            while await stream.read() is not grpc.aio.EOF and "chunk" in method.output_type.fields_by_name:
                pass
        finally:
            stream.cancel()
    elif method.client_streaming:
        upload: Any = channel.stream_unary(path, **kinds)
        await upload(_each(probe.requests))
    else:
        call: Any = channel.unary_unary(path, **kinds)
        await call(probe.requests[0])


async def _each(requests: Sequence[Message]) -> AsyncIterator[Message]:
    for request in requests:
        yield request
