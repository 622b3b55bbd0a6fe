"""Events in the bytes of the contract: encoded once, when they are stored; sent as they are."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator

from agent_runtime.v1 import event_pb2
from agent_runtime_server.domain import event as domain
from agent_runtime_server.domain.agent import AgentMessage, ToolCall
from agent_runtime_server.domain.inputs import InputRequest, InputResolution
from agent_runtime_server.domain.results import Artifact, Finding, TestCase
from agent_runtime_server.domain.task import Attempt, Progress
from agent_runtime_server.domain.usage import ModelUsage, Usage
from agent_runtime_server.rpc import enums
from agent_runtime_server.rpc.inputs_codec import input_request_out, input_resolution_out, tool_call_out
from agent_runtime_server.rpc.results_codec import artifact_out, finding_out, test_case_out, timestamp
from agent_runtime_server.rpc.task_codec import (
    failure_out,
    progress_out,
    queue_out,
    result_out,
    task_attempt_out,
    usage_out,
)

PAYLOAD_OF_KIND = {
    event_pb2.TASK_EVENT_KIND_STATUS: "status",
    event_pb2.TASK_EVENT_KIND_PHASE: "phase_change",
    event_pb2.TASK_EVENT_KIND_QUEUE: "queue",
    event_pb2.TASK_EVENT_KIND_PROGRESS: "progress",
    event_pb2.TASK_EVENT_KIND_ATTEMPT: "attempt_change",
    event_pb2.TASK_EVENT_KIND_LOG: "log",
    event_pb2.TASK_EVENT_KIND_AGENT_MESSAGE: "agent_message",
    event_pb2.TASK_EVENT_KIND_TOOL_CALL: "tool_call",
    event_pb2.TASK_EVENT_KIND_TEST: "test",
    event_pb2.TASK_EVENT_KIND_ARTIFACT: "artifact",
    event_pb2.TASK_EVENT_KIND_FILE: "file",
    event_pb2.TASK_EVENT_KIND_USAGE: "usage",
    event_pb2.TASK_EVENT_KIND_INPUT_REQUESTED: "input_requested",
    event_pb2.TASK_EVENT_KIND_INPUT_RESOLVED: "input_resolved",
    event_pb2.TASK_EVENT_KIND_FINDING: "finding",
}


class ProtoEventCodec:
    """The EventCodec port, in ``agent_runtime.v1.TaskEvent``."""

    def encode(self, event: domain.Event, sequence: int) -> bytes:
        """One framed element of ``TaskEventBatch.events``."""
        message = event_pb2.TaskEvent(
            sequence=sequence,
            task_id=event.task_id,
            event_time=timestamp(event.event_time),
            attempt=event.attempt,
            phase=enums.PHASE.out(event.phase),  # type: ignore[arg-type]
        )
        _set_payload(message, event)
        body = message.SerializeToString()
        return b"\x0a" + varint(len(body)) + body


def _set_payload(message: event_pb2.TaskEvent, event: domain.Event) -> None:
    payload = event.payload
    match payload:
        case domain.StatusChanged():
            message.status.CopyFrom(
                event_pb2.StatusChange(
                    old_status=enums.STATUS.out(payload.old),  # type: ignore[arg-type]
                    new_status=enums.STATUS.out(payload.new),  # type: ignore[arg-type]
                    message=payload.message,
                    error=failure_out(payload.failure) if payload.failure else None,
                    result=result_out(payload.result) if payload.result else None,
                )
            )
        case domain.PhaseChanged():
            message.phase_change.CopyFrom(
                event_pb2.PhaseChange(
                    old_phase=enums.PHASE.out(payload.old),  # type: ignore[arg-type]
                    new_phase=enums.PHASE.out(payload.new),  # type: ignore[arg-type]
                    activity=payload.activity,
                )
            )
        case domain.QueueState():
            message.queue.CopyFrom(queue_out(payload))
        case Progress():
            message.progress.CopyFrom(progress_out(payload))
        case Attempt():
            message.attempt_change.CopyFrom(task_attempt_out(payload))
        case domain.LogChunk():
            message.log.CopyFrom(
                event_pb2.LogChunk(
                    entries=[
                        event_pb2.LogEntry(
                            log_time=timestamp(entry.log_time),
                            level=enums.LEVEL.out(entry.level),  # type: ignore[arg-type]
                            source=enums.SOURCE.out(entry.source),  # type: ignore[arg-type]
                            message=entry.message,
                        )
                        for entry in payload.entries
                    ],
                    dropped=payload.dropped,
                )
            )
        case AgentMessage():
            message.agent_message.CopyFrom(
                event_pb2.AgentMessage(
                    message_id=payload.message_id,
                    agent=payload.agent,
                    text=payload.text,
                    reasoning=payload.reasoning,
                    final=payload.final,
                )
            )
        case ToolCall():
            message.tool_call.CopyFrom(tool_call_out(payload))
        case TestCase():
            message.test.CopyFrom(test_case_out(payload))
        case Artifact():
            message.artifact.CopyFrom(artifact_out(event.task_id, payload))
        case domain.FileChanged():
            message.file.CopyFrom(
                event_pb2.FileChange(
                    path=payload.path,
                    size_bytes=payload.size_bytes,
                    sha256=payload.sha256,
                    removed=payload.removed,
                )
            )
        case ModelUsage():
            message.usage.CopyFrom(usage_out(Usage((payload,))))
        case InputRequest():
            message.input_requested.CopyFrom(input_request_out(payload))
        case InputResolution():
            message.input_resolved.CopyFrom(input_resolution_out(payload))
        case Finding():
            message.finding.CopyFrom(finding_out(payload))


def varint(number: int) -> bytes:
    """A base-128 varint (protobuf.dev/programming-guides/encoding)."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def split(framed: bytes) -> Iterator[bytes]:
    """The framed elements of a batch, one by one."""
    start = 0
    while start < len(framed):
        position, size, shift = start + 1, 0, 0
        while True:
            byte = framed[position]
            position += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield framed[start : position + size]
        start = position + size


def select(framed: bytes, last: int = sys.maxsize, *, kinds: Collection[event_pb2.TaskEventKind.ValueType]) -> bytes:
    """The events of these kinds (all of them for no kinds) up to the sequence ``last``."""
    if not framed or (not kinds and last == sys.maxsize):
        return framed
    wanted = {PAYLOAD_OF_KIND[kind] for kind in kinds if kind in PAYLOAD_OF_KIND}
    kept = []
    for element in split(framed):
        event = event_pb2.TaskEventBatch.FromString(element).events[0]
        if event.sequence > last:
            break
        if not kinds or event.WhichOneof("payload") in wanted:
            kept.append(element)
    return b"".join(kept)
