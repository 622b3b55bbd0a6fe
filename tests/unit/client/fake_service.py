# ruff: noqa: N802 - methods are named as the calls of the contract
"""A server made of canned answers, which breaks its streams on request."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NoReturn

import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from agent_runtime.v1 import artifact_pb2, event_pb2, service_pb2, service_pb2_grpc, session_pb2, task_pb2

Context = grpc.aio.ServicerContext[Any, Any]
CHUNK_BYTES = 1000


@dataclass(frozen=True)
class Turn:
    """How one stream goes: so many events, then its end."""

    events: int = 1_000_000
    end: str = "done"
    """One of: done, unavailable, reset (INTERNAL without details), cut (OK without closed), stall, drain, max_age."""
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
    artifacts: dict[str, bytes] = field(default_factory=dict)
    """Contents by path; the id is the path with "/" as "-"."""
    digest: str = ""
    """A digest to lie with."""
    files: dict[str, bytes] = field(default_factory=dict)
    read_breaks: deque[int] = field(default_factory=deque)
    """After how many bytes the next reads break off."""
    failures: deque[tuple[grpc.StatusCode, str, tuple[Message, ...]]] = field(default_factory=deque)
    """What the next unary calls fail with."""
    tests: list[Any] = field(default_factory=list)
    requests: list[Message] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)
    lose_answers: int = 0
    """So many CreateTask calls break after they have made the task."""

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


class _Runtime(service_pb2_grpc.AgentRuntimeServicer):
    def __init__(self, fake: FakeService) -> None:
        self.fake = fake

    async def _note(self, request: Message, context: Context) -> None:
        self.fake.requests.append(request)
        if self.fake.failures:
            code, message, details = self.fake.failures.popleft()
            await refuse(context, code, message, *details)

    async def _task(self, task_id: str, context: Context) -> task_pb2.Task:
        if task_id not in self.fake.tasks:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "No task has this id.", reason("TASK_NOT_FOUND"))
        return self.fake.tasks[task_id]

    async def CreateTask(self, request: Any, context: Any) -> service_pb2.CreateTaskResponse:
        await self._note(request, context)
        fake = self.fake
        replayed = request.request_id in fake.created
        if not replayed:
            task_id = f"task-{len(fake.created) + 1}"
            fake.created[request.request_id] = task_id
            if task_id not in fake.tasks:
                task = task_pb2.Task()
                task.CopyFrom(request.task)
                task.id, task.status = task_id, task_pb2.TASK_STATUS_PENDING
                task.session_id = task.session_id or task_id
                fake.tasks[task_id] = task
        if fake.lose_answers:
            fake.lose_answers -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the answer is lost")
        return service_pb2.CreateTaskResponse(task=fake.tasks[fake.created[request.request_id]], replayed=replayed)

    async def GetTask(self, request: Any, context: Any) -> service_pb2.GetTaskResponse:
        await self._note(request, context)
        return service_pb2.GetTaskResponse(task=await self._task(request.task_id, context))

    async def ListTasks(self, request: Any, context: Any) -> service_pb2.ListTasksResponse:
        await self._note(request, context)
        tasks, token = _page(list(self.fake.tasks.values()), request)
        return service_pb2.ListTasksResponse(tasks=tasks, next_page_token=token, total_tasks=len(self.fake.tasks))

    async def CancelTask(self, request: Any, context: Any) -> service_pb2.CancelTaskResponse:
        await self._note(request, context)
        task = await self._task(request.task_id, context)
        initiated = not task.done
        if initiated:
            task.status = task_pb2.TASK_STATUS_CANCELLING
        return service_pb2.CancelTaskResponse(task=task, initiated=initiated)

    async def WaitTask(self, request: Any, context: Any) -> service_pb2.WaitTaskResponse:
        await self._note(request, context)
        task = await self._task(request.task_id, context)
        return service_pb2.WaitTaskResponse(task=task, met=task.done)

    async def WatchTask(self, request: Any, context: Any) -> AsyncIterator[service_pb2.WatchTaskResponse]:
        await self._note(request, context)
        fake = self.fake
        task = await self._task(request.task_id, context)
        head = fake.events[-1].sequence if fake.events else 0
        after = request.after_sequence if request.HasField("after_sequence") else head
        if after > head:
            await refuse(context, grpc.StatusCode.OUT_OF_RANGE, "ahead", reason("SEQUENCE_AHEAD"))
        turn = fake.turns.popleft() if fake.turns else Turn()
        yield service_pb2.WatchTaskResponse(
            opened=service_pb2.WatchOpened(
                task=task, after_sequence=after, head_sequence=head, heartbeat_interval=seconds(fake.heartbeat)
            )
        )
        if after < fake.trimmed:
            yield service_pb2.WatchTaskResponse(
                gap=service_pb2.WatchGap(
                    first_missing=after + 1, last_missing=fake.trimmed, reason=service_pb2.GAP_REASON_TRIMMED, task=task
                )
            )
        start = max(after, fake.trimmed)
        end = min(start + turn.events, head)
        start = max(start - turn.rewind, fake.trimmed)
        kinds = [event_pb2.TaskEventKind.Name(kind).removeprefix("TASK_EVENT_KIND_").lower() for kind in request.kinds]
        wanted = [
            event
            for event in fake.events
            if start < event.sequence <= end and (not kinds or event.WhichOneof("payload") in kinds)
        ]
        for first in range(0, len(wanted), 3):
            batch = event_pb2.TaskEventBatch(events=wanted[first : first + 3])
            yield service_pb2.WatchTaskResponse(events=batch)
        yield service_pb2.WatchTaskResponse(heartbeat=service_pb2.WatchHeartbeat(sequence=end))
        closed = await self._finish(turn, end, head, task, context)
        if closed is not None:
            closed.sequence = end
            closed.reconnect_delay.CopyFrom(seconds(turn.delay))
            yield service_pb2.WatchTaskResponse(closed=closed)

    async def _finish(
        self, turn: Turn, end: int, head: int, task: task_pb2.Task, context: Context
    ) -> service_pb2.WatchClosed | None:
        match turn.end:
            case "unavailable":
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            case "reset":
                await context.abort(grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2")
            case "cut":
                return None
            case "stall":
                await asyncio.Event().wait()
            case "drain":
                return service_pb2.WatchClosed(reason=service_pb2.CLOSE_REASON_DRAINING)
            case "max_age":
                return service_pb2.WatchClosed(reason=service_pb2.CLOSE_REASON_MAX_AGE)
        assert end == head
        return service_pb2.WatchClosed(reason=service_pb2.CLOSE_REASON_TASK_DONE, task=task)

    async def ListTaskEvents(self, request: Any, context: Any) -> service_pb2.ListTaskEventsResponse:
        await self._note(request, context)
        events, token = _page([e for e in self.fake.events if e.sequence > request.after_sequence], request)
        return service_pb2.ListTaskEventsResponse(events=events, next_page_token=token)

    async def ListTaskLogs(self, request: Any, context: Any) -> service_pb2.ListTaskLogsResponse:
        await self._note(request, context)
        entries = [entry for event in self.fake.events for entry in event.log.entries]
        kept, token = _page([entry for entry in entries if entry.level >= request.min_level], request)
        return service_pb2.ListTaskLogsResponse(entries=kept, next_page_token=token)

    async def ListTestResults(self, request: Any, context: Any) -> service_pb2.ListTestResultsResponse:
        await self._note(request, context)
        task = await self._task(request.task_id, context)
        tests, token = _page(self.fake.tests, request)
        return service_pb2.ListTestResultsResponse(tests=tests, next_page_token=token, summary=task.result.summary)

    async def ListArtifacts(self, request: Any, context: Any) -> service_pb2.ListArtifactsResponse:
        await self._note(request, context)
        await self._task(request.task_id, context)
        artifacts, token = _page(
            [
                artifact_pb2.Artifact(id=path.replace("/", "-"), path=path, size_bytes=len(data))
                for path, data in self.fake.artifacts.items()
            ],
            request,
        )
        return service_pb2.ListArtifactsResponse(artifacts=artifacts, next_page_token=token)

    async def ReadArtifact(self, request: Any, context: Any) -> AsyncIterator[service_pb2.ReadArtifactResponse]:
        await self._note(request, context)
        data = {path.replace("/", "-"): data for path, data in self.fake.artifacts.items()}[request.artifact_id]
        if request.read_offset > len(data):
            await refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "behind the end", reason("INVALID_FIELD"))
        digest = self.fake.digest or sha256(data).hexdigest()
        async for chunk in _chunks(self.fake, data, request.read_offset, digest, context):
            yield service_pb2.ReadArtifactResponse(chunk=chunk)

    async def GetServerInfo(self, request: Any, context: Any) -> service_pb2.GetServerInfoResponse:
        await self._note(request, context)
        return service_pb2.GetServerInfoResponse(status="healthy", version="1.2.3")


class _Sessions(service_pb2_grpc.SessionServiceServicer):
    def __init__(self, fake: FakeService) -> None:
        self.fake = fake

    async def ListSessionFiles(self, request: Any, context: Any) -> service_pb2.ListSessionFilesResponse:
        self.fake.requests.append(request)
        files = [
            session_pb2.SessionFile(name=path.rsplit("/", 1)[-1], path=path, size_bytes=len(data))
            for path, data in self.fake.files.items()
        ]
        kept, token = _page(files, request)
        session_id = request.session_id or self.fake.tasks[request.task_id].session_id
        return service_pb2.ListSessionFilesResponse(files=kept, next_page_token=token, session_id=session_id)

    async def ReadSessionFile(self, request: Any, context: Any) -> AsyncIterator[service_pb2.ReadSessionFileResponse]:
        self.fake.requests.append(request)
        if request.path not in self.fake.files:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "no such file", reason("FILE_NOT_FOUND"))
        async for chunk in _chunks(self.fake, self.fake.files[request.path], request.read_offset, "", context):
            yield service_pb2.ReadSessionFileResponse(chunk=chunk)


def _page(items: Sequence[Any], request: Any) -> tuple[Sequence[Any], str]:
    """Two items a page, so that every list has several."""
    start = int(request.page_token or 0)
    end = start + min(request.page_size or 2, 2)
    return items[start:end], str(end) if end < len(items) else ""


async def _chunks(
    fake: FakeService, data: bytes, start: int, digest: str, context: Context
) -> AsyncIterator[artifact_pb2.FileChunk]:
    stop = fake.read_breaks.popleft() if fake.read_breaks else None
    for offset in range(start, max(len(data), start + 1), CHUNK_BYTES):
        if stop is not None and offset - start >= stop:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        chunk = artifact_pb2.FileChunk(offset=offset, data=data[offset : offset + CHUNK_BYTES])
        if offset == start:
            chunk.size_bytes, chunk.sha256 = len(data), digest
        yield chunk


@asynccontextmanager
async def serving(fake: FakeService, port: int = 0) -> AsyncIterator[str]:
    """The fake on a port of this machine; the address."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    service_pb2_grpc.add_AgentRuntimeServicer_to_server(_Runtime(fake), server)
    service_pb2_grpc.add_SessionServiceServicer_to_server(_Sessions(fake), server)
    state = health.aio.HealthServicer()
    await state.set("readiness", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@contextmanager
def serving_in_thread(fake: FakeService) -> Iterator[str]:
    """The fake on a loop of its own, for callers that run a loop themselves; the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = serving(fake)
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


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
