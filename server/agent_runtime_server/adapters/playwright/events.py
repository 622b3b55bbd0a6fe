"""The lines that the reporter writes, and the facts that they tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from agent_runtime_server.domain.event import Fact, LinesLost, LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.results import (
    ArtifactKind,
    AttemptStatus,
    Location,
    Produced,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
    TestStep,
    TestSummary,
    test_id,
)
from agent_runtime_server.domain.task import Progress

MAX_GLOBAL_ERRORS = 100
"""Errors outside of tests that a run keeps; the first ones tell the most."""
OUTSIDE = "outside of the tests"
"""Title of an error that belongs to no file."""
NO_TESTS = "No tests found"


class Place(Struct, frozen=True):
    """A place in a file, which a path with ``../`` in front puts outside of the workspace."""

    path: str
    line: int
    column: int


class Identity(Struct, frozen=True):
    """Which test; ``set_up`` ones only prepare for others and do not count."""

    project: str
    title_path: tuple[str, ...]
    location: Place
    tags: tuple[str, ...]
    set_up: bool


class Error(Struct, frozen=True):
    """What Playwright says of an error."""

    message: str
    stack: str
    snippet: str
    location: Place | None


class Step(Struct, frozen=True):
    """A finished step."""

    title: str
    category: str
    duration_ms: float
    error: str
    depth: int


class Attachment(Struct, frozen=True):
    """A file that an attempt left."""

    name: str
    content_type: str
    path: str


class Attempt(Struct, frozen=True):
    """A finished attempt."""

    retry: int
    status: Literal["passed", "failed", "timedOut", "skipped", "interrupted"]
    start_time: datetime
    duration_ms: float
    worker_index: int
    errors: tuple[Error, ...]
    steps: tuple[Step, ...]
    attachments: tuple[Attachment, ...]


class Begin(Struct, frozen=True, tag_field="type", tag="begin"):
    """The suite is loaded and starts; ``tests`` counts without set-up."""

    tests: int
    workers: int
    version: str


class TestBegin(Struct, frozen=True, tag_field="type", tag="test_begin"):
    """An attempt starts."""

    test: Identity
    retry: int


class StepBegin(Struct, frozen=True, tag_field="type", tag="step_begin"):
    """A step starts; ``test`` is the test's own title."""

    test: str
    title: str
    category: str
    depth: int


class AttemptEnd(Struct, frozen=True, tag_field="type", tag="attempt_end"):
    """An attempt ended; ``outcome`` is the test's over all attempts so far, ``final`` whether there will be no more."""

    test: Identity
    outcome: TestOutcome
    final: bool
    attempt: Attempt


class NotRun(Struct, frozen=True, tag_field="type", tag="not_run"):
    """A test that the run ended without."""

    test: Identity


class Output(Struct, frozen=True, tag_field="type", tag="output"):
    """What a test, or the code around tests, printed."""

    stream: Literal["stdout", "stderr"]
    text: str
    test: str


class OutputLost(Struct, frozen=True, tag_field="type", tag="output_lost"):
    """So much was printed that pieces of it are not told, but counted."""

    count: int


class GlobalError(Struct, frozen=True, tag_field="type", tag="global_error"):
    """An error outside of tests: a file that does not compile, a global set-up that failed, nothing selected."""

    error: Error


class Beat(Struct, frozen=True, tag_field="type", tag="beat"):
    """A sign of life."""


class End(Struct, frozen=True, tag_field="type", tag="end"):
    """The run ended."""

    status: Literal["passed", "failed", "timedout", "interrupted"]
    duration_ms: float


Line = Begin | TestBegin | StepBegin | AttemptEnd | NotRun | Output | OutputLost | GlobalError | Beat | End

decode = msgspec.json.Decoder(Line).decode

_STATUS = {
    "passed": AttemptStatus.PASSED,
    "failed": AttemptStatus.FAILED,
    "timedOut": AttemptStatus.TIMED_OUT,
    "skipped": AttemptStatus.SKIPPED,
    "interrupted": AttemptStatus.INTERRUPTED,
}


class Translator:
    """Folds the lines of one run into facts, and remembers what the report needs.

    Set-up counts only when an attempt at it fails: then it is told as a test, so that the run fails visibly. An error
    outside of tests is told as a failed test, named like the file that it is in.
    """

    def __init__(self, round_number: int) -> None:
        self._round = round_number
        self._cases: dict[str, TestCase] = {}
        self._attempts: dict[str, tuple[TestAttempt, ...]] = {}
        self._total = 0
        self._completed: set[str] = set()
        self._global_errors = 0
        self.errors: list[str] = []
        """Messages of errors outside of tests that name no file of the workspace."""
        self.begun = False
        """Whether a test was started."""
        self.end: End | None = None

    @property
    def tests(self) -> tuple[TestCase, ...]:
        """Every test in its latest state."""
        return tuple(self._cases.values())

    def summary(self) -> TestSummary:
        """Counts over the tests."""
        count = dict.fromkeys(TestOutcome, 0)
        for case in self._cases.values():
            count[case.outcome] += 1
        return TestSummary(
            total=len(self._cases),
            expected=count[TestOutcome.EXPECTED],
            unexpected=count[TestOutcome.UNEXPECTED],
            flaky=count[TestOutcome.FLAKY],
            skipped=count[TestOutcome.SKIPPED],
            duration=timedelta(milliseconds=self.end.duration_ms if self.end else 0),
        )

    def facts(self, line: Line, now: datetime) -> Iterator[Fact]:
        """The facts that a line tells, in order."""
        match line:
            case Begin():
                self._total = line.tests
                yield Progress(0, self._total, "test")
                yield _log(now, f"{line.tests} tests on {line.workers} workers, Playwright {line.version}")
            case TestBegin():
                self.begun = True
                again = f" (retry {line.retry})" if line.retry else ""
                yield _log(now, f"{_name(line.test)}: started{again}")
            case StepBegin():
                yield _log(now, f"{line.test}: {'  ' * line.depth}{line.title}", LogLevel.DEBUG)
            case Output():
                level = LogLevel.INFO if line.stream == "stdout" else LogLevel.WARNING
                yield _log(now, f"{line.test}: {line.text}" if line.test else line.text, level)
            case OutputLost():
                yield LinesLost(line.count)
            case AttemptEnd():
                yield from self._attempt_ended(line, now)
            case NotRun():
                if not line.test.set_up:
                    yield self._case(line.test, TestOutcome.SKIPPED)
                    yield self._done(line.test)
            case GlobalError():
                yield from self._failed_outside(line.error, now)
            case Beat():
                pass
            case End():
                self.end = line

    def _attempt_ended(self, line: AttemptEnd, now: datetime) -> Iterator[Fact]:
        attempt, test, key = line.attempt, line.test, _id(line.test)
        files = tuple(_produced(attempt, key, self._round))
        done = _attempt(attempt, tuple(file.path for file in files))
        self._attempts[key] = (*self._attempts.get(key, ()), done)
        yield from files
        if not test.set_up or line.outcome in (TestOutcome.UNEXPECTED, TestOutcome.FLAKY):
            yield self._case(test, line.outcome)
        failed = line.outcome is TestOutcome.UNEXPECTED
        seconds = done.duration.total_seconds()
        level = LogLevel.ERROR if failed else LogLevel.INFO
        yield _log(now, f"{_name(test)}: {done.status.value} ({seconds:.1f} s)", level)
        if line.final and not test.set_up:
            yield self._done(test)

    def _failed_outside(self, error: Error, now: datetime) -> Iterator[Fact]:
        self._global_errors += 1
        if self._global_errors > MAX_GLOBAL_ERRORS:
            return
        if NO_TESTS in error.message.split("\n", 1)[0]:
            yield _log(now, NO_TESTS, LogLevel.WARNING)
            return
        yield _log(now, error.message, LogLevel.ERROR)
        place = error.location if error.location and _inside(error.location.path) else None
        if place is None:
            self.errors.append(error.message)
            if not self.begun:
                return
        test = Identity("", (place.path if place else OUTSIDE,), place or Place("", 0, 0), (), set_up=False)
        key = _id(test)
        earlier = self._attempts.get(key, ())
        attempt = TestAttempt(0, AttemptStatus.FAILED, now, timedelta())
        attempt = earlier[0] if earlier else attempt
        self._attempts[key] = (replace(attempt, errors=(*attempt.errors, _error(error))),)
        yield self._case(test, TestOutcome.UNEXPECTED)

    def _case(self, test: Identity, outcome: TestOutcome) -> TestCase:
        key = _id(test)
        self._cases[key] = TestCase(
            id=key,
            project=test.project,
            title_path=test.title_path,
            location=_location(test.location),
            outcome=outcome,
            attempts=self._attempts.get(key, ()),
            tags=test.tags,
            round=self._round,
        )
        return self._cases[key]

    def _done(self, test: Identity) -> Progress:
        self._completed.add(_id(test))
        return Progress(len(self._completed), self._total, "test")


def _log(now: datetime, message: str, level: LogLevel = LogLevel.INFO) -> LogEntry:
    return LogEntry(now, level, LogSource.TEST_RUNNER, message)


def _id(test: Identity) -> str:
    return test_id(test.project, test.title_path)


def _name(test: Identity) -> str:
    titles = " / ".join(test.title_path)
    return f"[{test.project}] {titles}" if test.project else titles


def _inside(path: str) -> bool:
    """Whether a path that the reporter made is one of the workspace; on Windows another drive's path is absolute."""
    return bool(path) and path != ".." and not path.startswith(("../", "/")) and ":" not in path[:3]


def _location(place: Place) -> Location:
    return Location(place.path, place.line, place.column)


def _error(error: Error) -> TestError:
    location = _location(error.location) if error.location and _inside(error.location.path) else None
    return TestError(error.message, error.stack, location, error.snippet)


def _attempt(attempt: Attempt, paths: tuple[str, ...]) -> TestAttempt:
    return TestAttempt(
        retry=attempt.retry,
        status=_STATUS[attempt.status],
        start_time=attempt.start_time,
        duration=timedelta(milliseconds=attempt.duration_ms),
        errors=tuple(map(_error, attempt.errors)),
        steps=tuple(
            TestStep(step.title, step.category, timedelta(milliseconds=step.duration_ms), step.error, step.depth)
            for step in attempt.steps
        ),
        artifact_ids=paths,
        worker_index=attempt.worker_index,
    )


def _produced(attempt: Attempt, key: str, round_number: int) -> Iterator[Produced]:
    """The attachments that are kept: files of the workspace of a kind that somebody looks at."""
    for attachment in attempt.attachments:
        kind = _kind(attachment)
        if kind and _inside(attachment.path):
            yield Produced(
                kind, attachment.path, attachment.content_type, test_id=key, round=round_number, retry=attempt.retry
            )


def _kind(attachment: Attachment) -> ArtifactKind | None:
    if attachment.name == "trace":
        return ArtifactKind.TRACE
    kinds = {"image": ArtifactKind.SCREENSHOT, "video": ArtifactKind.VIDEO, "text": ArtifactKind.LOG}
    return kinds.get(attachment.content_type.split("/", 1)[0])
