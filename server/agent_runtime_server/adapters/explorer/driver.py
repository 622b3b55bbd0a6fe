"""The explorer as a driver: it works in a process of its own, and its lines become facts."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from agent_runtime_server.adapters.environment import child_environment
from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.adapters.explorer.flow import Seen
from agent_runtime_server.adapters.processes import Exit, Limits, OutputLine, Owner, ProcessTree, spawn
from agent_runtime_server.domain.event import Fact, FileChanged, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import (
    ArtifactKind,
    Finding,
    FindingKind,
    Location,
    Produced,
    RepairCause,
    Severity,
    TestCase,
)
from agent_runtime_server.domain.task import Failure, FailureReason, Phase, Progress, TaskType
from agent_runtime_server.ports import Availability, Diagnosis, Emit, PhaseJob, PhaseReport

COMMAND = (sys.executable, "-P", "-m", "agent_runtime_server.adapters.explorer")
"""``-P``: no module is ever imported from the workspace."""
MEMORY_BYTES = 2 << 30
MARGIN_SECONDS = 120.0
"""What an explorer may take beyond its own safety stop, to write down what it has, before it counts as stuck."""
TAIL_LINES = 20
"""Lines of standard error that a failure quotes."""
MAX_LOG_LINE = 4096
MAX_QUOTED = 300
"""Characters of a strange line that a failure quotes."""
MAX_ERROR = 4000
"""Characters of a failing test's error that the explorer is told."""
SILENCE_SECONDS = 180.0
"""How long an explorer may say nothing, not even that it lives, before it counts as stuck."""
MAX_STDERR_LINES = 1000
"""Lines of standard error that are logged; the explorer's own log does not come that way."""

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
        work = _Work(workspace, phase, emit)
        environment = child_environment(self._environment, PYTHONPATH=str(_PACKAGE_ROOT))
        limits = Limits(memory_bytes=MEMORY_BYTES, seconds=order.max_seconds + MARGIN_SECONDS)
        try:
            async with spawn(self._command, cwd=workspace, env=environment, limits=limits, owner=self._owner) as tree:
                with suppress(ConnectionError):  # it ended before it read its job; how it ended says why
                    await tree.write(protocol.encode(order) + b"\n")
                    tree.close_stdin()
                return await self._listen(tree, work)
        except OSError as error:
            return _failed(FailureReason.AGENT_ERROR, f"the explorer could not be started: {error}")

    async def leave(self, task_id: str) -> None:
        """Nothing of it outlives a phase."""

    async def _listen(self, tree: ProcessTree, work: _Work) -> PhaseReport:
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
            return _failed(FailureReason.AGENT_ERROR, message, retryable=True)


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


class _Work:
    """One run of the explorer: turns its lines into facts, and at last into a report."""

    def __init__(self, workspace: Path, phase: Phase, emit: Emit) -> None:
        self._workspace = workspace
        self._phase = phase
        self._emit = emit
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._stderr_lines = 0
        self._end: protocol.Done | protocol.Failed | None = None
        self.garbled = ""
        """What is wrong with a line that is not one of the protocol's."""

    async def take(self, line: OutputLine) -> None:
        """Take in a line of output."""
        if line.stream == "stderr":
            self._log_stderr(line.text[:MAX_LOG_LINE])
            return
        try:
            match protocol.decode_line(line.text):
                case protocol.Done() | protocol.Failed() as end:
                    self._end = end
                case protocol.Wrote(path=path):
                    size, digest = await asyncio.to_thread(_measure, self._workspace, path)
                    self._emit(FileChanged(path, size, digest))
                    if kept := _kept(path):
                        self._emit(kept)
                case protocol.Beat():
                    pass
                case told:
                    self._emit(self._fact(told))
        except (msgspec.MsgspecError, ValueError, OSError) as error:
            self.garbled = f"{error} in {line.text[:MAX_QUOTED]!r}"

    def report(self, ended: Exit) -> PhaseReport:
        """The report of an explorer that has ended."""
        if ended.reason in ("memory", "time"):
            return _failed(
                FailureReason.OUT_OF_RESOURCES, f"the explorer was stopped at its limit of {ended.reason}", self._tail
            )
        match self._end:
            case protocol.Done(summary=summary, test_paths=paths, diagnoses=said) if ended.code == 0:
                diagnoses = tuple(
                    Diagnosis(each.test_id, RepairCause(each.cause), each.explanation, final=each.final)
                    for each in said
                )
                return PhaseReport(summary_markdown=summary, test_paths=paths, diagnoses=diagnoses)
            case protocol.Failed(reason=reason, message=message, retryable=retryable) if ended.code == 0:
                return _failed(FailureReason(reason), message, retryable=retryable)
        # What is killed may well live the next time; what crashes by itself would only crash again.
        return _failed(FailureReason.AGENT_ERROR, f"the explorer crashed ({ended})", self._tail, retryable=ended.killed)

    def not_understood(self) -> PhaseReport:
        """The report of an explorer that was stopped, because it said something strange."""
        return _failed(FailureReason.AGENT_ERROR, f"the explorer was not understood: {self.garbled}", self._tail)

    def _fact(self, line: protocol.Log | protocol.Activity | protocol.Progress | protocol.Found) -> Fact:
        match line:
            case protocol.Log():
                return LogEntry(_now(), LogLevel(line.level), LogSource.AGENT, line.message[:MAX_LOG_LINE])
            case protocol.Activity():
                return PhaseChanged(self._phase, self._phase, line.text)
            case protocol.Progress():
                return Progress(line.completed, line.total, line.unit)
            case protocol.Found():
                return _finding(line.finding)

    def _log_stderr(self, text: str) -> None:
        self._tail.append(text)
        self._stderr_lines += 1
        if text.strip() and self._stderr_lines <= MAX_STDERR_LINES:
            self._emit(LogEntry(_now(), LogLevel.WARNING, LogSource.AGENT, text))


def _kept(path: str) -> Produced | None:
    """What a written file is worth keeping as."""
    if path == "specs/plan.md":
        return Produced(ArtifactKind.PLAN, path, "text/markdown")
    if path == "specs/model.json":
        return Produced(ArtifactKind.APP_MODEL, path, "application/json")
    if path.startswith("tests/") and path.endswith(".ts"):
        return Produced(ArtifactKind.TEST_SOURCE, path, "text/x-typescript")
    return None


def _finding(seen: Seen) -> Finding:
    digest = hashlib.sha256("\0".join((seen.kind, seen.url, seen.title)).encode()).hexdigest()
    return Finding(digest[:20], FindingKind(seen.kind), Severity(seen.severity), seen.url, seen.title, seen.steps)


def _measure(workspace: Path, path: str) -> tuple[int, str]:
    """Size and SHA-256 of a file of the workspace; raises OSError for a path that leads out of it."""
    file = (workspace / path).resolve()
    if not file.is_relative_to(workspace.resolve()):
        raise PermissionError(f"{path} leads out of the workspace")
    with file.open("rb") as content:
        return file.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest()


def _failed(reason: FailureReason, message: str, tail: Collection[str] = (), *, retryable: bool = False) -> PhaseReport:
    quoted = "\n".join(tail).strip()
    whole = f"{message}:\n{quoted}" if quoted else message
    return PhaseReport(failure=Failure(reason, whole, retryable=retryable))


def _now() -> datetime:
    return datetime.now(UTC)
