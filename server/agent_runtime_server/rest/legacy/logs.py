"""``GET /tasks/{id}/logs``: everything that a task has logged, sent while it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.rest.json_out import encode
from agent_runtime_server.rest.legacy.history import PAGE
from agent_runtime_server.rest.legacy.log_lines import KINDS, AgentRuns, debug_line
from agent_runtime_server.rest.upstream import Upstream


class LogRoutes:
    """The whole log of a task. It may be far larger than what a server likes to hold."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def logs(self, request: Request) -> Response:
        """All lines up to now, and an entry for each run of an agent that has ended."""
        task_id = request.path_params["task_id"]
        found: service_pb2.GetTaskResponse = await self._upstream.call(
            "GetTask", service_pb2.GetTaskRequest(task_id=task_id)
        )
        asked = service_pb2.ListTaskEventsRequest(task_id=task_id, kinds=KINDS, page_size=PAGE)
        first: service_pb2.ListTaskEventsResponse = await self._upstream.call("ListTaskEvents", asked)
        return StreamingResponse(self._pieces(found.task, asked, first), media_type="application/json")

    async def _pieces(
        self,
        task: task_pb2.Task,
        asked: service_pb2.ListTaskEventsRequest,
        page: service_pb2.ListTaskEventsResponse,
    ) -> AsyncIterator[bytes]:
        runs = AgentRuns()
        total = 0
        yield b'{"task_id":' + encode(task.id) + b',"debug_logs":['
        while True:
            lines = []
            for event in page.events:
                runs.take(event)
                lines += [encode(debug_line(entry)) for entry in event.log.entries]
            if lines:
                yield b"," * (total > 0) + b",".join(lines)
                total += len(lines)
            if not page.next_page_token or (page.events and page.events[-1].sequence >= task.sequence):
                break
            asked.page_token = page.next_page_token
            page = await self._upstream.call("ListTaskEvents", asked)
        entries = runs.shapes(task)
        yield b'],"logs":' + encode(entries)
        yield b',"total_log_entries":%d,"total_debug_entries":%d}' % (len(entries), total)
