"""The ledger: every change of tasks and their logs, each within the transaction that the writer thread has open."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent_runtime_server.adapters.sqlite.records import Records, Row
from agent_runtime_server.adapters.sqlite.schema import BUSY_TIMEOUT
from agent_runtime_server.adapters.sqlite.segments import SEGMENT_BYTES, Segment, merge, pack
from agent_runtime_server.domain.event import FOLDING, Event, fold
from agent_runtime_server.domain.faults import RequestIdReused, SessionNotFound, TaskNotFound
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.task import Task, Token
from agent_runtime_server.ports import Change, EventCodec, Fenced, IdempotencyKey, SessionBusy

HELD_ROWS = 1024
"""Tasks whose rows the ledger holds in memory; those written longest ago are read again."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a change made of a task, for those who read it from memory."""

    task: Task
    kept_from: int
    segments: Sequence[Segment]
    """New events."""


class Ledger:
    """Changes of tasks. Lives in the writer thread; every method belongs to an open transaction.

    A method that raises before its first write has changed nothing; after one, the transaction must be rolled back
    and ``forget`` called.
    """

    def __init__(self, connection: sqlite3.Connection, codec: EventCodec, records: Records, max_log_bytes: int) -> None:
        self.connection = connection
        self._codec = codec
        self._records = records
        self._max_log_bytes = max_log_bytes
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._publications: list[Publication] = []
        self._wiped = False

    def publications(self) -> list[Publication]:
        """What has changed since the last call, to be told once it is committed."""
        changed, self._publications = self._publications, []
        return changed

    def forget(self) -> None:
        """Drop all that is held in memory: the transaction was rolled back."""
        self._rows.clear()
        self._publications.clear()

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
        if session != task.id and not self._one("SELECT 1 FROM session WHERE id = ?", session):
            raise SessionNotFound(f"no session {session}", session_id=session)
        frame = self._codec.encode(event, 1)
        task = replace(task, sequence=1, token=Token())
        row = Row(number=0, task=task, log_bytes=len(frame), loose_bytes=len(frame))
        number = self.connection.execute(
            "INSERT INTO task (id, session, status, done, generation, phase, batch, batch_last, last_seq, kept_from,"
            " log_bytes, merged, loose_bytes, record) VALUES (?, ?, ?, ?, 0, 0, 0, 0, 1, 1, ?, 0, ?, ?)",
            (task.id, session, task.status.value, task.done, len(frame), len(frame), self._records.encode(task)),
        ).lastrowid
        assert number is not None
        if session == task.id:
            self.connection.execute("INSERT INTO session (id) VALUES (?)", (session,))
        if key is not None:
            values = (key.request_id, key.digest, number)
            self.connection.execute("INSERT INTO request (id, digest, task) VALUES (?, ?, ?)", values)
        if sealed:
            self.connection.execute("INSERT INTO sealed (task, secrets) VALUES (?, ?)", (number, sealed))
        segments = [Segment(1, 1, frame)]
        self._insert(number, segments)
        self._index(number, [event], 1)
        self._hold(replace(row, number=number), segments)
        return task, False

    def claim(self, task_id: str, change: Change) -> Task:
        """Raise the token's generation and apply a change, unless the session is taken."""
        row = self._row(task_id)
        claimed = replace(row.task, token=Token(row.task.token.generation + 1, 0))
        task, events = change(claimed)
        taken = self._one(
            "SELECT id FROM task"
            " WHERE session = ? AND done = 0 AND status IN ('running', 'cancelling') AND number != ?",
            task.spec.session_id,
            row.number,
        )
        if taken:
            raise SessionBusy(f"task {taken[0]} holds session {task.spec.session_id}")
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

    def transition(self, task_id: str, change: Change, token: Token | None, *, wipe_secrets: bool) -> Task:
        """Apply a change."""
        row = self._row(task_id)
        if token is not None and token != row.task.token:
            raise _fenced(row, token)
        task, events = change(row.task)
        task = replace(task, token=row.task.token)
        if events or task != row.task:
            task = self._write(row, replace(row, task=task), events).task
        if wipe_secrets:
            wiped = self.connection.execute("DELETE FROM sealed WHERE task = ?", (row.number,))
            self._wiped = self._wiped or wiped.rowcount > 0
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
        old = self._sizes(row.number, "AND last_seq < ?", before)
        if old:
            self._write(row, self._drop(row, old), ())

    def _write(self, old: Row, new: Row, events: Sequence[Event]) -> Row:
        """Write a changed task and its new events; the row is compared with what it was, in the database itself."""
        first = old.task.sequence + 1
        segments = pack([self._codec.encode(event, sequence) for sequence, event in enumerate(events, first)], first)
        size = sum(len(segment.framed) for segment in segments)
        task = replace(new.task, sequence=old.task.sequence + len(events))
        new = replace(new, task=task, log_bytes=new.log_bytes + size, loose_bytes=new.loose_bytes + size)
        self._insert(new.number, segments)
        self._index(new.number, events, first)
        new = self._tidy(new)
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
        self._hold(new, segments)
        return new

    def _insert(self, number: int, segments: Sequence[Segment]) -> None:
        self.connection.executemany(
            "INSERT INTO segment (task, first_seq, last_seq, framed) VALUES (?, ?, ?, ?)",
            [(number, *segment) for segment in segments],
        )

    def _index(self, number: int, events: Sequence[Event], first: int) -> None:
        """Keep artifacts and test cases where they are found by id."""
        outputs: list[tuple[int, str, str, int, bytes]] = []
        for sequence, event in enumerate(events, first):
            match event.payload:
                case Artifact() as artifact:
                    outputs.append((number, "artifact", artifact.id, sequence, self._records.encode(artifact)))
                case TestCase() as test:
                    key = f"{test.round}/{test.id}"
                    outputs.append((number, "test", key, sequence, self._records.encode(test)))
        if outputs:
            self.connection.executemany(
                "INSERT INTO output (task, kind, key, position, record) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (task, kind, key) DO UPDATE SET record = excluded.record",
                outputs,
            )

    def _tidy(self, row: Row) -> Row:
        """Merge small segments when enough have come or no more will; keep the log within its bound."""
        if row.loose_bytes and (row.loose_bytes >= SEGMENT_BYTES or row.task.done):
            row = self._merge(row)
        if row.log_bytes > self._max_log_bytes:
            excess = row.log_bytes - self._max_log_bytes
            old: list[tuple[int, int]] = []
            for segment in self._sizes(row.number, "AND last_seq < ?", row.task.sequence):
                if excess <= 0:
                    break
                old.append(segment)
                excess -= segment[1]
            row = self._drop(row, old) if old else row
        return row

    def _merge(self, row: Row) -> Row:
        """Join a log's loose segments; the last of them stays loose while more may come."""
        loose = self.connection.execute(
            "SELECT first_seq, last_seq, framed FROM segment WHERE task = ? AND last_seq > ? ORDER BY last_seq",
            (row.number, row.merged),
        ).fetchall()
        merged = merge(Segment(*segment) for segment in loose)
        rest = 0 if row.task.done else len(merged.pop().framed)
        if not merged:
            return row
        last = merged[-1].last
        untouched = {(first, last) for first, last, _ in loose}
        joined = [segment for segment in merged if (segment.first, segment.last) not in untouched]
        self.connection.executemany(
            "DELETE FROM segment WHERE task = ? AND last_seq BETWEEN ? AND ?",
            [(row.number, segment.first, segment.last) for segment in joined],
        )
        self._insert(row.number, joined)
        return replace(row, merged=last, loose_bytes=rest)

    def _sizes(self, number: int, where: str, sequence: int) -> list[tuple[int, int]]:
        """Last sequence and size of segments, oldest first."""
        return self.connection.execute(
            f"SELECT last_seq, length(framed) FROM segment WHERE task = ? {where} ORDER BY last_seq",  # noqa: S608
            (number, sequence),
        ).fetchall()

    def _drop(self, row: Row, old: Sequence[tuple[int, int]]) -> Row:
        """Delete a log's oldest segments, given as last sequences and sizes."""
        last = old[-1][0]
        self.connection.execute("DELETE FROM segment WHERE task = ? AND last_seq <= ?", (row.number, last))
        return replace(
            row,
            kept_from=last + 1,
            log_bytes=row.log_bytes - sum(size for _, size in old),
            loose_bytes=row.loose_bytes - sum(size for sequence, size in old if sequence > row.merged),
        )

    def find(self, key: IdempotencyKey) -> Task | None:
        """The task that a key made."""
        found = self._one(
            "SELECT task.id, request.digest FROM request JOIN task ON task.number = request.task WHERE request.id = ?",
            key.request_id,
        )
        if found is None:
            return None
        if found[1] != key.digest:
            raise RequestIdReused(request_id=key.request_id)
        return self._row(found[0]).task

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
        self._publications.append(Publication(row.task, row.kept_from, segments))

    def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.connection.execute(sql, values).fetchone()
        return found


def _fenced(row: Row, token: Token) -> Fenced:
    return Fenced(f"task {row.task.id} is at {row.task.token} and {row.task.status.value}, not {token}'s")
