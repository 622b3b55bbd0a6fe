"""Tasks over the old service's routes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.duration_pb2 import Duration
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.rest.json_out import encode
from agent_runtime_server.rest.legacy.answers import answer, json_answer, reason_of
from agent_runtime_server.rest.legacy.bodies import create_request, whole_number
from agent_runtime_server.rest.legacy.faults import Faults
from agent_runtime_server.rest.legacy.history import Histories
from agent_runtime_server.rest.legacy.repeats import Repeats
from agent_runtime_server.rest.legacy.shapes import file_shape, task_shape
from agent_runtime_server.rest.limits import body_of
from agent_runtime_server.rest.problems import Refused
from agent_runtime_server.rest.upstream import Upstream

NEWEST = 1000
"""Tasks in a list whose caller does not say how many."""
_FILES_AT_ONCE = 1000
_CANCEL_WAIT = Duration(seconds=10)
_CANCEL_GRACE = Duration(seconds=5)
"""Shorter than the wait, so that a task which takes all of it is still seen to end."""
_ANSWER_SECONDS = 5.0
"""What a call may take beside its wait."""
_SHAPED_AT_ONCE = 100
_FULL = service_pb2.TASK_VIEW_FULL


class TaskRoutes:
    """Create, list, read and cancel tasks, and list their files."""

    def __init__(self, upstream: Upstream, histories: Histories, session_root: str) -> None:
        """``session_root`` is what paths of sessions begin with."""
        self._upstream = upstream
        self._histories = histories
        self._root = session_root
        self._repeats = Repeats()

    async def create(self, request: Request) -> Response:
        """``POST /tasks``."""
        asked = create_request(await body_of(request))
        return answer(task_shape(await self._created(asked), self._root), 201)

    async def _created(self, asked: service_pb2.CreateTaskRequest) -> task_pb2.Task:
        """The new task. Its session is made if there is none; another caller may make the same one just now."""
        try:
            return await self._create(asked)
        except Refused as refused:
            if reason_of(refused) != "SESSION_NOT_FOUND":
                raise
        session_id, made = asked.task.session_id, True
        try:
            await self._upstream.call("CreateSession", service_pb2.CreateSessionRequest(session_id=session_id))
        except Refused as refused:
            if reason_of(refused) != "SESSION_EXISTS":
                raise
            made = False
        try:
            return await self._create(asked)
        except Refused:
            if made:  # for nothing
                with suppress(Refused):
                    await self._upstream.call("DeleteSession", service_pb2.DeleteSessionRequest(session_id=session_id))
            raise

    async def _create(self, asked: service_pb2.CreateTaskRequest) -> task_pb2.Task:
        created: service_pb2.CreateTaskResponse = await self._upstream.call("CreateTask", asked)
        return created.task

    async def list(self, request: Request) -> Response:
        """``GET /tasks``: oldest first; of many, the newest. A page goes back in time, its own tasks oldest first."""
        query = request.query_params
        faults = Faults()
        paged = "page_size" in query or "page_token" in query
        size = NEWEST
        if "page_size" in query:
            asked_for = whole_number(query["page_size"], ("query", "page_size"), 0, 2**31 - 1, faults)
            size = min(asked_for or NEWEST, NEWEST)
        faults.raise_if_any()
        asked = service_pb2.ListTasksRequest(
            page_token=query.get("page_token", ""), filter=query.get("filter", ""), view=_FULL
        )
        tasks: list[dict[str, Any]] = []
        total = None
        while len(tasks) < size:
            asked.page_size = size - len(tasks)
            page: service_pb2.ListTasksResponse = await self._upstream.call("ListTasks", asked)
            total = page.total_tasks if total is None else total
            for number, task in enumerate(page.tasks, start=1):
                tasks.append(task_shape(task, self._root))
                if number % _SHAPED_AT_ONCE == 0:
                    await asyncio.sleep(0)
            asked.page_token = page.next_page_token
            if not page.next_page_token:
                break
        tasks.reverse()
        listed: dict[str, Any] = {"tasks": tasks, "total_tasks": total}
        return answer(listed | {"next_page_token": asked.page_token} if paged else listed)

    async def get(self, request: Request) -> Response:
        """``GET /tasks/{id}``."""
        task_id = request.path_params["task_id"]
        told = await self._upstream.call_raw("GetTask", service_pb2.GetTaskRequest(task_id=task_id))
        body = self._repeats.find(task_id, told)
        if body is None:
            body = encode(await self._whole(service_pb2.GetTaskResponse.FromString(told).task))
            self._repeats.keep(task_id, told, body)
        return json_answer(body)

    async def _whole(self, task: task_pb2.Task) -> dict[str, Any]:
        """A task with what it has logged."""
        history = await self._histories.of(task)
        return task_shape(task, self._root, history.runs.shapes(task), history.lines)

    async def cancel(self, request: Request) -> Response:
        """``POST /tasks/{id}/cancel``: the task at its end, or as it stands when that takes too long."""
        task_id = request.path_params["task_id"]
        cancelled: service_pb2.CancelTaskResponse = await self._upstream.call(
            "CancelTask", service_pb2.CancelTaskRequest(task_id=task_id, grace_period=_CANCEL_GRACE)
        )
        task = cancelled.task
        if not task.done:
            waited: service_pb2.WaitTaskResponse = await self._upstream.call(
                "WaitTask",
                service_pb2.WaitTaskRequest(task_id=task_id, timeout=_CANCEL_WAIT),
                deadline=_CANCEL_WAIT.seconds + _ANSWER_SECONDS,
            )
            task = waited.task
        return answer(await self._whole(task))

    async def files(self, request: Request) -> Response:
        """``GET /tasks/{id}/session/files``."""
        asked = service_pb2.ListSessionFilesRequest(
            task_id=request.path_params["task_id"], recursive=True, page_size=_FILES_AT_ONCE
        )
        files: list[dict[str, Any]] = []
        while True:
            page: service_pb2.ListSessionFilesResponse = await self._upstream.call("ListSessionFiles", asked)
            files.extend(file_shape(file) for file in page.files if not file.directory)
            if not page.next_page_token:
                return answer(files)
            asked.page_token = page.next_page_token


async def without_slash(request: Request) -> Response:
    """``/tasks/``, which some clients call; method and body stay."""
    query = urlsplit(str(request.url)).query
    return RedirectResponse(f"/tasks?{query}" if query else "/tasks", 307)
