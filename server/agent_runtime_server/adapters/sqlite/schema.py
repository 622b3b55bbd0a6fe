"""The database's tables, and the way from an older version of them to this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

BUSY_TIMEOUT = 5000
"""Milliseconds to wait for another process that has the database locked."""

WAL_BYTES = 64 * 1024 * 1024
"""What the write-ahead log is cut back to after a big transaction."""

Migration = Sequence[str]
"""Statements that lead from one version to the next, in one transaction."""

_RECORD = "CAST(record AS TEXT)"


def _micros(field: str) -> str:
    """SQL of the microseconds since 1970 of a time in a task's record: RFC 3339, in UTC."""
    text = f"rtrim(json_extract({_RECORD}, '$.{field}'), 'Z')"
    fraction = f"substr(substr({text}, 21) || '000000', 1, 6)"
    return f"(unixepoch(substr({text}, 1, 19)) * 1000000 + CAST({fraction} AS INTEGER))"


MIGRATIONS: Sequence[Migration] = (
    (
        # One row a task. `record` is the whole task but for its token and sequence, which change more often than it.
        # `batch` is the writer's last batch under the token, `batch_last` the sequence that it ended at. Of the log:
        # segments up to `merged` are as big as they get, `loose_bytes` lie in smaller ones behind.
        """CREATE TABLE task (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            session TEXT NOT NULL,
            status TEXT NOT NULL,
            done INTEGER NOT NULL,
            generation INTEGER NOT NULL,
            phase INTEGER NOT NULL,
            batch INTEGER NOT NULL,
            batch_last INTEGER NOT NULL,
            last_seq INTEGER NOT NULL,
            kept_from INTEGER NOT NULL,
            log_bytes INTEGER NOT NULL,
            merged INTEGER NOT NULL,
            loose_bytes INTEGER NOT NULL,
            record BLOB NOT NULL
        )""",
        "CREATE INDEX task_unfinished ON task (session, number) WHERE done = 0",
        """CREATE TABLE segment (
            task INTEGER NOT NULL,
            first_seq INTEGER NOT NULL,
            last_seq INTEGER NOT NULL,
            framed BLOB NOT NULL,
            PRIMARY KEY (task, last_seq)
        ) WITHOUT ROWID""",
        # Artifacts and test cases: the latest state of each, at the sequence where it first came.
        """CREATE TABLE output (
            task INTEGER NOT NULL,
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            position INTEGER NOT NULL,
            record BLOB NOT NULL,
            PRIMARY KEY (task, kind, key)
        )""",
        "CREATE UNIQUE INDEX output_order ON output (task, kind, position)",
        "CREATE TABLE session (id TEXT PRIMARY KEY) WITHOUT ROWID",
        """CREATE TABLE request (
            id TEXT PRIMARY KEY,
            digest BLOB NOT NULL,
            task INTEGER NOT NULL
        ) WITHOUT ROWID""",
        "CREATE TABLE sealed (task INTEGER PRIMARY KEY, secrets BLOB NOT NULL)",
    ),
    (
        # Times are microseconds since 1970. `end_time` and `expires` are those of tasks that are done. `request` and
        # `digest` are the idempotency key that made the task or session.
        "ALTER TABLE task ADD COLUMN create_time INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE task ADD COLUMN end_time INTEGER",
        "ALTER TABLE task ADD COLUMN expires INTEGER",
        "ALTER TABLE task ADD COLUMN request TEXT",
        "ALTER TABLE task ADD COLUMN digest BLOB",
        # The priority has moved, out of what never changes. A task that was put back into the queue held its session
        # no longer; now one that was claimed does, so it is as if it had not been.
        f"""UPDATE task SET
            create_time = {_micros("create_time")},
            end_time = CASE WHEN done THEN {_micros("end_time")} END,
            generation = CASE status WHEN 'pending' THEN 0 ELSE generation END,
            record = CAST(json_set(
                json_remove({_RECORD}, '$.spec.priority'),
                '$.priority', coalesce(json_extract({_RECORD}, '$.spec.priority'), 3)
            ) AS BLOB)""",  # noqa: S608
        # No task had an end to its keeping: each gets what was the default when this version came, 30 days.
        f"UPDATE task SET record = CAST(json_set({_RECORD}, '$.ttl', 'P30D') AS BLOB)",  # noqa: S608
        "UPDATE task SET expires = end_time + 30 * 24 * 3600 * 1000000",
        """UPDATE task SET request = 'CreateTask/' || made.id, digest = made.digest
            FROM request AS made WHERE made.task = task.number""",
        "DROP TABLE request",
        "CREATE INDEX task_created ON task (create_time)",
        "CREATE INDEX task_ended ON task (end_time) WHERE end_time IS NOT NULL",
        "CREATE INDEX task_expires ON task (expires) WHERE expires IS NOT NULL",
        "CREATE UNIQUE INDEX task_request ON task (request) WHERE request IS NOT NULL",
        "ALTER TABLE session ADD COLUMN create_time INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE session ADD COLUMN update_time INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE session ADD COLUMN request TEXT",
        "ALTER TABLE session ADD COLUMN digest BLOB",
        """UPDATE session SET create_time = work.first, update_time = work.last FROM (
            SELECT session AS id, min(create_time) AS first, max(coalesce(end_time, create_time)) AS last
            FROM task GROUP BY session
        ) AS work WHERE work.id = session.id""",
        "CREATE UNIQUE INDEX session_request ON session (request) WHERE request IS NOT NULL",
    ),
    (
        # Questions to people, numbered in the order they came over all tasks; an answered one is not `open`.
        """CREATE TABLE input (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            task INTEGER NOT NULL,
            id TEXT NOT NULL,
            open INTEGER NOT NULL,
            record BLOB NOT NULL,
            UNIQUE (task, id)
        )""",
        "CREATE INDEX input_open ON input (number) WHERE open = 1",
    ),
    (
        # Tasks are counted by their status without a look at them.
        "CREATE INDEX task_status ON task (status)",
    ),
)


class DatabaseTooNew(Exception):
    """A newer server has written this database."""


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection that writes, to a database of the newest version; made when there is none.

    Raises DatabaseTooNew, and sqlite3.Error if the file is no database or cannot be written.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads; it may be closed from another thread."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    return connection


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring a database up to the last of the migrations. Raises DatabaseTooNew if it is ahead of them."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise DatabaseTooNew(
            f"the database has schema version {version}, this server knows versions up to {len(migrations)}: "
            "use the server that wrote it, or a newer one"
        )
    for number, migration in enumerate(migrations[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migration:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
