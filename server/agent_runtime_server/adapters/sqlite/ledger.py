"""The ledger: every change of tasks and their logs, each within the transaction that the writer thread has open."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agent_runtime_server.adapters.sqlite import keys
from agent_runtime_server.adapters.sqlite.inputs import Inputs
from agent_runtime_server.adapters.sqlite.log import Log
from agent_runtime_server.adapters.sqlite.records import Records, Row, micros
from agent_runtime_server.adapters.sqlite.schema import BUSY_TIMEOUT
from agent_runtime_server.adapters.sqlite.segments import Segment, pack
from agent_runtime_server.adapters.sqlite.sessions import Sessions
from agent_runtime_server.domain.event import FOLDING, Event, fold
from agent_runtime_server.domain.faults import TaskNotDone, TaskNotFound
from agent_runtime_server.domain.inputs import InputRequest, InputResolution
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.task import Task, Token
from agent_runtime_server.ports import Change, EventCodec, Fenced, IdempotencyKey, SessionTaken

HELD_ROWS = 1024
"""Tasks whose rows the ledger holds in memory; those written longest ago are read again."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a change made of a task, for those who read it from memory."""

    task: Task
    kept_from: int
    segments: Sequence[Segment]
    """New events."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """That a task is no more."""

    task_id: str


Told = Publication | Deletion
"""What the ledger tells of a commit."""


class Ledger:
    """Changes of tasks. Lives in the writer thread; every method belongs to an open transaction.

    A method that raises before its first write has changed nothing; after one, the transaction must be rolled back
    and ``forget`` called.
    """

    def __init__(self, connection: sqlite3.Connection, codec: EventCodec, records: Records, max_log_bytes: int) -> None:
        self.connection = connection
        self.sessions = Sessions(connection)
        self._inputs = Inputs(connection, records)
        self._log = Log(connection, max_log_bytes)
        self._codec = codec
        self._records = records
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._told: list[Told] = []
        self._wiped = False

    def told(self) -> list[Told]:
        """What has changed since the last call, to be told once it is committed."""
        told, self._told = self._told, []
        return told

    def forget(self) -> None:
        """Drop all that is held in memory: the transaction was rolled back."""
        self._rows.clear()
        self._told.clear()

    def scrub(self) -> None:
        """Empty the write-ahead log if it may hold secrets that were wiped. Call it after a commit.

        A reader can stand in the way; then the next call does it.
        """
        if self._wiped:
            self.connection.execute("PRAGMA busy_timeout = 0")
            try:
                in_use = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                self.connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            self._wiped = bool(in_use)

    def create(self, task: Task, event: Event, key: IdempotencyKey | None, sealed: bytes) -> tuple[Task, bool]:
        """Store a new task, unless its key made one before."""
        if key is not None and (earlier := self.find(key)):
            return earlier, True
        session = task.spec.session_id
        if session != task.id:
            self.sessions.join(session, task.create_time)
        frame = self._codec.encode(event, 1)
        task = replace(task, sequence=1, token=Token())
        row = Row(number=0, task=task, log_bytes=len(frame), loose_bytes=len(frame))
        number = self.connection.execute(
            "INSERT INTO task (id, session, status, done, generation, phase, batch, batch_last, last_seq, kept_from,"
            " log_bytes, merged, loose_bytes, record, create_time, request, digest)"
            " VALUES (?, ?, ?, ?, 0, 0, 0, 0, 1, 1, ?, 0, ?, ?, ?, ?, ?)",
            (
                *(task.id, session, task.status.value, task.done, len(frame), len(frame)),
                *(self._records.encode(task), micros(task.create_time), *keys.columns_of(key)),
            ),
        ).lastrowid
        assert number is not None
        if session == task.id:
            self.sessions.begin(session, task.create_time)
        if sealed:
            self.connection.execute("INSERT INTO sealed (task, secrets) VALUES (?, ?)", (number, sealed))
        segments = [Segment(1, 1, frame)]
        self._log.add(number, segments)
        self._index(number, [event], 1)
        self._hold(replace(row, number=number), segments)
        return task, False

    def find(self, key: IdempotencyKey) -> Task | None:
        """The task that a key made."""
        found = self._one("SELECT id, digest FROM task WHERE request = ?", keys.columns_of(key)[0])
        if found is None:
            return None
        keys.check(key, found[1])
        return self._row(found[0]).task

    def claim(self, task_id: str, change: Change) -> Task:
        """Raise the token's generation and apply a change, unless the session is taken."""
        row = self._row(task_id)
        claimed = replace(row.task, token=Token(row.task.token.generation + 1, 0))
        task, events = change(claimed)
        taken = self._one(
            "SELECT id FROM task WHERE session = ? AND done = 0 AND generation > 0 AND number != ?",
            task.spec.session_id,
            row.number,
        )
        if taken:
            raise SessionTaken(f"task {taken[0]} holds session {task.spec.session_id}")
        fresh = replace(row, batch=0, batch_last=0)
        return self._write(row, replace(fresh, task=replace(task, token=claimed.token)), events).task

    def advance(self, task_id: str, token: Token) -> None:
        """Move a token on to a later phase."""
        row = self._row(task_id)
        held = row.task.token
        if row.task.done or token.generation != held.generation or token.phase < held.phase:
            raise _fenced(row, token)
        if token != held:
            self._write(row, replace(row, task=replace(row.task, token=token), batch=0, batch_last=0), ())

    def transition(self, task_id: str, change: Change, token: Token | None) -> Task:
        """Apply a change."""
        row = self._row(task_id)
        if token is not None and token != row.task.token:
            raise _fenced(row, token)
        task, events = change(row.task)
        task = replace(task, token=row.task.token)
        if events or task != row.task:
            task = self._write(row, replace(row, task=task), events).task
        return task

    def append(self, task_id: str, token: Token, batch: int, events: Sequence[Event]) -> int:
        """Append a writer's batch and fold it in; a repeated one changes nothing."""
        row = self._row(task_id)
        if token != row.task.token:
            raise _fenced(row, token)
        if batch <= row.batch:
            return row.batch_last
        if row.task.done:
            raise _fenced(row, token)
        task = row.task
        for event in events:
            if isinstance(event.payload, FOLDING):
                task = fold(task, event)
        last = row.task.sequence + len(events)
        self._write(row, replace(row, task=task, batch=batch, batch_last=last), events)
        return last

    def trim(self, task_id: str, before: int) -> None:
        """Drop the segments that end before a sequence."""
        row = self._row(task_id)
        trimmed = self._log.trim(row, before)
        if trimmed != row:
            self._write(row, trimmed, ())

    def delete(self, task_id: str, expired_by: datetime | None) -> None:
        """Remove a task that is done, if it has expired by a moment that is given."""
        row = self._row(task_id)
        if not row.task.done:
            raise TaskNotDone(f"task {task_id} is {row.task.status.value}", task_id=task_id)
        if expired_by is not None and (row.task.expires is None or row.task.expires > expired_by):
            return
        for table in ("segment", "output", "input"):
            self.connection.execute(f"DELETE FROM {table} WHERE task = ?", (row.number,))  # noqa: S608
        self._wipe(row.number)
        self.connection.execute("DELETE FROM task WHERE number = ?", (row.number,))
        self._rows.pop(task_id, None)
        self._told.append(Deletion(task_id))

    def drop_artifacts(self, task_id: str) -> None:
        """Forget a task's artifacts."""
        number = self._row(task_id).number
        self.connection.execute("DELETE FROM output WHERE task = ? AND kind = 'artifact'", (number,))

    def _write(self, old: Row, new: Row, events: Sequence[Event]) -> Row:
        """Write a changed task and its new events; the row is compared with what it was, in the database itself."""
        first = old.task.sequence + 1
        segments = pack([self._codec.encode(event, sequence) for sequence, event in enumerate(events, first)], first)
        size = sum(len(segment.framed) for segment in segments)
        task = replace(new.task, sequence=old.task.sequence + len(events))
        new = replace(new, task=task, log_bytes=new.log_bytes + size, loose_bytes=new.loose_bytes + size)
        self._log.add(new.number, segments)
        self._index(new.number, events, first)
        new = self._log.tidy(new)
        known = replace(task, sequence=old.task.sequence, token=old.task.token) == old.task
        record = None if known else self._records.encode(task)
        updated = self.connection.execute(
            "UPDATE task SET status = ?, done = ?, generation = ?, phase = ?, batch = ?, batch_last = ?, last_seq = ?,"
            " kept_from = ?, log_bytes = ?, merged = ?, loose_bytes = ?, record = coalesce(?, record)"
            " WHERE number = ? AND generation = ? AND phase = ? AND batch = ? AND last_seq = ?",
            (
                *(task.status.value, task.done, task.token.generation, task.token.phase),
                *(new.batch, new.batch_last, task.sequence),
                *(new.kept_from, new.log_bytes, new.merged, new.loose_bytes, record),
                *(old.number, old.task.token.generation, old.task.token.phase, old.batch, old.task.sequence),
            ),
        )
        if updated.rowcount != 1:
            raise Fenced(f"task {task.id} was written by another process")
        if task.done and not known:
            self._settle(new, ended=not old.task.done)
        self._hold(new, segments)
        return new

    def _settle(self, row: Row, *, ended: bool) -> None:
        """Keep of a task that is done what it is found and removed by; at its end also free what it held."""
        task = row.task
        times = (task.end_time and micros(task.end_time), task.expires and micros(task.expires))
        self.connection.execute("UPDATE task SET end_time = ?, expires = ? WHERE number = ?", (*times, row.number))
        if ended:
            self._wipe(row.number)
            self.sessions.use(task.spec.session_id, task.update_time)

    def _wipe(self, number: int) -> None:
        wiped = self.connection.execute("DELETE FROM sealed WHERE task = ?", (number,))
        self._wiped = self._wiped or wiped.rowcount > 0

    def _index(self, number: int, events: Sequence[Event], first: int) -> None:
        """Keep artifacts, test cases and questions where they are found by id."""
        outputs: list[tuple[int, str, str, int, bytes]] = []
        for sequence, event in enumerate(events, first):
            match event.payload:
                case Artifact() as artifact:
                    outputs.append((number, "artifact", artifact.id, sequence, self._records.encode(artifact)))
                case TestCase() as test:
                    key = f"{test.round}/{test.id}"
                    outputs.append((number, "test", key, sequence, self._records.encode(test)))
                case InputRequest() as request:
                    self._inputs.put(number, request)
                case InputResolution() as resolution:
                    self._inputs.resolve(number, resolution)
        if outputs:
            self.connection.executemany(
                "INSERT INTO output (task, kind, key, position, record) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (task, kind, key) DO UPDATE SET record = excluded.record",
                outputs,
            )

    def _row(self, task_id: str) -> Row:
        if row := self._rows.get(task_id):
            return row
        found = self._one(
            "SELECT number, record, last_seq, generation, phase, batch, batch_last, kept_from, log_bytes, merged,"
            " loose_bytes FROM task WHERE id = ?",
            task_id,
        )
        if found is None:
            raise TaskNotFound(f"no task {task_id}", task_id=task_id)
        number, record, sequence, generation, phase, *rest = found
        return Row(number, self._records.task(record, sequence, Token(generation, phase)), *rest)

    def _hold(self, row: Row, segments: Sequence[Segment]) -> None:
        """Keep a written row in memory, and publish it."""
        self._rows[row.task.id] = row
        self._rows.move_to_end(row.task.id)
        if len(self._rows) > HELD_ROWS:
            self._rows.popitem(last=False)
        self._told.append(Publication(row.task, row.kept_from, segments))

    def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.connection.execute(sql, values).fetchone()
        return found


def _fenced(row: Row, token: Token) -> Fenced:
    return Fenced(f"task {row.task.id} is at {row.task.token} and {row.task.status.value}, not {token}'s")
