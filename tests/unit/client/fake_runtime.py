# ruff: noqa: N802 - methods are named as the calls of the contract
"""The AgentRuntime service made of canned answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import grpc.aio
from google.protobuf.message import Message

from agent_runtime.v1 import artifact_pb2, event_pb2, input_pb2, service_pb2, service_pb2_grpc, task_pb2
from tests.unit.client.fake_state import (
    Context,
    FakeService,
    Turn,
    chunks_of,
    lose_answer,
    note,
    page_of,
    reason,
    refuse,
    seconds,
)


class FakeRuntime(service_pb2_grpc.AgentRuntimeServicer):
    def __init__(self, fake: FakeService) -> None:
        self.fake = fake

    async def _note(self, request: Message, context: Context) -> None:
        await note(self.fake, request, context)

    async def _task(self, task_id: str, context: Context) -> task_pb2.Task:
        if task_id not in self.fake.tasks:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "No task has this id.", reason("TASK_NOT_FOUND"))
        return self.fake.tasks[task_id]

    async def CreateTask(self, request: Any, context: Any) -> service_pb2.CreateTaskResponse:
        await self._note(request, context)
        if request.validate_only:
            return service_pb2.CreateTaskResponse(task=request.task)
        replayed = request.request_id in self.fake.created
        task = self._make(request.task, request.request_id)
        await lose_answer(self.fake, context)
        return service_pb2.CreateTaskResponse(task=task, replayed=replayed)

    async def RetryTask(self, request: Any, context: Any) -> service_pb2.RetryTaskResponse:
        await self._note(request, context)
        asked = task_pb2.Task()
        asked.CopyFrom(await self._task(request.task_id, context))
        asked.ClearField("result")
        asked.done, asked.retry_of_task_id = False, request.task_id
        replayed = request.request_id in self.fake.created
        task = self._make(asked, request.request_id)
        await lose_answer(self.fake, context)
        return service_pb2.RetryTaskResponse(task=task, replayed=replayed)

    def _make(self, asked: task_pb2.Task, request_id: str) -> task_pb2.Task:
        """The task of a request id: that of an earlier request, one that a test has put there, or a new one."""
        fake = self.fake
        if request_id not in fake.created:
            task_id = f"task-{len(fake.created) + (2 if asked.retry_of_task_id else 1)}"
            fake.created[request_id] = task_id
            if task_id not in fake.tasks:
                task = task_pb2.Task()
                task.CopyFrom(asked)
                task.id, task.status = task_id, task_pb2.TASK_STATUS_PENDING
                task.session_id = task.session_id or task_id
                fake.tasks[task_id] = task
        return fake.tasks[fake.created[request_id]]

    async def GetTask(self, request: Any, context: Any) -> service_pb2.GetTaskResponse:
        await self._note(request, context)
        return service_pb2.GetTaskResponse(task=await self._task(request.task_id, context))

    async def ListTasks(self, request: Any, context: Any) -> service_pb2.ListTasksResponse:
        await self._note(request, context)
        tasks, token = page_of(list(self.fake.tasks.values()), request)
        return service_pb2.ListTasksResponse(tasks=tasks, next_page_token=token, total_tasks=len(self.fake.tasks))

    async def CancelTask(self, request: Any, context: Any) -> service_pb2.CancelTaskResponse:
        await self._note(request, context)
        task = await self._task(request.task_id, context)
        initiated = not task.done
        if initiated:
            task.status = task_pb2.TASK_STATUS_CANCELLING
        return service_pb2.CancelTaskResponse(task=task, initiated=initiated)

    async def UpdateTask(self, request: Any, context: Any) -> service_pb2.UpdateTaskResponse:
        await self._note(request, context)
        task = await self._task(request.task.id, context)
        if request.task.etag and request.task.etag != task.etag:
            await refuse(context, grpc.StatusCode.ABORTED, "changed", reason("ETAG_MISMATCH"))
        for path in request.update_mask.paths:
            task.ClearField(path)
        changed = task_pb2.Task()
        request.update_mask.MergeMessage(request.task, changed)
        task.MergeFrom(changed)
        task.etag += "+"
        return service_pb2.UpdateTaskResponse(task=task)

    async def DeleteTask(self, request: Any, context: Any) -> service_pb2.DeleteTaskResponse:
        await self._note(request, context)
        if request.task_id not in self.fake.tasks and request.allow_missing:
            return service_pb2.DeleteTaskResponse()
        task = await self._task(request.task_id, context)
        if not task.done:
            await refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "not done", reason("TASK_NOT_DONE"))
        del self.fake.tasks[request.task_id]
        self.fake.deleted.append(request.task_id)
        return service_pb2.DeleteTaskResponse()

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
                self.fake.stalled.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.fake.stalled_ended.set()
            case "drain":
                return service_pb2.WatchClosed(reason=service_pb2.CLOSE_REASON_DRAINING)
            case "deleted":
                return service_pb2.WatchClosed(reason=service_pb2.CLOSE_REASON_TASK_DELETED)
            case "max_age":
                return service_pb2.WatchClosed(reason=service_pb2.CLOSE_REASON_MAX_AGE)
        assert end == head
        return service_pb2.WatchClosed(reason=service_pb2.CLOSE_REASON_TASK_DONE, task=task)

    async def WatchTasks(self, request: Any, context: Any) -> AsyncIterator[service_pb2.WatchTasksResponse]:
        await self._note(request, context)
        fake = self.fake
        life, _, start = request.resume_token.partition(":")
        if request.resume_token and life != str(fake.life):
            await refuse(context, grpc.StatusCode.OUT_OF_RANGE, "expired", reason("RESUME_TOKEN_EXPIRED"))
        turn = fake.turns.popleft() if fake.turns else Turn(end="stall")
        place = first = int(start or 0)
        for place, told in enumerate(fake.feed[first : first + turn.events], first + 1):
            response = service_pb2.WatchTasksResponse(resume_token=f"{fake.life}:{place}")
            if isinstance(told, task_pb2.Task):
                response.task.CopyFrom(told)
            else:
                response.events.events.append(told)
            yield response
        yield service_pb2.WatchTasksResponse(
            resume_token=f"{fake.life}:{place}", heartbeat=service_pb2.WatchHeartbeat(caught_up=True)
        )
        closed = await self._finish(turn, 0, 0, task_pb2.Task(), context)
        if closed is not None:
            yield service_pb2.WatchTasksResponse(closed=closed)

    async def ListTaskEvents(self, request: Any, context: Any) -> service_pb2.ListTaskEventsResponse:
        await self._note(request, context)
        events, token = page_of([e for e in self.fake.events if e.sequence > request.after_sequence], request)
        return service_pb2.ListTaskEventsResponse(events=events, next_page_token=token)

    async def ListTaskLogs(self, request: Any, context: Any) -> service_pb2.ListTaskLogsResponse:
        await self._note(request, context)
        entries = [entry for event in self.fake.events for entry in event.log.entries]
        kept, token = page_of([entry for entry in entries if entry.level >= request.min_level], request)
        return service_pb2.ListTaskLogsResponse(entries=kept, next_page_token=token)

    async def ListTestResults(self, request: Any, context: Any) -> service_pb2.ListTestResultsResponse:
        await self._note(request, context)
        task = await self._task(request.task_id, context)
        tests, token = page_of(self.fake.tests, request)
        return service_pb2.ListTestResultsResponse(tests=tests, next_page_token=token, summary=task.result.summary)

    async def ListArtifacts(self, request: Any, context: Any) -> service_pb2.ListArtifactsResponse:
        await self._note(request, context)
        await self._task(request.task_id, context)
        artifacts, token = page_of(
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
        async for chunk in chunks_of(self.fake, data, request, digest, context):
            yield service_pb2.ReadArtifactResponse(chunk=chunk)

    async def ListInputRequests(self, request: Any, context: Any) -> service_pb2.ListInputRequestsResponse:
        await self._note(request, context)
        if request.task_id != "-":
            await self._task(request.task_id, context)
        found = [
            asked
            for asked in self.fake.inputs
            if request.task_id in ("-", asked.task_id)
            and (request.include_resolved or not asked.HasField("resolution"))
        ]
        inputs, token = page_of(found, request)
        return service_pb2.ListInputRequestsResponse(inputs=inputs, next_page_token=token)

    async def RespondToInput(self, request: Any, context: Any) -> service_pb2.RespondToInputResponse:
        await self._note(request, context)
        asked = {question.id: question for question in self.fake.inputs}.get(request.input_id)
        if asked is None:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "no such question", reason("INPUT_NOT_FOUND"))
        if asked.HasField("resolution") and asked.resolution.decision != request.decision:
            answered = reason("INPUT_ALREADY_RESOLVED")
            await refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "answered already", answered)
        resolution = input_pb2.InputResolution(
            input_id=request.input_id, decision=request.decision, text=request.text, resolver="user"
        )
        asked.resolution.CopyFrom(resolution)
        await lose_answer(self.fake, context)
        return service_pb2.RespondToInputResponse(input=asked)

    async def GetServerInfo(self, request: Any, context: Any) -> service_pb2.GetServerInfoResponse:
        await self._note(request, context)
        return service_pb2.GetServerInfoResponse(status="healthy", version="1.2.3", http_url=self.fake.http_url)
