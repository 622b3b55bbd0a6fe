"""Ports: what the orchestrator needs from the outside. Each has an adapter, a fake, and one contract suite for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from agent_runtime_server.domain.event import Event, Fact, QueueState
from agent_runtime_server.domain.filters import Filter
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome
from agent_runtime_server.domain.results import Artifact, TestCase, TestSummary
from agent_runtime_server.domain.session import Session
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

    method: str
    """Name of the call: an id used with one call is another one with the next."""
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


class TaskOrder(Enum):
    """Orders of tasks, by keys that cannot change between two pages."""

    CREATED = "create_time"
    CREATED_DESC = "create_time desc"
    ENDED = "end_time"
    """Tasks that are done only."""
    ENDED_DESC = "end_time desc"


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """A page of tasks. A token is good for the same filter and order only."""

    limit: int
    page_token: str = ""
    where: Filter | None = None
    """Over ``filters.TASK_FIELDS``."""
    order: TaskOrder = TaskOrder.CREATED_DESC
    total: bool = True
    """Whether to count the matches over all pages, which may take far longer than the page."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the matches, and how to get the next ones."""

    items: tuple[T, ...]
    next_token: str
    """Empty at the end."""
    total: int
    """Matches over all pages; 0 when they were not to be counted."""


Change = Callable[[Task], tuple[Task, Sequence[Event]]]
"""A pure step of a task: from what it is to what it becomes, and the events that tell it. It may raise; then nothing
is written. It runs inside the transaction, on the store's thread. ``([same task], ())`` writes nothing."""


class Aging(Enum):
    """Data of tasks that goes before the tasks do."""

    EVENTS = "events"
    ARTIFACTS = "artifacts"


class Fenced(Exception):
    """A writer's token is no longer the task's: another claim or phase has taken over."""


class SessionTaken(Exception):
    """Another task holds the session."""


class Store(Protocol):
    """Task records, idempotency keys and the event log, each change in one transaction, durable when a call returns."""

    async def create(
        self, task: Task, event: Event, *, key: IdempotencyKey | None = None, sealed: bytes = b""
    ) -> tuple[Task, bool]:
        """Store a new task (and its session, if new), its first event and its sealed secrets.

        Returns the task and False, or the task that ``key`` made earlier and True. A concurrent duplicate waits for
        the first. Raises RequestIdReused when the key's digest differs, SessionNotFound when ``task.spec.session_id``
        is neither the task's own id nor known. The session's ``update_time`` becomes the task's ``create_time``.
        """
        ...

    async def find(self, key: IdempotencyKey) -> Task | None:
        """The task that a key made, if it made one. Raises RequestIdReused when its digest differs."""
        ...

    async def get(self, task_id: str) -> Task:
        """One task as of its last event. Raises TaskNotFound."""
        ...

    async def list(self, query: TaskQuery) -> Page[Task]:
        """A page of tasks that match; tokens survive inserts and deletes. Raises BadPageToken."""
        ...

    async def unfinished(self) -> Sequence[Task]:
        """Every task that is not done, oldest first; read at start."""
        ...

    async def session_tasks(self, session_id: str) -> Sequence[Task]:
        """The unfinished tasks of a session, oldest first. Raises SessionNotFound."""
        ...

    async def claim(self, task_id: str, change: Change) -> Task:
        """Start a task: raise its token's generation, then apply ``change``; one transaction.

        The token becomes ``Token(generation + 1, 0)``. Raises SessionTaken when another task of the session was
        claimed before and is not done (also one that waits for its next attempt), IllegalMove (from ``change``) when
        it is no longer PENDING.
        """
        ...

    async def advance(self, task_id: str, token: Token) -> None:
        """Move the task's token on to a later phase of the same generation. Raises Fenced."""
        ...

    async def transition(self, task_id: str, change: Change, *, token: Token | None = None) -> Task:
        """Apply a change: row and events in one transaction; a task that is done after it loses its sealed secrets in
        the same one. Raises Fenced if a token is given and is not the task's, TaskNotFound, and whatever ``change``
        raises."""
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
        """Forget events below a sequence; whole segments only, so some may stay. ``head + 1`` forgets them all."""
        ...

    async def delete(self, task_id: str, *, expired_by: datetime | None = None) -> None:
        """Remove a task that is done, with all that is kept of it: events, outputs, keys. Its session stays. Readers
        of ``changes`` are told. One that does not expire by a moment that is given stays. Raises TaskNotFound,
        TaskNotDone."""
        ...

    async def expired(self, now: datetime, limit: int) -> Sequence[str]:
        """Some tasks that are done and whose ``expires`` has passed, oldest first."""
        ...

    async def aged(self, what: Aging, before: datetime, limit: int) -> Sequence[str]:
        """Some tasks that ended before a moment and still have such data, oldest first."""
        ...

    async def drop_artifacts(self, task_id: str) -> None:
        """Forget a task's artifacts, which are not found any more. Raises TaskNotFound."""
        ...

    async def blobs_in_use(self) -> set[str]:
        """SHA-256 digests of all artifacts, and of the snapshots of tasks that are not done."""
        ...

    async def create_session(self, session: Session, *, key: IdempotencyKey | None = None) -> tuple[Session, bool]:
        """Store a new session. Returns it and False, or the one that ``key`` made earlier and True. Raises
        SessionExists, RequestIdReused."""
        ...

    async def session(self, session_id: str) -> Session:
        """One session. Raises SessionNotFound."""
        ...

    async def sessions(self, limit: int, page_token: str) -> Page[Session]:
        """A page of sessions, newest first; tokens survive inserts and deletes. Raises BadPageToken."""
        ...

    async def touch_session(self, session_id: str, now: datetime) -> None:
        """Set a session's ``update_time``. Raises SessionNotFound, SessionBusy while a task was claimed in it and is
        not done."""
        ...

    async def delete_session(self, session_id: str, *, idle_since: datetime | None = None) -> None:
        """Forget a session and its keys; its tasks that are done stay. Raises SessionNotFound, and SessionBusy while it
        has tasks that are not done or if it was used after a moment that is given."""
        ...

    async def idle_sessions(self, before: datetime, limit: int) -> Sequence[str]:
        """Some sessions without unfinished tasks that nothing has changed since a moment: neither an upload nor the
        end of a task."""
        ...

    def changes(self) -> AsyncIterator[set[str]]:
        """Ids of tasks with new events, merged while the reader is busy. Hints: readers poll as well."""
        ...

    async def secrets(self, task_id: str) -> bytes:
        """The sealed secrets of a task; empty when there are none or they were wiped."""
        ...

    async def artifacts(
        self, task_id: str, limit: int, page_token: str, *, where: Filter | None = None
    ) -> Page[Artifact]:
        """Artifacts of a task in the order they came, those that match a filter over ``filters.ARTIFACT_FIELDS``.
        Raises TaskNotFound, BadPageToken."""
        ...

    async def artifact(self, task_id: str, artifact_id: str) -> Artifact:
        """One artifact. Raises TaskNotFound, ArtifactNotFound."""
        ...

    async def tests(self, task_id: str, limit: int, page_token: str, *, where: Filter | None = None) -> Page[TestCase]:
        """Test cases of a task, latest state of each test and round, in the order they first came, those that match a
        filter over ``filters.TEST_FIELDS``. Raises TaskNotFound, BadPageToken."""
        ...


# --- work ----------------------------------------------------------------------------------------------------------

Emit = Callable[[Fact], None]
"""Tells a fact about the task as it happens. Never blocks and never fails; a flood of log lines is counted."""


class StopSign:
    """How much time work has to stop in good order once it is cancelled: none, until somebody grants some.

    Shared by whoever stops a task and whoever works for it. Work that can bring something home when it is stopped
    (a runner: the results so far) looks here when it is cancelled; other work just stops.
    """

    def __init__(self) -> None:
        self.grace = 0.0
        """Seconds."""
        self._forced = asyncio.Event()

    def ask(self, grace: float) -> None:
        """Grant so much time from the cancellation on; 0 ends a time that runs already."""
        self.grace = grace
        if grace <= 0:
            self._forced.set()

    async def forced(self) -> None:
        """Returns when no more time is left by order; never, if nobody orders it."""
        await self._forced.wait()


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
    stop: StopSign
    """Granted time is used to end the test that runs and to write the report, before CancelledError goes on."""
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
    sha256: str = ""
    """Set by ``read`` and ``write`` only."""


class ArchiveFormat(Enum):
    """Formats of archives."""

    ZIP = "zip"
    TAR_ZSTD = "tar.zst"


class Workspaces(Protocol):
    """The folders that sessions work in."""

    async def prepare(self, session_id: str) -> Path:
        """The session's folder, made with its subfolders and the toolchain's link when it is new."""
        ...

    async def begin_run(self, session_id: str) -> int:
        """Make the folder of the next run and return its number, which is never given again in this session. Until
        ``end_run`` it is neither listed, read nor archived: it may hold secrets."""
        ...

    async def end_run(self, session_id: str, number: int) -> None:
        """Show the folder of a run whose files hold no secrets any more."""
        ...

    async def changed(self, session_id: str, since: datetime) -> Sequence[Path]:
        """Regular files that were changed since a moment, but for dependencies, stored browser state, runs' folders and
        what is the server's own; absolute paths, links not followed, at most 100,000. Raises OSError."""
        ...

    async def sessions(self) -> Sequence[str]:
        """Ids of the sessions that have a folder; other folders beside theirs are not among them."""
        ...

    async def has_folder(self, session_id: str) -> bool:
        """Whether there is a folder, or anything else, where that of the session would be."""
        ...

    async def abandon_runs(self, session_id: str) -> None:
        """Remove the folders of runs that were begun and not ended: whoever wrote them is gone."""
        ...

    async def forget_runs(self, session_id: str, before: datetime) -> None:
        """Remove the folders of runs that were last changed before a moment: videos fill disks."""
        ...

    def snapshot(self, session_id: str) -> AbstractAsyncContextManager[Path]:
        """A file, there inside the block, that ``restore`` takes: everything of the workspace that a phase may change.
        Of the runs' folders it knows the names only. The same content gives the same bytes."""
        ...

    async def restore(self, session_id: str, snapshot: AsyncIterator[bytes]) -> None:
        """Make the workspace what it was: what came since is removed, runs included. Raises OSError, ValueError for
        bytes that are no snapshot."""
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
        """Remove what runs leave behind for nobody: cookies of signed-in browsers, files of the flake filter's runs,
        and what a runner that was killed had put beside the suite (names that begin with ``.agent-runtime.``)."""
        ...

    async def files(self, session_id: str, path: str, *, recursive: bool) -> Sequence[SessionFile]:
        """Files below a folder, sorted by path; without ``node_modules`` and ``.auth`` (cookies of signed-in browsers).
        Raises PathOutsideSession, FileNotFound."""
        ...

    async def write(
        self, session_id: str, path: str, pieces: AsyncIterator[bytes], *, sha256: str, overwrite: bool
    ) -> SessionFile:
        """Put a file into the session, made with its folders; nothing is seen of it before it is whole. A ``sha256``
        that is not empty must be that of the bytes. Raises PathOutsideSession, FileExists, DigestMismatch, OSError,
        and whatever ``pieces`` raises."""
        ...

    async def archive(self, session_id: str, form: ArchiveFormat) -> AsyncGenerator[bytes, None]:
        """The bytes of an archive of all that ``files`` lists, made as they are taken, in pieces of at most 1 MiB."""
        ...

    async def size(self, session_id: str) -> tuple[int, int]:
        """Bytes and number of the files that ``files`` lists."""
        ...

    async def delete(self, session_id: str) -> None:
        """Remove the session's folder; no error if there is none."""
        ...

    async def read(
        self, session_id: str, path: str, offset: int, limit: int
    ) -> tuple[SessionFile, AsyncGenerator[bytes, None]]:
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

    async def sweep(self, in_use: Collection[str], before: datetime) -> int:
        """Remove the blobs that are not in use and were put before a moment; returns the bytes that this freed."""
        ...


class Disk(Protocol):
    """The room for state and workspaces. A reserve is held, so that ends can still be written on a full disk."""

    async def free(self) -> int:
        """Bytes left, the reserve not counted, where there are fewest."""
        ...

    async def spend_reserve(self) -> None:
        """Give the reserve up; no error if it is spent already."""
        ...

    async def hold_reserve(self) -> None:
        """Hold the reserve again, if there is room for it."""
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
        """Claim a task and begin its next attempt. Raises SessionTaken, IllegalMove, DiskFull."""
        ...

    async def run_phase(
        self, task: Task, number: int, kind: PhaseKind, inputs: PhaseInputs, stop: StopSign
    ) -> PhaseResult:
        """Carry out one phase under ``Token(generation, number)``. Cancelling it leaves no process behind; work may
        use the time that ``stop`` grants."""
        ...

    async def finish(self, task: Task, outcome: TaskOutcome | Exception) -> Task:
        """Write the end of an attempt: of an outcome, or of a task that broke. A task that is to be tried again is
        PENDING then, with a ``retry_time``."""
        ...

    async def release(self, task: Task) -> None:
        """End interrupted work: CANCELLED if that was asked for, else back into the queue for the next server."""
        ...


class Dispatcher(Protocol):
    """Decides when tasks run, and runs them."""

    def submit(self, task: Task) -> None:
        """Queue a PENDING task, not to start before its ``retry_time``. One that is queued already takes its place
        anew if its priority has changed; one that is running is left alone."""
        ...

    def cancel(self, task_id: str, grace: timedelta) -> bool:
        """Stop a task if it is queued or running here, with so much time to stop in good order; called again with no
        time, at once. Whether it was running."""
        ...

    def queue_state(self, task_id: str) -> QueueState | None:
        """A queued task's place."""
        ...

    def depth(self) -> int:
        """How many tasks are queued."""
        ...

    async def run_worker(self, execute: PhaseExecutor, *, slots: int) -> None:
        """Run queued tasks, at most ``slots`` at once, until cancelled or drained. In a session one task runs at a
        time, and one that was begun holds it until it is done."""
        ...

    async def drain(self, grace: timedelta) -> None:
        """Start nothing more; give running tasks the grace, then interrupt and release them."""
        ...


Notify = Callable[[str, QueueState], Awaitable[None]]
"""Told when a queued task's place changes."""
Expire = Callable[[str], Awaitable[Task]]
"""Ends a queued task that has waited for too long; returns it as it is then."""
