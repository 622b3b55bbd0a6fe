"""For any tasks and filter a list holds what matches; whatever comes and goes, its pages lose and repeat nothing."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime_server.adapters.sqlite import SqliteStore
from agent_runtime_server.domain.event import Event
from agent_runtime_server.domain.filters import (
    TASK_FIELDS,
    TEST_FIELDS,
    AllOf,
    AnyOf,
    Comparison,
    Fields,
    FieldType,
    Filter,
    Not,
    matches,
    parse,
    task_value,
)
from agent_runtime_server.domain.filters import test_value as value_of_test
from agent_runtime_server.domain.results import Location, TestCase, TestOutcome, Verdict
from agent_runtime_server.domain.task import FINAL, Status, Task, TaskResult, TaskType
from agent_runtime_server.ports import Change, Store, TaskOrder, TaskQuery
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.store import MemoryStore
from tests.contract.store_fixtures import NOW, a_test, add, done, event, new_task, running

# Few values, so that some match; awkward ones, so that quoting, precision and encoding count.
TEXTS = st.sampled_from(["", "a", "ab", "B", "ä", "\U0001f600", "' OR 1=1 --", '"', "\\", "%_*", "1", "line\nline"])
KEYS = st.sampled_from(["team", "a.b/c-d", "1"])
ZONES = st.sampled_from([timedelta(), timedelta(hours=2), timedelta(hours=-11, minutes=-30)])
MOMENTS = st.builds(
    lambda micros, zone: (NOW.replace(microsecond=0) + timedelta(microseconds=micros)).astimezone(timezone(zone)),
    st.sampled_from([0, 1, 100_000, 500_000, 999_999, 1_000_000, 1_500_000]),
    ZONES,
)
NUMBERS = st.sampled_from([-1.0, 1.0, 1.5, 2.0, 3.0])


@st.composite
def comparisons(draw: st.DrawFn, fields: Fields) -> Comparison:
    name = draw(st.sampled_from(sorted(fields)))
    field = fields[name]
    ordered = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
    equal = draw(st.sampled_from(["=", "!="]))
    match field.type:
        case FieldType.TEXT:
            return Comparison(name, ordered, draw(TEXTS))
        case FieldType.WORD:
            return Comparison(name, equal, draw(st.sampled_from(field.words)))
        case FieldType.NUMBER:
            return Comparison(name, ordered, draw(NUMBERS))
        case FieldType.FLAG:
            return Comparison(name, equal, draw(st.booleans()))
        case FieldType.MOMENT:
            return Comparison(name, ordered, draw(MOMENTS))
        case FieldType.TEXTS:
            return Comparison(name, ":", draw(TEXTS))
        case FieldType.MAP:
            key = draw(st.one_of(KEYS, TEXTS.filter(bool)))
            return draw(st.sampled_from([Comparison(name, ":", key), Comparison(name, ordered, draw(TEXTS), key)]))


def filters(fields: Fields) -> st.SearchStrategy[Filter]:
    def joined(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        several = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.one_of(several.map(AllOf), several.map(AnyOf), parts.map(Not))

    return st.recursive(comparisons(fields), joined, max_leaves=6)


def text_of(condition: Filter) -> str:
    """A text that means a filter."""
    match condition:
        case AllOf(operands):
            return "(" + " AND ".join(map(text_of, operands)) + ")"
        case AnyOf(operands):
            return "(" + " OR ".join(map(text_of, operands)) + ")"
        case Not(operand):
            return f"-({text_of(operand)})"
        case Comparison():
            field = f"{condition.field}.{_quoted(condition.key)}" if condition.key else condition.field
            value = condition.value
            if isinstance(value, datetime):
                value = value.isoformat()
            return f"{field} {condition.operator} {_quoted(str(value))}"


def _quoted(text: str) -> str:
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


@st.composite
def task_states(draw: st.DrawFn) -> Task:
    status = draw(st.sampled_from(Status))
    task = new_task("", draw(TEXTS))
    verdict = draw(st.sampled_from([None, *Verdict]))
    return replace(
        task,
        spec=replace(task.spec, task_type=draw(st.sampled_from(TaskType))),
        create_time=draw(MOMENTS),
        status=status,
        end_time=draw(MOMENTS) if status in FINAL else None,
        result=TaskResult(verdict),
        labels=draw(st.dictionaries(KEYS, TEXTS, max_size=2)),
    )


@st.composite
def suite_cases(draw: st.DrawFn) -> TestCase:
    return replace(
        a_test("x", draw(st.integers(1, 3)), draw(st.sampled_from(TestOutcome))),
        project=draw(TEXTS),
        title_path=tuple(draw(st.lists(TEXTS, max_size=2))),
        location=Location(draw(TEXTS)),
        tags=tuple(draw(st.lists(TEXTS, max_size=2))),
    )


def with_stores(check: Callable[[Store], Awaitable[None]]) -> None:
    """Carry out a check on both stores."""

    async def run(folder: Path) -> None:
        await check(MemoryStore(JsonCodec()))
        store = await SqliteStore.open(folder / "store.db", JsonCodec())
        try:
            await check(store)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


def becomes_state(state: Task) -> Change:
    def change(task: Task) -> tuple[Task, Sequence[Event]]:
        return replace(state, id=task.id, spec=task.spec, sequence=task.sequence, token=task.token), ()

    return change


@settings(max_examples=40)
@given(st.lists(task_states(), min_size=1, max_size=6), st.lists(filters(TASK_FIELDS), min_size=1, max_size=12))
def test_tasks_are_listed_as_they_match(states: list[Task], conditions: list[Filter]) -> None:
    async def check(store: Store) -> None:
        tasks = []
        for number, state in enumerate(states):
            name = f"t{number}"
            fresh = replace(new_task(name, name), spec=replace(state.spec, session_id=name))
            await add(store, replace(fresh, create_time=state.create_time))
            tasks.append(await store.transition(name, becomes_state(state)))
        for condition in conditions:
            assert parse(text_of(condition), TASK_FIELDS) == condition
            found = await store.list(TaskQuery(99, where=condition))
            expected = {task.id for task in tasks if matches(condition, task_value(task))}
            assert {task.id for task in found.items} == expected
            assert found.total == len(expected)

    with_stores(check)


@settings(max_examples=40)
@given(st.lists(suite_cases(), min_size=1, max_size=6), st.lists(filters(TEST_FIELDS), min_size=1, max_size=12))
def test_test_cases_are_listed_as_they_match(cases: list[TestCase], conditions: list[Filter]) -> None:
    tests = [replace(case, id=f"x{number}") for number, case in enumerate(cases)]

    async def check(store: Store) -> None:
        task = await running(store)
        await store.append("t1", task.token, 1, [event("t1", test) for test in tests])
        for condition in conditions:
            assert parse(text_of(condition), TEST_FIELDS) == condition
            found = await store.tests("t1", 99, "", where=condition)
            assert list(found.items) == [test for test in tests if matches(condition, value_of_test(test))]
            assert found.total == len(found.items)

    with_stores(check)


COME = st.tuples(st.just("come"), st.integers(0, 9))
GO = st.tuples(st.just("go"), st.integers(0, 99))
TURN = st.tuples(st.just("turn"), st.integers(1, 4))


@settings(max_examples=40)
@given(
    st.sampled_from(TaskOrder),
    st.lists(st.integers(0, 9), max_size=10),
    st.lists(st.one_of(COME, GO, TURN, TURN), max_size=20),
)
def test_pages_lose_and_repeat_nothing(order: TaskOrder, times: list[int], steps: list[tuple[str, int]]) -> None:
    """Tasks come with any times, and any go, while somebody turns pages of any size."""

    async def check(store: Store) -> None:
        made = 0

        async def come(seconds: int) -> None:
            nonlocal made
            made += 1
            if order in (TaskOrder.CREATED, TaskOrder.CREATED_DESC):
                await add(store, replace(new_task(f"t{made}", seconds=seconds), labels={"x": "y"}))
                await store.transition(f"t{made}", lambda task: (replace(task, status=Status.FAILED), ()))
            else:
                await done(store, f"t{made}", seconds=seconds)

        for seconds in times:
            await come(seconds)
        stayed = {f"t{number}" for number in range(1, made + 1)}
        there = sorted(stayed)
        seen: list[Task] = []
        where = parse("done = true", TASK_FIELDS)
        token, ended = "", False

        async def turn(size: int) -> None:
            nonlocal token, ended
            page = await store.list(TaskQuery(size, token, where, order))
            seen.extend(page.items)
            assert len(page.items) <= size
            assert page.total == len(there)
            token, ended = page.next_token, not page.next_token

        for kind, number in steps:
            if kind == "come":
                await come(number)
                there.append(f"t{made}")
            elif kind == "go" and there:
                gone = there.pop(number % len(there))
                stayed.discard(gone)
                await store.delete(gone)
            elif kind == "turn" and not ended:
                await turn(number)
        while not ended:
            await turn(3)
        names = [task.id for task in seen]
        assert len(set(names)) == len(names)
        assert stayed <= set(names)
        by_end = order in (TaskOrder.ENDED, TaskOrder.ENDED_DESC)
        keys = [task.end_time if by_end else task.create_time for task in seen]
        assert keys == sorted(keys, reverse=order in (TaskOrder.CREATED_DESC, TaskOrder.ENDED_DESC))  # type: ignore[type-var]

    with_stores(check)
