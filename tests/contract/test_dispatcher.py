"""What every dispatcher does. A new one joins ``MAKERS``."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_runtime_server.adapters.embedded import EmbeddedDispatcher
from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome
from agent_runtime_server.domain.status import IllegalMove
from agent_runtime_server.domain.task import Attempt, Status, Task, TaskSpec, TaskType, Timeouts
from agent_runtime_server.ports import Clock, Dispatcher, DispatcherStatistics, Expire, Notify, SessionTaken, StopSign
from agent_runtime_server.testing.clock import ManualClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = TaskSpec(TaskType.PLAN, "http://app.test/", "", "explorer")
AT_ONCE = timedelta()


class Hands:
    """A PhaseExecutor whose phases wait until they are let go."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.most = 0
        self.started: list[str] = []
        self.ended: dict[str, str] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.broken: set[str] = set()
        self.stumbles = 0
        self.gone: set[str] = set()
        self.not_yet = 0
        """So many tasks cannot be claimed."""
        self.tries: dict[str, Task] = {}
        """What becomes of tasks whose attempt ends: PENDING ones are to be tried again."""
        self.stops: dict[str, StopSign] = {}
        self.changed = asyncio.Condition()

    async def start(self, task_id: str) -> Task:
        if task_id in self.gone:
            raise IllegalMove(Status.CANCELLED, Status.RUNNING)
        if self.not_yet:
            self.not_yet -= 1
            raise OSError("disk full")
        await self._note(lambda: self.started.append(task_id))
        return Task(task_id, SPEC, NOW, NOW)

    async def run_phase(
        self, task: Task, number: int, kind: PhaseKind, inputs: PhaseInputs, stop: StopSign
    ) -> PhaseResult:
        if kind is not PhaseKind.PLAN:
            return PhaseResult()
        self.stops[task.id] = stop
        if task.id in self.broken:
            raise ValueError("broken")
        await self._note(lambda: self.running.add(task.id))
        self.most = max(self.most, len(self.running))
        try:
            await self.gates.setdefault(task.id, asyncio.Event()).wait()
        finally:
            self.running.discard(task.id)
        return PhaseResult()

    async def finish(self, task: Task, outcome: TaskOutcome | Exception) -> Task:
        if self.stumbles:
            self.stumbles -= 1
            raise OSError("disk full")
        word = "broke" if isinstance(outcome, Exception) else "finished"
        await self._note(lambda: self.ended.__setitem__(task.id, word))
        return self.tries.pop(task.id, replace(task, status=Status.COMPLETED))

    async def release(self, task: Task) -> None:
        await self._note(lambda: self.ended.__setitem__(task.id, "released"))

    async def _note(self, change: Callable[[], object]) -> None:
        async with self.changed:
            change()
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(condition)

    def open(self, task_id: str) -> None:
        self.gates.setdefault(task_id, asyncio.Event()).set()


Working = Callable[..., AbstractAsyncContextManager[tuple[Dispatcher, Hands]]]
"""``working(slots, told, clock)``: a dispatcher at work, and the hands that it gives work to."""

MAKERS: dict[str, Callable[[Clock, Notify, Expire], Dispatcher]] = {"embedded": EmbeddedDispatcher}


@pytest.fixture(params=MAKERS)
def working(request: pytest.FixtureRequest) -> Working:
    """Every dispatcher that there is."""
    make = MAKERS[request.param]

    @asynccontextmanager
    async def work(
        slots: int, told: list[tuple[str, int]] | None = None, clock: Clock | None = None, *, deaf: bool = False
    ) -> AsyncIterator[tuple[Dispatcher, Hands]]:
        hands = Hands()

        async def notify(task_id: str, state: QueueState) -> None:
            if deaf:
                raise OSError("disk full")
            if told is not None:
                told.append((task_id, state.position))

        async def expire(task_id: str) -> Task:
            await hands._note(lambda: hands.ended.__setitem__(task_id, "expired"))
            return task_of(task_id, status=Status.FAILED)

        dispatcher = make(clock or ManualClock(NOW), notify, expire)
        worker = asyncio.create_task(dispatcher.run_worker(hands, slots=slots))
        try:
            yield dispatcher, hands
            assert not worker.done() or worker.exception() is None
        finally:
            worker.cancel()
            await asyncio.wait([worker])

    return work


def task_of(task_id: str, session: str = "", **fields: Any) -> Task:
    return Task(task_id, replace(SPEC, session_id=session or task_id), NOW, NOW, **fields)


def submit(dispatcher: Dispatcher, *task_ids: str, session: str = "", **fields: Any) -> None:
    for task_id in task_ids:
        dispatcher.submit(task_of(task_id, session, **fields))


async def test_no_more_tasks_run_than_there_are_slots(working: Working) -> None:
    async with working(2) as (dispatcher, hands):
        submit(dispatcher, *"abcd")
        await hands.until(lambda: len(hands.running) == 2)
        assert dispatcher.depth() == 2
        assert dispatcher.statistics() == DispatcherStatistics(queued=2, running=2, slots=2)
        for task_id in "abcd":
            hands.open(task_id)
        await hands.until(lambda: len(hands.ended) == 4)
        assert hands.most == 2
        assert hands.started == list("abcd")


async def test_priority_comes_first_then_the_order_of_submission(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "first")
        await hands.until(lambda: hands.started == ["first"])
        submit(dispatcher, "late", priority=5)
        submit(dispatcher, "normal")
        submit(dispatcher, "urgent", priority=1)
        assert dispatcher.queue_state("urgent") == QueueState(1, 3, "slot")
        assert dispatcher.queue_state("late") == QueueState(3, 3, "slot")
        assert dispatcher.queue_state("first") is None
        for task_id in ("first", "late", "normal", "urgent"):
            hands.open(task_id)
        await hands.until(lambda: len(hands.ended) == 4)
        assert hands.started == ["first", "urgent", "normal", "late"]


async def test_one_task_at_a_time_in_a_session(working: Working) -> None:
    async with working(3) as (dispatcher, hands):
        submit(dispatcher, "a", "b", session="shared")
        submit(dispatcher, "c")
        await hands.until(lambda: len(hands.started) == 2)
        assert hands.started == ["a", "c"]
        assert dispatcher.queue_state("b") == QueueState(1, 1, "session")
        hands.open("a")
        await hands.until(lambda: "b" in hands.started)
        hands.open("b")
        hands.open("c")
        await hands.until(lambda: len(hands.ended) == 3)


async def test_a_cancelled_task_is_taken_from_the_queue_or_interrupted(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "running", "waiting")
        await hands.until(lambda: hands.started == ["running"])
        assert dispatcher.cancel("waiting", AT_ONCE) is False
        assert dispatcher.depth() == 0
        assert dispatcher.cancel("running", AT_ONCE) is True
        await hands.until(lambda: hands.ended == {"running": "released"})
        assert hands.running == set()


async def test_a_broken_task_is_finished_and_the_next_one_runs(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        hands.broken.add("bad")
        hands.gone.add("gone")
        hands.open("good")
        submit(dispatcher, "bad", "gone", "good")
        await hands.until(lambda: hands.ended == {"bad": "broke", "good": "finished"})


async def test_submitting_twice_runs_once(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "a", "a")
        await hands.until(lambda: hands.started == ["a"])
        submit(dispatcher, "a")
        assert dispatcher.depth() == 0


async def test_draining_starts_nothing_and_interrupts_what_is_late(working: Working) -> None:
    async with working(2) as (dispatcher, hands):
        submit(dispatcher, "quick", "slow", "waiting")
        await hands.until(lambda: len(hands.started) == 2)
        hands.open("quick")
        await dispatcher.drain(timedelta(seconds=2))
        assert hands.ended == {"quick": "finished", "slow": "released"}
        assert hands.started == ["quick", "slow"]
        assert dispatcher.depth() == 1


async def test_the_head_of_the_queue_is_told_of_its_place(working: Working) -> None:
    told: list[tuple[str, int]] = []
    async with working(1, told) as (dispatcher, hands):
        submit(dispatcher, *"abc")
        await hands.until(lambda: hands.started == ["a"])
        async with asyncio.timeout(60):
            while ("c", 2) not in told:
                await asyncio.sleep(0.01)
        hands.open("a")
        async with asyncio.timeout(60):
            while ("c", 1) not in told:
                await asyncio.sleep(0.01)
        assert told.count(("c", 1)) == 1


async def test_a_task_cancelled_before_its_first_step_leaves_its_slot(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "early", session="shared")
        while dispatcher.depth():
            await asyncio.sleep(0)
        assert not hands.started
        assert dispatcher.cancel("early", AT_ONCE) is True
        hands.open("next")
        submit(dispatcher, "next", session="shared")
        await hands.until(lambda: hands.ended == {"next": "finished"})


async def test_an_end_that_cannot_be_written_is_tried_again(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        hands.stumbles = 1
        hands.open("a")
        submit(dispatcher, "a")
        await hands.until(lambda: hands.ended == {"a": "finished"})
        assert hands.stumbles == 0


async def test_a_place_that_cannot_be_told_harms_nobody(working: Working) -> None:
    async with working(1, deaf=True) as (dispatcher, hands):
        hands.open("a")
        hands.open("b")
        submit(dispatcher, "a", "b")
        await hands.until(lambda: len(hands.ended) == 2)


async def test_another_priority_gives_another_place(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "first", "a", "b")
        await hands.until(lambda: hands.started == ["first"])
        submit(dispatcher, "b", priority=2)
        submit(dispatcher, "a")
        assert dispatcher.queue_state("b") == QueueState(1, 2, "slot")
        assert dispatcher.depth() == 2


async def test_a_task_to_be_tried_again_waits_for_its_time_and_holds_its_session(working: Working) -> None:
    clock = ManualClock(NOW)
    again = Attempt(1, NOW, NOW, retry_time=NOW + timedelta(seconds=30))
    async with working(2, clock=clock) as (dispatcher, hands):
        hands.tries["a"] = task_of("a", "shared", attempts=(again,))
        hands.open("a")
        hands.open("b")
        submit(dispatcher, "a", "b", session="shared")
        await hands.until(lambda: hands.ended == {"a": "finished"})
        hands.ended.clear()
        submit(dispatcher, "c")
        await hands.until(lambda: hands.started == ["a", "c"])
        assert dispatcher.queue_state("a") == QueueState(1, 2, "retry")
        assert dispatcher.queue_state("b") == QueueState(2, 2, "session")
        clock.advance(timedelta(seconds=30))
        await hands.until(lambda: hands.ended == {"a": "finished", "b": "finished"})
        assert hands.started == ["a", "c", "a", "b"]


async def test_a_task_that_waits_for_too_long_is_ended_and_leaves_the_queue(working: Working) -> None:
    clock = ManualClock(NOW)
    async with working(1, clock=clock) as (dispatcher, hands):
        submit(dispatcher, "running", timeouts=Timeouts(queue=timedelta(seconds=10)))
        await hands.until(lambda: hands.started == ["running"])
        submit(dispatcher, "patient", timeouts=Timeouts(queue=timedelta(seconds=60)))
        submit(dispatcher, "late", timeouts=Timeouts(queue=timedelta(seconds=10)))
        clock.advance(timedelta(seconds=10))
        await hands.until(lambda: hands.ended == {"late": "expired"})
        async with asyncio.timeout(60):
            while dispatcher.depth() > 1:
                await asyncio.sleep(0.01)
        assert dispatcher.queue_state("patient") == QueueState(1, 1, "slot")


async def test_a_task_that_cannot_be_claimed_yet_stays_queued(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        hands.not_yet = 1
        hands.open("a")
        submit(dispatcher, "a")
        await hands.until(lambda: hands.ended == {"a": "finished"})
        assert hands.not_yet == 0


async def cannot_begin(dispatcher: Dispatcher, hands: Hands, task_id: str) -> None:
    """Submit a task that is queued again, for it could not be claimed; it and another one, "b", end at once later."""
    hands.not_yet = 1
    hands.open(task_id)
    hands.open("b")
    submit(dispatcher, task_id, session="shared")
    async with asyncio.timeout(60):
        while hands.not_yet or dispatcher.queue_state(task_id) is None:
            await asyncio.sleep(0.01)


async def test_a_task_that_cannot_be_claimed_yet_keeps_its_place(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        await cannot_begin(dispatcher, hands, "a")
        submit(dispatcher, "b", session="shared")
        assert dispatcher.queue_state("a") == QueueState(1, 2, "slot")
        assert dispatcher.queue_state("b") == QueueState(2, 2, "session")
        await hands.until(lambda: hands.ended == {"a": "finished", "b": "finished"})
        assert hands.started == ["a", "b"]


async def test_a_task_that_cannot_be_claimed_for_long_is_not_told_its_place_again_and_again(working: Working) -> None:
    told: list[tuple[str, int]] = []
    async with working(1, told) as (dispatcher, hands):
        submit(dispatcher, "running")
        await hands.until(lambda: hands.started == ["running"])
        hands.not_yet = 3
        submit(dispatcher, "a")
        async with asyncio.timeout(60):
            while ("a", 1) not in told:
                await asyncio.sleep(0.01)
        hands.open("running")
        hands.open("a")
        await hands.until(lambda: "a" in hands.ended)
    assert told.count(("a", 1)) == 1


async def test_a_task_that_is_cancelled_while_it_cannot_be_claimed_leaves_the_queue(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        hands.not_yet = 10**6
        submit(dispatcher, "a", session="shared")
        async with asyncio.timeout(60):
            while dispatcher.queue_state("a") is None or hands.not_yet == 10**6:
                await asyncio.sleep(0.01)
        assert dispatcher.cancel("a", AT_ONCE) is False
        hands.not_yet = 0
        hands.open("b")
        submit(dispatcher, "b", session="shared")
        await hands.until(lambda: hands.ended == {"b": "finished"})
        assert dispatcher.depth() == 0


async def test_a_task_that_is_cancelled_while_another_holds_its_session_is_not_queued_again(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        claim = hands.start

        async def start(task_id: str) -> Task:
            if task_id == "b":
                return await claim(task_id)
            dispatcher.cancel(task_id, AT_ONCE)
            raise SessionTaken("another task holds it")

        hands.start = start  # type: ignore[method-assign]
        hands.open("b")
        submit(dispatcher, "a", "b", session="shared")
        await hands.until(lambda: hands.ended == {"b": "finished"})
        assert dispatcher.depth() == 0


async def test_a_task_that_waits_for_its_second_attempt_goes_before_one_that_could_not_begin(working: Working) -> None:
    async with working(2) as (dispatcher, hands):
        await cannot_begin(dispatcher, hands, "a")
        submit(dispatcher, "b", session="shared", attempts=(Attempt(1, NOW, NOW),))
        assert dispatcher.queue_state("a") == QueueState(1, 2, "session")
        await hands.until(lambda: hands.ended == {"a": "finished", "b": "finished"})
        assert hands.started == ["b", "a"]


async def test_a_priority_that_changes_while_a_task_cannot_be_claimed_holds(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        hands.not_yet = 1
        hands.open("a")
        hands.open("b")
        claims = hands.start

        async def start(task_id: str) -> Task:
            if hands.not_yet:
                submit(dispatcher, "b")
                submit(dispatcher, task_id, priority=5)
            return await claims(task_id)

        hands.start = start  # type: ignore[method-assign]
        submit(dispatcher, "a")
        await hands.until(lambda: hands.ended == {"a": "finished", "b": "finished"})
        assert hands.started == ["b", "a"]


async def test_the_time_to_stop_is_granted_once_and_may_be_ended(working: Working) -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "a")
        await hands.until(lambda: "a" in hands.running)
        stop = hands.stops["a"]
        assert stop.grace == 0
        assert dispatcher.cancel("a", timedelta(seconds=10)) is True
        assert stop.grace == 10
        assert dispatcher.cancel("a", timedelta(seconds=20)) is True
        assert stop.grace == 10
        assert dispatcher.cancel("a", AT_ONCE) is True
        assert stop.grace == 0
        async with asyncio.timeout(60):
            await stop.forced()
        await hands.until(lambda: hands.ended == {"a": "released"})
