"""What is kept of tasks: the store and what it is asked and told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, Protocol, TypeVar

from agent_runtime_server.domain.event import Event
from agent_runtime_server.domain.filters import Filter
from agent_runtime_server.domain.inputs import InputRequest
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.session import Session
from agent_runtime_server.domain.task import Status, Task, Token
from agent_runtime_server.measure import Distribution

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """How a store is doing."""

    tasks: Mapping[Status, int]
    """How many there are in each status."""
    events: int
    """Appended since it was opened."""
    commit_seconds: Distribution
    """How long its transactions took since then."""


class Fenced(Exception):
    """A writer's token is no longer the task's: another claim or phase has taken over."""


class SessionTaken(Exception):
    """Another task holds the session."""


class Store(Protocol):
    """Task records, idempotency keys and the event log, each change in one transaction, durable when a call returns."""

    async def create(
        self,
        task: Task,
        event: Event,
        *,
        key: IdempotencyKey | None = None,
        sealed: bytes = b"",
        then: Callable[[Task], None] | None = None,
    ) -> tuple[Task, bool]:
        """Store a new task (and its session, if new), its first event and its sealed secrets.

        ``then`` is called with the task that is stored, before anybody is answered, and also when the caller has been
        cancelled meanwhile. Returns the task and False, or the task that ``key`` made earlier and True. A concurrent
        duplicate waits for the first. Raises RequestIdReused when the key's digest differs, SessionNotFound when
        ``task.spec.session_id`` is neither the task's own id nor known. The session's ``update_time`` becomes the
        task's ``create_time``.
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
        same. Raises Fenced when the token is not the task's. Artifacts, test cases and questions to people are indexed
        on the way, as by every other change.
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

    async def statistics(self) -> StoreStatistics:
        """How it is doing."""
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

    async def input_request(self, task_id: str, input_id: str) -> InputRequest:
        """One question to a person, with its answer if it has one. Raises TaskNotFound, InputNotFound."""
        ...

    async def input_requests(
        self, task_id: str | None, limit: int, page_token: str, *, resolved: bool = False
    ) -> Page[InputRequest]:
        """Questions of a task, or of all tasks for None, in the order they came: those that nobody has answered yet,
        with ``resolved`` the others too. Raises TaskNotFound, BadPageToken."""
        ...
