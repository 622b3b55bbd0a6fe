"""A real server over a real socket, with scripted hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from agent_runtime.v1 import event_pb2, service_pb2, service_pb2_grpc, task_pb2
from agent_runtime_server.app import App, Parts, running
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.ports import AgentDriver, TestRunner
from agent_runtime_server.settings import Settings
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script

APP = "http://app.test/"
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
        """Create a task."""
        configuration = task_pb2.TaskConfiguration(app_url=APP, **fields.pop("configuration", {}))
        request_id = fields.pop("request_id", "")
        task = task_pb2.Task(task_type=task_type, configuration=configuration, **fields)  # type: ignore[arg-type]
        response = await self.runtime.CreateTask(service_pb2.CreateTaskRequest(task=task, request_id=request_id))
        created: task_pb2.Task = response.task
        return created

    async def done(self, task_id: str) -> task_pb2.Task:
        """The task at its end."""
        async with asyncio.timeout(20):
            while True:
                response = await self.runtime.WaitTask(service_pb2.WaitTaskRequest(task_id=task_id))
                if response.met:
                    task: task_pb2.Task = response.task
                    return task

    async def until(self, task_id: str, condition: Callable[[task_pb2.Task], bool]) -> task_pb2.Task:
        """The task as soon as it is as wanted."""
        async with asyncio.timeout(20):
            while True:
                task: task_pb2.Task = (await self.runtime.GetTask(service_pb2.GetTaskRequest(task_id=task_id))).task
                if condition(task):
                    return task
                await asyncio.sleep(0.01)

    async def watch(self, task_id: str, **fields: Any) -> list[service_pb2.WatchTaskResponse]:
        """A whole watch."""
        async with asyncio.timeout(20):
            request = service_pb2.WatchTaskRequest(task_id=task_id, **fields)
            return [update async for update in self.runtime.WatchTask(request)]

    async def events(self, task_id: str) -> list[event_pb2.TaskEvent]:
        """All events of a finished task."""
        return [event for update in await self.watch(task_id, after_sequence=0) for event in update.events.events]


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
        **{"slots": 2} | settings,
    )
    async with (
        running(chosen, Parts(drivers, runner or ScriptedRunner(), probe)) as app,
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
