import asyncio
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime_server.domain.faults import SequenceAhead, TaskNotFound, TooManyWatchers
from agent_runtime_server.domain.task import Status, Task
from agent_runtime_server.orchestrator.watch import (
    Closed,
    CloseReason,
    Events,
    Gap,
    GapReason,
    Heartbeat,
    Opened,
    Update,
)
from agent_runtime_server.testing.codec import decode
from tests.orchestrator.support import rest, scene, take

SOON = timedelta(milliseconds=100)


def sequences(updates: list[Update]) -> list[int]:
    return [event.sequence for update in updates if isinstance(update, Events) for event in decode(update.framed)]


async def test_opened_comes_first_then_the_log_then_what_happens() -> None:
    async with scene() as stage:
        await stage.add(3)
        updates = stage.watches.follow("t", 0)
        opened, events = await take(updates, 2)
        assert isinstance(opened, Opened)
        assert (opened.after, opened.first, opened.task.sequence) == (0, 1, 5)
        assert sequences([events]) == [1, 2, 3, 4, 5]
        await stage.add(2)
        assert sequences(await take(updates, 1)) == [6, 7]
        await updates.aclose()  # type: ignore[attr-defined]
        assert stage.watches.open == 0
        assert stage.signals.statistics() == 0


async def test_what_happens_between_a_read_and_the_sleep_is_not_missed() -> None:
    async with scene() as stage:
        updates = stage.watches.follow("t", None)
        await take(updates, 1)
        stage.store.meanwhile = stage.add
        assert sequences(await take(updates, 1)) == [3]


async def test_an_unset_cursor_starts_at_the_head() -> None:
    async with scene() as stage:
        await stage.add(3)
        updates = stage.watches.follow("t", None)
        (opened,) = await take(updates, 1)
        assert isinstance(opened, Opened)
        assert opened.after == 5
        await stage.add()
        assert sequences(await take(updates, 1)) == [6]


async def test_a_finished_task_gives_opened_replay_closed() -> None:
    async with scene() as stage:
        await stage.add(2)
        await stage.end()
        opened, events, closed = await rest(stage.watches.follow("t", 1))
        assert isinstance(opened, Opened)
        assert sequences([events]) == [2, 3, 4, 5]
        assert isinstance(closed, Closed)
        assert (closed.reason, closed.sequence) == (CloseReason.TASK_DONE, 5)
        assert closed.task is not None
        assert closed.task.status is Status.COMPLETED


async def test_the_end_reaches_live_watchers_once() -> None:
    async with scene() as stage:
        watchers = [asyncio.create_task(rest(stage.watches.follow("t", 0))) for _ in range(40)]
        while stage.signals.statistics() < 40:
            await asyncio.sleep(0)
        await stage.add()
        await stage.end()
        for updates in await asyncio.gather(*watchers):
            assert sequences(updates) == [1, 2, 3, 4]
            assert [type(update) for update in updates].count(Closed) == 1
            assert isinstance(updates[-1], Closed)


async def test_a_cursor_ahead_of_the_head_is_refused_and_unknown_tasks_too() -> None:
    async with scene() as stage:
        with pytest.raises(SequenceAhead):
            await take(stage.watches.follow("t", 3), 1)
        with pytest.raises(TaskNotFound):
            await take(stage.watches.follow("none", 0), 1)
        assert stage.watches.open == 0


async def test_the_number_of_watches_has_a_bound() -> None:
    async with scene(max_watchers=1) as stage:
        first = stage.watches.follow("t", 0)
        await take(first, 1)
        with pytest.raises(TooManyWatchers):
            await take(stage.watches.follow("t", 0), 1)
        await first.aclose()  # type: ignore[attr-defined]
        await take(stage.watches.follow("t", 0), 1)


async def test_heartbeats_come_in_silence_and_carry_the_sequence() -> None:
    async with scene() as stage:
        updates = stage.watches.follow("t", 0, heartbeat=SOON)
        await take(updates, 2)
        beats = await take(updates, 2)
        assert beats == [Heartbeat(2, caught_up=True)] * 2


async def test_filtered_events_advance_the_cursor_of_heartbeats() -> None:
    async with scene() as stage:
        updates = stage.watches.follow("t", 0, heartbeat=SOON, select=lambda _: b"")
        await take(updates, 1)
        await stage.add(4)
        beat: Update = Heartbeat(0, caught_up=False)
        while beat != Heartbeat(6, caught_up=True):
            (beat,) = await take(updates, 1)
            assert isinstance(beat, Heartbeat)


async def test_the_interval_is_clamped() -> None:
    async with scene(max_heartbeat=timedelta(seconds=2), default_heartbeat=timedelta(seconds=1)) as stage:
        intervals = []
        for asked in (None, timedelta(hours=1), timedelta(microseconds=1)):
            (opened,) = await take(stage.watches.follow("t", 0, heartbeat=asked), 1)
            assert isinstance(opened, Opened)
            intervals.append(opened.heartbeat)
        assert intervals == [timedelta(seconds=1), timedelta(seconds=2), SOON]


async def test_trimmed_events_are_announced_as_a_gap() -> None:
    async with scene() as stage:
        await stage.add(5)
        await stage.store.trim("t", 4)
        opened, gap, events = await take(stage.watches.follow("t", 0), 3)
        assert isinstance(opened, Opened)
        assert isinstance(gap, Gap)
        assert (gap.first, gap.last, gap.reason) == (1, 3, GapReason.TRIMMED)
        assert opened.first == 4
        assert sequences([events]) == [4, 5, 6, 7]


async def test_a_finished_task_without_events_is_a_gap_and_its_end() -> None:
    async with scene() as stage:
        await stage.end()
        await stage.store.trim("t", 4)
        opened, gap, closed = await rest(stage.watches.follow("t", 1))
        assert isinstance(opened, Opened)
        assert opened.first == 4
        assert isinstance(gap, Gap)
        assert (gap.first, gap.last, gap.task.status) == (2, 3, Status.COMPLETED)
        assert isinstance(closed, Closed)
        assert (closed.reason, closed.sequence) == (CloseReason.TASK_DONE, 3)


async def test_a_deleted_task_ends_its_watches() -> None:
    async with scene() as stage:
        updates = stage.watches.follow("t", 0)
        await take(updates, 2)
        await stage.end()
        await stage.store.delete("t")
        assert await rest(updates) == [Closed(CloseReason.TASK_DELETED, 2)]
        with pytest.raises(TaskNotFound):
            await stage.watches.wait("t", done, timedelta(seconds=30))
        with pytest.raises(TaskNotFound):
            await take(stage.watches.follow("t", 0), 1)
        assert stage.watches.open == 0


async def test_skipping_to_the_head_is_announced_as_a_gap() -> None:
    async with scene() as stage:
        await stage.add(5)
        updates = stage.watches.follow("t", 1, skip_to_head=True)
        _, gap = await take(updates, 2)
        assert isinstance(gap, Gap)
        assert (gap.first, gap.last, gap.reason) == (2, 7, GapReason.SKIPPED)
        await stage.add()
        assert sequences(await take(updates, 1)) == [8]


async def test_draining_closes_watches_after_what_is_there() -> None:
    async with scene() as stage:
        watcher = asyncio.create_task(rest(stage.watches.follow("t", 0)))
        while stage.signals.statistics() < 1:
            await asyncio.sleep(0)
        stage.signals.drain()
        updates = await watcher
        closed = updates[-1]
        assert isinstance(closed, Closed)
        assert (closed.reason, closed.sequence) == (CloseReason.DRAINING, 2)
        assert closed.reconnect_delay > timedelta()


async def test_a_watch_ends_at_its_greatest_age() -> None:
    async with scene(max_age=timedelta(milliseconds=200)) as stage:
        updates = await rest(stage.watches.follow("t", 0))
        assert isinstance(updates[-1], Closed)
        assert updates[-1].reason is CloseReason.MAX_AGE


def done(task: Task) -> bool:
    return task.done


async def test_waiting_ends_with_the_task_or_with_the_time() -> None:
    async with scene() as stage:
        task, met = await stage.watches.wait("t", done, timedelta(milliseconds=50))
        assert (task.status, met) == (Status.RUNNING, False)
        _, met = await stage.watches.wait("t", lambda task: task.status is Status.RUNNING, timedelta(seconds=30))
        assert met
        waiting = asyncio.create_task(stage.watches.wait("t", done, timedelta(seconds=30)))
        while stage.signals.statistics() < 1:
            await asyncio.sleep(0)
        await stage.end()
        async with asyncio.timeout(60):
            task, met = await waiting
        assert (task.status, met) == (Status.COMPLETED, True)


@settings(max_examples=60)
@given(
    steps=st.lists(st.sampled_from(["add", "add", "many", "trim", "cut", "yield"]), max_size=25),
    seed=st.integers(0, 2**16),
)
async def test_concatenated_reads_are_the_log_minus_announced_gaps(steps: list[str], seed: int) -> None:
    """For any interleaving of append, trim, disconnect and resume."""
    order = random.Random(seed)
    covered: list[int] = []

    async with scene() as stage:
        cursor = 0

        async def read() -> None:
            nonlocal cursor
            updates = stage.watches.follow("t", cursor)
            try:
                async for update in updates:
                    if isinstance(update, Events):
                        covered.extend(event.sequence for event in decode(update.framed))
                        cursor = update.last
                    elif isinstance(update, Gap):
                        covered.extend(range(update.first, update.last + 1))
                        cursor = update.last
            finally:
                await updates.aclose()  # type: ignore[attr-defined]

        reader = asyncio.create_task(read())
        for step in steps:
            if step == "add":
                await stage.add()
            elif step == "many":
                await stage.add(order.randrange(1, 40))
            elif step == "trim":
                head = (await stage.store.get("t")).sequence
                await stage.store.trim("t", order.randrange(1, head + 1))
            elif step == "cut":
                reader.cancel()
                await asyncio.wait([reader])
                reader = asyncio.create_task(read())
            else:
                for _ in range(order.randrange(5)):
                    await asyncio.sleep(0)
        await stage.end()
        async with asyncio.timeout(60):
            await reader
        head = (await stage.store.get("t")).sequence
    assert covered == list(range(1, head + 1))
