"""For any interleaving of append, trim, read, disconnect and resume, a reader sees the log minus announced gaps."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime_server.adapters.sqlite import SqliteStore, segments
from agent_runtime_server.adapters.sqlite.tail import Tail
from agent_runtime_server.ports import Batch, Store
from agent_runtime_server.testing.codec import JsonCodec, decode
from agent_runtime_server.testing.store import MemoryStore
from tests.contract.store_fixtures import FIRST, finish, lines, running

READERS = 3
SEGMENT = 2000
"""Small, so that segments are merged and tails are left within a few steps."""


@dataclass
class Watcher:
    """A reader with a cursor, and all that it was given or told is missing."""

    after: int = 0
    seen: list[int] = field(default_factory=list)
    missed: list[int] = field(default_factory=list)

    async def read(self, store: Store, limit: int) -> Batch:
        batch = await store.read("t1", self.after, limit)
        assert batch.first - 1 <= batch.last <= batch.head
        events = decode(batch.framed)
        assert [event.sequence for event in events] == list(range(batch.first, batch.last + 1))
        self.missed += range(self.after + 1, batch.kept_from)
        self.after = max(self.after, batch.kept_from - 1)
        if events:
            assert batch.first == self.after + 1
            self.after = batch.last
        self.seen += (event.sequence for event in events)
        assert not events or len(events) == 1 or len(batch.framed) <= limit
        return batch


APPEND = st.tuples(st.just("append"), st.integers(1, 30), st.integers(0, 300))
TRIM = st.tuples(st.just("trim"), st.integers(-5, 60), st.none())
READ = st.tuples(st.just("read"), st.integers(0, READERS - 1), st.sampled_from([1, 700, 5000, 100_000]))
RESUME = st.tuples(st.just("resume"), st.integers(0, READERS - 1), st.integers(0, 400))
REOPEN = st.tuples(st.just("reopen"), st.none(), st.none())
STEPS = st.lists(st.one_of(APPEND, APPEND, TRIM, READ, READ, READ, RESUME, REOPEN), max_size=40)


async def check(opened: Store, steps: list[tuple[str, int | None, int | None]], path: Path | None) -> None:
    """Carry out the steps; ``path`` is where a store that outlives its process is opened again."""
    store = opened
    await running(store)
    watchers = [Watcher() for _ in range(READERS)]
    head, batch, asked_from = 2, 0, 1
    for step in steps:
        match step:
            case ("append", int(count), int(size)):
                batch += 1
                head = await store.append("t1", FIRST, batch, lines("t1", count, "x" * size))
            case ("trim", int(offset), None):
                asked_from = max(asked_from, min(head - offset, head) + 1)
                await store.trim("t1", head - offset + 1)
            case ("read", int(number), int(limit)):
                read = await watchers[number].read(store, limit)
                assert read.head == head
                assert read.kept_from <= asked_from  # no more is forgotten than was asked
            case ("resume", int(number), int(after)):
                watchers[number] = Watcher(after=min(after, head), seen=list(range(1, min(after, head) + 1)))
            case _ if path is not None:
                assert isinstance(store, SqliteStore)
                await store.close()
                store = await open_small(path)
    await finish(store)
    for watcher in watchers:
        while (await watcher.read(store, 5000)).head > watcher.after:
            pass
        assert not set(watcher.seen) & set(watcher.missed)
        assert sorted(watcher.seen + watcher.missed) == list(range(1, head + 2))
        assert watcher.seen == sorted(watcher.seen)
    if isinstance(store, SqliteStore):
        await store.close()


async def open_small(path: Path) -> SqliteStore:
    store = await SqliteStore.open(path, JsonCodec(), max_log_bytes=1 << 30)
    store._tail = Tail(task_bytes=3000, all_bytes=5000)
    return store


@settings(max_examples=100)
@given(STEPS)
def test_reads_are_the_log_minus_gaps_in_memory(steps: list[tuple[str, int | None, int | None]]) -> None:
    asyncio.run(check(MemoryStore(JsonCodec()), steps, None))


@settings(max_examples=60)
@given(STEPS)
def test_reads_are_the_log_minus_gaps_in_sqlite(steps: list[tuple[str, int | None, int | None]]) -> None:
    async def run(path: Path) -> None:
        await check(await open_small(path), steps, path)

    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(segments, "SEGMENT_BYTES", SEGMENT),
        patch("agent_runtime_server.adapters.sqlite.log.SEGMENT_BYTES", SEGMENT),
    ):
        asyncio.run(run(Path(folder) / "store.db"))


async def test_a_reader_beside_a_writer_sees_every_event_once(tmp_path: Path) -> None:
    """The same with real concurrency: readers that lag, at every limit, while a writer appends and trims."""
    store = await open_small(tmp_path / "store.db")
    await running(store)

    async def write() -> None:
        for batch in range(1, 151):
            await store.append("t1", FIRST, batch, lines("t1", 1 + batch % 7, "x" * 200))
            if batch % 20 == 0:
                await store.trim("t1", (await store.get("t1")).sequence - 100)

        await finish(store)

    async def watch(limit: int) -> None:
        watcher = Watcher()
        changes = store.changes()
        while True:
            while (await watcher.read(store, limit)).framed:
                pass
            task = await store.get("t1")
            if task.done and task.sequence == watcher.after:
                break
            await anext(changes)
        assert sorted(watcher.seen + watcher.missed) == list(range(1, watcher.after + 1))

    try:
        async with asyncio.timeout(60):
            await asyncio.gather(write(), *(watch(limit) for limit in (1, 700, 5000, 100_000)))
    finally:
        await store.close()
