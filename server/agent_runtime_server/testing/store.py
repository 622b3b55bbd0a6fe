"""The store in memory: what the port says, as plainly as it can be said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from agent_runtime_server.adapters.sqlite.changes import Changes
from agent_runtime_server.domain.event import FOLDING, Event, fold
from agent_runtime_server.domain.faults import (
    ArtifactNotFound,
    BadPageToken,
    RequestIdReused,
    SessionNotFound,
    TaskNotFound,
)
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.task import Status, Task, Token
from agent_runtime_server.ports import Batch, Change, EventCodec, Fenced, IdempotencyKey, Page, SessionBusy, TaskQuery

T = TypeVar("T")


@dataclass
class _Entry:
    """A task and all that belongs to it."""

    number: int
    task: Task
    sealed: bytes
    frames: list[bytes] = field(default_factory=list)
    """Kept events; the last one has the task's sequence."""
    batch: int = 0
    batch_last: int = 0
    outputs: dict[object, tuple[int, Artifact | TestCase]] = field(default_factory=dict)
    """Artifacts and test cases by id (and round), with the sequence where each first came."""

    @property
    def kept_from(self) -> int:
        return self.task.sequence - len(self.frames) + 1


class MemoryStore:
    """The ``Store`` port for tests. No call ever waits, so each is one transaction by itself."""

    def __init__(self, codec: EventCodec) -> None:
        self._codec = codec
        self._entries: dict[str, _Entry] = {}
        self._sessions: set[str] = set()
        self._keys: dict[str, tuple[bytes, str]] = {}
        self._changes = Changes()

    async def close(self) -> None:
        """End the readers of ``changes``."""
        self._changes.close()

    async def create(
        self, task: Task, event: Event, *, key: IdempotencyKey | None = None, sealed: bytes = b""
    ) -> tuple[Task, bool]:
        """Store a new task, unless its key made one before."""
        if key is not None and (earlier := await self.find(key)):
            return earlier, True
        session = task.spec.session_id
        if session != task.id and session not in self._sessions:
            raise SessionNotFound(f"no session {session}", session_id=session)
        entry = _Entry(len(self._entries) + 1, replace(task, sequence=0, token=Token()), sealed)
        self._write(entry, entry.task, [event])
        self._sessions.add(session)
        if key is not None:
            self._keys[key.request_id] = (key.digest, task.id)
        return entry.task, False

    async def find(self, key: IdempotencyKey) -> Task | None:
        """The task that a key made."""
        if key.request_id not in self._keys:
            return None
        digest, task_id = self._keys[key.request_id]
        if digest != key.digest:
            raise RequestIdReused(request_id=key.request_id)
        return self._entries[task_id].task

    async def get(self, task_id: str) -> Task:
        """One task."""
        return self._entry(task_id).task

    async def list(self, query: TaskQuery) -> Page[Task]:
        """Tasks, newest first."""
        newest_first = [(-entry.number, entry.task) for entry in reversed(self._entries.values())]
        return _page("task", newest_first, query.limit, query.page_token)

    async def unfinished(self) -> Sequence[Task]:
        """Tasks that are not done, oldest first."""
        return [entry.task for entry in self._entries.values() if not entry.task.done]

    async def session_tasks(self, session_id: str) -> Sequence[Task]:
        """Tasks of a session that are not done, oldest first."""
        if session_id not in self._sessions:
            raise SessionNotFound(f"no session {session_id}", session_id=session_id)
        return [task for task in await self.unfinished() if task.spec.session_id == session_id]

    async def claim(self, task_id: str, change: Change) -> Task:
        """Start a task."""
        entry = self._entry(task_id)
        token = Token(entry.task.token.generation + 1, 0)
        task, events = change(replace(entry.task, token=token))
        for other in await self.session_tasks(task.spec.session_id):
            if other.id != task_id and other.status in (Status.RUNNING, Status.CANCELLING):
                raise SessionBusy(f"task {other.id} holds session {task.spec.session_id}")
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

    async def transition(
        self, task_id: str, change: Change, *, token: Token | None = None, wipe_secrets: bool = False
    ) -> Task:
        """Apply a change to a task."""
        entry = self._entry(task_id)
        if token is not None and token != entry.task.token:
            raise Fenced
        task, events = change(entry.task)
        task = replace(task, token=entry.task.token)
        if events or task != entry.task:
            self._write(entry, task, events)
        if wipe_secrets:
            entry.sealed = b""
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

    def changes(self) -> AsyncIterator[set[str]]:
        """Ids of tasks that change from now on."""
        return self._changes.reader()

    async def secrets(self, task_id: str) -> bytes:
        """A task's sealed secrets."""
        return self._entries[task_id].sealed if task_id in self._entries else b""

    async def artifacts(self, task_id: str, limit: int, page_token: str) -> Page[Artifact]:
        """A task's artifacts."""
        outputs = self._entry(task_id).outputs.values()
        return _page("artifact", _only(Artifact, outputs), limit, page_token)

    async def artifact(self, task_id: str, artifact_id: str) -> Artifact:
        """One artifact of a task."""
        for _, artifact in _only(Artifact, self._entry(task_id).outputs.values()):
            if artifact.id == artifact_id:
                return artifact
        raise ArtifactNotFound(f"task {task_id} has no artifact {artifact_id}", artifact_id=artifact_id)

    async def tests(self, task_id: str, limit: int, page_token: str) -> Page[TestCase]:
        """A task's test cases."""
        outputs = self._entry(task_id).outputs.values()
        return _page("test", _only(TestCase, outputs), limit, page_token)

    def _entry(self, task_id: str) -> _Entry:
        if task_id not in self._entries:
            raise TaskNotFound(f"no task {task_id}", task_id=task_id)
        return self._entries[task_id]

    def _write(self, entry: _Entry, task: Task, events: Sequence[Event]) -> None:
        first = entry.task.sequence + 1
        frames = [self._codec.encode(event, sequence) for sequence, event in enumerate(events, first)]
        for sequence, event in enumerate(events, first):
            match event.payload:
                case Artifact() as artifact:
                    _keep(entry, artifact.id, sequence, artifact)
                case TestCase() as test:
                    _keep(entry, (test.round, test.id), sequence, test)
        entry.frames += frames
        entry.task = replace(task, sequence=entry.task.sequence + len(events))
        self._entries[task.id] = entry
        self._changes.tell({task.id})


def _keep(entry: _Entry, key: object, sequence: int, output: Artifact | TestCase) -> None:
    """The latest state of an output, at the place where it first came."""
    entry.outputs[key] = (entry.outputs.get(key, (sequence,))[0], output)


def _only(kind: type[T], outputs: Iterable[tuple[int, Artifact | TestCase]]) -> list[tuple[int, T]]:
    return [(position, output) for position, output in outputs if isinstance(output, kind)]


def _page(kind: str, found: Sequence[tuple[int, T]], limit: int, page_token: str) -> Page[T]:
    """A page of items that are in the order of their positions; its token names the position of its last one."""
    coming = found
    if page_token:
        try:
            named, after = page_token.split(":")
            coming = [(position, item) for position, item in found if position > int(after)]
        except ValueError:
            raise BadPageToken from None
        if named != kind:
            raise BadPageToken
    next_token = f"{kind}:{coming[limit - 1][0]}" if len(coming) > limit else ""
    return Page(tuple(item for _, item in coming[:limit]), next_token, len(found))
