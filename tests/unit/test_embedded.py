import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent_runtime_server.adapters.embedded import EmbeddedDispatcher
from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome
from agent_runtime_server.domain.status import IllegalMove
from agent_runtime_server.domain.task import Status, Task, TaskSpec, TaskType

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = TaskSpec(TaskType.PLAN, "http://app.test/", "", "explorer")


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
        self.changed = asyncio.Condition()

    async def start(self, task_id: str) -> Task:
        if task_id in self.gone:
            raise IllegalMove(Status.CANCELLED, Status.RUNNING)
        await self._note(lambda: self.started.append(task_id))
        return Task(task_id, SPEC, NOW, NOW)

    async def run_phase(self, task: Task, number: int, kind: PhaseKind, inputs: PhaseInputs) -> PhaseResult:
        if kind is not PhaseKind.PLAN:
            return PhaseResult()
        if task.id in self.broken:
            raise ValueError("broken")
        await self._note(lambda: self.running.add(task.id))
        self.most = max(self.most, len(self.running))
        try:
            await self.gates.setdefault(task.id, asyncio.Event()).wait()
        finally:
            self.running.discard(task.id)
        return PhaseResult()

    async def finish(self, task: Task, outcome: TaskOutcome | Exception) -> None:
        if self.stumbles:
            self.stumbles -= 1
            raise OSError("disk full")
        word = "broke" if isinstance(outcome, Exception) else "finished"
        await self._note(lambda: self.ended.__setitem__(task.id, word))

    async def release(self, task: Task) -> None:
        await self._note(lambda: self.ended.__setitem__(task.id, "released"))

    async def _note(self, change: Callable[[], object]) -> None:
        async with self.changed:
            change()
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(condition)

    def open(self, task_id: str) -> None:
        self.gates.setdefault(task_id, asyncio.Event()).set()


@asynccontextmanager
async def working(
    slots: int, told: list[tuple[str, int]] | None = None
) -> AsyncIterator[tuple[EmbeddedDispatcher, Hands]]:
    async def notify(task_id: str, state: QueueState) -> None:
        if told is not None:
            told.append((task_id, state.position))

    dispatcher, hands = EmbeddedDispatcher(notify), Hands()
    worker = asyncio.create_task(dispatcher.run_worker(hands, slots=slots))
    try:
        yield dispatcher, hands
    finally:
        worker.cancel()
        await asyncio.wait([worker])


def submit(dispatcher: EmbeddedDispatcher, *task_ids: str, priority: int = 3, session: str = "") -> None:
    for task_id in task_ids:
        dispatcher.submit(task_id, replace(SPEC, priority=priority, session_id=session or task_id))


async def test_no_more_tasks_run_than_there_are_slots() -> None:
    async with working(2) as (dispatcher, hands):
        submit(dispatcher, *"abcd")
        await hands.until(lambda: len(hands.running) == 2)
        assert dispatcher.depth() == 2
        for task_id in "abcd":
            hands.open(task_id)
        await hands.until(lambda: len(hands.ended) == 4)
        assert hands.most == 2
        assert hands.started == list("abcd")


async def test_priority_comes_first_then_the_order_of_submission() -> None:
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


async def test_one_task_at_a_time_in_a_session() -> None:
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


async def test_a_cancelled_task_is_taken_from_the_queue_or_interrupted() -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "running", "waiting")
        await hands.until(lambda: hands.started == ["running"])
        assert dispatcher.cancel("waiting") is False
        assert dispatcher.depth() == 0
        assert dispatcher.cancel("running") is True
        await hands.until(lambda: hands.ended == {"running": "released"})
        assert hands.running == set()


async def test_a_broken_task_is_finished_and_the_next_one_runs() -> None:
    async with working(1) as (dispatcher, hands):
        hands.broken.add("bad")
        hands.gone.add("gone")
        hands.open("good")
        submit(dispatcher, "bad", "gone", "good")
        await hands.until(lambda: hands.ended == {"bad": "broke", "good": "finished"})


async def test_submitting_twice_runs_once() -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "a", "a")
        await hands.until(lambda: hands.started == ["a"])
        submit(dispatcher, "a")
        assert dispatcher.depth() == 0


async def test_draining_starts_nothing_and_interrupts_what_is_late() -> None:
    async with working(2) as (dispatcher, hands):
        submit(dispatcher, "quick", "slow", "waiting")
        await hands.until(lambda: len(hands.started) == 2)
        hands.open("quick")
        await dispatcher.drain(timedelta(seconds=0.2))
        assert hands.ended == {"quick": "finished", "slow": "released"}
        assert hands.started == ["quick", "slow"]
        assert dispatcher.depth() == 1


async def test_the_head_of_the_queue_is_told_of_its_place() -> None:
    told: list[tuple[str, int]] = []
    async with working(1, told) as (dispatcher, hands):
        submit(dispatcher, *"abc")
        await hands.until(lambda: hands.started == ["a"])
        async with asyncio.timeout(5):
            while ("c", 2) not in told:
                await asyncio.sleep(0.01)
        hands.open("a")
        async with asyncio.timeout(5):
            while ("c", 1) not in told:
                await asyncio.sleep(0.01)
        assert told.count(("c", 1)) == 1


async def test_a_task_cancelled_before_its_first_step_leaves_its_slot() -> None:
    async with working(1) as (dispatcher, hands):
        submit(dispatcher, "early", session="shared")
        while "early" not in dispatcher._running:
            await asyncio.sleep(0)
        assert not hands.started
        assert dispatcher.cancel("early") is True
        hands.open("next")
        submit(dispatcher, "next", session="shared")
        await hands.until(lambda: hands.ended == {"next": "finished"})


async def test_an_end_that_cannot_be_written_is_tried_again() -> None:
    async with working(1) as (dispatcher, hands):
        hands.stumbles = 1
        hands.open("a")
        submit(dispatcher, "a")
        await hands.until(lambda: hands.ended == {"a": "finished"})
        assert hands.stumbles == 0


async def test_a_place_that_cannot_be_told_harms_nobody() -> None:
    async def broken(_task_id: str, _state: QueueState) -> None:
        raise OSError("disk full")

    dispatcher, hands = EmbeddedDispatcher(broken), Hands()
    worker = asyncio.create_task(dispatcher.run_worker(hands, slots=1))
    submit(dispatcher, "a", "b")
    hands.open("a")
    hands.open("b")
    await hands.until(lambda: len(hands.ended) == 2)
    assert not worker.done()
    worker.cancel()
    await asyncio.wait([worker])
