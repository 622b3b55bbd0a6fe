"""Following all tasks that match a filter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_runtime_server.adapters.clock import SystemClock
from agent_runtime_server.domain.event import Event, FileChanged, StatusChanged, told
from agent_runtime_server.domain.faults import BadFilter, InvalidField, ResumeTokenExpired, TooManyWatchers
from agent_runtime_server.domain.task import Status, Task, TaskSpec, TaskType
from agent_runtime_server.orchestrator.feed import Feed
from agent_runtime_server.orchestrator.filtered_watch import FilteredWatches, Step
from agent_runtime_server.orchestrator.signals import Signals
from agent_runtime_server.orchestrator.watch import Closed, CloseReason, Events, Heartbeat, Watches, WatchLimits
from agent_runtime_server.ports import Page, TaskQuery
from agent_runtime_server.rpc.event_codec import split
from agent_runtime_server.testing.codec import JsonCodec, decode
from agent_runtime_server.testing.store import MemoryStore

BEAT = timedelta(milliseconds=20)
SHOP = 'labels.team = "shop"'


def up_to(framed: bytes, last: int) -> bytes:
    """All kinds of events."""
    return b"".join(frame for frame in split(framed) if decode(frame)[0].sequence <= last)


class SlowStore(MemoryStore):
    """Lists at once, answers later: things happen in between."""

    def __init__(self) -> None:
        super().__init__(JsonCodec())
        self.answering = asyncio.Event()
        self.answering.set()
        self.broken = False
        """Whether the next read fails."""

    async def get(self, task_id: str) -> Task:
        await self.answering.wait()
        if self.broken:
            self.broken = False
            raise OSError("a worn disk")
        return await super().get(task_id)

    async def list(self, query: TaskQuery) -> Page[Task]:
        page = await super().list(query)
        for _ in range(3):
            await asyncio.sleep(0)
        return page


class Scene:
    """A store with a feed, and watches on it."""

    def __init__(self, store: SlowStore, feed: Feed, clock: SystemClock, signals: Signals, limits: WatchLimits) -> None:
        self.store = store
        self.feed = feed
        self.clock = clock
        self.signals = signals
        self.watches = Watches(store, clock, signals, limits)
        self.filtered = FilteredWatches(store, clock, signals, feed, self.watches)

    def follow(self, text: str = "", token: str = "") -> AsyncGenerator[Step, None]:
        return self.filtered.follow(text, token, heartbeat=BEAT, select=up_to)

    async def fed(self, happening: Awaitable[None]) -> None:
        """Let one thing happen, and the feed take it in."""
        before = self.feed.position
        await happening
        while self.feed.position == before:
            await asyncio.sleep(0)

    async def create(self, task_id: str, **labels: str) -> None:
        now = self.clock.now()
        spec = TaskSpec(TaskType.PLAN, "http://app.test/", task_id, "explorer")
        task = Task(task_id, spec, now, now, labels=labels)
        await self.store.create(task, Event(task_id, now, StatusChanged(None, Status.PENDING)))

    async def tell(self, task_id: str, count: int = 1) -> None:
        facts = [Event(task_id, self.clock.now(), FileChanged(str(number))) for number in range(count)]
        await self.store.transition(task_id, lambda task: told(task, *facts))

    async def label(self, task_id: str, **labels: str) -> None:
        await self.store.transition(task_id, lambda task: (replace(task, labels=labels), ()))

    async def end(self, task_id: str) -> None:
        now = self.clock.now()

        def change(task: Task) -> tuple[Task, Sequence[Event]]:
            ended = StatusChanged(task.status, Status.CANCELLED)
            return told(replace(task, end_time=now), Event(task_id, now, ended))

        await self.store.transition(task_id, change)


@asynccontextmanager
async def scene(*, max_changes: int = 1000, **limits: object) -> AsyncIterator[Scene]:
    store, clock = SlowStore(), SystemClock()
    signals = Signals(store, clock)
    feed = Feed(store, clock, signals, max_changes=max_changes)
    chosen = WatchLimits(**{"min_heartbeat": BEAT} | limits)  # type: ignore[arg-type]
    stage = Scene(store, feed, clock, signals, chosen)
    running = [asyncio.create_task(signals.run()), asyncio.create_task(feed.run())]
    await asyncio.sleep(0)
    try:
        yield stage
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await store.close()


async def until_quiet(steps: AsyncIterator[Step]) -> list[Step]:
    """All steps before the first heartbeat at the head."""
    found: list[Step] = []
    async with asyncio.timeout(60):
        async for step in steps:
            if isinstance(step.update, Heartbeat) and step.update.caught_up:
                return found
            found.append(step)
    raise AssertionError("the watch ended")


def shown(steps: Sequence[Step]) -> list[str | tuple[str, int]]:
    """Tasks by their id, events by task and sequence."""
    found: list[str | tuple[str, int]] = []
    for step in steps:
        if isinstance(step.update, Task):
            found.append(step.update.id)
        elif isinstance(step.update, Events):
            found += [(event.task_id, event.sequence) for event in decode(step.update.framed)]
    return found


async def test_tasks_come_first_as_they_stand_then_their_events() -> None:
    async with scene() as stage:
        await stage.create("a")
        await stage.create("b")
        async with aclosing(stage.follow()) as steps:
            first = await until_quiet(steps)
            assert shown(first) == ["a", "b"]
            assert [step.token == "" for step in first] == [True, True, False], "from then on it can be resumed"
            await stage.fed(stage.tell("b", 2))
            assert shown(await until_quiet(steps)) == [("b", 2), ("b", 3)]
            await stage.fed(stage.create("c"))
            assert shown(await until_quiet(steps)) == ["c", ("c", 1)]
        assert stage.watches.open == 0
        assert stage.signals.statistics() == 0


async def test_only_what_matches_is_told_from_when_to_when_it_matches() -> None:
    async with scene() as stage:
        await stage.create("a", team="shop")
        await stage.create("b", team="bank")
        async with aclosing(stage.follow(SHOP)) as steps:
            assert shown(await until_quiet(steps)) == ["a"]
            await stage.fed(stage.tell("b"))
            await stage.fed(stage.label("b", team="shop"))
            assert shown(await until_quiet(steps)) == ["b"], "it matches since"
            await stage.fed(stage.tell("b"))
            assert shown(await until_quiet(steps)) == [("b", 3)]
            await stage.fed(stage.label("a"))
            await stage.fed(stage.tell("a"))
            assert shown(await until_quiet(steps)) == []
        async with aclosing(stage.follow("status = PENDING")) as steps:
            assert shown(await until_quiet(steps)) == ["a", "b"]
            await stage.fed(stage.end("a"))
            assert shown(await until_quiet(steps)) == [("a", 3)], "the event that ends the match is told"


async def test_a_watch_is_resumed_after_any_of_its_messages() -> None:
    async with scene() as stage:
        await stage.create("a")
        async with aclosing(stage.follow()) as steps:
            start = (await until_quiet(steps))[-1].token
            for task_id in ("b", "c"):
                await stage.fed(stage.create(task_id))
                await stage.fed(stage.tell(task_id, 3))
            whole = await until_quiet(steps)
        for cut in range(len(whole)):
            token = whole[cut - 1].token if cut else start
            async with aclosing(stage.follow("", token)) as steps:
                assert shown(whole[:cut]) + shown(await until_quiet(steps)) == shown(whole)


async def test_a_token_is_for_one_filter_and_one_life_of_a_server() -> None:
    async with scene() as stage:
        async with aclosing(stage.follow(SHOP)) as steps:
            token = (await anext(steps)).token
        assert token
        async with aclosing(stage.follow("", token)) as steps:
            with pytest.raises(InvalidField, match="another filter"):
                await anext(steps)
        for garbage in ("x", "AAAA", "ü", token[:-4], token + token, "=" * 40):
            with pytest.raises(InvalidField, match="resume_token"):
                await anext(stage.follow(SHOP, garbage))
        with pytest.raises(BadFilter):
            await anext(stage.follow("no_field = 1"))
        assert stage.watches.open == 0
    async with scene() as stage:
        with pytest.raises(ResumeTokenExpired, match="earlier life"):
            await anext(stage.follow(SHOP, token))


async def test_a_reader_that_is_too_far_behind_starts_over() -> None:
    async with scene(max_changes=3) as stage:
        await stage.create("a")
        async with aclosing(stage.follow()) as steps:
            token = (await until_quiet(steps))[-1].token
        for _ in range(3):
            await stage.fed(stage.tell("a"))
        async with aclosing(stage.follow("", token)) as steps:
            assert shown(await until_quiet(steps)) == [("a", 2), ("a", 3), ("a", 4)]
        await stage.fed(stage.tell("a"))
        with pytest.raises(ResumeTokenExpired, match="start over"):
            await anext(stage.follow("", token))


async def test_tasks_of_long_ago_are_not_told_again() -> None:
    async with scene(max_changes=2) as stage:
        await stage.fed(stage.create("old"))
        await stage.fed(stage.end("old"))
        for number in range(4):
            await stage.fed(stage.create(f"new{number}"))
        async with aclosing(stage.follow()) as steps:
            assert shown(await until_quiet(steps))[0] == "old"
            await stage.fed(stage.label("old", team="shop"))
            assert shown(await until_quiet(steps)) == ["old"], "none of its events"


async def test_what_the_feed_has_still_to_take_in_is_not_told_twice() -> None:
    async with scene() as stage:
        stage.store.answering.clear()
        await stage.create("a")
        await stage.tell("a", 2)
        async with aclosing(stage.follow()) as steps:
            task = (await until_quiet(steps))[0].update
            assert isinstance(task, Task)
            assert task.sequence == 3
            stage.store.answering.set()
            await stage.fed(stage.tell("a"))
            assert shown(await until_quiet(steps)) == [("a", 4)]


async def test_a_store_that_fails_for_a_moment_costs_no_event() -> None:
    async with scene() as stage:
        await stage.fed(stage.create("a"))
        async with aclosing(stage.follow()) as steps:
            assert shown(await until_quiet(steps)) == ["a"]
            stage.store.broken = True
            await stage.fed(stage.tell("a"))
            assert shown(await until_quiet(steps)) == [("a", 2)]


async def test_deleted_tasks_are_left_out() -> None:
    async with scene() as stage:
        await stage.create("a")
        async with aclosing(stage.follow()) as steps:
            token = (await until_quiet(steps))[-1].token
        await stage.fed(stage.tell("a"))
        await stage.fed(stage.end("a"))
        await stage.fed(stage.create("b"))
        await stage.store.delete("a")
        async with aclosing(stage.follow("", token)) as steps:
            assert shown(await until_quiet(steps)) == ["b", ("b", 1)]


async def test_these_watches_count_and_end_as_others_do() -> None:
    async with scene(max_watchers=1, max_age=timedelta(milliseconds=200)) as stage:
        first = stage.follow()
        await anext(first)
        with pytest.raises(TooManyWatchers):
            await anext(stage.follow())
        async with asyncio.timeout(60):
            closed = [step async for step in first][-1]
        assert isinstance(closed.update, Closed)
        assert closed.update.reason is CloseReason.MAX_AGE
    async with scene() as stage:
        steps = stage.follow()
        await until_quiet(steps)
        stage.signals.drain()
        async with asyncio.timeout(60):
            closed = [step async for step in steps][-1]
        assert isinstance(closed.update, Closed)
        assert closed.update.reason is CloseReason.DRAINING
        assert closed.update.reconnect_delay > timedelta()


class Record:
    """What a reader has seen over all its reconnects; it checks that nothing comes twice, late or out of order."""

    def __init__(self) -> None:
        self.token = ""
        self.seen: dict[str, int] = {}
        """The last event of each task that was sent, or was covered by its first state."""

    def take(self, step: Step) -> None:
        if isinstance(step.update, Task):
            if not step.token:
                self.seen[step.update.id] = step.update.sequence
            else:
                self.seen.setdefault(step.update.id, 0)
        elif isinstance(step.update, Events):
            for event in decode(step.update.framed):
                assert event.task_id in self.seen, "a task comes before its events"
                assert event.sequence == self.seen[event.task_id] + 1, "once, in order, without a hole"
                self.seen[event.task_id] = event.sequence
        if step.token:
            self.token = step.token


@settings(max_examples=80)
@example(steps=["create", "create", "end", "end", "end", "tell", "tell", "create", "tell", "yield", "tell"], seed=170)
@given(
    steps=st.lists(
        st.sampled_from(["create", "tell", "tell", "many", "end", "delete", "cut", "over", "yield"]), max_size=40
    ),
    seed=st.integers(0, 2**16),
)
async def test_every_event_of_a_matching_task_comes_once_and_in_order(steps: list[str], seed: int) -> None:
    """For any interleaving of tasks that begin, go on, end and are deleted, and of a reader that comes and goes."""
    order = random.Random(seed)
    async with scene() as stage:
        record = Record()
        alive: list[str] = []
        ended: list[str] = []

        async def read() -> None:
            if not record.token:
                record.seen.clear()
            async with aclosing(stage.follow(SHOP, record.token)) as updates:
                async for step in updates:
                    record.take(step)
                    for _ in range(order.randrange(3)):
                        await asyncio.sleep(0)

        async def stop(reader: asyncio.Task[None]) -> None:
            reader.cancel()
            await asyncio.wait([reader])
            if not reader.cancelled():
                reader.result()

        for number in range(order.randrange(3)):
            alive.append(f"before{number}")
            await stage.create(alive[-1], team="shop")
        reader = asyncio.create_task(read())
        for number, step in enumerate(steps):
            if step == "create":
                mine = order.random() < 0.7
                name = f"{'shop' if mine else 'bank'}{number}"
                await stage.create(name, team="shop" if mine else "bank")
                alive.append(name)
            elif step in ("tell", "many") and alive:
                await stage.tell(order.choice(alive), order.randrange(2, 9) if step == "many" else 1)
            elif step == "end" and alive:
                ended.append(alive.pop(order.randrange(len(alive))))
                await stage.end(ended[-1])
            elif step == "delete" and ended:
                await stage.store.delete(ended.pop())
            elif step in ("cut", "over"):
                await stop(reader)
                record.token = record.token if step == "cut" else ""
                reader = asyncio.create_task(read())
            else:
                for _ in range(order.randrange(6)):
                    await asyncio.sleep(0)
        heads = {}
        for name in (*alive, *ended):
            if not name.startswith("bank"):
                heads[name] = (await stage.store.get(name)).sequence
        async with asyncio.timeout(60):
            while any(record.seen.get(name) != head for name, head in heads.items()):
                assert not reader.done() or reader.result()
                await asyncio.sleep(0.001)
        await stop(reader)
        assert not any(name.startswith("bank") for name in record.seen)
