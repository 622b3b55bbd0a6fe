"""What a server made of canned answers holds, and how its streams break on request."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from agent_runtime.v1 import artifact_pb2, event_pb2, input_pb2, session_pb2, task_pb2

Context = grpc.aio.ServicerContext[Any, Any]
CHUNK_BYTES = 1000


@dataclass(frozen=True)
class Turn:
    """How one stream goes: so many events, then its end."""

    events: int = 1_000_000
    end: str = "done"
    """done, unavailable, reset (INTERNAL without details), cut (OK without closed), stall, drain, deleted, max_age."""
    rewind: int = 0
    """How many events are sent a second time."""
    delay: float = 0.0
    """Seconds that a reader is asked to wait before a reconnect."""


@dataclass
class FakeService:
    """What the fake server holds, and what it was asked."""

    tasks: dict[str, task_pb2.Task] = field(default_factory=dict)
    events: list[event_pb2.TaskEvent] = field(default_factory=list)
    trimmed: int = 0
    """Events up to this sequence are gone."""
    heartbeat: float = 10.0
    turns: deque[Turn] = field(default_factory=deque)
    """How the next streams go; without any they go to the end."""
    feed: list[task_pb2.Task | event_pb2.TaskEvent] = field(default_factory=list)
    """What WatchTasks tells, one message each; its streams take turns, too."""
    life: int = 1
    """Resume tokens of another life have expired."""
    artifacts: dict[str, bytes] = field(default_factory=dict)
    """Contents by path; the id is the path with "/" as "-"."""
    digest: str = ""
    """A digest to lie with."""
    sessions: dict[str, session_pb2.Session] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """The files of every session."""
    file_digests: bool = False
    """Session files are read with their digest."""
    read_breaks: deque[int] = field(default_factory=deque)
    """After how many bytes the next reads break off."""
    write_breaks: deque[int | None] = field(default_factory=deque)
    """After how many bytes the next writes break off; None: after the file is there."""
    failures: deque[tuple[grpc.StatusCode, str, tuple[Message, ...]] | None] = field(default_factory=deque)
    """What the next calls fail with; None for one that does not."""
    tests: list[Any] = field(default_factory=list)
    inputs: list[input_pb2.InputRequest] = field(default_factory=list)
    """Questions of all tasks."""
    requests: list[Message] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)
    lose_answers: int = 0
    """So many calls that make something break after they have made it."""
    stalled: threading.Event = field(default_factory=threading.Event)
    """A stream stalls, or has."""
    stalled_ended: threading.Event = field(default_factory=threading.Event)
    """A stream that stalled was ended by its reader."""
    deleted: list[str] = field(default_factory=list)
    """Ids of tasks and sessions."""
    http_url: str = "http://127.0.0.1:5001"

    def asked(self, kind: type[Message]) -> list[Any]:
        return [request for request in self.requests if isinstance(request, kind)]


async def refuse(context: Context, code: grpc.StatusCode, message: str, *details: Message) -> NoReturn:
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    metadata = (("grpc-status-details-bin", status.SerializeToString()),) if details else ()
    await context.abort(code, message, metadata)
    raise AssertionError("abort raises")


def reason(name: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=name, domain="agent-runtime", metadata=metadata)


def seconds(value: float) -> Duration:
    return Duration(seconds=int(value), nanos=round(value % 1 * 1e9))


async def note(fake: FakeService, request: Message, context: Context) -> None:
    """Write down what was asked, and fail if it is time to."""
    fake.requests.append(request)
    failure = fake.failures.popleft() if fake.failures else None
    if failure is not None:
        code, message, details = failure
        await refuse(context, code, message, *details)


async def lose_answer(fake: FakeService, context: Context) -> None:
    """Break off, if the answer is to be lost."""
    if fake.lose_answers:
        fake.lose_answers -= 1
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the answer is lost")


def page_of(items: Sequence[Any], request: Any) -> tuple[Sequence[Any], str]:
    """Two items a page, so that every list has several."""
    start = int(request.page_token or 0)
    end = start + min(request.page_size or 2, 2)
    return items[start:end], str(end) if end < len(items) else ""


async def chunks_of(
    fake: FakeService, data: bytes, request: Any, digest: str, context: Context
) -> AsyncIterator[artifact_pb2.FileChunk]:
    """What a read asks for, up to where it is to break."""
    start = request.read_offset
    end = start + request.read_limit if request.read_limit else len(data)
    stop = fake.read_breaks.popleft() if fake.read_breaks else None
    for offset in range(start, max(min(len(data), end), start + 1), CHUNK_BYTES):
        if stop is not None and offset - start >= stop:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        chunk = artifact_pb2.FileChunk(offset=offset, data=data[offset : min(offset + CHUNK_BYTES, end)])
        if offset == start:
            chunk.size_bytes, chunk.sha256 = len(data), digest
        yield chunk


def log_events(count: int, task_id: str = "task-1") -> list[event_pb2.TaskEvent]:
    """So many events; every fifth is a status, the others are log lines."""
    events = []
    for sequence in range(1, count + 1):
        event = event_pb2.TaskEvent(sequence=sequence, task_id=task_id)
        event.event_time.FromSeconds(1_800_000_000 + sequence)
        if sequence % 5 == 0:
            event.status.new_status = task_pb2.TASK_STATUS_RUNNING
        else:
            entry = event.log.entries.add(
                level=event_pb2.LOG_LEVEL_INFO, source=event_pb2.LOG_SOURCE_AGENT, message=f"line {sequence}"
            )
            entry.log_time.CopyFrom(event.event_time)
        events.append(event)
    return events


def done_task(task_id: str = "task-1") -> task_pb2.Task:
    """A task that is completed, with passing tests."""
    task = task_pb2.Task(
        id=task_id,
        session_id=task_id,
        task_type=task_pb2.TASK_TYPE_COMPLETE,
        status=task_pb2.TASK_STATUS_COMPLETED,
        done=True,
    )
    task.configuration.app_url = "http://shop.test/"
    task.result.verdict = task_pb2.TEST_VERDICT_PASSED
    task.result.summary.total = task.result.summary.expected = 3
    return task


def open_question(input_id: str = "input-1", **fields: Any) -> input_pb2.InputRequest:
    """A question that waits for an answer: may a tool be called?"""
    decisions = [task_pb2.INPUT_DECISION_ALLOW_ONCE, task_pb2.INPUT_DECISION_REJECT, task_pb2.INPUT_DECISION_ABORT]
    request = input_pb2.InputRequest(
        id=input_id,
        task_id="task-1",
        kind=input_pb2.INPUT_KIND_PERMISSION,
        prompt="May it call bash?",
        allowed_decisions=decisions,
        default_decision=task_pb2.INPUT_DECISION_REJECT,
    )
    request.expire_time.FromSeconds(1_800_000_000)
    request.MergeFrom(input_pb2.InputRequest(**fields))
    return request
