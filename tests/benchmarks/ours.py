"""The real server with a load driver behind the AgentDriver port. ``python -m tests.benchmarks.ours DIR``."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path

import uvloop

from agent_runtime_server.app import running
from agent_runtime_server.domain.event import FileChanged, QueueState
from agent_runtime_server.domain.task import Task, TaskType
from agent_runtime_server.own_process import calm_collector
from agent_runtime_server.ports import (
    AgentDriver,
    Availability,
    Dispatcher,
    DispatcherStatistics,
    Emit,
    PhaseExecutor,
    PhaseJob,
    PhaseReport,
    RunJob,
    TestReport,
    TestRunner,
)
from agent_runtime_server.settings import Settings
from agent_runtime_server.testing.parts import scripted_parts

HOLD = "hold"
_FILLER = "x" * 60


class LoadDriver(AgentDriver):
    """Emits as many file facts, as fast, as the instructions say: ``"COUNT RATE"``; rate 0 is all at once. A rate of
    ``hold`` works on nothing until it is cancelled."""

    name = "load"
    signs_in = True
    uses_model = False

    def availability(self) -> Availability:
        """Always there."""
        return Availability(True)

    def task_types(self) -> Collection[TaskType]:
        """Plans only."""
        return [TaskType.PLAN]

    async def leave(self, task_id: str) -> None:
        """Nothing is kept."""

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Emit the load."""
        count, rate = job.spec.instructions.split()
        if rate == HOLD:
            await asyncio.get_running_loop().create_future()
        start = time.monotonic()
        done = 0
        while done < int(count):
            due = int((time.monotonic() - start) * float(rate)) if float(rate) else done + 2000
            for _ in range(min(due, int(count)) - done):
                emit(FileChanged(f"{time.time_ns()} {_FILLER}"))
                done += 1
            await asyncio.sleep(0.001)
        return PhaseReport()


class NoRunner(TestRunner):
    """Benchmarks run no tests."""

    def availability(self) -> Availability:
        """Always there."""
        return Availability(True)

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        """Never called."""
        raise AssertionError("benchmarks plan only")

    async def check(self, workspace: Path) -> Sequence[str]:
        """Never called."""
        raise AssertionError("benchmarks plan only")


class IdleDispatcher(Dispatcher):
    """Takes tasks and starts nothing: what is measured is the admission."""

    def submit(self, task: Task) -> None:
        """Forget it."""

    def cancel(self, task_id: str, grace: timedelta) -> bool:
        """Nothing runs."""
        return False

    def queue_state(self, task_id: str) -> QueueState | None:
        """There is no queue."""
        return None

    def depth(self) -> int:
        """There is no queue."""
        return 0

    def statistics(self) -> DispatcherStatistics:
        """There is nothing to count."""
        return DispatcherStatistics(0, 0, 0)

    async def run_worker(self, execute: PhaseExecutor, *, slots: int) -> None:
        """Work on nothing."""

    async def drain(self, grace: timedelta) -> None:
        """Nothing runs."""


async def app_is_there(_url: str) -> str:
    """A probe that asks nobody."""
    return ""


async def main(folder: str, dispatching: str, http_address: str) -> None:
    """Serve until killed; tells the addresses on standard output."""
    settings = Settings(
        grpc_address="127.0.0.1:0",
        http_address=http_address,
        state_dir=f"{folder}/state",
        workspace_root=f"{folder}/workspaces",
        toolchain_dir=f"{folder}/toolchain",
        default_driver="load",
        default_heartbeat_seconds=60,
        slots=2,
    )
    dispatcher = IdleDispatcher() if dispatching == "idle" else None
    parts = scripted_parts({"load": LoadDriver()}, NoRunner(), app_is_there, dispatcher=dispatcher)
    async with running(settings, parts) as app:
        calm_collector()
        http = ""
        if app.door is not None:
            await app.door.opened.wait()
            http = app.door.address.removeprefix("http://")
        print(f"READY {http or 'none'} {app.address}", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
