"""The AgentRuntime service: tasks. A method decodes, calls, encodes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from functools import partial

from agent_runtime.v1 import artifact_pb2, service_pb2, task_pb2
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.filters import ARTIFACT_FIELDS, TASK_FIELDS, TEST_FIELDS, parse
from agent_runtime_server.domain.task import CancelMode, Status, Task
from agent_runtime_server.orchestrator.filtered_watch import FilteredWatches
from agent_runtime_server.orchestrator.inputs import Inputs
from agent_runtime_server.orchestrator.tasks import SessionConflictPolicy, Tasks
from agent_runtime_server.orchestrator.watch import Watches
from agent_runtime_server.ports import Blobs, Store, TaskQuery
from agent_runtime_server.rpc import enums
from agent_runtime_server.rpc.changing import change_in, mask_of, retry_in
from agent_runtime_server.rpc.idempotency import key_of
from agent_runtime_server.rpc.info import ServerInfo
from agent_runtime_server.rpc.inputs_codec import budget_in, input_request_out
from agent_runtime_server.rpc.logs import LogPages
from agent_runtime_server.rpc.orders import order_of
from agent_runtime_server.rpc.pages import filled, page_limit
from agent_runtime_server.rpc.repeats import TaskAnswers
from agent_runtime_server.rpc.results_codec import artifact_out, summary_out, test_case_out
from agent_runtime_server.rpc.task_codec import task_in, task_out
from agent_runtime_server.rpc.validation import Requests
from agent_runtime_server.rpc.watching import watch_request, watch_response, watch_tasks_request, watch_tasks_response

_TESTS_AT_ONCE = 10
"""A test case may hold half a megabyte of steps and errors."""
_TASKS_AT_ONCE = 100
"""The instructions and the summary of a task may hold tens of kilobytes."""
_INPUTS_AT_ONCE = 20
"""The prompt and the arguments of a tool call may hold tens of kilobytes."""
_ALL_TASKS = "-"
_CONFLICT = {
    service_pb2.SESSION_CONFLICT_POLICY_UNSPECIFIED: SessionConflictPolicy.ENQUEUE,
    service_pb2.SESSION_CONFLICT_POLICY_ENQUEUE: SessionConflictPolicy.ENQUEUE,
    service_pb2.SESSION_CONFLICT_POLICY_REJECT: SessionConflictPolicy.REJECT,
    service_pb2.SESSION_CONFLICT_POLICY_REPLACE: SessionConflictPolicy.REPLACE,
}
_UNTIL: Mapping[int, Callable[[Task], bool]] = {
    service_pb2.WAIT_CONDITION_DONE_OR_INPUT: lambda task: task.status is Status.AWAITING_INPUT,
    service_pb2.WAIT_CONDITION_STARTED: lambda task: task.status is not Status.PENDING,
}
"""What is waited for besides the end."""


class RuntimeService:
    """Serves ``agent_runtime.v1.AgentRuntime``."""

    descriptor = service_pb2.DESCRIPTOR.services_by_name["AgentRuntime"]

    def __init__(
        self,
        tasks: Tasks,
        inputs: Inputs,
        watches: Watches,
        filtered_watches: FilteredWatches,
        store: Store,
        blobs: Blobs,
        logs: LogPages,
        info: ServerInfo,
        requests: Requests,
    ) -> None:
        self._tasks = tasks
        self._inputs = inputs
        self._watches = watches
        self._filtered_watches = filtered_watches
        self._store = store
        self._blobs = blobs
        self._logs = logs
        self._info = info
        self._requests = requests
        self._answers = TaskAnswers()

    async def CreateTask(self, request: service_pb2.CreateTaskRequest) -> service_pb2.CreateTaskResponse:  # noqa: N802
        """Admit a task."""
        if request.task.session_id and request.task.from_task_id:
            raise InvalidField.of("task.from_task_id", "excludes session_id: give one of them")
        new = task_in(request.task)
        if request.validate_only:
            return service_pb2.CreateTaskResponse(task=task_out(await self._tasks.check(new)))
        key = key_of(self._tasks, "CreateTask", request)
        task, replayed = await self._tasks.create(new, key, conflict=_CONFLICT[request.on_session_conflict])
        return service_pb2.CreateTaskResponse(task=self._out(task), replayed=replayed)

    async def GetTask(self, request: service_pb2.GetTaskRequest) -> bytes:  # noqa: N802
        """Return one task."""
        task, place = await self._tasks.get(request.task_id)
        answer = self._answers.find(task, request.view) if place is None else None
        if answer is None:
            response = service_pb2.GetTaskResponse(task=task_out(task, place, view=request.view))
            answer = response.SerializeToString()
            if place is None:
                self._answers.keep(task, request.view, answer)
        return answer

    async def ListTasks(self, request: service_pb2.ListTasksRequest) -> service_pb2.ListTasksResponse:  # noqa: N802
        """List tasks that match a filter."""
        where = parse(request.filter, TASK_FIELDS)
        order = order_of(request.order_by, where)
        first = request.page_token
        page = await filled(
            lambda limit, token: self._tasks.list(TaskQuery(limit, token, where, order, total=token == first)),
            partial(self._out, view=request.view or service_pb2.TASK_VIEW_BASIC),
            page_limit(request.page_size),
            request.page_token,
            _TASKS_AT_ONCE,
        )
        return service_pb2.ListTasksResponse(tasks=page.items, next_page_token=page.next_token, total_tasks=page.total)

    async def UpdateTask(self, request: service_pb2.UpdateTaskRequest) -> service_pb2.UpdateTaskResponse:  # noqa: N802
        """Change the mutable fields of a task."""
        mask = mask_of(request, self._requests)
        task = await self._tasks.update(request.task.id, change_in(request.task, mask), request.task.etag)
        return service_pb2.UpdateTaskResponse(task=self._out(task))

    async def DeleteTask(self, request: service_pb2.DeleteTaskRequest) -> service_pb2.DeleteTaskResponse:  # noqa: N802
        """Remove a finished task."""
        await self._tasks.delete(request.task_id, allow_missing=request.allow_missing)
        return service_pb2.DeleteTaskResponse()

    async def RetryTask(self, request: service_pb2.RetryTaskRequest) -> service_pb2.RetryTaskResponse:  # noqa: N802
        """Make a new task from a finished one."""
        key = key_of(self._tasks, "RetryTask", request)
        task, replayed = await self._tasks.retry(request.task_id, retry_in(request), key)
        return service_pb2.RetryTaskResponse(task=self._out(task), replayed=replayed)

    async def CancelTask(self, request: service_pb2.CancelTaskRequest) -> service_pb2.CancelTaskResponse:  # noqa: N802
        """Ask a task to stop."""
        mode = enums.CANCEL_MODE.inward(request.mode) or CancelMode.GRACEFUL
        grace = request.grace_period.ToTimedelta() if request.HasField("grace_period") else None
        task, initiated = await self._tasks.cancel(request.task_id, request.reason, mode, grace)
        return service_pb2.CancelTaskResponse(task=self._out(task), initiated=initiated)

    async def WaitTask(self, request: service_pb2.WaitTaskRequest) -> service_pb2.WaitTaskResponse:  # noqa: N802
        """Wait for a task."""
        most = self._info.limits.max_wait
        asked = request.timeout.ToTimedelta() if request.HasField("timeout") else most
        until = _UNTIL.get(request.until, lambda task: task.done)
        task, met = await self._watches.wait(request.task_id, until, min(asked, most))
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

    async def WatchTasks(self, request: service_pb2.WatchTasksRequest) -> AsyncIterator[bytes]:  # noqa: N802
        """Follow all tasks that match a filter; stored event bytes are sent as they are."""
        steps = watch_tasks_request(self._filtered_watches, request)
        del request
        async with aclosing(steps):
            async for step in steps:
                yield watch_tasks_response(step, self._tasks.place)

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
        where = parse(request.filter, TEST_FIELDS)
        page = await filled(
            lambda limit, token: self._store.tests(task.id, limit, token, where=where),
            test_case_out,
            page_limit(request.page_size),
            request.page_token,
            _TESTS_AT_ONCE,
        )
        return service_pb2.ListTestResultsResponse(
            tests=page.items, next_page_token=page.next_token, summary=summary_out(task.result.summary)
        )

    async def ListArtifacts(  # noqa: N802
        self, request: service_pb2.ListArtifactsRequest
    ) -> service_pb2.ListArtifactsResponse:
        """List what a task produced."""
        page = await self._store.artifacts(
            request.task_id,
            page_limit(request.page_size),
            request.page_token,
            where=parse(request.filter, ARTIFACT_FIELDS),
        )
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
            raise InvalidField.of("read_offset", f"is behind the artifact's {artifact.size_bytes} bytes")
        first = artifact_pb2.FileChunk(
            offset=offset, size_bytes=artifact.size_bytes, sha256=artifact.sha256, media_type=artifact.media_type
        )
        async with aclosing(self._blobs.read(artifact.sha256, offset, request.read_limit)) as pieces:
            async for data in pieces:
                chunk, first = first, artifact_pb2.FileChunk()
                chunk.offset, chunk.data = offset, data
                offset += len(data)
                yield service_pb2.ReadArtifactResponse(chunk=chunk)
        if first.sha256:
            yield service_pb2.ReadArtifactResponse(chunk=first)

    async def ListInputRequests(  # noqa: N802
        self, request: service_pb2.ListInputRequestsRequest
    ) -> service_pb2.ListInputRequestsResponse:
        """List questions to people."""
        task_id = None if request.task_id == _ALL_TASKS else request.task_id
        page = await filled(
            lambda limit, token: self._store.input_requests(task_id, limit, token, resolved=request.include_resolved),
            input_request_out,
            page_limit(request.page_size),
            request.page_token,
            _INPUTS_AT_ONCE,
        )
        return service_pb2.ListInputRequestsResponse(inputs=page.items, next_page_token=page.next_token)

    async def RespondToInput(  # noqa: N802
        self, request: service_pb2.RespondToInputRequest
    ) -> service_pb2.RespondToInputResponse:
        """Take a person's answer to a question."""
        decision = enums.DECISION.inward(request.decision)
        assert decision is not None, "validated"
        added = budget_in(request.added_budget, "added_budget")
        answered = await self._inputs.respond(request.task_id, request.input_id, decision, request.text, added)
        return service_pb2.RespondToInputResponse(input=input_request_out(answered))

    async def GetServerInfo(  # noqa: N802
        self, _request: service_pb2.GetServerInfoRequest
    ) -> service_pb2.GetServerInfoResponse:
        """Tell what this server is and can do."""
        return await self._info.describe(draining=self._tasks.draining)

    def _out(self, task: Task, *, view: int = 0) -> task_pb2.Task:
        return task_out(task, self._tasks.place(task), view=view)
