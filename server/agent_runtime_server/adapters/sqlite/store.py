"""The store: changes go to the writer thread, reads to the tail in memory or to the readers' threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from agent_runtime_server.adapters.sqlite.changes import Changes
from agent_runtime_server.adapters.sqlite.ledger import Deletion, Ledger, Told
from agent_runtime_server.adapters.sqlite.reader import Reader, Readers
from agent_runtime_server.adapters.sqlite.records import Records
from agent_runtime_server.adapters.sqlite.schema import open_writer
from agent_runtime_server.adapters.sqlite.tail import Tail
from agent_runtime_server.adapters.sqlite.writer import Writer
from agent_runtime_server.domain.event import Event
from agent_runtime_server.domain.filters import Filter
from agent_runtime_server.domain.inputs import InputRequest
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.session import Session
from agent_runtime_server.domain.task import Task, Token
from agent_runtime_server.ports import (
    Aging,
    Batch,
    Change,
    EventCodec,
    IdempotencyKey,
    Page,
    StoreStatistics,
    TaskQuery,
)

MAX_LOG_BYTES = 256 * 1024 * 1024


class SqliteStore:
    """The ``Store`` port on an SQLite file. One process at a time may have it open."""

    def __init__(self, path: Path) -> None:
        self._records = Records()
        self._tail = Tail()
        self._changes = Changes()
        self._writer = Writer(self._announce)
        self._readers = Readers(path, self._records)
        self._appended = 0

    @classmethod
    async def open(cls, path: Path, codec: EventCodec, *, max_log_bytes: int = MAX_LOG_BYTES) -> Self:
        """Open a database, made or brought up to date if need be.

        Of a task's log the oldest segments are dropped when it is over ``max_log_bytes``. The codec is called in the
        writer thread. Raises DatabaseTooNew, sqlite3.Error.
        """
        store = cls(path)
        await store._writer.start(lambda: Ledger(open_writer(path), codec, store._records, max_log_bytes))
        return store

    async def close(self) -> None:
        """Finish what was asked, flush it and close the file; readers of ``changes`` end."""
        await self._readers.close()
        await self._writer.close()
        self._changes.close()

    @property
    def commits(self) -> int:
        """Transactions so far; fewer than changes when callers shared them."""
        return self._writer.commits

    async def statistics(self) -> StoreStatistics:
        """How it is doing."""
        tasks = await self._readers.run(Reader.statuses)
        return StoreStatistics(tasks, self._appended, self._writer.commit_seconds)

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
        stored = None if then is None else lambda made: then(made[0])
        return await self._writer.run(lambda ledger: ledger.create(task, event, key, sealed), stored)

    async def find(self, key: IdempotencyKey) -> Task | None:
        """The task that a key made."""
        return await self._writer.run(lambda ledger: ledger.find(key))

    async def get(self, task_id: str) -> Task:
        """One task."""
        held = self._tail.task(task_id)
        return held if held is not None else await self._readers.run(Reader.task, task_id)

    async def list(self, query: TaskQuery) -> Page[Task]:
        """Tasks that match, in the order asked for."""
        return await self._readers.run(Reader.page, query)

    async def unfinished(self) -> Sequence[Task]:
        """Tasks that are not done, oldest first."""
        return await self._readers.run(Reader.unfinished)

    async def session_tasks(self, session_id: str) -> Sequence[Task]:
        """Tasks of a session that are not done, oldest first."""
        return await self._readers.run(Reader.session_tasks, session_id)

    async def claim(self, task_id: str, change: Change) -> Task:
        """Start a task."""
        return await self._writer.run(lambda ledger: ledger.claim(task_id, change))

    async def advance(self, task_id: str, token: Token) -> None:
        """Move a task's token on to a later phase."""
        await self._writer.run(lambda ledger: ledger.advance(task_id, token))

    async def transition(self, task_id: str, change: Change, *, token: Token | None = None) -> Task:
        """Apply a change to a task."""
        return await self._writer.run(lambda ledger: ledger.transition(task_id, change, token))

    async def append(self, task_id: str, token: Token, batch: int, events: Sequence[Event]) -> int:
        """Append events to a task's log."""
        return await self._writer.run(lambda ledger: ledger.append(task_id, token, batch, events))

    async def read(self, task_id: str, after: int, limit: int) -> Batch:
        """Events after a sequence."""
        held = self._tail.read(task_id, after, limit)
        return held if held is not None else await self._readers.run(Reader.read, task_id, after, limit)

    async def trim(self, task_id: str, before: int) -> None:
        """Forget old events."""
        await self._writer.run(lambda ledger: ledger.trim(task_id, before))

    async def delete(self, task_id: str, *, expired_by: datetime | None = None) -> None:
        """Remove a task that is done."""
        await self._writer.run(lambda ledger: ledger.delete(task_id, expired_by))

    async def expired(self, now: datetime, limit: int) -> Sequence[str]:
        """Tasks that are done and whose time to be removed has come."""
        return await self._readers.run(Reader.expired, now, limit)

    async def aged(self, what: Aging, before: datetime, limit: int) -> Sequence[str]:
        """Tasks that ended before a moment and still have such data."""
        return await self._readers.run(Reader.aged, what, before, limit)

    async def drop_artifacts(self, task_id: str) -> None:
        """Forget a task's artifacts."""
        await self._writer.run(lambda ledger: ledger.drop_artifacts(task_id))

    async def blobs_in_use(self) -> set[str]:
        """Digests of artifacts, and of snapshots that may be restored."""
        return await self._readers.run(Reader.blobs_in_use)

    async def create_session(self, session: Session, *, key: IdempotencyKey | None = None) -> tuple[Session, bool]:
        """Store a new session, unless its key made one before."""
        return await self._writer.run(lambda ledger: ledger.sessions.create(session, key))

    async def session(self, session_id: str) -> Session:
        """One session."""
        return await self._readers.run(Reader.session, session_id)

    async def sessions(self, limit: int, page_token: str) -> Page[Session]:
        """Sessions, newest first."""
        return await self._readers.run(Reader.sessions, limit, page_token)

    async def touch_session(self, session_id: str, now: datetime) -> None:
        """Note that a session has changed."""
        await self._writer.run(lambda ledger: ledger.sessions.touch(session_id, now))

    async def delete_session(self, session_id: str, *, idle_since: datetime | None = None) -> None:
        """Forget a session."""
        await self._writer.run(lambda ledger: ledger.sessions.delete(session_id, idle_since))

    async def idle_sessions(self, before: datetime, limit: int) -> Sequence[str]:
        """Sessions that nothing has changed since a moment, or will."""
        return await self._readers.run(Reader.idle_sessions, before, limit)

    def changes(self) -> AsyncIterator[set[str]]:
        """Ids of tasks that change from now on."""
        return self._changes.reader()

    async def secrets(self, task_id: str) -> bytes:
        """A task's sealed secrets."""
        return await self._readers.run(Reader.secrets, task_id)

    async def artifacts(
        self, task_id: str, limit: int, page_token: str, *, where: Filter | None = None
    ) -> Page[Artifact]:
        """A task's artifacts that match."""
        return await self._readers.run(Reader.artifacts, task_id, limit, page_token, where)

    async def artifact(self, task_id: str, artifact_id: str) -> Artifact:
        """One artifact of a task."""
        return await self._readers.run(Reader.artifact, task_id, artifact_id)

    async def tests(self, task_id: str, limit: int, page_token: str, *, where: Filter | None = None) -> Page[TestCase]:
        """A task's test cases that match."""
        return await self._readers.run(Reader.tests, task_id, limit, page_token, where)

    async def input_request(self, task_id: str, input_id: str) -> InputRequest:
        """One question to a person."""
        return await self._readers.run(Reader.input_request, task_id, input_id)

    async def input_requests(
        self, task_id: str | None, limit: int, page_token: str, *, resolved: bool = False
    ) -> Page[InputRequest]:
        """Questions to people, in the order they came."""
        return await self._readers.run(Reader.input_requests, task_id, limit, page_token, resolved=resolved)

    def _announce(self, told: Sequence[Told]) -> None:
        changed = set[str]()
        for item in told:
            if isinstance(item, Deletion):
                self._tail.forget(item.task_id)
                changed.add(item.task_id)
            else:
                self._tail.publish(item)
                self._appended += sum(segment.last - segment.first + 1 for segment in item.segments)
                changed.add(item.task.id)
        if changed:
            self._changes.tell(changed)
