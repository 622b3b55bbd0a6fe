"""What every store's lists do: filters, orders, pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agent_runtime_server.domain.faults import BadPageToken, TaskNotFound
from agent_runtime_server.domain.filters import ARTIFACT_FIELDS, TASK_FIELDS, TEST_FIELDS, Filter, parse
from agent_runtime_server.domain.results import ArtifactKind, Location, TestOutcome, Verdict
from agent_runtime_server.domain.task import Status, TaskResult, TaskType
from agent_runtime_server.ports import Store, TaskOrder, TaskQuery
from tests.contract.store_fixtures import (
    FIRST,
    NOW,
    a_test,
    add,
    artifact,
    at,
    becomes,
    create,
    done,
    event,
    finish,
    new_task,
    running,
    to,
)


async def listed(store: Store, text: str = "", order: TaskOrder = TaskOrder.CREATED, limit: int = 99) -> list[str]:
    """Ids over all pages, of which each but the last must be full, and each must know the total."""
    where = parse(text, TASK_FIELDS)
    found: list[str] = []
    token = ""
    while True:
        page = await store.list(TaskQuery(limit, token, where, order))
        found += (task.id for task in page.items)
        token = page.next_token
        if not token:
            assert page.total == len(found)
            return found
        assert len(page.items) == limit


async def test_total_is_counted_only_when_asked_for(store: Store) -> None:
    for name in ("t1", "t2", "t3"):
        await create(store, name)
    page = await store.list(TaskQuery(2, total=False))
    assert ([task.id for task in page.items], page.total) == (["t3", "t2"], 0)
    page = await store.list(TaskQuery(2, page.next_token))
    assert ([task.id for task in page.items], page.total) == (["t1"], 3)


# --- filters ---
async def test_filters_of_status_type_session_and_done(store: Store) -> None:
    await done(store, "t1")
    await running(store, "t2", session="t1")
    await create(store, "t3", session="t1")
    plan = new_task("t4")
    await add(store, replace(plan, spec=replace(plan.spec, task_type=TaskType.PLAN)))
    assert await listed(store, "status = RUNNING") == ["t2"]
    assert await listed(store, "status != RUNNING") == ["t1", "t3", "t4"]
    assert await listed(store, "done = true") == ["t1"]
    assert await listed(store, "done = false AND session_id = t1") == ["t2", "t3"]
    assert await listed(store, "task_type = plan OR status = TASK_STATUS_COMPLETED") == ["t1", "t4"]
    assert await listed(store, "NOT (task_type = PLAN OR done = true)") == ["t2", "t3"]
    assert await listed(store, "session_id > t1") == ["t4"]
    assert await listed(store, "status = CANCELLED") == []


async def test_filters_follow_a_task_as_it_changes(store: Store) -> None:
    await create(store)
    for status, text in ((Status.RUNNING, "status = RUNNING"), (Status.COMPLETED, "status = COMPLETED AND done=true")):
        assert await listed(store, text) == []
        await (store.claim if status is Status.RUNNING else store.transition)("t1", to(status))
        assert await listed(store, text) == ["t1"]


async def test_filters_of_labels(store: Store) -> None:
    labels = [{"team": "shop"}, {"team": "pay", "a.b/c-d": "1"}, {}, {"team": ""}]
    for number, given in enumerate(labels):
        await add(store, replace(new_task(f"t{number}"), labels=given))
    assert await listed(store, 'labels.team = "shop"') == ["t0"]
    assert await listed(store, "labels.team != shop") == ["t1", "t3"]
    assert await listed(store, "NOT labels.team = shop") == ["t1", "t2", "t3"]
    assert await listed(store, "labels:team") == ["t0", "t1", "t3"]
    assert await listed(store, "-labels:team") == ["t2"]
    assert await listed(store, 'labels.team = ""') == ["t3"]
    assert await listed(store, "labels.team > pay") == ["t0"]
    assert await listed(store, "labels.a.b/c-d = 1") == ["t1"]
    assert await listed(store, 'labels."a.b/c-d" = \'1\' AND labels:"a.b/c-d"') == ["t1"]
    assert await listed(store, "labels.\"x' OR 1=1 --\" = y OR labels:'\" \\\\'") == []
    await store.transition("t2", becomes(labels={"team": "shop"}))
    assert await listed(store, "labels.team = shop") == ["t0", "t2"]


async def test_filters_of_times_compare_them_whatever_their_precision_and_zone(store: Store) -> None:
    whole = NOW.replace(microsecond=0)
    times = [whole, whole + timedelta(milliseconds=500), whole + timedelta(seconds=1), NOW]
    for number, time in enumerate(times):
        await add(store, replace(new_task(f"t{number}"), create_time=time))
    assert await listed(store, "create_time > 2026-03-01T12:00:00Z") == ["t3", "t1", "t2"]
    assert await listed(store, "create_time <= 2026-03-01T12:00:00.5Z") == ["t0", "t3", "t1"]
    assert await listed(store, "create_time = 2026-03-01T14:00:00.500000+02:00") == ["t1"]
    assert await listed(store, "create_time < 0001-01-01T00:00:00+14:00 OR end_time > 9999-12-31T23:59:59-12:00") == []


async def test_filters_a_task_that_has_not_ended_has_no_end_time_to_compare(store: Store) -> None:
    await done(store, "t1", seconds=5)
    await create(store, "t2")
    assert await listed(store, "end_time != 2026-03-01T12:00:00Z") == ["t1"]
    assert await listed(store, "NOT end_time >= 2026-03-01T12:00:05.123456Z") == ["t2"]


async def test_filters_of_the_verdict(store: Store) -> None:
    for name, verdict in (("t1", Verdict.PASSED), ("t2", Verdict.NO_TESTS)):
        await running(store, name)
        await store.transition(name, becomes(result=TaskResult(verdict)))
    await create(store, "t3")
    assert await listed(store, "result.verdict = TEST_VERDICT_NO_TESTS") == ["t2"]
    assert await listed(store, "result.verdict != passed") == ["t2"]


async def test_filters_of_test_cases(store: Store) -> None:
    await running(store)
    cases = [
        a_test("pays"),
        replace(a_test("looks", outcome=TestOutcome.UNEXPECTED), tags=("@slow", "@cart"), project="firefox"),
        replace(a_test("pays", round_number=2, outcome=TestOutcome.FLAKY), location=Location("other.spec.ts", 3)),
        replace(a_test("bare"), title_path=()),
    ]
    await store.append("t1", FIRST, 1, [event("t1", case) for case in cases])

    async def found(text: str) -> list[int]:
        page = await store.tests("t1", 99, "", where=parse(text, TEST_FIELDS))
        assert page.total == len(page.items)
        return [cases.index(case) for case in page.items]

    assert await found("outcome = UNEXPECTED OR outcome = TEST_OUTCOME_FLAKY") == [1, 2]
    assert await found('title = "pays"') == [0, 2]
    assert await found('NOT title = "pays"') == [1, 3]
    assert await found("title != pays") == [1]
    assert await found('tags:"@cart"') == [1]
    assert await found("tags = @slow AND project = firefox") == [1]
    assert await found("-tags:@cart AND round < 2") == [0, 3]
    assert await found("round >= 1.5 OR path = 'other.spec.ts'") == [2]
    first = await store.tests("t1", 1, "", where=parse("round = 1", TEST_FIELDS))
    assert (first.items, first.total) == ((cases[0],), 3)
    rest = await store.tests("t1", 9, first.next_token, where=parse("round = 1", TEST_FIELDS))
    assert (rest.items, rest.next_token) == ((cases[1], cases[3]), "")


async def test_filters_of_artifacts(store: Store) -> None:
    await running(store)
    trace = replace(artifact("a2"), kind=ArtifactKind.TRACE, test_id="x", media_type="application/zip")
    await store.append("t1", FIRST, 1, [event("t1", artifact("a1")), event("t1", trace)])

    async def found(text: str) -> list[str]:
        page = await store.artifacts("t1", 99, "", where=parse(text, ARTIFACT_FIELDS))
        assert page.total == len(page.items)
        return [item.id for item in page.items]

    assert await found("kind = TRACE AND test_id = x") == ["a2"]
    assert await found("kind != artifact_kind_trace") == ["a1"]
    assert await found('test_id = "" OR media_type = application/zip') == ["a1", "a2"]
    assert await found("path = a1.txt") == ["a1"]
    with pytest.raises(TaskNotFound):
        await store.artifacts("nope", 1, "", where=parse("kind = TRACE", ARTIFACT_FIELDS))


# --- order ---
async def test_order_by_creation_either_way(store: Store) -> None:
    for name, seconds in (("t1", 2), ("t2", 0.5), ("t3", 0.5), ("t4", 0)):
        await create(store, name, seconds=seconds)
    for limit in (1, 3, 99):
        assert await listed(store, order=TaskOrder.CREATED, limit=limit) == ["t4", "t2", "t3", "t1"]
        assert await listed(store, order=TaskOrder.CREATED_DESC, limit=limit) == ["t1", "t3", "t2", "t4"]


async def test_order_by_end_is_of_those_that_are_done(store: Store) -> None:
    for name, seconds in (("t1", 9), ("t2", 0.5), ("t3", 2), ("t4", 2)):
        await done(store, name, seconds=seconds)
    await running(store, "t5")
    for limit in (1, 2, 99):
        assert await listed(store, order=TaskOrder.ENDED, limit=limit) == ["t2", "t3", "t4", "t1"]
        assert await listed(store, "done = true", TaskOrder.ENDED_DESC, limit) == ["t1", "t4", "t3", "t2"]
    await finish(store, "t5", seconds=1)
    assert await listed(store, order=TaskOrder.ENDED) == ["t2", "t5", "t3", "t4", "t1"]


# --- pages ---
async def test_pages_survive_that_their_last_task_is_deleted(store: Store) -> None:
    for number in range(5):
        await done(store, f"t{number}")
    first = await store.list(TaskQuery(2))
    await store.delete("t3")
    await store.delete("t1")
    second = await store.list(TaskQuery(2, first.next_token))
    assert [[task.id for task in page.items] for page in (first, second)] == [["t4", "t3"], ["t2", "t0"]]
    assert (second.next_token, second.total) == ("", 3)


async def test_pages_a_token_is_good_for_its_filter_and_order_only(store: Store) -> None:
    for number in range(3):
        await done(store, f"t{number}")
    where, other = parse("done = true", TASK_FIELDS), parse("NOT done = false", TASK_FIELDS)
    token = (await store.list(TaskQuery(1, "", where))).next_token
    assert [task.id for task in (await store.list(TaskQuery(1, token, where))).items] == ["t1"]
    for query in (
        TaskQuery(1, token),
        TaskQuery(1, token, other),
        TaskQuery(1, token, where, TaskOrder.CREATED),
        TaskQuery(1, token, where, TaskOrder.ENDED_DESC),
    ):
        with pytest.raises(BadPageToken):
            await store.list(query)


async def test_pages_of_outputs_have_tokens_for_one_task_and_filter(store: Store) -> None:
    where: Filter | None = parse("round > 0", TEST_FIELDS)
    for name in ("t1", "t2"):
        await running(store, name)
        await store.append(name, FIRST, 1, [event(name, a_test(test)) for test in "abc"])
    token = (await store.tests("t1", 1, "", where=where)).next_token
    assert [test.id for test in (await store.tests("t1", 9, token, where=where)).items] == ["b", "c"]
    for call in (store.tests("t1", 1, token), store.tests("t2", 1, token, where=where)):
        with pytest.raises(BadPageToken):
            await call


@pytest.mark.parametrize("moment", [NOW, at(1)])
async def test_pages_a_filter_that_says_the_same_has_the_same_tokens(store: Store, moment: datetime) -> None:
    for number in range(3):
        await create(store, f"t{number}")
    texts = [f"create_time <= {moment.isoformat()}", f'  create_time<="{moment.isoformat()}"']
    token = (await store.list(TaskQuery(1, "", parse(texts[0], TASK_FIELDS)))).next_token
    assert len((await store.list(TaskQuery(9, token, parse(texts[1], TASK_FIELDS)))).items) == 2
