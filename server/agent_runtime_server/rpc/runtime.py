"""The AgentRuntime service: tasks. A method decodes, calls, encodes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from agent_runtime.v1 import artifact_pb2, service_pb2, task_pb2
from agent_runtime_server.domain.faults import FieldViolation, InvalidField
from agent_runtime_server.domain.task import Task
from agent_runtime_server.orchestrator.tasks import Tasks
from agent_runtime_server.orchestrator.watch import Watches
from agent_runtime_server.ports import Blobs, IdempotencyKey, Store, TaskQuery
from agent_runtime_server.rpc.info import ServerInfo
from agent_runtime_server.rpc.logs import LogPages
from agent_runtime_server.rpc.pages import PAGE_BYTES, page_limit
from agent_runtime_server.rpc.results_codec import artifact_out, summary_out, test_case_out
from agent_runtime_server.rpc.task_codec import task_in, task_out
from agent_runtime_server.rpc.watching import watch_request, watch_response

_TESTS_AT_ONCE = 10
"""A test case may hold half a megabyte of steps and errors."""


class RuntimeService:
    """Serves ``agent_runtime.v1.AgentRuntime``."""

    descriptor = service_pb2.DESCRIPTOR.services_by_name["AgentRuntime"]

    def __init__(
        self, tasks: Tasks, watches: Watches, store: Store, blobs: Blobs, logs: LogPages, info: ServerInfo
    ) -> None:
        self._tasks = tasks
        self._watches = watches
        self._store = store
        self._blobs = blobs
        self._logs = logs
        self._info = info

    async def CreateTask(self, request: service_pb2.CreateTaskRequest) -> service_pb2.CreateTaskResponse:  # noqa: N802
        """Admit a task."""
        task, replayed = await self._tasks.create(task_in(request.task), self._key(request))
        return service_pb2.CreateTaskResponse(task=self._out(task), replayed=replayed)

    async def GetTask(self, request: service_pb2.GetTaskRequest) -> service_pb2.GetTaskResponse:  # noqa: N802
        """Return one task."""
        task, place = await self._tasks.get(request.task_id)
        return service_pb2.GetTaskResponse(task=task_out(task, place, view=request.view))

    async def ListTasks(self, request: service_pb2.ListTasksRequest) -> service_pb2.ListTasksResponse:  # noqa: N802
        """List tasks, newest first."""
        page = await self._tasks.list(TaskQuery(page_limit(request.page_size), request.page_token))
        view = request.view or service_pb2.TASK_VIEW_BASIC
        return service_pb2.ListTasksResponse(
            tasks=[self._out(task, view=view) for task in page.items],
            next_page_token=page.next_token,
            total_tasks=page.total,
        )

    async def CancelTask(self, request: service_pb2.CancelTaskRequest) -> service_pb2.CancelTaskResponse:  # noqa: N802
        """Ask a task to stop."""
        task, initiated = await self._tasks.cancel(request.task_id, request.reason)
        return service_pb2.CancelTaskResponse(task=self._out(task), initiated=initiated)

    async def WaitTask(self, request: service_pb2.WaitTaskRequest) -> service_pb2.WaitTaskResponse:  # noqa: N802
        """Wait for a task."""
        most = self._info.limits.max_wait
        asked = request.timeout.ToTimedelta() if request.HasField("timeout") else most
        started = request.until == service_pb2.WAIT_CONDITION_STARTED
        task, met = await self._watches.wait(request.task_id, started=started, timeout=min(asked, most))
        return service_pb2.WaitTaskResponse(task=self._out(task, view=request.view), met=met)

    async def WatchTask(self, request: service_pb2.WatchTaskRequest) -> AsyncIterator[bytes]:  # noqa: N802
        """Follow a task; stored event bytes are sent as they are."""
        updates = watch_request(self._watches, request)
        del request  # a watch lives for long, and there may be ten thousand
        try:
            async for update in updates:
                yield watch_response(update, self._tasks.place)
        finally:
            await updates.aclose()  # type: ignore[attr-defined]

    async def ListTaskEvents(  # noqa: N802
        self, request: service_pb2.ListTaskEventsRequest
    ) -> service_pb2.ListTaskEventsResponse:
        """Page through events."""
        return await self._logs.events(request)

    async def ListTaskLogs(  # noqa: N802
        self, request: service_pb2.ListTaskLogsRequest
    ) -> service_pb2.ListTaskLogsResponse:
        """Page through log lines."""
        return await self._logs.lines(request)

    async def ListTestResults(  # noqa: N802
        self, request: service_pb2.ListTestResultsRequest
    ) -> service_pb2.ListTestResultsResponse:
        """Page through test cases."""
        task, _ = await self._tasks.get(request.task_id)
        response = service_pb2.ListTestResultsResponse(summary=summary_out(task.result.summary))
        left, token, size = page_limit(request.page_size), request.page_token, 0
        while left and size < PAGE_BYTES:
            page = await self._store.tests(task.id, min(left, _TESTS_AT_ONCE), token)
            for case in page.items:
                response.tests.append(test_case_out(case))
                size += response.tests[-1].ByteSize()
            left -= len(page.items)
            token = response.next_page_token = page.next_token
            if not token:
                break
        return response

    async def ListArtifacts(  # noqa: N802
        self, request: service_pb2.ListArtifactsRequest
    ) -> service_pb2.ListArtifactsResponse:
        """List what a task produced."""
        page = await self._store.artifacts(request.task_id, page_limit(request.page_size), request.page_token)
        return service_pb2.ListArtifactsResponse(
            artifacts=[artifact_out(request.task_id, artifact) for artifact in page.items],
            next_page_token=page.next_token,
        )

    async def ReadArtifact(  # noqa: N802
        self, request: service_pb2.ReadArtifactRequest
    ) -> AsyncIterator[service_pb2.ReadArtifactResponse]:
        """Stream an artifact's bytes."""
        artifact = await self._store.artifact(request.task_id, request.artifact_id)
        offset = request.read_offset
        if offset > artifact.size_bytes:
            behind = FieldViolation("read_offset", f"is behind the artifact's {artifact.size_bytes} bytes")
            raise InvalidField(f"read_offset {behind.description}", violations=[behind])
        first = artifact_pb2.FileChunk(
            offset=offset, size_bytes=artifact.size_bytes, sha256=artifact.sha256, media_type=artifact.media_type
        )
        async for data in self._blobs.read(artifact.sha256, offset, request.read_limit):
            chunk, first = first, artifact_pb2.FileChunk()
            chunk.offset, chunk.data = offset, data
            offset += len(data)
            yield service_pb2.ReadArtifactResponse(chunk=chunk)
        if first.sha256:
            yield service_pb2.ReadArtifactResponse(chunk=first)

    async def GetServerInfo(  # noqa: N802
        self, _request: service_pb2.GetServerInfoRequest
    ) -> service_pb2.GetServerInfoResponse:
        """Tell what this server is and can do."""
        return await self._info.describe(draining=self._tasks.draining)

    def _out(self, task: Task, *, view: int = 0) -> task_pb2.Task:
        return task_out(task, self._tasks.place(task), view=view)

    def _key(self, request: service_pb2.CreateTaskRequest) -> IdempotencyKey | None:
        if not request.request_id:
            return None
        return self._tasks.key(request.request_id, request.task.SerializeToString(deterministic=True))
