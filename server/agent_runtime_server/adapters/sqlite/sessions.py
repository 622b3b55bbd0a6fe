"""Sessions: their table, on a connection that writes or on one that reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from agent_runtime_server.adapters.sqlite import keys
from agent_runtime_server.adapters.sqlite.pages import page_of, place_in, scope_of
from agent_runtime_server.adapters.sqlite.records import micros, moment_of
from agent_runtime_server.domain.faults import SessionBusy, SessionExists, SessionNotFound
from agent_runtime_server.domain.session import Session
from agent_runtime_server.ports import IdempotencyKey, Page

_UNFINISHED = "SELECT task.id FROM task WHERE task.session = session.id AND done = 0"
_HOLDER = f"{_UNFINISHED} AND generation > 0"
_SESSION = f"SELECT id, create_time, update_time, coalesce(({_HOLDER}), '') FROM session"  # noqa: S608


class Sessions:
    """Sessions, as the ``Store`` port describes them. Changes belong to an open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, session_id: str) -> Session:
        """One session."""
        found = self._connection.execute(f"{_SESSION} WHERE id = ?", (session_id,)).fetchone()
        if found is None:
            raise _not_found(session_id)
        return _session(*found)

    def page(self, limit: int, page_token: str) -> Page[Session]:
        """Sessions, newest first. The caller sees to it that they do not change meanwhile."""
        scope = scope_of("sessions")
        place = place_in(page_token, scope) or ()
        below = "WHERE (create_time, id) < (?, ?)" if place else ""
        found = self._connection.execute(
            f"{_SESSION} {below} ORDER BY create_time DESC, id DESC LIMIT ?", (*place, limit + 1)
        ).fetchall()
        total: int = self._connection.execute("SELECT count(*) FROM session").fetchone()[0]
        return page_of([((row[1], row[0]), _session(*row)) for row in found], limit, total, scope)

    def idle(self, before: datetime, limit: int) -> Sequence[str]:
        """Sessions without unfinished tasks that nothing has changed since a moment."""
        found = self._connection.execute(
            f"SELECT id FROM session WHERE update_time < ? AND NOT EXISTS ({_UNFINISHED}) LIMIT ?",  # noqa: S608
            (micros(before), limit),
        )
        return [session_id for (session_id,) in found]

    def create(self, session: Session, key: IdempotencyKey | None) -> tuple[Session, bool]:
        """Store a new session, unless its key made one before."""
        request, digest = keys.columns_of(key)
        if key is not None:
            made = self._connection.execute("SELECT id, digest FROM session WHERE request = ?", (request,)).fetchone()
            if made:
                keys.check(key, made[1])
                return self.get(made[0]), True
        if self._connection.execute("SELECT 1 FROM session WHERE id = ?", (session.id,)).fetchone():
            raise SessionExists(f"there is a session {session.id}", session_id=session.id)
        self._connection.execute(
            "INSERT INTO session (id, create_time, update_time, request, digest) VALUES (?, ?, ?, ?, ?)",
            (session.id, micros(session.create_time), micros(session.update_time), request, digest),
        )
        return self.get(session.id), False

    def begin(self, session_id: str, now: datetime) -> None:
        """Store the session that a task brings with it."""
        times = micros(now)
        self._connection.execute(
            "INSERT INTO session (id, create_time, update_time) VALUES (?, ?, ?)", (session_id, times, times)
        )

    def use(self, session_id: str, now: datetime) -> bool:
        """Set the ``update_time`` of a session; False if there is none."""
        used = self._connection.execute("UPDATE session SET update_time = ? WHERE id = ?", (micros(now), session_id))
        return used.rowcount > 0

    def join(self, session_id: str, now: datetime) -> None:
        """Note that a task came to a session."""
        if not self.use(session_id, now):
            raise _not_found(session_id)

    def touch(self, session_id: str, now: datetime) -> None:
        """Set the ``update_time`` of a session that no task holds."""
        holder = self.get(session_id).active_task_id
        if holder:
            raise SessionBusy(f"task {holder} works in session {session_id}", session_id=session_id, task_id=holder)
        self.use(session_id, now)

    def delete(self, session_id: str, idle_since: datetime | None) -> None:
        """Forget a session whose tasks are done, and that was not used after a moment that is given."""
        session = self.get(session_id)
        if idle_since is not None and session.update_time > idle_since:
            raise SessionBusy(f"session {session_id} was used meanwhile", session_id=session_id)
        unfinished = self._connection.execute(
            "SELECT id FROM task WHERE session = ? AND done = 0 LIMIT 1", (session_id,)
        ).fetchone()
        if unfinished:
            raise SessionBusy(
                f"task {unfinished[0]} uses session {session_id}", session_id=session_id, task_id=unfinished[0]
            )
        self._connection.execute("DELETE FROM session WHERE id = ?", (session_id,))


def _session(session_id: str, create_time: int, update_time: int, holder: str) -> Session:
    return Session(session_id, moment_of(create_time), moment_of(update_time), holder)


def _not_found(session_id: str) -> SessionNotFound:
    return SessionNotFound(f"no session {session_id}", session_id=session_id)
