"""What only the SQLite store has: a file that outlives it, segments, group commit, a bounded log."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime_server.adapters.sqlite import SqliteStore, tail
from agent_runtime_server.adapters.sqlite.ledger import Ledger, Publication
from agent_runtime_server.adapters.sqlite.schema import open_writer
from agent_runtime_server.adapters.sqlite.segments import SEGMENT_BYTES, Segment, merge, pack, take
from agent_runtime_server.adapters.sqlite.tail import Tail
from agent_runtime_server.adapters.sqlite.writer import StoreClosed
from agent_runtime_server.domain.event import Event, StatusChanged
from agent_runtime_server.domain.task import (
    Status,
    Task,
    Token,
)
from agent_runtime_server.ports import Fenced, IdempotencyKey, TaskQuery
from agent_runtime_server.testing.codec import JsonCodec
from tests.contract.store_fixtures import (
    EVERYTHING,
    FIRST,
    a_test,
    artifact,
    create,
    done,
    event,
    finish,
    line,
    lines,
    new_task,
    running,
    sequences,
    to,
    whole_log,
)

CREATED = StatusChanged(None, Status.PENDING)


def segments(path: Path) -> list[tuple[int, int, int]]:
    """First and last sequence and size of every stored segment."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(
            "SELECT first_seq, last_seq, length(framed) FROM segment ORDER BY task, last_seq"
        ).fetchall()
    finally:
        connection.close()


# --- the file ---


async def test_everything_is_there_after_closing_and_opening(path: Path) -> None:
    store = await SqliteStore.open(path, JsonCodec())
    key = IdempotencyKey("CreateTask", "r1", b"digest")
    await store.create(new_task("t1"), event("t1", CREATED), key=key, sealed=b"sealed")
    await store.claim("t1", to(Status.RUNNING))
    await store.advance("t1", Token(1, 3))
    await store.append(
        "t1", Token(1, 3), 4, [*lines("t1", 100), event("t1", artifact("a")), event("t1", a_test("x", 1))]
    )
    task, log = await store.get("t1"), (await store.read("t1", 0, EVERYTHING)).framed
    await store.close()

    store = await SqliteStore.open(path, JsonCodec())
    assert await store.get("t1") == task
    assert (await store.read("t1", 0, EVERYTHING)).framed == log
    assert await store.artifact("t1", "a") == artifact("a")
    assert (await store.tests("t1", 9, "")).items == (a_test("x", 1),)
    assert await store.secrets("t1") == b"sealed"
    assert await store.create(new_task("t2"), event("t2", CREATED), key=key) == (task, True)
    assert await store.append("t1", Token(1, 3), 4, lines("t1", 1)) == task.sequence
    assert await store.append("t1", Token(1, 3), 5, lines("t1", 1)) == task.sequence + 1
    assert await whole_log(store) == list(range(1, task.sequence + 2))
    await store.close()


async def test_closing_finishes_what_was_asked_and_refuses_what_comes_later(path: Path) -> None:
    store = await SqliteStore.open(path, JsonCodec())
    changes = store.changes()
    asked = [asyncio.ensure_future(create(store, f"t{number}")) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*asked)
    assert len(await anext(changes)) == 20
    with pytest.raises(StopAsyncIteration):
        await anext(changes)
    with pytest.raises(StoreClosed):
        await create(store, "late")
    await store.close()
    assert not path.with_name("store.db-wal").exists()


async def test_a_cancelled_call_harms_nobody(store: SqliteStore) -> None:
    calls = [asyncio.ensure_future(create(store, f"t{number}")) for number in range(10)]
    await asyncio.sleep(0)
    calls[3].cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results].count(True) == 1
    assert (await store.list(TaskQuery(99))).total == 10


WRITER = """
import asyncio, sys
from pathlib import Path
from agent_runtime_server.adapters.sqlite import SqliteStore
from agent_runtime_server.testing.codec import JsonCodec
from tests.contract.store_fixtures import FIRST, lines, running

async def write(store, name):
    for batch in range(1, 100000):
        last = await store.append(name, FIRST, batch, lines(name, 25))
        print(name, last, flush=True)

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]), JsonCodec())
    for name in ("t1", "t2", "t3"):
        await running(store, name)
    await asyncio.gather(*(write(store, name) for name in ("t1", "t2", "t3")))

asyncio.run(main())
"""


async def test_a_killed_writer_leaves_every_acknowledged_event(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, str(path)), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert writer.stdout is not None
    acknowledged = {"t1": 0, "t2": 0, "t3": 0}
    for _ in range(150):
        name, last = (await writer.stdout.readline()).split()
        acknowledged[name.decode()] = int(last)
    writer.send_signal(signal.SIGKILL)
    rest = await writer.stdout.read()
    assert await writer.wait() == -signal.SIGKILL
    for answer in rest.splitlines(keepends=True):
        if answer.endswith(b"\n"):
            name, last = answer.split()
            acknowledged[name.decode()] = int(last)

    store = await SqliteStore.open(path, JsonCodec())
    for task_id, seen in acknowledged.items():
        log = await whole_log(store, task_id)
        assert log == list(range(1, len(log) + 1))
        assert len(log) >= seen > 25
        assert (await store.get(task_id)).sequence == len(log)
        assert await store.append(task_id, FIRST, 100_000, lines(task_id, 1)) == len(log) + 1
    await store.close()


async def test_is_durable_and_deletes_for_good(path: Path) -> None:
    connection = open_writer(path)
    names = ("journal_mode", "synchronous", "secure_delete", "busy_timeout")
    assert [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names] == ["wal", 2, 1, 5000]
    connection.close()


# --- segments ---


async def test_small_segments_are_merged_as_they_come(store: SqliteStore, path: Path) -> None:
    await running(store)
    codec = JsonCodec()
    sent = b""
    for batch in range(1, 401):
        event_ = line("t1", f"{batch} " + "x" * 800)
        await store.append("t1", FIRST, batch, [event_])
        sent += codec.encode(event_, batch + 2)
    stored = segments(path)
    assert len(stored) < 90
    merged = [size for _, _, size in stored if size > SEGMENT_BYTES // 2]
    assert len(merged) >= len(sent) // SEGMENT_BYTES
    assert max(merged) <= SEGMENT_BYTES
    await finish(store)
    stored = segments(path)
    assert len(stored) == len(sent) // SEGMENT_BYTES + 1
    assert [first for first, _, _ in stored] == [1, *(last + 1 for _, last, _ in stored[:-1])]
    await store.close()
    again = await SqliteStore.open(path, codec)
    log = await again.read("t1", 2, EVERYTHING)
    assert log.framed.startswith(sent)
    assert sequences(log) == list(range(3, 404))
    await again.close()


def test_take_cuts_only_where_it_must() -> None:
    codec = JsonCodec()
    frames = [codec.encode(line("t1", "x" * size), n) for n, size in enumerate((10, 200, 70_000, 10, 130, 10), 1)]
    log = pack(frames, 1)
    assert [(segment.first, segment.last) for segment in log] == [(1, 2), (3, 3), (4, 6)]
    assert merge(log) == log
    for after in range(6):
        for limit in (1, 300, 600, 100_000):
            taken = take(log, after, limit)
            assert taken is not None
            assert taken.first == after + 1
            assert taken.framed == b"".join(frames[after : taken.last])
            assert len(taken.framed) <= limit or taken.first == taken.last
    assert take(log, 6, 100) is None
    small, big = frames[0], frames[1]
    mixed = [Segment(1, 2, small + big), Segment(3, 3, small)]
    assert take(mixed, 0, 2 * len(small)) == Segment(1, 1, small)  # no hole where event 2 did not fit
    whole = take(log, 3, 100_000)
    assert whole is not None
    assert whole.framed is log[2].framed


async def test_a_log_over_its_bound_loses_its_oldest_segments(path: Path) -> None:
    bound = 300_000
    store = await SqliteStore.open(path, JsonCodec(), max_log_bytes=bound)
    await running(store)
    for batch in range(1, 201):
        await store.append("t1", FIRST, batch, lines("t1", 10, "x" * 500))
    assert bound - 2 * SEGMENT_BYTES < sum(size for _, _, size in segments(path)) <= bound
    batch_read = await store.read("t1", 0, EVERYTHING)
    assert batch_read.first == batch_read.kept_from == segments(path)[0][0] > 1000
    assert sequences(batch_read)[-1] == batch_read.head == 2002
    await store.close()
    store = await SqliteStore.open(path, JsonCodec(), max_log_bytes=bound)
    assert await store.read("t1", 0, EVERYTHING) == batch_read
    await store.close()


async def test_the_newest_events_are_kept_whatever_their_size(path: Path) -> None:
    store = await SqliteStore.open(path, JsonCodec(), max_log_bytes=1)
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 3))
    read = await store.read("t1", 0, EVERYTHING)
    assert (sequences(read), read.kept_from) == ([3, 4, 5], 3)
    await store.close()


async def test_trimming_drops_whole_segments(store: SqliteStore, path: Path) -> None:
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 1000, "x" * 300))
    first = segments(path)[2]
    await store.trim("t1", first[1])
    assert (await store.read("t1", 0, EVERYTHING)).kept_from == first[0]


# --- group commit ---


async def test_many_callers_share_a_commit(store: SqliteStore) -> None:
    before = store.commits
    held, go_on = threading.Event(), threading.Event()

    def hold(_: Ledger) -> None:
        held.set()
        go_on.wait(60)

    first = asyncio.ensure_future(store._writer.run(hold))
    while not held.is_set():
        await asyncio.sleep(0.01)
    calls = [asyncio.ensure_future(create(store, f"t{number}")) for number in range(200)]
    await asyncio.sleep(0)  # each gets as far as the queue
    go_on.set()
    await asyncio.gather(first, *calls)
    assert store.commits - before == 2, "the one that was held, and one for all that had gathered behind it"
    took = (await store.statistics()).commit_seconds
    assert sum(took.counts) == store.commits
    assert took.total > 0


async def test_an_operation_that_fails_half_way_fails_alone(store: SqliteStore, path: Path) -> None:
    await running(store, "taken")
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO session (id) VALUES ('t5')")  # so that t5 fails after its task was inserted
    connection.commit()
    connection.close()
    calls: list[asyncio.Future[object]] = [asyncio.ensure_future(create(store, f"t{number}")) for number in range(10)]
    calls.append(asyncio.ensure_future(store.append("taken", FIRST, 1, lines("taken", 2))))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results].count(sqlite3.IntegrityError) == 1
    assert isinstance(results[5], sqlite3.IntegrityError)
    assert results[-1] == 4
    assert await whole_log(store, "taken") == [1, 2, 3, 4]
    assert sorted(task.id for task in await store.unfinished()) == sorted(
        ["taken", *(f"t{number}" for number in range(10) if number != 5)]
    )


async def test_a_codec_that_fails_fails_its_own_call(path: Path) -> None:
    class Picky(JsonCodec):
        def encode(self, event: Event, sequence: int) -> bytes:
            if event.task_id == "bad":
                raise ValueError("not this one")
            return super().encode(event, sequence)

    store = await SqliteStore.open(path, Picky())
    results = await asyncio.gather(
        create(store, "t1"), create(store, "bad"), create(store, "t2"), return_exceptions=True
    )
    assert isinstance(results[1], ValueError)
    assert [task.id for task in await store.unfinished()] == ["t1", "t2"]
    await store.close()


async def test_another_writer_of_the_file_is_noticed(store: SqliteStore, path: Path) -> None:
    await running(store)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE task SET generation = 7")
    connection.commit()
    connection.close()
    with pytest.raises(Fenced):
        await store.append("t1", FIRST, 1, lines("t1", 1))
    assert (await store.read("t1", 2, EVERYTHING)).framed == b""
    assert await store.append("t1", Token(7, 0), 1, lines("t1", 1)) == 3


# --- deleted ---


async def test_a_deleted_task_is_in_no_table(store: SqliteStore, path: Path) -> None:
    key = IdempotencyKey("CreateTask", "r1", b"digest")
    await store.create(new_task("t1"), event("t1", CREATED), key=key, sealed=b"sealed")
    await store.claim("t1", to(Status.RUNNING))
    await store.append("t1", FIRST, 1, [event("t1", artifact("a")), event("t1", a_test("x"))])
    await finish(store)
    await store.delete("t1")
    connection = sqlite3.connect(path)
    tables = ("task", "segment", "output", "sealed", "session")
    counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    connection.close()
    assert counts == [0, 0, 0, 0, 1]


async def test_the_sealed_secrets_of_a_deleted_task_are_in_no_file(store: SqliteStore, path: Path) -> None:
    secret = os.urandom(64)
    await done(store, "t1")
    connection = sqlite3.connect(path)  # as of a server that ended a task and left its secrets
    connection.execute("INSERT INTO sealed (task, secrets) VALUES (1, ?)", (secret,))
    connection.commit()
    connection.close()
    await store.delete("t1")
    assert secret not in b"".join(file.read_bytes() for file in path.parent.iterdir())


# --- secrets ---


async def test_a_wiped_secret_is_in_no_file(path: Path) -> None:
    secret = os.urandom(64)
    store = await SqliteStore.open(path, JsonCodec())
    await store.create(new_task("t1"), event("t1", CREATED), sealed=secret)
    await store.create(new_task("t2"), event("t2", CREATED), sealed=b"another")

    def everything() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert secret in everything()
    await store.transition("t1", to(Status.CANCELLED))
    assert secret not in everything()
    await store.close()
    assert secret not in everything()
    assert b"another" in everything()


async def test_a_reader_in_the_way_only_delays_the_wiping(store: SqliteStore, path: Path) -> None:
    secret = os.urandom(64)
    await store.create(new_task("t1"), event("t1", CREATED), sealed=secret)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM task").fetchall()
    await store.transition("t1", to(Status.CANCELLED))
    assert await store.secrets("t1") == b""
    reader.execute("COMMIT")
    reader.close()
    await create(store, "t2")
    assert secret not in b"".join(file.read_bytes() for file in path.parent.iterdir())


# --- the tail ---


def published(task_id: str, first: int, last: int, size: int = 100, kept_from: int = 1) -> Publication:
    task = replace(new_task(task_id), sequence=last)
    frame = b"\x0a" + bytes([size - 2]) + b"x" * (size - 2)
    return Publication(task, kept_from, [Segment(n, n, frame) for n in range(first, last + 1)])


def test_the_tail_keeps_the_end_of_each_task() -> None:
    held = Tail(task_bytes=1000)
    for start in range(1, 100, 5):
        held.publish(published("a", start, start + 4))
    assert held.read("a", 89, EVERYTHING) is None
    read = held.read("a", 90, EVERYTHING)
    assert read is not None
    assert (read.first, read.last, read.head, len(read.framed)) == (91, 100, 100, 1000)


def test_the_tail_has_a_bound_over_all_tasks() -> None:
    held = Tail(task_bytes=1000, all_bytes=2500)
    for name in ("a", "b", "c"):
        held.publish(published(name, 1, 10))
    assert [held.task(name) is not None for name in ("a", "b", "c")] == [False, True, True]
    held.publish(published("c", 11, 20))
    assert held.task("b") is not None  # c's own bound made the room


def test_the_tail_lets_the_longest_unused_task_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "TASKS", 2)
    held = Tail()
    held.publish(published("a", 1, 1))
    held.publish(published("b", 1, 1))
    assert held.task("a") is not None
    held.publish(published("c", 1, 1))
    assert [held.task(name) is not None for name in ("a", "b", "c")] == [True, False, True]


def test_the_tail_forgets_a_deleted_task() -> None:
    held = Tail(task_bytes=1000, all_bytes=1000)
    held.publish(published("a", 1, 10))
    held.forget("a")
    held.forget("b")
    assert (held.task("a"), held.read("a", 0, EVERYTHING)) == (None, None)
    held.publish(published("c", 1, 5))
    held.publish(published("d", 1, 5))
    assert held.task("c") is not None  # the room of a was given back


def test_the_tail_answers_only_what_it_surely_knows() -> None:
    held = Tail()
    held.publish(published("a", 5, 8))
    assert held.read("a", 3, EVERYTHING) is None  # event 4 is in the database only
    assert held.read("a", 9, EVERYTHING) is None  # someone has seen more than was announced here
    assert held.read("b", 0, EVERYTHING) is None
    held.publish(published("a", 9, 9, kept_from=7))
    read = held.read("a", 0, EVERYTHING)
    assert read is not None
    assert (read.first, read.kept_from, read.last) == (7, 7, 9)


async def test_readers_at_one_place_share_a_batch(store: SqliteStore) -> None:
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 10))
    await store.append("t1", FIRST, 2, lines("t1", 10))
    first, second = await store.read("t1", 0, EVERYTHING), await store.read("t1", 0, EVERYTHING)
    assert first is second
    await store.append("t1", FIRST, 3, lines("t1", 1))
    assert (await store.read("t1", 0, EVERYTHING)).head == 23


async def test_live_tasks_are_read_without_the_database(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 10))

    async def refuse(*_: object) -> None:
        raise AssertionError("asked the database")

    monkeypatch.setattr(store._readers, "run", refuse)
    assert (await store.get("t1")).sequence == 12
    assert sequences(await store.read("t1", 3, EVERYTHING)) == list(range(4, 13))
    assert (await store.read("t1", 12, EVERYTHING)).framed == b""


async def test_log_floods_do_not_rewrite_the_record(store: SqliteStore, path: Path) -> None:
    def record() -> str:
        connection = sqlite3.connect(path)
        found: str = connection.execute("SELECT record FROM task").fetchone()[0].decode()
        connection.close()
        return found

    await running(store)
    before = record()
    await store.append("t1", FIRST, 1, lines("t1", 10))
    assert record() == before

    def rename(task: Task) -> tuple[Task, Sequence[Event]]:
        return replace(task, activity="another"), ()

    await store.transition("t1", rename)
    assert '"another"' in record()
