"""What every store does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent_runtime_server.domain.event import Event, FileChanged, Payload, PhaseChanged, QueueState, StatusChanged
from agent_runtime_server.domain.faults import (
    ArtifactNotFound,
    BadPageToken,
    RequestIdReused,
    SessionNotFound,
    TaskNotFound,
)
from agent_runtime_server.domain.results import Finding, FindingKind, Severity, TestOutcome, TestSummary, Verdict
from agent_runtime_server.domain.status import IllegalMove
from agent_runtime_server.domain.task import (
    Attempt,
    Cancellation,
    Checkpoint,
    Failure,
    FailureReason,
    Phase,
    Progress,
    RetryPolicy,
    Status,
    Task,
    TaskResult,
    Timeouts,
    Token,
)
from agent_runtime_server.ports import Fenced, IdempotencyKey, SessionTaken, Store, TaskQuery
from agent_runtime_server.testing.codec import decode
from tests.contract.store_fixtures import (
    EVERYTHING,
    FIRST,
    NOW,
    a_test,
    artifact,
    create,
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
FINDING = Finding("f1", FindingKind.BROKEN_LINK, Severity.LOW, "http://app.test/x", "A broken link", ("Open it",))


# --- create ---
async def test_create_stores_the_task_with_its_first_event(store: Store) -> None:
    task, replayed = await store.create(new_task("t1"), event("t1", CREATED))
    assert (task, replayed) == (replace(new_task("t1"), sequence=1), False)
    assert await store.get("t1") == task
    [first] = decode((await store.read("t1", 0, EVERYTHING)).framed)
    assert (first.sequence, first.task_id, first.kind) == (1, "t1", "StatusChanged")
    assert first.as_type(StatusChanged) == CREATED


async def test_create_joins_a_known_session(store: Store) -> None:
    await create(store, "t1")
    await create(store, "t2", session="t1")
    assert [task.id for task in await store.session_tasks("t1")] == ["t1", "t2"]


async def test_create_refuses_an_unknown_session(store: Store) -> None:
    await create(store, "t1")
    await create(store, "t2", session="t1")
    with pytest.raises(SessionNotFound):
        await create(store, "t3", session="nowhere")
    with pytest.raises(SessionNotFound):
        await create(store, "t4", session="t2")  # a task, but not a session
    with pytest.raises(TaskNotFound):
        await store.get("t3")


async def test_create_repeats_the_answer_for_the_same_key(store: Store) -> None:
    key = IdempotencyKey("CreateTask", "r1", b"digest")
    await store.create(new_task("t1"), event("t1", CREATED), key=key)
    await store.claim("t1", to(Status.RUNNING))
    task, replayed = await store.create(new_task("t2"), event("t2", CREATED), key=key)
    assert (task, replayed) == (await store.get("t1"), True)
    with pytest.raises(TaskNotFound):
        await store.get("t2")


async def test_create_refuses_a_key_with_another_body(store: Store) -> None:
    await store.create(new_task("t1"), event("t1", CREATED), key=IdempotencyKey("CreateTask", "r1", b"digest"))
    with pytest.raises(RequestIdReused):
        await store.create(new_task("t2"), event("t2", CREATED), key=IdempotencyKey("CreateTask", "r1", b"other"))


async def test_create_the_same_request_id_of_another_method_is_another_key(store: Store) -> None:
    await store.create(new_task("t1"), event("t1", CREATED), key=IdempotencyKey("CreateTask", "r1", b"digest"))
    retry = IdempotencyKey("RetryTask", "r1", b"other")
    assert await store.find(retry) is None
    _, replayed = await store.create(new_task("t2"), event("t2", CREATED), key=retry)
    assert not replayed
    made = [await store.find(IdempotencyKey("CreateTask", "r1", b"digest")), await store.find(retry)]
    assert [task and task.id for task in made] == ["t1", "t2"]


async def test_create_makes_one_task_of_a_hundred_concurrent_duplicates(store: Store) -> None:
    key = IdempotencyKey("CreateTask", "r1", b"digest")
    names = [f"t{number}" for number in range(100)]
    made = await asyncio.gather(*(store.create(new_task(name), event(name, CREATED), key=key) for name in names))
    assert len({task.id for task, _ in made}) == 1
    assert sorted(replayed for _, replayed in made) == [False] + [True] * 99
    assert (await store.list(TaskQuery(200))).total == 1


async def test_create_a_refusal_harms_no_call_at_the_same_time(store: Store) -> None:
    calls = [create(store, f"t{n}", session="" if n % 2 else "nowhere") for n in range(40)]
    made = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(result, SessionNotFound) for result in made] == [n % 2 == 0 for n in range(40)]
    assert (await store.list(TaskQuery(100))).total == 20


async def test_create_tells_what_is_stored_whether_or_not_its_caller_waits(store: Store) -> None:
    key = IdempotencyKey("CreateTask", "r1", b"digest")
    told: list[Task] = []
    calls = [
        asyncio.create_task(store.create(new_task(name), event(name, CREATED), key=key, then=told.append))
        for name in ("t1", "t2")
    ]
    await asyncio.sleep(0)
    calls[0].cancel()
    async with asyncio.timeout(60):
        await asyncio.wait(calls)
        while len(told) < 2:
            await asyncio.sleep(0.01)
    assert told == [await store.get("t1")] * 2
    with pytest.raises(SessionNotFound):
        await store.create(new_task("t3", "nowhere"), event("t3", CREATED), then=told.append)
    assert len(told) == 2


# --- tasks ---
async def test_tasks_get_of_no_task(store: Store) -> None:
    with pytest.raises(TaskNotFound):
        await store.get("nope")


async def test_tasks_every_field_comes_back(store: Store) -> None:
    await running(store)

    def fill(task: Task) -> tuple[Task, Sequence[Event]]:
        summary = TestSummary(3, 2, 1)
        result = TaskResult(Verdict.FAILED, summary, "# All", "plan", "report", ("a.spec.ts",), (FINDING,))
        failure = Failure(FailureReason.DISK_FULL, "full", Phase.COLLECTING, retryable=True)
        filled = replace(task, phase=Phase.PLANNING, activity="Thinks", progress=Progress(1, 2, "pages"))
        filled = replace(filled, result=result, failure=failure, cancellation=Cancellation("enough", NOW))
        attempt = Attempt(1, NOW, NOW, failure, retry_time=NOW)
        filled = replace(filled, attempts=(attempt,), checkpoint=Checkpoint(2, result, "00" * 32))
        filled = replace(filled, labels={"team": "shop"}, priority=1, timeouts=Timeouts(queue=timedelta(minutes=3)))
        policy = RetryPolicy(3, timedelta(seconds=1), timedelta(minutes=1), 1.5)
        filled = replace(filled, retry_policy=policy, expire_time=NOW, ttl=timedelta(days=1))
        return replace(filled, start_time=NOW, end_time=NOW), ()

    filled = await store.transition("t1", fill)
    assert filled.result.findings == (FINDING,)
    assert await store.get("t1") == filled
    assert (await store.list(TaskQuery(1))).items == (filled,)


async def test_tasks_pages_are_newest_first_and_survive_inserts(store: Store) -> None:
    for number in range(5):
        await create(store, f"t{number}")
    first = await store.list(TaskQuery(2))
    await create(store, "late", seconds=1)
    second = await store.list(TaskQuery(2, first.next_token))
    third = await store.list(TaskQuery(2, second.next_token))
    assert [[task.id for task in page.items] for page in (first, second, third)] == [
        ["t4", "t3"],
        ["t2", "t1"],
        ["t0"],
    ]
    assert (first.total, second.total, third.next_token) == (5, 6, "")


async def test_tasks_a_page_that_is_just_full_is_the_last(store: Store) -> None:
    await create(store)
    assert (await store.list(TaskQuery(1))).next_token == ""


@pytest.mark.parametrize("token", ["x", "task", "task-", "task:", "-1", "9" * 30])
async def test_tasks_refuses_a_strange_page_token(store: Store, token: str) -> None:
    await running(store)
    for call in (
        store.list(TaskQuery(1, token)),
        store.artifacts("t1", 1, token),
        store.tests("t1", 1, token),
    ):
        with pytest.raises(BadPageToken):
            await call


async def test_tasks_refuses_the_page_token_of_another_call(store: Store) -> None:
    await running(store)
    await create(store, "t2")
    token = (await store.list(TaskQuery(1))).next_token
    with pytest.raises(BadPageToken):
        await store.artifacts("t1", 1, token)


async def test_tasks_unfinished_are_oldest_first(store: Store) -> None:
    for name in ("t1", "t2", "t3"):
        await create(store, name)
    await running(store, "t4")
    await store.transition("t2", to(Status.CANCELLED))
    assert [task.id for task in await store.unfinished()] == ["t1", "t3", "t4"]


async def test_tasks_session_tasks_are_the_unfinished_ones(store: Store) -> None:
    await running(store, "t1")
    await create(store, "t2", session="t1")
    await create(store, "t3")
    await finish(store, "t1")
    assert [task.id for task in await store.session_tasks("t1")] == ["t2"]
    with pytest.raises(SessionNotFound):
        await store.session_tasks("t2")


# --- claim ---
async def test_claim_raises_the_generation(store: Store) -> None:
    task = await running(store)
    assert (task.status, task.token, task.sequence) == (Status.RUNNING, Token(1, 0), 2)
    await store.transition("t1", to(Status.PENDING))
    task = await store.claim("t1", to(Status.RUNNING))
    assert (task.token, task.sequence) == (Token(2, 0), 4)
    assert await store.get("t1") == task


async def test_claim_change_sees_the_new_token(store: Store) -> None:
    await create(store)
    seen: list[Token] = []

    def change(task: Task) -> tuple[Task, Sequence[Event]]:
        seen.append(task.token)
        return to(Status.RUNNING)(task)

    await store.claim("t1", change)
    assert seen == [Token(1, 0)]


async def test_claim_is_not_hindered_by_the_task_itself(store: Store) -> None:
    await running(store)
    assert (await store.claim("t1", lambda task: (task, ()))).token == Token(2, 0)
    with pytest.raises(Fenced):
        await store.append("t1", FIRST, 1, lines("t1", 1))


async def test_claim_only_pending_tasks(store: Store) -> None:
    await running(store)
    with pytest.raises(IllegalMove):
        await store.claim("t1", to(Status.RUNNING))
    assert (await store.get("t1")).token == FIRST
    with pytest.raises(TaskNotFound):
        await store.claim("nope", to(Status.RUNNING))


@pytest.mark.parametrize("held", [Status.RUNNING, Status.CANCELLING])
async def test_claim_one_task_at_a_time_in_a_session(store: Store, held: Status) -> None:
    await running(store, "t1")
    if held is Status.CANCELLING:
        await store.transition("t1", to(held))
    await create(store, "t2", session="t1")
    with pytest.raises(SessionTaken):
        await store.claim("t2", to(Status.RUNNING))
    assert (await store.get("t2")).token == Token()
    await finish(store, "t1")
    assert (await store.claim("t2", to(Status.RUNNING))).status is Status.RUNNING


async def test_claim_a_task_that_waits_for_its_next_attempt_holds_the_session(store: Store) -> None:
    await running(store, "t1")
    await store.transition("t1", to(Status.PENDING))
    await create(store, "t2", session="t1")
    with pytest.raises(SessionTaken):
        await store.claim("t2", to(Status.RUNNING))
    await store.claim("t1", to(Status.RUNNING))
    await finish(store, "t1")
    await store.claim("t2", to(Status.RUNNING))


async def test_claim_concurrent_claims_of_a_session_have_one_winner(store: Store) -> None:
    await create(store, "t0")
    for number in range(1, 10):
        await create(store, f"t{number}", session="t0")
    claims = [store.claim(f"t{number}", to(Status.RUNNING)) for number in range(10)]
    results = await asyncio.gather(*claims, return_exceptions=True)
    assert [type(result) for result in results].count(SessionTaken) == 9
    running_now = [task for task in await store.session_tasks("t0") if task.status is Status.RUNNING]
    assert len(running_now) == 1


async def test_claim_batches_start_anew(store: Store) -> None:
    await running(store)
    await store.append("t1", FIRST, 7, lines("t1", 1))
    await store.transition("t1", to(Status.PENDING))
    await store.claim("t1", to(Status.RUNNING))
    assert await store.append("t1", Token(2, 0), 1, lines("t1", 1)) == 6


# --- advance ---
async def test_advance_moves_the_token_on_and_batches_start_anew(store: Store) -> None:
    await running(store)
    await store.append("t1", FIRST, 3, lines("t1", 1))
    await store.advance("t1", Token(1, 2))
    assert (await store.get("t1")).token == Token(1, 2)
    assert await store.append("t1", Token(1, 2), 1, lines("t1", 1)) == 4


async def test_advance_to_the_same_phase_does_nothing(store: Store) -> None:
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 1))
    await store.advance("t1", FIRST)
    assert await store.append("t1", FIRST, 1, lines("t1", 1)) == 3
    assert (await store.get("t1")).sequence == 3


@pytest.mark.parametrize("token", [Token(1, 1), Token(0, 3), Token(2, 3)])
async def test_advance_refuses_another_generation_and_an_earlier_phase(store: Store, token: Token) -> None:
    await running(store)
    await store.advance("t1", Token(1, 2))
    with pytest.raises(Fenced):
        await store.advance("t1", token)


async def test_advance_refuses_a_finished_task_and_an_unknown_one(store: Store) -> None:
    await running(store)
    await finish(store)
    with pytest.raises(Fenced):
        await store.advance("t1", Token(1, 1))
    with pytest.raises(TaskNotFound):
        await store.advance("nope", FIRST)


# --- transition ---
async def test_transition_writes_the_task_and_its_events(store: Store) -> None:
    await create(store)
    task = await store.transition("t1", to(Status.CANCELLED))
    assert (task.status, task.sequence) == (Status.CANCELLED, 2)
    assert await store.get("t1") == task
    assert sequences(await store.read("t1", 0, EVERYTHING)) == [1, 2]


async def test_transition_events_are_not_folded_in_again(store: Store) -> None:
    await running(store)

    def find(task: Task) -> tuple[Task, Sequence[Event]]:
        return replace(task, result=TaskResult(findings=(FINDING,))), [event(task.id, FINDING)]

    assert (await store.transition("t1", find)).result.findings == (FINDING,)


async def test_transition_no_change_writes_nothing(store: Store) -> None:
    before = await running(store)
    assert await store.transition("t1", lambda task: (task, ())) == before
    assert await whole_log(store) == [1, 2]


async def test_transition_events_without_a_change_of_the_task(store: Store) -> None:
    await create(store)
    task = await store.transition("t1", lambda task: (task, [event("t1", QueueState(1, 1))]))
    assert task == replace(new_task("t1"), sequence=2)


async def test_transition_what_the_change_raises_goes_through_and_nothing_is_written(store: Store) -> None:
    before = await create(store)
    with pytest.raises(IllegalMove):
        await store.transition("t1", to(Status.COMPLETED))
    assert await store.get("t1") == before


async def test_transition_keeps_the_token(store: Store) -> None:
    await running(store)
    task = await store.transition("t1", lambda task: (replace(task, token=Token(9, 9), activity="x"), ()))
    assert (task.token, task.activity) == (FIRST, "x")


async def test_transition_is_fenced_by_a_token(store: Store) -> None:
    await running(store)
    await store.advance("t1", Token(1, 1))
    with pytest.raises(Fenced):
        await store.transition("t1", to(Status.COMPLETED), token=FIRST)
    await store.transition("t1", to(Status.COMPLETED), token=Token(1, 1))
    with pytest.raises(TaskNotFound):
        await store.transition("nope", to(Status.COMPLETED))


async def test_transition_outputs_in_its_events_are_found(store: Store) -> None:
    await running(store)
    await store.transition("t1", lambda task: (task, [event("t1", artifact("a1"))]))
    assert await store.artifact("t1", "a1") == artifact("a1")


async def test_transition_a_task_that_is_done_after_it_loses_its_secrets(store: Store) -> None:
    await store.create(new_task("t1"), event("t1", CREATED), sealed=b"sealed")
    await create(store, "t2")
    assert [await store.secrets(name) for name in ("t1", "t2", "nope")] == [b"sealed", b"", b""]
    await store.claim("t1", to(Status.RUNNING))
    with pytest.raises(IllegalMove):
        await store.transition("t1", to(Status.CANCELLED))
    assert await store.secrets("t1") == b"sealed"
    await store.transition("t1", to(Status.COMPLETED))
    assert await store.secrets("t1") == b""


# --- append ---
async def test_append_sequences_are_dense_also_over_concurrent_writers(store: Store) -> None:
    for name in ("t1", "t2", "t3"):
        await running(store, name)

    async def write(name: str) -> None:
        for batch in range(1, 21):
            last = await store.append(name, FIRST, batch, lines(name, 3))
            assert last == 2 + 3 * batch

    await asyncio.gather(*(write(name) for name in ("t1", "t2", "t3")))
    for name in ("t1", "t2", "t3"):
        assert await whole_log(store, name) == list(range(1, 63))
        assert await whole_log(store, name, limit=500) == list(range(1, 63))
        assert (await store.get(name)).sequence == 62


async def test_append_folds_what_changes_the_task(store: Store) -> None:
    before = await running(store)
    progress = Progress(3, 9, "pages")
    payloads: list[Payload] = [PhaseChanged(None, Phase.PLANNING, "Reads"), progress, FINDING, FileChanged("a.ts", 3)]
    await store.append("t1", FIRST, 1, [event("t1", payload, n) for n, payload in enumerate(payloads)])
    task = await store.get("t1")
    assert (task.phase, task.activity, task.progress, task.result.findings) == (
        *(Phase.PLANNING, "Reads", progress, (FINDING,)),
    )
    assert (task.sequence, task.token, task.start_time) == (6, FIRST, before.start_time)
    assert task.update_time == event("t1", FINDING, 2).event_time


async def test_append_a_repeated_batch_is_a_no_op(store: Store) -> None:
    await running(store)
    assert await store.append("t1", FIRST, 1, lines("t1", 2)) == 4
    await store.transition("t1", lambda task: (task, lines("t1", 1)))
    assert await store.append("t1", FIRST, 1, lines("t1", 2)) == 4
    assert await store.append("t1", FIRST, 2, lines("t1", 1)) == 6
    assert await whole_log(store) == [1, 2, 3, 4, 5, 6]


async def test_append_no_events_are_a_batch_too(store: Store) -> None:
    await running(store)
    assert await store.append("t1", FIRST, 1, []) == 2
    assert await store.append("t1", FIRST, 1, lines("t1", 1)) == 2


@pytest.mark.parametrize("token", [Token(0, 0), Token(1, 0), Token(1, 2), Token(2, 1)])
async def test_append_is_fenced_by_the_token(store: Store, token: Token) -> None:
    await running(store)
    await store.advance("t1", Token(1, 1))
    with pytest.raises(Fenced):
        await store.append("t1", token, 1, lines("t1", 1))
    assert (await store.get("t1")).sequence == 2


async def test_append_a_finished_task_has_no_writer(store: Store) -> None:
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 1))
    await finish(store)
    assert await store.append("t1", FIRST, 1, lines("t1", 1)) == 3
    with pytest.raises(Fenced):
        await store.append("t1", FIRST, 2, lines("t1", 1))
    with pytest.raises(TaskNotFound):
        await store.append("nope", FIRST, 1, lines("t1", 1))


# --- read ---
async def test_read_of_no_task(store: Store) -> None:
    with pytest.raises(TaskNotFound):
        await store.read("nope", 0, EVERYTHING)


async def test_read_from_every_cursor(store: Store) -> None:
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 5))
    for after in range(7):
        batch = await store.read("t1", after, EVERYTHING)
        assert sequences(batch) == list(range(after + 1, 8))
        assert (batch.head, batch.kept_from) == (7, 1)


async def test_read_at_the_head_and_ahead_of_it(store: Store) -> None:
    await running(store)
    for after in (2, 9):
        batch = await store.read("t1", after, EVERYTHING)
        assert (batch.first, batch.last, batch.framed, batch.head) == (after + 1, after, b"", 2)


async def test_read_keeps_to_the_limit_but_gives_one_event_at_least(store: Store) -> None:
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 20))
    size = len((await store.read("t1", 5, 1)).framed)
    assert sequences(await store.read("t1", 5, 1)) == [6]
    assert len((await store.read("t1", 5, 4 * size)).framed) <= 4 * size
    assert await whole_log(store, limit=3 * size) == list(range(1, 23))
    big = line("t1", "x" * 300_000)
    await store.append("t1", FIRST, 2, [big, line("t1"), big])
    assert sequences(await store.read("t1", 22, 1000)) == [23]
    assert await whole_log(store, limit=1000) == list(range(1, 26))


# --- trim ---
async def test_trim_forgets_no_more_than_asked_and_says_what_is_kept(store: Store) -> None:
    await running(store)
    for number in range(1, 11):
        await store.append("t1", FIRST, number, lines("t1", 1))
    await store.trim("t1", 6)
    batch = await store.read("t1", 0, EVERYTHING)
    assert (batch.first, batch.kept_from, batch.last, batch.head) == (6, 6, 12, 12)
    assert sequences(batch) == list(range(6, 13))
    batch = await store.read("t1", 3, EVERYTHING)
    assert (batch.first, batch.kept_from) == (6, 6)


async def test_trim_of_everything(store: Store) -> None:
    await running(store)
    await store.append("t1", FIRST, 1, lines("t1", 3))
    await store.trim("t1", 100)
    batch = await store.read("t1", 0, EVERYTHING)
    assert (batch.first, batch.last, batch.framed, batch.head, batch.kept_from) == (1, 0, b"", 5, 6)
    assert await store.append("t1", FIRST, 2, lines("t1", 2)) == 7
    batch = await store.read("t1", 0, EVERYTHING)
    assert (sequences(batch), batch.kept_from) == ([6, 7], 6)


async def test_trim_of_nothing(store: Store) -> None:
    await running(store)
    for before in (-1, 0, 1):
        await store.trim("t1", before)
    assert await whole_log(store) == [1, 2]
    with pytest.raises(TaskNotFound):
        await store.trim("nope", 1)


# --- outputs ---
async def test_outputs_artifacts_come_in_order_and_in_pages(store: Store) -> None:
    await running(store)
    for batch, name in enumerate(("b", "a", "c"), 1):
        await store.append("t1", FIRST, batch, [line("t1"), event("t1", artifact(name))])
    first = await store.artifacts("t1", 2, "")
    await store.append("t1", FIRST, 4, [event("t1", artifact("d"))])
    second = await store.artifacts("t1", 2, first.next_token)
    assert [item.id for item in (*first.items, *second.items)] == ["b", "a", "c", "d"]
    assert (first.total, second.total, second.next_token) == (3, 4, "")
    assert await store.artifact("t1", "c") == artifact("c")


async def test_outputs_an_artifact_that_comes_again_is_the_newer_one(store: Store) -> None:
    await running(store)
    found: list[Any] = [artifact("a"), artifact("b"), artifact("a", size=9)]
    await store.append("t1", FIRST, 1, [event("t1", item) for item in found])
    assert (await store.artifacts("t1", 9, "")).items == (artifact("a", size=9), artifact("b"))


async def test_outputs_of_no_task_or_artifact(store: Store) -> None:
    await running(store)
    with pytest.raises(ArtifactNotFound):
        await store.artifact("t1", "nope")
    for call in (store.artifact("nope", "a"), store.artifacts("nope", 1, ""), store.tests("nope", 1, "")):
        with pytest.raises(TaskNotFound):
            await call


async def test_outputs_tests_have_their_latest_state_in_the_order_they_first_came(store: Store) -> None:
    await running(store)
    cases = [
        a_test("x"),
        a_test("w"),
        a_test("x", outcome=TestOutcome.FLAKY),
        a_test("x", round_number=2),
    ]
    await store.append("t1", FIRST, 1, [event("t1", case) for case in cases])
    await store.append("t1", FIRST, 2, [event("t1", a_test("w", outcome=TestOutcome.SKIPPED))])
    first = await store.tests("t1", 2, "")
    second = await store.tests("t1", 2, first.next_token)
    assert first.items == (
        a_test("x", outcome=TestOutcome.FLAKY),
        a_test("w", outcome=TestOutcome.SKIPPED),
    )
    assert (second.items, second.next_token, first.total) == ((a_test("x", round_number=2),), "", 3)


async def test_outputs_tasks_have_their_own(store: Store) -> None:
    await running(store, "t1")
    await running(store, "t2")
    await store.append("t1", FIRST, 1, [event("t1", artifact("a"))])
    assert (await store.artifacts("t2", 9, "")).items == ()
    with pytest.raises(ArtifactNotFound):
        await store.artifact("t2", "a")


# --- changes ---
async def test_changes_tells_from_the_call_on_and_merges(store: Store) -> None:
    await running(store, "t1")
    changes = store.changes()
    for batch in range(1, 5):
        await store.append("t1", FIRST, batch, lines("t1", 1))
    await create(store, "t2")
    assert await anext(changes) == {"t1", "t2"}
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    assert not waiting.done()
    await store.transition("t2", to(Status.CANCELLED))
    assert await waiting == {"t2"}


async def test_changes_every_reader_is_told(store: Store) -> None:
    readers = [store.changes() for _ in range(10)]
    await create(store, "t1")
    assert [await anext(reader) for reader in readers] == [{"t1"}] * 10


async def test_changes_what_is_told_can_be_read(store: Store) -> None:
    await running(store, "t1")
    changes = store.changes()
    seen = 2

    async def write() -> None:
        for batch in range(1, 51):
            await store.append("t1", FIRST, batch, lines("t1", 1))

    writing = asyncio.ensure_future(write())
    while seen < 52:
        assert await anext(changes) == {"t1"}
        batch = await store.read("t1", seen, EVERYTHING)  # empty if an earlier read had it already
        assert sequences(batch) == list(range(seen + 1, batch.last + 1))
        seen = batch.last
    await writing


async def test_statistics_count_tasks_by_status_and_events_appended(store: Store) -> None:
    await create(store, "a")
    await create(store, "b")
    await running(store, "c")
    token = (await running(store, "d")).token
    await store.append("d", token, 1, lines("d", 5))
    await finish(store, "d")
    found = await store.statistics()
    counts = {status: count for status, count in found.tasks.items() if count}
    assert counts == {Status.PENDING: 2, Status.RUNNING: 1, Status.COMPLETED: 1}
    heads = [(await store.get(task_id)).sequence for task_id in "abcd"]
    assert found.events == sum(heads)
    assert heads[3] > 5
