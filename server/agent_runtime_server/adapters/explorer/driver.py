"""The explorer as a driver: it works in a process of its own, and its lines become facts."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from agent_runtime_server.adapters.environment import child_environment
from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.adapters.explorer.listening import Listener, failed
from agent_runtime_server.adapters.processes import Limits, Owner, ProcessTree, spawn
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import (
    Location,
    TestCase,
)
from agent_runtime_server.domain.task import FailureReason, Phase, TaskType
from agent_runtime_server.ports import Availability, Emit, PhaseJob, PhaseReport

COMMAND = (sys.executable, "-P", "-m", "agent_runtime_server.adapters.explorer")
"""``-P``: no module is ever imported from the workspace."""
MEMORY_BYTES = 2 << 30
MARGIN_SECONDS = 120.0
"""What an explorer may take beyond its own safety stop, to write down what it has, before it counts as stuck."""
MAX_ERROR = 4000
"""Characters of a failing test's error that the explorer is told."""
SILENCE_SECONDS = 180.0
"""How long an explorer may say nothing, not even that it lives, before it counts as stuck."""

_PACKAGE_ROOT = Path(__file__).parents[3]
_KINDS: dict[PhaseKind, Literal["plan", "generate", "fix"]] = {
    PhaseKind.PLAN: "plan",
    PhaseKind.GENERATE: "generate",
    PhaseKind.FIX: "fix",
}


class ExplorerDriver:
    """Plans, writes and repairs tests without a model. Implements ``ports.AgentDriver``."""

    name = "explorer"
    signs_in = True
    uses_model = False

    def __init__(
        self,
        find_browser: Callable[[], object | None],
        environment: Mapping[str, str] = os.environ,
        command: Sequence[str] = COMMAND,
        *,
        axe: Path | None = None,
        owner: Owner | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """``find_browser`` gives None while there is no browser to explore with. ``axe`` is the script of axe-core;
        without it pages are not judged by its rules. ``owner`` owns the processes."""
        self._find_browser = find_browser
        self._environment = environment
        self._command = command
        self._axe = axe
        self._owner = owner
        self._silence_seconds = silence_seconds
        self._seen = Availability(False)

    def availability(self) -> Availability:
        """Whether Playwright for Python and a browser are there; looked up on disk until they are."""
        if not self._seen.available:
            self._seen = self._look()
        return self._seen

    def _look(self) -> Availability:
        if importlib.util.find_spec("playwright") is None:
            return Availability(False, message="the Python package playwright is missing; run bin/bootstrap")
        if self._find_browser() is None:
            return Availability(False, message="there is no Chromium to explore with; run bin/bootstrap")
        return Availability(True, importlib.metadata.version("playwright"))

    def task_types(self) -> Collection[TaskType]:
        """All but what needs to understand instructions in whatever words."""
        return frozenset(set(TaskType) - {TaskType.CUSTOM})

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Explore, generate or repair; see ``ports.AgentDriver``."""
        return await self.carry_out(_job(job, self._axe), job.kind.value, emit)

    async def carry_out(self, order: protocol.Job, phase: Phase, emit: Emit) -> PhaseReport:
        """Have the explorer's process do a job; it is over, and reaped, when this ends. ``phase`` is what the task is
        in meanwhile."""
        workspace = Path(order.workspace)
        work = Listener(workspace, phase, emit)
        environment = child_environment(self._environment, PYTHONPATH=str(_PACKAGE_ROOT))
        limits = Limits(memory_bytes=MEMORY_BYTES, seconds=order.max_seconds + MARGIN_SECONDS)
        try:
            async with spawn(self._command, cwd=workspace, env=environment, limits=limits, owner=self._owner) as tree:
                with suppress(ConnectionError):  # it ended before it read its job; how it ended says why
                    await tree.write(protocol.encode(order) + b"\n")
                    tree.close_stdin()
                return await self._listen(tree, work)
        except OSError as error:
            return failed(FailureReason.AGENT_ERROR, f"the explorer could not be started: {error}")

    async def leave(self, task_id: str) -> None:
        """Nothing of it outlives a phase."""

    async def _listen(self, tree: ProcessTree, work: Listener) -> PhaseReport:
        """Take in what it says, to the end, or until it makes no sense or says nothing any more."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._silence_seconds) as silence:
                async for line in tree.lines():
                    silence.reschedule(loop.time() + self._silence_seconds)
                    await work.take(line)
                    if work.garbled:
                        return work.not_understood()
                return work.report(await tree.wait())
        except TimeoutError:
            message = f"the explorer said nothing for {self._silence_seconds:g} seconds"
            return failed(FailureReason.AGENT_ERROR, message, retryable=True)


def _job(job: PhaseJob, axe: Path | None) -> protocol.Job:
    """The explorer's order; limits that are 0 are its own to choose."""
    options = job.spec.explore
    limits = {
        "max_states": options.max_states,
        "max_seconds": options.max_duration.total_seconds(),
    }
    fields: dict[str, object] = {
        "kind": _KINDS[job.kind],
        "app_url": job.spec.app_url,
        "workspace": str(job.workspace),
        "instructions": job.spec.instructions,
        "username": job.spec.sign_in.username,
        "password": job.password,
        "allow_destructive": options.allow_destructive,
        "axe": str(axe or ""),
        "failing": [_failing(test) for test in job.failing],
        **{name: value for name, value in limits.items() if value},
    }
    return msgspec.convert(fields, protocol.Job)


def _failing(test: TestCase) -> protocol.Failing:
    """A failing test as its last attempt shows it."""
    last = test.attempts[-1] if test.attempts else None
    error = last.errors[0] if last and last.errors else None
    place = error.location if error else None
    own = place if place and place.path == test.location.path else Location("")
    traces = (path for path in last.artifact_ids if path.endswith(".zip")) if last else iter(())
    return protocol.Failing(
        id=test.id,
        path=test.location.path,
        line=own.line,
        error=error.message[:MAX_ERROR] if error else "",
        trace=next(traces, ""),
    )
