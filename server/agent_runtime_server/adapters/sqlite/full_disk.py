"""A full disk, as SQLite tells of it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from agent_runtime_server.domain.faults import DiskFull

_PRIMARY = 0xFF
"""The part of an error code that names its kind."""
_NO_ROOM = 1024 * 1024
"""With so few bytes left, a failure of input or output is put down to the full disk: SQLite does not say why."""


def explained(error: BaseException, connection: sqlite3.Connection) -> BaseException:
    """DiskFull for an error that a full disk has made; any other one as it is."""
    kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & _PRIMARY
    if kind != sqlite3.SQLITE_FULL and not (kind == sqlite3.SQLITE_IOERR and _free(connection) < _NO_ROOM):
        return error
    fault = DiskFull("the disk that holds the server's database is full: nothing was written")
    fault.__cause__ = error
    return fault


def _free(connection: sqlite3.Connection) -> int:
    path: str = connection.execute("PRAGMA database_list").fetchone()[2]
    return shutil.disk_usage(Path(path).parent).free
