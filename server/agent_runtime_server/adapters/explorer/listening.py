"""What the explorer's process says: its lines become facts, and at last a report."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.adapters.explorer.flow import Seen
from agent_runtime_server.adapters.processes import Exit, OutputLine
from agent_runtime_server.domain.event import Fact, FileChanged, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.results import ArtifactKind, Finding, FindingKind, Produced, RepairCause, Severity
from agent_runtime_server.domain.task import Failure, FailureReason, Phase, Progress
from agent_runtime_server.ports import Diagnosis, Emit, PhaseReport

TAIL_LINES = 20
"""Lines of standard error that a failure quotes."""
MAX_LOG_LINE = 4096
MAX_QUOTED = 300
"""Characters of a strange line that a failure quotes."""
MAX_STDERR_LINES = 1000
"""Lines of standard error that are logged; the explorer's own log does not come that way."""


class Listener:
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
            return failed(
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
                return failed(FailureReason(reason), message, retryable=retryable)
        # What is killed may well live the next time; what crashes by itself would only crash again.
        return failed(FailureReason.AGENT_ERROR, f"the explorer crashed ({ended})", self._tail, retryable=ended.killed)

    def not_understood(self) -> PhaseReport:
        """The report of an explorer that was stopped, because it said something strange."""
        return failed(FailureReason.AGENT_ERROR, f"the explorer was not understood: {self.garbled}", self._tail)

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


def failed(reason: FailureReason, message: str, tail: Collection[str] = (), *, retryable: bool = False) -> PhaseReport:
    """The report of a phase that did not go well; ``tail`` is the end of what was said on standard error."""
    quoted = "\n".join(tail).strip()
    whole = f"{message}:\n{quoted}" if quoted else message
    return PhaseReport(failure=Failure(reason, whole, retryable=retryable))


def _now() -> datetime:
    return datetime.now(UTC)
