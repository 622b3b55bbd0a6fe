"""The whole orchestrator over fakes: a server without its edges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from agent_runtime_server.adapters.embedded import EmbeddedDispatcher
from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.task import NewTask, RetryPolicy, Status, Task, TaskType
from agent_runtime_server.orchestrator.admission import Admission, Defaults
from agent_runtime_server.orchestrator.disk import DiskGuard
from agent_runtime_server.orchestrator.inputs import Inputs
from agent_runtime_server.orchestrator.phases import Executor
from agent_runtime_server.orchestrator.recovery import Recovery
from agent_runtime_server.orchestrator.sessions import SessionLimits, Sessions
from agent_runtime_server.orchestrator.signals import Signals
from agent_runtime_server.orchestrator.signing_in import SignedIn
from agent_runtime_server.orchestrator.tasks import TaskLimits, Tasks
from agent_runtime_server.orchestrator.work import Work
from agent_runtime_server.ports import (
    AgentDriver,
    Blobs,
    Clock,
    Models,
    PhaseReport,
    Scrub,
    Store,
    TestRunner,
    Workspaces,
)
from agent_runtime_server.testing.blobs import MemoryBlobs
from agent_runtime_server.testing.clock import ManualClock
from agent_runtime_server.testing.codec import JsonCodec, decode
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.models import IdleModels
from agent_runtime_server.testing.mutations import LineMutations
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from agent_runtime_server.testing.secrets import PlainSecrets
from agent_runtime_server.testing.set_up import ScriptedSetUp
from agent_runtime_server.testing.store import MemoryStore
from agent_runtime_server.testing.workspaces import PlainWorkspaces
from tests.orchestrator.support import NOW, SPEC
from tests.orchestrator.test_disk import Tank

NEW = NewTask(replace(SPEC, session_id="", driver=""), password="hunter2")
EVERYTHING = 1 << 30
PATIENCE = 60
PLAN = {PhaseKind.PLAN: Script(files={"specs/plan.md": "# Plan\n"})}


async def reachable(_url: str) -> str:
    """A probe that finds every app."""
    return ""


async def nothing_to_scrub(root: Path, path: Path, redact: Callable[[bytes], bytes]) -> None:
    """There are no secrets in these files."""


class House:
    """One server's life; its store, blobs and workspaces may be those of an earlier one."""

    def __init__(
        self,
        folder: Path,
        *,
        store: Store | None = None,
        blobs: Blobs | None = None,
        driver: AgentDriver | None = None,
        runner: TestRunner | None = None,
        clock: Clock | None = None,
        max_queue: int = 100,
        scrub: Scrub | None = None,
        models: Models | None = None,
    ) -> None:
        self.store = store or MemoryStore(JsonCodec())
        self.blobs = blobs or MemoryBlobs()
        self.clock = clock or ManualClock(NOW)
        self.driver = driver or ScriptedDriver(PLAN, name="explorer")
        self.runner = runner or ScriptedRunner()
        self.workspaces: Workspaces = PlainWorkspaces(folder)
        self.tank = Tank(1 << 40)
        self.disk = DiskGuard(self.tank, 1 << 20)
        self.dispatcher = EmbeddedDispatcher(self.clock, self._notify, self._expire)
        drivers = {"explorer": self.driver}
        sealing = PlainSecrets()
        defaults = Defaults("explorer", retry_policy=RetryPolicy(3, timedelta(), timedelta(), 2.0))
        admission = Admission(self.store, self.workspaces, drivers, models or IdleModels(), self.clock, defaults)
        self.tasks = Tasks(
            self.store, self.dispatcher, admission, sealing, self.disk, self.clock, TaskLimits(max_queue=max_queue)
        )
        self.sessions = Sessions(self.store, self.workspaces, self.disk, self.clock, SessionLimits())
        scrub = scrub or nothing_to_scrub
        self.recovery = Recovery(self.store, self.workspaces, sealing, scrub, self.clock)
        self.set_up = ScriptedSetUp()
        signed_in = SignedIn(self.set_up, folder / ".signed-in")
        work = Work(drivers, self.runner, self.workspaces, LineMutations(), signed_in, reachable, self.clock)
        self.signals = Signals(self.store, self.clock)
        self.inputs = Inputs(self.store, sealing, self.signals, self.clock, defaults.answer_timeout)
        self.executor = Executor(
            self.store, self.blobs, self.workspaces, sealing, scrub, self.disk, self.clock, self.inputs, work
        )

    async def _notify(self, _task_id: str, _place: QueueState) -> None:
        """Nobody is told."""

    async def _expire(self, task_id: str) -> Task:
        return await self.tasks.expire(task_id)

    @asynccontextmanager
    async def working(self, slots: int = 2) -> AsyncIterator[None]:
        """Recover, and work on what is queued inside the block."""
        await self.recovery.run(self.dispatcher)
        worker = asyncio.create_task(self.dispatcher.run_worker(self.executor, slots=slots))
        waking = asyncio.create_task(self.signals.run())
        try:
            yield
        finally:
            await self.dispatcher.drain(timedelta())
            worker.cancel()
            waking.cancel()
            await asyncio.wait([worker, waking])

    async def until(self, task_id: str, condition: Callable[[Task], bool]) -> Task:
        """The task as soon as it is as wanted."""
        async with asyncio.timeout(PATIENCE):
            while not condition(task := await self.store.get(task_id)):
                await asyncio.sleep(0.01)
        return task

    async def done(self, task_id: str) -> Task:
        """The task at its end."""
        return await self.until(task_id, lambda task: task.done)

    async def kinds(self, task_id: str) -> list[str]:
        """What kinds of events there are."""
        return [event.kind for event in decode((await self.store.read(task_id, 0, EVERYTHING)).framed)]


def asking(task_type: TaskType, **fields: object) -> NewTask:
    """A request for such a task; ``fields`` are those of NewTask."""
    return replace(NEW, spec=replace(NEW.spec, task_type=task_type), **fields)  # type: ignore[arg-type]


class FailingDriver(ScriptedDriver):
    """Reports one after another, then nothing but good ones; an exception is raised."""

    def __init__(self, reports: Sequence[PhaseReport | Exception], kind: PhaseKind = PhaseKind.PLAN) -> None:
        super().__init__(PLAN, name="explorer")
        self._coming = list(reports)
        self._kind = kind

    async def run(self, job, emit) -> PhaseReport:  # type: ignore[no-untyped-def]
        """Fail if that is due."""
        report = await super().run(job, emit)
        if job.kind is not self._kind or not self._coming:
            return report
        coming = self._coming.pop(0)
        if isinstance(coming, Exception):
            raise coming
        return coming


def statuses(task: Task) -> tuple[Status, int]:
    """How a task stands, and in which attempt."""
    return task.status, task.attempt
