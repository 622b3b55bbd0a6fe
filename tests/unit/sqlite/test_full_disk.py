"""The SQLite store on a full disk: callers are told, nothing is half-written, and it works again with room."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent_runtime_server.adapters.sqlite import SqliteStore
from agent_runtime_server.adapters.sqlite.full_disk import explained
from agent_runtime_server.adapters.sqlite.ledger import Ledger
from agent_runtime_server.adapters.sqlite.schema import open_writer
from agent_runtime_server.domain.event import StatusChanged
from agent_runtime_server.domain.faults import DiskFull, TaskNotFound
from agent_runtime_server.domain.task import Status
from tests.contract.store_fixtures import (
    EVERYTHING,
    FIRST,
    create,
    event,
    line,
    lines,
    new_task,
    running,
    whole_log,
)

CREATED = StatusChanged(None, Status.PENDING)


async def fill(store: SqliteStore, spare_pages: int = 0) -> None:
    """Let the database grow by so many pages and no more: what SQLite then says is what it says of a full disk."""

    def limit(ledger: Ledger) -> None:
        pages = ledger.connection.execute("PRAGMA page_count").fetchone()[0]
        ledger.connection.execute(f"PRAGMA max_page_count = {pages + spare_pages}")

    await store._writer.run(limit)


async def make_room(store: SqliteStore) -> None:
    await store._writer.run(lambda ledger: ledger.connection.execute("PRAGMA max_page_count = 100000").fetchall())


async def test_a_full_disk_is_told_and_changes_nothing(store: SqliteStore) -> None:
    await running(store)
    before, log = await store.get("t1"), await store.read("t1", 0, EVERYTHING)
    changes = store.changes()
    await fill(store)
    with pytest.raises(DiskFull) as caught:
        await store.append("t1", FIRST, 1, [line("t1", "x" * 100_000)])
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    with pytest.raises(DiskFull):
        await store.create(replace(new_task("t2"), activity="x" * 50_000), event("t2", CREATED))
    with pytest.raises(TaskNotFound):
        await store.get("t2")
    assert (await store.get("t1"), await store.read("t1", 0, EVERYTHING)) == (before, log)
    await make_room(store)
    assert await store.append("t1", FIRST, 1, lines("t1", 2, "x" * 50_000)) == 4
    assert await anext(changes) == {"t1"}
    await create(store, "t2")
    assert await whole_log(store) == [1, 2, 3, 4]


async def test_a_full_disk_fails_the_callers_that_it_has_no_room_for(store: SqliteStore) -> None:
    for name in ("t1", "t2", "t3"):
        await running(store, name)
    await fill(store, spare_pages=2)
    results = await asyncio.gather(
        store.append("t1", FIRST, 1, lines("t1", 1)),
        store.append("t2", FIRST, 1, [line("t2", "x" * 100_000)]),
        store.append("t3", FIRST, 1, lines("t3", 1)),
        return_exceptions=True,
    )
    assert [results[0], type(results[1]), results[2]] == [3, DiskFull, 3]
    assert [(await store.get(name)).sequence for name in ("t1", "t2", "t3")] == [3, 2, 3]


def io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    return error


@pytest.mark.parametrize(("free", "kind"), [(0, DiskFull), (1 << 30, sqlite3.OperationalError)])
def test_a_failure_of_the_disk_is_put_down_to_its_being_full_only_if_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kind: type[Exception]
) -> None:
    connection = open_writer(path)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
    assert isinstance(explained(io_error(), connection), kind)
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert explained(busy, connection) is busy
    connection.close()
