"""The store in memory: what the port says, as plainly as it can be said."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from agent_runtime_server.adapters.sqlite.changes import Changes
from agent_runtime_server.adapters.sqlite.pages import Place, page_of, place_in, scope_of
from agent_runtime_server.adapters.sqlite.records import micros
from agent_runtime_server.domain.event import FOLDING, Event, fold
from agent_runtime_server.domain.faults import (
    ArtifactNotFound,
    InputNotFound,
    RequestIdReused,
    SessionBusy,
    SessionExists,
    SessionNotFound,
    TaskNotDone,
    TaskNotFound,
)
from agent_runtime_server.domain.filters import Filter, ValueOf, artifact_value, matches, task_value, test_value
from agent_runtime_server.domain.inputs import InputRequest, InputResolution
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.session import Session
from agent_runtime_server.domain.task import Task, Token
from agent_runtime_server.measure import Distribution
from agent_runtime_server.ports import (
    Aging,
    Batch,
    Change,
    EventCodec,
    Fenced,
    IdempotencyKey,
    Page,
    SessionTaken,
    StoreStatistics,
    TaskOrder,
    TaskQuery,
)

T = TypeVar("T")


@dataclass
class _Entry:
    """A task and all that belongs to it."""

    number: int
    task: Task
    sealed: bytes
    key: IdempotencyKey | None
    frames: list[bytes] = field(default_factory=list)
    """Kept events; the last one has the task's sequence."""
    batch: int = 0
    batch_last: int = 0
    outputs: dict[object, tuple[Place, Artifact | TestCase]] = field(default_factory=dict)
    """Artifacts and test cases by id (and round), with the place where each first came."""
    inputs: dict[str, tuple[Place, InputRequest]] = field(default_factory=dict)
    """Questions by id, with their places among those of all tasks."""

    @property
    def kept_from(self) -> int:
        return self.task.sequence - len(self.frames) + 1

    @property
    def end_time(self) -> datetime | None:
        return self.task.end_time if self.task.done else None


class MemoryStore:
    """The ``Store`` port for tests. No call ever waits, so each is one transaction by itself."""

    def __init__(self, codec: EventCodec) -> None:
        self._codec = codec
        self._entries: dict[str, _Entry] = {}
        self._created = 0
        self._sessions: dict[str, Session] = {}
        self._session_keys: dict[str, IdempotencyKey] = {}
        """What made sessions, by their ids."""
        self._asked = 0
        """Questions so far."""
        self._changes = Changes()
        self._appended = 0

    async def close(self) -> None:
        """End the readers of ``changes``."""
        self._changes.close()

    async def statistics(self) -> StoreStatistics:
        """How it is doing; a transaction takes no time here."""
        tasks = Counter(entry.task.status for entry in self._entries.values())
        return StoreStatistics(tasks, self._appended, Distribution())

    async def create(
        self,
        task: Task,
        event: Event,
        *,
        key: IdempotencyKey | None = None,
        sealed: bytes = b"",
        then: Callable[[Task], None] | None = None,
    ) -> tuple[Task, bool]:
        """Store a new task, unless its key made one before."""
        task, replayed = self._create(task, event, key, sealed)
        if then is not None:
            then(task)
        return task, replayed

    def _create(self, task: Task, event: Event, key: IdempotencyKey | None, sealed: bytes) -> tuple[Task, bool]:
        if key is not None and (earlier := self._found(key)):
            return earlier, True
        session_id = task.spec.session_id
        if session_id == task.id:
            self._sessions[session_id] = Session(session_id, task.create_time, task.create_time)
        else:
            self._use(session_id, task.create_time)
        self._created += 1
        entry = _Entry(self._created, replace(task, sequence=0, token=Token()), sealed, key)
        self._write(entry, entry.task, [event])
        self._entries[task.id] = entry
        return entry.task, False

    async def find(self, key: IdempotencyKey) -> Task | None:
        """The task that a key made."""
        return self._found(key)

    def _found(self, key: IdempotencyKey) -> Task | None:
        return next((entry.task for entry in self._entries.values() if _repeats(key, entry.key)), None)

    async def get(self, task_id: str) -> Task:
        """One task."""
        return self._entry(task_id).task

    async def list(self, query: TaskQuery) -> Page[Task]:
        """Tasks that match, in the order asked for."""
        by_end = query.order in (TaskOrder.ENDED, TaskOrder.ENDED_DESC)
        found: list[tuple[Place, Task]] = []
        for entry in self._entries.values():
            time = entry.end_time if by_end else entry.task.create_time
            if time is not None:
                found.append(((micros(time), entry.number), entry.task))
        downwards = query.order in (TaskOrder.CREATED_DESC, TaskOrder.ENDED_DESC)
        scope = scope_of("tasks", query.where, query.order)
        matching = _matching(found, query.where, task_value)
        page = _page(matching, query.limit, query.page_token, scope, downwards=downwards)
        return page if query.total else replace(page, total=0)

    async def unfinished(self) -> Sequence[Task]:
        """Tasks that are not done, oldest first."""
        return [entry.task for entry in self._entries.values() if not entry.task.done]

    async def session_tasks(self, session_id: str) -> Sequence[Task]:
        """Tasks of a session that are not done, oldest first."""
        self._session(session_id)
        return self._unfinished_in(session_id)

    async def claim(self, task_id: str, change: Change) -> Task:
        """Start a task."""
        entry = self._entry(task_id)
        token = Token(entry.task.token.generation + 1, 0)
        task, events = change(replace(entry.task, token=token))
        holder = self._holder(task.spec.session_id)
        if holder not in ("", task_id):
            raise SessionTaken(f"task {holder} holds session {task.spec.session_id}")
        self._write(entry, replace(task, token=token), events)
        entry.batch = entry.batch_last = 0
        return entry.task

    async def advance(self, task_id: str, token: Token) -> None:
        """Move a task's token on to a later phase."""
        entry = self._entry(task_id)
        held = entry.task.token
        if entry.task.done or token.generation != held.generation or token.phase < held.phase:
            raise Fenced
        if token != held:
            self._write(entry, replace(entry.task, token=token), ())
            entry.batch = entry.batch_last = 0

    async def transition(self, task_id: str, change: Change, *, token: Token | None = None) -> Task:
        """Apply a change to a task."""
        entry = self._entry(task_id)
        if token is not None and token != entry.task.token:
            raise Fenced
        task, events = change(entry.task)
        task = replace(task, token=entry.task.token)
        if events or task != entry.task:
            self._write(entry, task, events)
        return entry.task

    async def append(self, task_id: str, token: Token, batch: int, events: Sequence[Event]) -> int:
        """Append events to a task's log."""
        entry = self._entry(task_id)
        if token != entry.task.token:
            raise Fenced
        if batch <= entry.batch:
            return entry.batch_last
        if entry.task.done:
            raise Fenced
        task = entry.task
        for event in events:
            if isinstance(event.payload, FOLDING):
                task = fold(task, event)
        self._write(entry, task, events)
        entry.batch, entry.batch_last = batch, entry.task.sequence
        return entry.batch_last

    async def read(self, task_id: str, after: int, limit: int) -> Batch:
        """Events after a sequence."""
        entry = self._entry(task_id)
        first = max(after + 1, entry.kept_from)
        taken: list[bytes] = []
        for frame in entry.frames[first - entry.kept_from :]:
            limit -= len(frame)
            if taken and limit < 0:
                break
            taken.append(frame)
        if not taken:
            first = after + 1
        return Batch(first, first + len(taken) - 1, b"".join(taken), entry.task.sequence, entry.kept_from)

    async def trim(self, task_id: str, before: int) -> None:
        """Forget old events."""
        entry = self._entry(task_id)
        del entry.frames[: max(0, before - entry.kept_from)]

    async def delete(self, task_id: str, *, expired_by: datetime | None = None) -> None:
        """Remove a task that is done."""
        task = self._entry(task_id).task
        if not task.done:
            raise TaskNotDone(f"task {task_id} is not done", task_id=task_id)
        if expired_by is not None and (task.expires is None or task.expires > expired_by):
            return
        del self._entries[task_id]
        self._changes.tell({task_id})

    async def expired(self, now: datetime, limit: int) -> Sequence[str]:
        """Tasks that are done and whose time to be removed has come."""
        done = [task for entry in self._entries.values() if (task := entry.task).done]
        due = sorted((task.expires, task.id) for task in done if task.expires is not None and task.expires <= now)
        return [task_id for _, task_id in due[:limit]]

    async def aged(self, what: Aging, before: datetime, limit: int) -> Sequence[str]:
        """Tasks that ended before a moment and still have such data."""

        def has(entry: _Entry) -> bool:
            return bool(entry.frames if what is Aging.EVENTS else _only(Artifact, entry.outputs.values()))

        having = ((entry.end_time, entry.task.id) for entry in self._entries.values() if has(entry))
        old = sorted((end_time, task_id) for end_time, task_id in having if end_time is not None and end_time < before)
        return [task_id for _, task_id in old[:limit]]

    async def drop_artifacts(self, task_id: str) -> None:
        """Forget a task's artifacts."""
        entry = self._entry(task_id)
        entry.outputs = {key: output for key, output in entry.outputs.items() if not isinstance(output[1], Artifact)}

    async def blobs_in_use(self) -> set[str]:
        """Digests of artifacts, and of snapshots that may be restored."""
        found = {task.checkpoint.snapshot for task in await self.unfinished() if task.checkpoint.snapshot}
        for entry in self._entries.values():
            found |= {artifact.sha256 for _, artifact in _only(Artifact, entry.outputs.values())}
        return found

    async def create_session(self, session: Session, *, key: IdempotencyKey | None = None) -> tuple[Session, bool]:
        """Store a new session, unless its key made one before."""
        for made, earlier in self._session_keys.items():
            if key is not None and _repeats(key, earlier):
                return self._session(made), True
        if session.id in self._sessions:
            raise SessionExists(f"there is a session {session.id}", session_id=session.id)
        self._sessions[session.id] = replace(session, active_task_id="")
        if key is not None:
            self._session_keys[session.id] = key
        return self._session(session.id), False

    async def session(self, session_id: str) -> Session:
        """One session."""
        return self._session(session_id)

    async def sessions(self, limit: int, page_token: str) -> Page[Session]:
        """Sessions, newest first."""
        found: list[tuple[Place, Session]] = [
            ((micros(session.create_time), session.id), self._session(session.id))
            for session in self._sessions.values()
        ]
        return _page(found, limit, page_token, scope_of("sessions"), downwards=True)

    async def touch_session(self, session_id: str, now: datetime) -> None:
        """Note that a session has changed."""
        if holder := self._session(session_id).active_task_id:
            raise SessionBusy(f"task {holder} works in session {session_id}")
        self._use(session_id, now)

    async def delete_session(self, session_id: str, *, idle_since: datetime | None = None) -> None:
        """Forget a session."""
        session = await self.session(session_id)
        if idle_since is not None and session.update_time > idle_since:
            raise SessionBusy(f"session {session_id} was used meanwhile")
        if await self.session_tasks(session_id):
            raise SessionBusy(f"tasks use session {session_id}")
        del self._sessions[session_id]
        self._session_keys.pop(session_id, None)

    async def idle_sessions(self, before: datetime, limit: int) -> Sequence[str]:
        """Sessions that nothing has changed since a moment, or will."""
        idle = [session.id for session in self._sessions.values() if session.update_time < before]
        return [session_id for session_id in idle if not self._unfinished_in(session_id)][:limit]

    def changes(self) -> AsyncIterator[set[str]]:
        """Ids of tasks that change from now on."""
        return self._changes.reader()

    async def secrets(self, task_id: str) -> bytes:
        """A task's sealed secrets."""
        return self._entries[task_id].sealed if task_id in self._entries else b""

    async def artifacts(
        self, task_id: str, limit: int, page_token: str, *, where: Filter | None = None
    ) -> Page[Artifact]:
        """A task's artifacts that match."""
        found = _matching(_only(Artifact, self._entry(task_id).outputs.values()), where, artifact_value)
        return _page(found, limit, page_token, scope_of("artifact", task_id, where))

    async def artifact(self, task_id: str, artifact_id: str) -> Artifact:
        """One artifact of a task."""
        for _, artifact in _only(Artifact, self._entry(task_id).outputs.values()):
            if artifact.id == artifact_id:
                return artifact
        raise ArtifactNotFound(f"task {task_id} has no artifact {artifact_id}", artifact_id=artifact_id)

    async def tests(self, task_id: str, limit: int, page_token: str, *, where: Filter | None = None) -> Page[TestCase]:
        """A task's test cases that match."""
        found = _matching(_only(TestCase, self._entry(task_id).outputs.values()), where, test_value)
        return _page(found, limit, page_token, scope_of("test", task_id, where))

    async def input_request(self, task_id: str, input_id: str) -> InputRequest:
        """One question to a person."""
        inputs = self._entry(task_id).inputs
        if input_id not in inputs:
            raise InputNotFound(f"task {task_id} has no input request {input_id}", input_id=input_id)
        return inputs[input_id][1]

    async def input_requests(
        self, task_id: str | None, limit: int, page_token: str, *, resolved: bool = False
    ) -> Page[InputRequest]:
        """Questions to people, in the order they came."""
        entries = self._entries.values() if task_id is None else [self._entry(task_id)]
        asked = [item for entry in entries for item in entry.inputs.values() if resolved or not item[1].resolution]
        return _page(asked, limit, page_token, scope_of("inputs", task_id, resolved))

    def _entry(self, task_id: str) -> _Entry:
        if task_id not in self._entries:
            raise TaskNotFound(f"no task {task_id}", task_id=task_id)
        return self._entries[task_id]

    def _session(self, session_id: str) -> Session:
        if session_id not in self._sessions:
            raise SessionNotFound(f"no session {session_id}", session_id=session_id)
        return replace(self._sessions[session_id], active_task_id=self._holder(session_id))

    def _use(self, session_id: str, now: datetime) -> None:
        self._sessions[session_id] = replace(self._session(session_id), update_time=now)

    def _unfinished_in(self, session_id: str) -> Sequence[Task]:
        tasks = (entry.task for entry in self._entries.values())
        return [task for task in tasks if not task.done and task.spec.session_id == session_id]

    def _holder(self, session_id: str) -> str:
        return next((task.id for task in self._unfinished_in(session_id) if task.token.generation), "")

    def _write(self, entry: _Entry, task: Task, events: Sequence[Event]) -> None:
        first = entry.task.sequence + 1
        frames = [self._codec.encode(event, sequence) for sequence, event in enumerate(events, first)]
        for sequence, event in enumerate(events, first):
            match event.payload:
                case Artifact() as artifact:
                    _keep(entry, artifact.id, sequence, artifact)
                case TestCase() as test:
                    _keep(entry, (test.round, test.id), sequence, test)
                case InputRequest() as request:
                    self._asked += 1
                    entry.inputs[request.id] = ((self._asked, 0), request)
                case InputResolution(input_id=input_id) as resolution if input_id in entry.inputs:
                    place, request = entry.inputs[input_id]
                    if request.resolution is None:
                        entry.inputs[input_id] = (place, replace(request, resolution=resolution))
        entry.frames += frames
        if task.done and not entry.task.done:
            entry.sealed = b""
            if task.spec.session_id in self._sessions:
                self._use(task.spec.session_id, task.update_time)
        entry.task = replace(task, sequence=entry.task.sequence + len(events))
        self._appended += len(events)
        self._changes.tell({task.id})


def _repeats(key: IdempotencyKey, earlier: IdempotencyKey | None) -> bool:
    """Whether a key was used before. Raises RequestIdReused when it was for something else."""
    if earlier is None or (earlier.method, earlier.request_id) != (key.method, key.request_id):
        return False
    if earlier.digest != key.digest:
        raise RequestIdReused(request_id=key.request_id)
    return True


def _keep(entry: _Entry, key: object, sequence: int, output: Artifact | TestCase) -> None:
    """The latest state of an output, at the place where it first came."""
    entry.outputs[key] = (entry.outputs.get(key, ((sequence, 0),))[0], output)


def _only(kind: type[T], outputs: Iterable[tuple[Place, Artifact | TestCase]]) -> list[tuple[Place, T]]:
    return [(place, output) for place, output in outputs if isinstance(output, kind)]


def _matching(
    found: Iterable[tuple[Place, T]], where: Filter | None, value_of: Callable[[T], ValueOf]
) -> list[tuple[Place, T]]:
    return [(place, item) for place, item in found if where is None or matches(where, value_of(item))]


def _page(
    found: Iterable[tuple[Place, T]], limit: int, page_token: str, scope: str, *, downwards: bool = False
) -> Page[T]:
    """A page of items in the order of their places."""
    ordered = sorted(found, key=lambda item: item[0], reverse=downwards)
    place = place_in(page_token, scope)
    if place is None:
        return page_of(ordered, limit, len(ordered), scope)
    coming = [item for item in ordered if (item[0] < place if downwards else item[0] > place)]
    return page_of(coming, limit, len(ordered), scope)
