"""What one run tells, line by line, and what it comes to."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic

import msgspec

from agent_runtime_server.adapters.playwright import events
from agent_runtime_server.adapters.processes import Exit, OutputLine, ProcessTree
from agent_runtime_server.domain.event import LinesLost, LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.ports import Emit, RunJob, TestReport

TAIL_LINES = 40
"""Lines of standard error that a failure quotes."""
MAX_OUTPUT_LINE = 4096
"""Characters of one line of the runner's own output that are logged."""
MAX_OUTPUT_RATE = 500
"""Lines of it that are logged in a second; the others are counted."""

_NO_BROWSER = re.compile(r"(Error: )?browserType\.\w+: Executable doesn't exist")
_NO_PROJECT = re.compile(r"^Error: (Project\(s\) .* not found|No projects matched)", re.MULTILINE)
_DISK_FULL = re.compile(r"(Error: )?ENOSPC: no space left")
_WORKER_KILLED = re.compile(r"(Error: )?worker process exited unexpectedly \(code=null, signal=\w+\)")
_KILLED_AT_START = re.compile(
    r"(Error: )?browserType\.\w+: .*<process did exit: exitCode=(null, signal=SIG|137,)", re.DOTALL
)
"""137 is what a script says that has started a browser which was killed."""
_BROWSER_CLOSED = "Target page, context or browser has been closed"


class RunRecord:
    """One run: its lines become facts as they come, and at last a report."""

    def __init__(self, job: RunJob, emit: Emit) -> None:
        self._job = job
        self._emit = emit
        self._translator = events.Translator(job.round)
        self._garbled: list[str] = []
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._ended: Exit | None = None
        self._report_path = ""
        self._hear: Callable[[], None] = _nothing
        self._second = 0
        self._logged = 0
        """Lines of output in this second; those beyond MAX_OUTPUT_RATE were left out."""
        self.silence = 0.0
        """Seconds without a word after which it was given up, if it was."""

    @property
    def folder(self) -> str:
        """Where the run's own files go, relative to the workspace."""
        return f"artifacts/run-{self._job.round}"

    @contextmanager
    def heard_by(self, hear: Callable[[], None]) -> Iterator[None]:
        """Have somebody called whenever something is said."""
        self._hear = hear
        try:
            yield
        finally:
            self._hear = _nothing

    def take(self, line: bytes) -> None:
        """Take in a line of the reporter."""
        self._hear()
        try:
            told = events.decode(line)
        except msgspec.MsgspecError as error:
            self._garbled.append(str(error))
            return
        for fact in self._translator.facts(told, _now()):
            self._emit(fact)

    async def follow(self, tree: ProcessTree) -> None:
        """Take in the runner's own output, until it ends. After a cancellation it can be followed on."""
        async for line in tree.lines():
            self._hear()
            self._log(line)
        self._tell_left_out()
        self._ended = await tree.wait()

    def keep(self) -> None:
        """Tell of the run's own files, those that came about. What was killed may have left them half-written."""
        if self._ended is None or self._ended.killed:
            return
        files = {
            "junit.xml": (ArtifactKind.JUNIT, "application/xml"),
            "results.json": (ArtifactKind.LOG, "application/json"),
            "report": (ArtifactKind.REPORT, "application/zip"),
        }
        there = [name for name in files if self._job.record and (self._job.workspace / self.folder / name).exists()]
        for name in there:
            kind, media_type = files[name]
            self._emit(Produced(kind, f"{self.folder}/{name}", media_type, round=self._job.round))
        if "report" in there:
            self._report_path = f"{self.folder}/report"

    def report(self, *, browser_lost: bool) -> TestReport:
        """The report of a run that is over; ``browser_lost`` is whether a browser has ended by itself."""
        failure = self._failure(browser_lost=browser_lost)
        return TestReport(self._translator.summary(), failure, self._translator.tests, self._report_path)

    def _log(self, line: OutputLine) -> None:
        text = line.text[:MAX_OUTPUT_LINE]
        if line.stream == "stderr":
            self._tail.append(text)
        if (second := int(monotonic())) != self._second:
            self._tell_left_out()
            self._second = second
        self._logged += 1
        if self._logged <= MAX_OUTPUT_RATE and text.strip():
            self._emit(LogEntry(_now(), LogLevel.DEBUG, LogSource.TEST_RUNNER, text))

    def _tell_left_out(self) -> None:
        if self._logged > MAX_OUTPUT_RATE:
            self._emit(LinesLost(self._logged - MAX_OUTPUT_RATE))
        self._logged = 0

    def _failure(self, *, browser_lost: bool) -> Failure | None:
        """Why the machinery failed, if it did. The exit code says nothing: tests that fail have one, too."""
        if self._ended is None:
            return _crashed(f"the runner said nothing for {self.silence:g} seconds", retryable=True)
        if self._ended.reason in ("memory", "time"):
            message = f"the run was stopped at its limit of {self._ended.reason}"
            return Failure(FailureReason.OUT_OF_RESOURCES, message)
        said = [error.message for test in self._translator.tests for done in test.attempts for error in done.errors]
        for message in said:
            if _NO_BROWSER.match(message):
                return Failure(FailureReason.BROWSER_MISSING, message.strip().splitlines()[0])
        if any(map(_DISK_FULL.match, (*said, *self._tail))):
            return Failure(FailureReason.DISK_FULL, "no space is left on the disk")
        return self._cut_short(self._ended) or _killed_underneath(said, browser_lost=browser_lost)

    def _cut_short(self, ended: Exit) -> Failure | None:
        """Why the run did not get to its end, or not even to its first test."""
        told = self._translator
        if told.end is None:
            quoted = "\n".join([*self._garbled[:1], *self._tail]).strip()
            if _NO_PROJECT.search(quoted):
                return None  # selects nothing, as a filter does that no test matches
            message = f"the runner ended early ({ended})"
            return _crashed(f"{message}:\n{quoted}" if quoted else message, retryable=ended.killed)
        if told.end.status == "interrupted":
            return _crashed("the run was interrupted", retryable=True)
        if told.errors and not told.begun:
            return _crashed(told.errors[0])
        return None


def _killed_underneath(said: Sequence[str], *, browser_lost: bool) -> Failure | None:
    """Tests that failed because their browser or their process was killed say nothing about the app."""
    if browser_lost and any(_BROWSER_CLOSED in message for message in said):
        return _crashed("a browser ended while a test used it", retryable=True)
    if any(map(_KILLED_AT_START.match, said)):
        return _crashed("a browser was killed as it started", retryable=True)
    if any(map(_WORKER_KILLED.match, said)):
        return _crashed("a process that runs tests was killed", retryable=True)
    return None


def _crashed(message: str, *, retryable: bool = False) -> Failure:
    return Failure(FailureReason.RUNNER_CRASHED, message, retryable=retryable)


def _nothing() -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)
