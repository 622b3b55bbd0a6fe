"""A task: what is asked, where it stands, what came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from zlib import crc32

from agent_runtime_server.domain.inputs import InputPolicy
from agent_runtime_server.domain.results import Finding, Repair, TestSummary, Verdict
from agent_runtime_server.domain.usage import Budget, Usage


class TaskType(Enum):
    """What a task is asked to do."""

    COMPLETE = "complete"
    PLAN = "plan"
    GENERATE = "generate"
    RUN = "run"
    FIX = "fix"
    CUSTOM = "custom"


class Status(Enum):
    """Where a task stands; see ``status.MOVES``."""

    PENDING = "pending"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting_input"
    """Halted until a person answers, or nobody did in time."""
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
    FIXING_TESTS = "fixing_tests"
    CUSTOM = "custom"
    COLLECTING = "collecting"


class FailureReason(Enum):
    """Why a task failed: the machinery, never the tests."""

    AGENT_ERROR = "agent_error"
    MODEL_PROVIDER = "model_provider"
    """The model's provider refuses, fails or says nothing."""
    APP_UNREACHABLE = "app_unreachable"
    SIGN_IN_FAILED = "sign_in_failed"
    RUNNER_CRASHED = "runner_crashed"
    WORKER_LOST = "worker_lost"
    QUEUE_TIMEOUT = "queue_timeout"
    RUN_TIMEOUT = "run_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    BUDGET_EXCEEDED = "budget_exceeded"
    INPUT_REFUSED = "input_refused"
    """A person's or a rule's answer was to stop."""
    INPUT_EXPIRED = "input_expired"
    """Nobody answered in time, and that was to stop the task."""
    OUT_OF_RESOURCES = "out_of_resources"
    BROWSER_MISSING = "browser_missing"
    DISK_FULL = "disk_full"
    NOTHING_GENERATED = "nothing_generated"


class CancelMode(Enum):
    """How hard to stop a task."""

    GRACEFUL = "graceful"
    """Let the agent stop, keep what exists, then kill after the grace period."""
    FORCE = "force"


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
class RepairOptions:
    """Limits of repairs."""

    max_rounds: int = 0
    """0 means 3 for FIX and none for COMPLETE."""
    review_assertion_changes: bool = False
    """Ask a person before a changed assertion counts."""
    accept_assertion_changes: bool = False
    """Accept changed assertions unasked."""


@dataclass(frozen=True, slots=True)
class TestName:
    """One test of a suite, as its results name it (``TestCase``)."""

    project: str
    title_path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Which tests run, and how; empty and 0 take the runner's defaults."""

    test_paths: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    grep: str = ""
    retries: int = 0
    workers: int = 0
    test_timeout: timedelta = timedelta()
    only: tuple[TestName, ...] = ()
    """The tests to run, for a retry of those that failed; empty runs all that the other options select."""


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
    repair: RepairOptions = RepairOptions()
    model: str = ""
    """"provider/model", for drivers that use one."""
    max_turns: int = 0
    """Most model calls in a phase; 0 takes the server's default."""
    from_task_id: str = ""
    """The task whose session was asked for, if it was asked for like that."""
    retry_of: str = ""
    """The task that this one retries."""
    from_phase: Phase | None = None
    """The phase to start from; None for the first one."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on time; 0 takes the server's default when a task is created."""

    queue: timedelta = timedelta()
    """Create to start."""
    run: timedelta = timedelta()
    """One attempt."""
    total: timedelta = timedelta()
    """Create to end."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts after failures of the machinery; 0 takes the server's default when a task is created."""

    max_attempts: int = 0
    """The first one included."""
    initial_backoff: timedelta = timedelta()
    max_backoff: timedelta = timedelta()
    multiplier: float = 0.0

    def backoff(self, failures: int) -> timedelta:
        """How long to wait after so many failed attempts."""
        wait, longest = self.initial_backoff.total_seconds(), self.max_backoff.total_seconds()
        for _ in range(failures - 1):
            if wait >= longest:
                break
            wait *= self.multiplier
        return timedelta(seconds=min(wait, longest))


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a caller asks for, defaults not yet filled in; ``password`` is kept apart, for it is sealed."""

    spec: TaskSpec
    password: str = ""
    priority: int = 3
    labels: dict[str, str] = field(default_factory=dict)
    timeouts: Timeouts = Timeouts()
    retry_policy: RetryPolicy = RetryPolicy()
    budget: Budget = Budget()
    input_policy: InputPolicy = InputPolicy()
    expire_time: datetime | None = None
    ttl: timedelta = timedelta()


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
    mode: CancelMode = CancelMode.GRACEFUL


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
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Token:
    """Fencing token: what a claim and each phase after it gave the right to write. Compared, never made up."""

    generation: int = 0
    """Raised by every claim of the task."""
    phase: int = 0
    """Number of the phase in the pipeline, from 0."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at running a task; ``failure`` is None for one that ended well or was interrupted by a shutdown."""

    number: int
    start_time: datetime
    end_time: datetime | None = None
    failure: Failure | None = None
    retry_time: datetime | None = None
    """When the next one starts, if there is one."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What finished phases have left: where an interrupted or failed attempt is taken up again."""

    phases: int = 0
    """How many phases of the pipeline are finished."""
    result: TaskResult = TaskResult()
    snapshot: str = ""
    """SHA-256 of the blob that holds the workspace as it was then; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task as of its event ``sequence``."""

    id: str
    spec: TaskSpec
    create_time: datetime
    update_time: datetime
    priority: int = 3
    """1 (first) to 5 (last)."""
    labels: dict[str, str] = field(default_factory=dict)
    timeouts: Timeouts = Timeouts()
    retry_policy: RetryPolicy = RetryPolicy()
    budget: Budget = Budget()
    input_policy: InputPolicy = InputPolicy()
    expire_time: datetime | None = None
    """When it may be removed; None counts ``ttl`` from its end."""
    ttl: timedelta = timedelta()
    status: Status = Status.PENDING
    phase: Phase | None = None
    activity: str = ""
    progress: Progress | None = None
    result: TaskResult = field(default_factory=TaskResult)
    failure: Failure | None = None
    usage: Usage = Usage()
    """All attempts together."""
    pending_inputs: tuple[str, ...] = ()
    """Ids of questions that nobody has answered yet."""
    cancellation: Cancellation | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    """Oldest first."""
    checkpoint: Checkpoint = Checkpoint()
    sequence: int = 0
    """Last event folded in."""
    token: Token = Token()

    @property
    def done(self) -> bool:
        """Whether the status is final."""
        return self.status in FINAL

    @property
    def attempt(self) -> int:
        """Number of the latest attempt; 0 before the first."""
        return self.attempts[-1].number if self.attempts else 0

    @property
    def failures(self) -> int:
        """How many attempts have failed."""
        return sum(attempt.failure is not None for attempt in self.attempts)

    @property
    def retry_time(self) -> datetime | None:
        """When the next attempt may start, for a task that waits for it."""
        return self.attempts[-1].retry_time if self.attempts else None

    @property
    def start_by(self) -> datetime | None:
        """When a task that waits has waited too long: for its first attempt, or in all."""
        limits = [self.timeouts.total] if self.attempts else [self.timeouts.queue, self.timeouts.total]
        return min((self.create_time + limit for limit in limits if limit), default=None)

    def end_by(self, waited: timedelta = timedelta()) -> datetime | None:
        """When a task that runs has run too long, in this attempt or in all; ``waited`` for people does not count in
        the attempt."""
        begun = self.attempts[-1].start_time if self.attempts else self.create_time
        limits = ((begun + waited, self.timeouts.run), (self.create_time, self.timeouts.total))
        return min((start + limit for start, limit in limits if limit), default=None)

    @property
    def expires(self) -> datetime | None:
        """When it may be removed; None while that is not known, or for ever when there is no ``ttl``."""
        if self.expire_time is not None:
            return self.expire_time
        return self.end_time + self.ttl if self.end_time and self.ttl else None

    @property
    def etag(self) -> str:
        """Changes when a mutable field changes."""
        policies = _text_of(self.timeouts, self.retry_policy, self.budget, self.input_policy)
        mutable = (sorted(self.labels.items()), self.priority, policies, self.expire_time, self.ttl)
        return f"{crc32(repr(mutable).encode()):08x}"


@lru_cache(256)
def _text_of(*policies: Timeouts | RetryPolicy | Budget | InputPolicy) -> str:
    """The values of policies. Every answer has an etag, most tasks have the same, and values take time to be told."""
    return repr([getattr(policy, name) for policy in policies for name in policy.__dataclass_fields__])


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
