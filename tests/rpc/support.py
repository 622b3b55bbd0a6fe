"""A real server over a real socket, with scripted hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from agent_runtime.v1 import artifact_pb2, event_pb2, service_pb2, service_pb2_grpc, session_pb2, task_pb2
from agent_runtime_server.app import App, running
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.ports import AgentDriver, TestRunner
from agent_runtime_server.settings import Settings
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.parts import scripted_parts
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script

APP = "http://app.test/"
_SETTINGS: dict[str, Any] = {"slots": 2, "http_address": "none"}
BLOCKING = Script(blocks=True)


async def reachable(_url: str) -> str:
    """A probe that finds every app."""
    return ""


@dataclass
class Line:
    """A running server and stubs to call it."""

    app: App
    runtime: Any
    sessions: Any
    channel: grpc.aio.Channel
    driver: ScriptedDriver
    folder: Path

    async def create(self, task_type: int = task_pb2.TASK_TYPE_PLAN, **fields: Any) -> task_pb2.Task:
        """Create a task; fields of the request and of the task."""
        configuration = task_pb2.TaskConfiguration(app_url=APP, **fields.pop("configuration", {}))
        own = service_pb2.CreateTaskRequest.DESCRIPTOR.fields_by_name
        request = service_pb2.CreateTaskRequest(**{name: fields.pop(name) for name in list(fields) if name in own})
        task = task_pb2.Task(task_type=task_type, configuration=configuration, **fields)  # type: ignore[arg-type]
        request.task.CopyFrom(task)
        created: task_pb2.Task = (await self.runtime.CreateTask(request)).task
        return created

    async def get(self, task_id: str) -> task_pb2.Task:
        """A task as it stands."""
        task: task_pb2.Task = (await self.runtime.GetTask(service_pb2.GetTaskRequest(task_id=task_id))).task
        return task

    async def cancel(self, task_id: str, **fields: Any) -> service_pb2.CancelTaskResponse:
        """Ask a task to stop."""
        request = service_pb2.CancelTaskRequest(task_id=task_id, **fields)
        response: service_pb2.CancelTaskResponse = await self.runtime.CancelTask(request)
        return response

    async def upload(self, session_id: str, path: str, data: bytes, **fields: Any) -> session_pb2.SessionFile:
        """Write a file into a session, in pieces."""
        header = service_pb2.WriteSessionFileHeader(session_id=session_id, path=path, **fields)
        requests = [service_pb2.WriteSessionFileRequest(header=header), *chunks_of(data)]
        response: service_pb2.WriteSessionFileResponse = await self.sessions.WriteSessionFile(iter(requests))
        return response.file

    async def download(self, session_id: str, path: str) -> bytes:
        """A file of a session."""
        request = service_pb2.ReadSessionFileRequest(session_id=session_id, path=path)
        return b"".join([response.chunk.data async for response in self.sessions.ReadSessionFile(request)])

    async def done(self, task_id: str) -> task_pb2.Task:
        """The task at its end."""
        async with asyncio.timeout(60):
            while True:
                response = await self.runtime.WaitTask(service_pb2.WaitTaskRequest(task_id=task_id))
                if response.met:
                    task: task_pb2.Task = response.task
                    return task

    async def until(self, task_id: str, condition: Callable[[task_pb2.Task], bool]) -> task_pb2.Task:
        """The task as soon as it is as wanted."""
        async with asyncio.timeout(60):
            while True:
                task = await self.get(task_id)
                if condition(task):
                    return task
                await asyncio.sleep(0.01)

    async def watch(self, task_id: str, **fields: Any) -> list[service_pb2.WatchTaskResponse]:
        """A whole watch."""
        async with asyncio.timeout(60):
            request = service_pb2.WatchTaskRequest(task_id=task_id, **fields)
            return [update async for update in self.runtime.WatchTask(request)]

    async def events(self, task_id: str) -> list[event_pb2.TaskEvent]:
        """All events of a finished task."""
        return [event for update in await self.watch(task_id, after_sequence=0) for event in update.events.events]


def chunks_of(data: bytes, size: int = 1000) -> list[service_pb2.WriteSessionFileRequest]:
    """Messages that carry bytes."""
    return [
        service_pb2.WriteSessionFileRequest(chunk=artifact_pb2.FileChunk(offset=at, data=data[at : at + size]))
        for at in range(0, len(data), size)
    ]


def details(error: grpc.aio.AioRpcError) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, bool]:
    """ErrorInfo, BadRequest and whether there is RetryInfo."""
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), False
    for detail in status.details:
        retry = retry or detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR)
        _ = detail.Unpack(info) or detail.Unpack(bad)
    assert info.domain == "agent-runtime"
    return info, bad, retry


async def refused(call: Awaitable[object], code: grpc.StatusCode, reason: str, *fields: str) -> None:
    """Expect that a call fails like this, because of these fields."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is code, caught.value.details()
    info, bad, retry = details(caught.value)
    assert (info.reason, [violation.field for violation in bad.field_violations]) == (reason, list(fields))
    assert retry == (code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE))


async def invalid(call: Awaitable[object], *fields: str) -> None:
    """Expect that a call is refused because of these fields."""
    await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", *fields)


def driver_of(**scripts: Script) -> ScriptedDriver:
    """A driver with scripts for kinds of phase."""
    return ScriptedDriver({PhaseKind[name.upper()]: script for name, script in scripts.items()}, name="explorer")


@asynccontextmanager
async def line(
    folder: Path,
    driver: ScriptedDriver | None = None,
    runner: TestRunner | None = None,
    probe: Callable[[str], Any] = reachable,
    **settings: Any,
) -> AsyncIterator[Line]:
    """Serve on a free port of this machine."""
    driver = driver or driver_of()
    drivers: dict[str, AgentDriver] = {driver.name: driver}
    chosen = Settings(
        grpc_address="127.0.0.1:0",
        state_dir=str(folder / "state"),
        workspace_root=str(folder / "workspaces"),
        toolchain_dir=str(folder / "toolchain"),
        **_SETTINGS | settings,
    )
    async with (
        running(chosen, scripted_parts(drivers, runner or ScriptedRunner(), probe)) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        yield Line(
            app,
            service_pb2_grpc.AgentRuntimeStub(channel),
            service_pb2_grpc.SessionServiceStub(channel),
            channel,
            driver,
            folder,
        )
