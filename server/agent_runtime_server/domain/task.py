"""A task: what is asked, where it stands, what came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from agent_runtime_server.domain.results import Finding, TestSummary, Verdict


class TaskType(Enum):
    """What a task is asked to do."""

    COMPLETE = "complete"
    PLAN = "plan"
    GENERATE = "generate"
    RUN = "run"


class Status(Enum):
    """Where a task stands; see ``status.MOVES``."""

    PENDING = "pending"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Phase(Enum):
    """The step a task is in."""

    PREPARING = "preparing"
    PLANNING = "planning"
    GENERATING_TESTS = "generating_tests"
    RUNNING_TESTS = "running_tests"
    COLLECTING = "collecting"


class FailureReason(Enum):
    """Why a task failed: the machinery, never the tests."""

    AGENT_ERROR = "agent_error"
    APP_UNREACHABLE = "app_unreachable"
    SIGN_IN_FAILED = "sign_in_failed"
    RUNNER_CRASHED = "runner_crashed"
    WORKER_LOST = "worker_lost"
    OUT_OF_RESOURCES = "out_of_resources"
    BROWSER_MISSING = "browser_missing"
    DISK_FULL = "disk_full"
    NOTHING_GENERATED = "nothing_generated"


class SignInMethod(Enum):
    """How to sign in to the app."""

    NONE = "none"
    USERNAME_PASSWORD = "username_password"  # noqa: S105


@dataclass(frozen=True, slots=True)
class SignIn:
    """Sign-in data but for its secrets, which travel sealed (``NewTask.secrets``)."""

    method: SignInMethod = SignInMethod.NONE
    username: str = ""


@dataclass(frozen=True, slots=True)
class ExploreOptions:
    """How far the explorer goes; 0 takes the server's default."""

    max_states: int = 0
    max_duration: timedelta = timedelta()
    allow_destructive: bool = False


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Which tests run, and how; empty and 0 take the runner's defaults."""

    test_paths: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    grep: str = ""
    retries: int = 0
    workers: int = 0
    test_timeout: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """The unchanging part of a task: what is asked."""

    task_type: TaskType
    app_url: str
    session_id: str
    driver: str
    instructions: str = ""
    sign_in: SignIn = SignIn()
    explore: ExploreOptions = ExploreOptions()
    run: RunOptions = RunOptions()
    priority: int = 3
    """1 (first) to 5 (last)."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a caller asks for, defaults not yet filled in; ``password`` is kept apart, for it is sealed."""

    spec: TaskSpec
    password: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Steps finished in this phase; ``total`` 0 when unknown."""

    completed: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed."""

    reason: FailureReason
    message: str
    phase: Phase | None = None
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Cancellation:
    """That and why a stop was asked for."""

    reason: str
    request_time: datetime


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came out; partial for tasks that did not complete."""

    verdict: Verdict | None = None
    summary: TestSummary | None = None
    summary_markdown: str = ""
    plan_artifact_id: str = ""
    report_artifact_id: str = ""
    test_paths: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Token:
    """Fencing token: what a claim and each phase after it gave the right to write. Compared, never made up."""

    generation: int = 0
    """Raised by every claim of the task."""
    phase: int = 0
    """Number of the phase in the pipeline, from 0."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task as of its event ``sequence``."""

    id: str
    spec: TaskSpec
    create_time: datetime
    update_time: datetime
    status: Status = Status.PENDING
    phase: Phase | None = None
    activity: str = ""
    progress: Progress | None = None
    result: TaskResult = field(default_factory=TaskResult)
    failure: Failure | None = None
    cancellation: Cancellation | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    sequence: int = 0
    """Last event folded in."""
    token: Token = Token()

    @property
    def done(self) -> bool:
        """Whether the status is final."""
        return self.status in FINAL


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
