"""What a task brings forth: test results, findings, artifacts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class TestOutcome(Enum):
    """Outcome of a test over all its attempts."""

    EXPECTED = "expected"
    UNEXPECTED = "unexpected"
    FLAKY = "flaky"
    SKIPPED = "skipped"


class AttemptStatus(Enum):
    """Status of one attempt at a test."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"


class Verdict(Enum):
    """What the tests say about the app, apart from whether the task worked."""

    PASSED = "passed"
    FAILED = "failed"
    FLAKY = "flaky"
    """All passed in the end, some only on a later attempt."""
    NO_TESTS = "no_tests"
    """The task type runs no tests, or the selection matched none."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a session file."""

    path: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class TestError:
    """One error of an attempt."""

    message: str
    stack: str = ""
    location: Location | None = None
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class TestStep:
    """One step of an attempt; ``depth`` 0 is the outermost."""

    title: str
    category: str
    duration: timedelta
    error: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class TestAttempt:
    """One attempt at a test; ``retry`` 0 is the first."""

    retry: int
    status: AttemptStatus
    start_time: datetime
    duration: timedelta
    errors: tuple[TestError, ...] = ()
    steps: tuple[TestStep, ...] = ()
    artifact_ids: tuple[str, ...] = ()
    worker_index: int = 0


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test in one project, with every attempt made so far."""

    id: str
    """Stable over runs: ``test_id`` of project, file and title path."""
    project: str
    title_path: tuple[str, ...]
    """File and describe titles, outermost first, then the test's own."""
    location: Location
    outcome: TestOutcome
    attempts: tuple[TestAttempt, ...]
    tags: tuple[str, ...] = ()
    round: int = 1
    """Number of the run in the session, from 1."""


@dataclass(frozen=True, slots=True)
class TestSummary:
    """Counts over test cases, not attempts."""

    total: int = 0
    expected: int = 0
    unexpected: int = 0
    flaky: int = 0
    skipped: int = 0
    duration: timedelta = timedelta()

    @property
    def verdict(self) -> Verdict:
        """What these counts say of the app."""
        if self.unexpected:
            return Verdict.FAILED
        if self.flaky:
            return Verdict.FLAKY
        return Verdict.PASSED if self.expected else Verdict.NO_TESTS


class RepairCause(Enum):
    """What a repair found to be wrong."""

    LOCATOR = "locator"
    TIMING = "timing"
    TEST_DATA = "test_data"
    ASSERTION = "assertion"
    """The assertion itself was changed."""
    APP_DEFECT = "app_defect"
    """The test is right and the app is wrong."""


class RepairVerdict(Enum):
    """How a repair ended."""

    REPAIRED = "repaired"
    APP_DEFECT = "app_defect"
    """The app is suspected; the test is as it was."""
    BEHAVIOR_CHANGED = "behavior_changed"
    """The app does something else now; the test is as it was."""
    REFUSED = "refused"
    """No change that makes the test pass was found, or it was not accepted; the test is as it was."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One change the fixer made, or declined to make."""

    test_id: str
    verdict: RepairVerdict
    cause: RepairCause | None = None
    explanation: str = ""
    diff_artifact_id: str = ""
    """Empty when nothing was changed."""
    outcome: TestOutcome | None = None
    """Of the test after the change."""
    round: int = 1
    """Repair round, from 1."""
    reviewer: str = ""
    """Set when a person reviewed it."""
    assertion_changed: bool = False


class FindingKind(Enum):
    """What was found in the app."""

    SERVER_ERROR = "server_error"
    BROKEN_LINK = "broken_link"
    SCRIPT_ERROR = "script_error"
    DEAD_BUTTON = "dead_button"
    """A button that does nothing when it is clicked."""
    ACCESSIBILITY = "accessibility"
    """What keeps people out who cannot see or use a mouse, by axe-core's rules."""
    SILENT_REJECTION = "silent_rejection"
    """A form refuses what is sent and says nothing about it."""
    UNLABELLED_CONTROL = "unlabelled_control"
    MISSING_RESOURCE = "missing_resource"
    """A picture, script, style sheet or answer that a page needs and does not get."""


class Severity(Enum):
    """How bad a finding is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong or doubtful that was seen in the app; never asserted as right by a generated test."""

    id: str
    kind: FindingKind
    severity: Severity
    url: str
    title: str
    steps: tuple[str, ...] = ()


class ArtifactKind(Enum):
    """What an artifact is."""

    PLAN = "plan"
    TEST_SOURCE = "test_source"
    REPORT = "report"
    TRACE = "trace"
    SCREENSHOT = "screenshot"
    VIDEO = "video"
    LOG = "log"
    DIFF = "diff"
    """What a repair changed, as a unified diff."""
    TRANSCRIPT = "transcript"
    """All that an agent and its model said and did, one JSON object a line."""
    JUNIT = "junit"
    APP_MODEL = "app_model"


@dataclass(frozen=True, slots=True)
class Produced:
    """A file of the workspace that is complete and worth keeping; it becomes an ``Artifact``.

    A directory (the HTML report) is kept as a zip of itself.
    """

    kind: ArtifactKind
    path: str
    """Relative to the workspace, with forward slashes."""
    media_type: str
    test_id: str = ""
    round: int = 0
    retry: int = 0


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored output. Immutable."""

    id: str
    kind: ArtifactKind
    path: str
    media_type: str
    size_bytes: int
    sha256: str
    create_time: datetime
    test_id: str = ""
    round: int = 0
    retry: int = 0


def artifact_id(task_id: str, path: str) -> str:
    """Id of the artifact that a task takes from a session path: the same before and after it is stored."""
    return hashlib.sha256(f"{task_id}\0{path}".encode()).hexdigest()[:20]


def test_id(project: str, title_path: tuple[str, ...]) -> str:
    """Stable id of a test: a digest of its project, file and titles."""
    return hashlib.sha256("\0".join((project, *title_path)).encode()).hexdigest()[:20]
