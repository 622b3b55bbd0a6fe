"""Ports: what the orchestrator needs from the outside. Each has an adapter, a fake, and one contract suite for both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from agent_runtime_server.domain.event import Event, Fact, QueueState
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome
from agent_runtime_server.domain.results import Artifact, TestCase, TestSummary
from agent_runtime_server.domain.task import Failure, RunOptions, Task, TaskSpec, TaskType, Token


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> datetime:
        """The time of day, in UTC, never earlier than a moment ago."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; for intervals."""
        ...


T = TypeVar("T")

# --- store ---------------------------------------------------------------------------------------------------------


class EventCodec(Protocol):
    """Turns events into the bytes that watchers get; injected into the store, which keeps nothing else of them."""

    def encode(self, event: Event, sequence: int) -> bytes:
        """One framed element of ``repeated TaskEvent events = 1``: tag, length, message."""
        ...


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Makes a create safe to repeat."""

    request_id: str
    digest: bytes
    """Keyed, of the normalised body, which may hold secrets; another body under the same id is refused."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive events, ready to send."""

    first: int
    """Sequence of the first event in ``framed``; ``last + 1`` when there is none."""
    last: int
    """Sequence of the last event in ``framed``; the cursor asked for when there is none."""
    framed: bytes
    """Framed events, concatenated: a valid ``TaskEventBatch``."""
    head: int
    """Newest event of the task."""
    kept_from: int
    """Oldest event still kept; ``head + 1`` when none is. A cursor below ``kept_from - 1`` has a gap before it."""


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """A page of tasks, newest first."""

    limit: int
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the matches, and how to get the next ones."""

    items: tuple[T, ...]
    next_token: str
    """Empty at the end."""
    total: int
    """Matches over all pages."""


Change = Callable[[Task], tuple[Task, Sequence[Event]]]
"""A pure step of a task: from what it is to what it becomes, and the events that tell it. It may raise; then nothing
is written. It runs inside the transaction, on the store's thread. ``([same task], ())`` writes nothing."""


class Fenced(Exception):
    """A writer's token is no longer the task's: another claim or phase has taken over."""


class SessionBusy(Exception):
    """Another task holds the session."""


class Store(Protocol):
    """Task records, idempotency keys and the event log, each change in one transaction, durable when a call returns."""

    async def create(
        self, task: Task, event: Event, *, key: IdempotencyKey | None = None, sealed: bytes = b""
    ) -> tuple[Task, bool]:
        """Store a new task (and its session, if new), its first event and its sealed secrets.

        Returns the task and False, or the task that ``key`` made earlier and True. A concurrent duplicate waits for
        the first. Raises RequestIdReused when the key's digest differs, SessionNotFound when ``task.spec.session_id``
        is neither the task's own id nor known.
        """
        ...

    async def find(self, key: IdempotencyKey) -> Task | None:
        """The task that a key made, if it made one. Raises RequestIdReused when its digest differs."""
        ...

    async def get(self, task_id: str) -> Task:
        """One task as of its last event. Raises TaskNotFound."""
        ...

    async def list(self, query: TaskQuery) -> Page[Task]:
        """A page of tasks, newest first; tokens survive inserts. Raises BadPageToken."""
        ...

    async def unfinished(self) -> Sequence[Task]:
        """Every task that is not done, oldest first; read at start."""
        ...

    async def session_tasks(self, session_id: str) -> Sequence[Task]:
        """The unfinished tasks of a session, oldest first. Raises SessionNotFound."""
        ...

    async def claim(self, task_id: str, change: Change) -> Task:
        """Start a task: raise its token's generation, then apply ``change``; one transaction.

        The token becomes ``Token(generation + 1, 0)``. Raises SessionBusy when another task of the session is RUNNING
        or CANCELLING, IllegalMove (from ``change``) when it is no longer PENDING.
        """
        ...

    async def advance(self, task_id: str, token: Token) -> None:
        """Move the task's token on to a later phase of the same generation. Raises Fenced."""
        ...

    async def transition(
        self, task_id: str, change: Change, *, token: Token | None = None, wipe_secrets: bool = False
    ) -> Task:
        """Apply a change: row and events in one transaction. Raises Fenced if a token is given and is not the task's,
        TaskNotFound, and whatever ``change`` raises. ``wipe_secrets`` removes the sealed secrets with it."""
        ...

    async def append(self, task_id: str, token: Token, batch: int, events: Sequence[Event]) -> int:
        """Append events in order and fold them into the task; returns the last sequence.

        ``batch`` numbers the writer's batches within its token, from 1: a repeated one is a no-op that returns the
        same. Raises Fenced when the token is not the task's. Artifacts and test cases are indexed on the way.
        """
        ...

    async def read(self, task_id: str, after: int, limit: int) -> Batch:
        """Events after a sequence, at most about ``limit`` bytes (one event at least). Raises TaskNotFound."""
        ...

    async def trim(self, task_id: str, before: int) -> None:
        """Forget events below a sequence; whole segments only, so some may stay."""
        ...

    def changes(self) -> AsyncIterator[set[str]]:
        """Ids of tasks with new events, merged while the reader is busy. Hints: readers poll as well."""
        ...

    async def secrets(self, task_id: str) -> bytes:
        """The sealed secrets of a task; empty when there are none or they were wiped."""
        ...

    async def artifacts(self, task_id: str, limit: int, page_token: str) -> Page[Artifact]:
        """Artifacts of a task in the order they came. Raises TaskNotFound, BadPageToken."""
        ...

    async def artifact(self, task_id: str, artifact_id: str) -> Artifact:
        """One artifact. Raises TaskNotFound, ArtifactNotFound."""
        ...

    async def tests(self, task_id: str, limit: int, page_token: str) -> Page[TestCase]:
        """Test cases of a task, latest state of each test and round, in the order they first came."""
        ...


# --- work ----------------------------------------------------------------------------------------------------------

Emit = Callable[[Fact], None]
"""Tells a fact about the task as it happens. Never blocks and never fails; a flood of log lines is counted."""


@dataclass(frozen=True, slots=True)
class PhaseJob:
    """One phase of work for a driver."""

    task_id: str
    kind: PhaseKind
    spec: TaskSpec
    workspace: Path
    inputs: PhaseInputs
    password: str = ""


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """What a driver brought."""

    failure: Failure | None = None
    summary_markdown: str = ""
    test_paths: tuple[str, ...] = ()
    """Tests written, relative to the workspace."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether something can be used here, and if not, why and what to do about it."""

    available: bool
    version: str = ""
    message: str = ""


class AgentDriver(Protocol):
    """Does the agent's work in a phase."""

    name: str

    def availability(self) -> Availability:
        """Whether the driver can work on this machine."""
        ...

    def task_types(self) -> Collection[TaskType]:
        """What it can do."""
        ...

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Do the work. Cancelling the call stops and reaps everything it started before CancelledError goes on."""
        ...


@dataclass(frozen=True, slots=True)
class RunJob:
    """One run of a suite."""

    workspace: Path
    app_url: str
    options: RunOptions
    environment: Mapping[str, str]
    """Sign-in data for the tests, in no file and no argument."""
    round: int
    """Number of the run in the workspace, from 1: its artifacts go to ``artifacts/run-<round>/``."""
    record: bool = True
    """Keep report, videos, traces and screenshots; off for the runs that only filter flaky tests."""


@dataclass(frozen=True, slots=True)
class TestReport:
    """How a run ended. Failing tests are a verdict in ``summary``; ``failure`` means that the machinery failed."""

    summary: TestSummary
    failure: Failure | None = None
    tests: tuple[TestCase, ...] = ()
    report_path: str = ""
    """The HTML report's folder, relative to the workspace; empty when nothing was recorded."""


class TestRunner(Protocol):
    """Executes a suite."""

    def availability(self) -> Availability:
        """Whether suites can run on this machine."""
        ...

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        """Run the suite, telling suites, tests, steps and files as they come. Cancelling stops and reaps it."""
        ...

    async def check(self, workspace: Path) -> Sequence[str]:
        """What compiler and linter say of the workspace's tests; empty when they are clean."""
        ...


@dataclass(frozen=True, slots=True)
class SessionFile:
    """A file or folder of a session; ``path`` is relative to it."""

    path: str
    size_bytes: int
    update_time: datetime
    directory: bool


class Workspaces(Protocol):
    """The folders that sessions work in."""

    async def prepare(self, session_id: str) -> Path:
        """The session's folder, made with its subfolders and the toolchain's link when it is new."""
        ...

    async def next_round(self, session_id: str) -> int:
        """Number of the next run: one more than the highest ``artifacts/run-<n>``."""
        ...

    async def has_plan(self, session_id: str) -> bool:
        """Whether there is a plan to generate tests from."""
        ...

    async def has_tests(self, session_id: str) -> bool:
        """Whether there are tests to run."""
        ...

    async def quarantine(self, session_id: str, path: str, reason: str) -> str:
        """Move an unsteady test to ``tests/quarantine/`` as ``test.fixme`` with the reason; returns its new path."""
        ...

    async def tidy(self, session_id: str) -> None:
        """Remove what runs leave behind for nobody: cookies of signed-in browsers, files of the flake filter's runs."""
        ...

    async def files(self, session_id: str, path: str, *, recursive: bool) -> Sequence[SessionFile]:
        """Files below a folder, sorted by path; without ``node_modules`` and ``.auth`` (cookies of signed-in browsers).
        Raises PathOutsideSession, FileNotFound."""
        ...

    async def read(
        self, session_id: str, path: str, offset: int, limit: int
    ) -> tuple[SessionFile, AsyncIterator[bytes]]:
        """One file and its bytes from ``offset``, at most ``limit`` of them (0: all), in pieces of at most 1 MiB.
        Raises PathOutsideSession, FileNotFound, InvalidField (offset behind the end)."""
        ...


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Stored bytes."""

    sha256: str
    size_bytes: int


class Blobs(Protocol):
    """Artifact bytes, by their digest. Nothing half-written is ever seen."""

    async def put(self, source: Path) -> BlobRef:
        """Keep a copy of a file, or a zip of a folder (same content, same bytes)."""
        ...

    def read(self, sha256: str, offset: int, limit: int) -> AsyncIterator[bytes]:
        """Bytes from ``offset``, at most ``limit`` of them (0: all), in pieces of at most 1 MiB. Raises
        ArtifactNotFound."""
        ...


class Secrets(Protocol):
    """Seals secret values, so that a stolen database does not hold them."""

    def seal(self, values: Mapping[str, str], task_id: str) -> bytes:
        """Sealed values that only ``unseal`` with the same task id opens; empty for no values."""
        ...

    def digest(self, data: bytes) -> bytes:
        """A keyed digest: equal for equal data, and of no use for guessing the data to whoever lacks the key."""
        ...

    def unseal(self, sealed: bytes, task_id: str) -> Mapping[str, str]:
        """The values; raises ValueError if they are not for this task or were changed."""
        ...


class Scrub(Protocol):
    """Takes secrets out of files."""

    async def __call__(self, path: Path, redact: Callable[[bytes], bytes]) -> None:
        """Redact a file, or the files of a folder, in place, also what is packed in them. Raises OSError."""
        ...


# --- dispatching ---------------------------------------------------------------------------------------------------


class PhaseExecutor(Protocol):
    """Carries out claimed tasks phase by phase; what a dispatcher's workers call."""

    async def start(self, task_id: str) -> Task:
        """Claim a task. Raises SessionBusy, IllegalMove."""
        ...

    async def run_phase(self, task: Task, number: int, kind: PhaseKind, inputs: PhaseInputs) -> PhaseResult:
        """Carry out one phase under ``Token(generation, number)``. Cancelling it leaves no process behind."""
        ...

    async def finish(self, task: Task, outcome: TaskOutcome | Exception) -> None:
        """Write the end: of an outcome, or of a task that broke."""
        ...

    async def release(self, task: Task) -> None:
        """End interrupted work: CANCELLED if that was asked for, else back into the queue for the next server."""
        ...


class Dispatcher(Protocol):
    """Decides when tasks run, and runs them."""

    def submit(self, task_id: str, spec: TaskSpec) -> None:
        """Queue a task; one that is queued or running already is left alone."""
        ...

    def cancel(self, task_id: str) -> bool:
        """Stop a task if it is queued or running here; whether it was running."""
        ...

    def queue_state(self, task_id: str) -> QueueState | None:
        """A queued task's place."""
        ...

    def depth(self) -> int:
        """How many tasks are queued."""
        ...

    async def run_worker(self, execute: PhaseExecutor, *, slots: int) -> None:
        """Run queued tasks, at most ``slots`` at once and one at a time in a session, until cancelled or drained."""
        ...

    async def drain(self, grace: timedelta) -> None:
        """Start nothing more; give running tasks the grace, then interrupt and release them."""
        ...


Notify = Callable[[str, QueueState], Awaitable[None]]
"""Told when a queued task's place changes."""
