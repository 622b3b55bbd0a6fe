"""Changing, deleting and retrying tasks; sessions that are in use; requests that are repeated."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent_runtime_server.domain.event import Event
from agent_runtime_server.domain.faults import (
    EtagMismatch,
    InvalidField,
    NothingToWorkOn,
    RequestIdReused,
    SessionConflict,
    SignInRequired,
    TaskNotDone,
    TaskNotFound,
)
from agent_runtime_server.domain.results import AttemptStatus, Location, TestAttempt, TestCase, TestOutcome
from agent_runtime_server.domain.task import (
    Phase,
    RetryPolicy,
    SignIn,
    SignInMethod,
    Status,
    Task,
    TaskType,
    TestName,
    Token,
)
from agent_runtime_server.orchestrator.retries import Retry
from agent_runtime_server.orchestrator.tasks import Expiration, SessionConflictPolicy, TaskChange
from agent_runtime_server.ports import IdempotencyKey
from tests.orchestrator.house import NEW, House, asking
from tests.orchestrator.support import NOW

DAY = timedelta(days=1)
SIGNED_IN = replace(NEW, spec=replace(NEW.spec, sign_in=SignIn(SignInMethod.USERNAME_PASSWORD, "ada")))


async def finished(house: House, task_type: TaskType = TaskType.PLAN) -> Task:
    """A task that was cancelled before it began."""
    task, _ = await house.tasks.create(asking(task_type), None)
    cancelled, _ = await house.tasks.cancel(task.id, "enough")
    assert cancelled.done
    return cancelled


async def test_mutable_fields_change_and_the_etag_with_them(tmp_path: Path) -> None:
    house = House(tmp_path)
    task, _ = await house.tasks.create(NEW, None)
    other, _ = await house.tasks.create(NEW, None)
    change = TaskChange(
        labels={"team": "shop"},
        priority=1,
        timeouts={"run": timedelta(minutes=5)},
        retry_policy=RetryPolicy(max_attempts=7),
        expiration=Expiration(ttl=2 * DAY),
    )
    changed = await house.tasks.update(other.id, change, other.etag)
    assert (changed.labels, changed.priority, changed.ttl) == ({"team": "shop"}, 1, 2 * DAY)
    assert changed.timeouts == replace(other.timeouts, run=timedelta(minutes=5)), "what is not named stays"
    assert changed.retry_policy == replace(other.retry_policy, max_attempts=7)
    assert changed.etag != other.etag
    place = house.dispatcher.queue_state(other.id)
    assert place is not None
    assert place.position == 1, "the new priority gives another place"
    with pytest.raises(EtagMismatch):
        await house.tasks.update(other.id, TaskChange(priority=2), other.etag)
    assert (await house.store.get(other.id)).priority == 1
    assert await house.tasks.update(task.id, TaskChange()) == task
    with pytest.raises(InvalidField, match="expire_time"):
        await house.tasks.update(task.id, TaskChange(expiration=Expiration(NOW)))


async def test_a_task_is_deleted_when_it_is_done(tmp_path: Path) -> None:
    house = House(tmp_path)
    task, _ = await house.tasks.create(NEW, None)
    with pytest.raises(TaskNotDone):
        await house.tasks.delete(task.id)
    await house.tasks.cancel(task.id, "")
    await house.tasks.delete(task.id)
    with pytest.raises(TaskNotFound):
        await house.store.get(task.id)
    with pytest.raises(TaskNotFound):
        await house.tasks.delete(task.id)
    await house.tasks.delete(task.id, allow_missing=True)


async def test_a_retry_is_the_same_task_in_the_same_session(tmp_path: Path) -> None:
    house = House(tmp_path)
    task = await finished(house, TaskType.COMPLETE)
    await house.workspaces.prepare(task.id)
    (tmp_path / task.id / "specs" / "plan.md").write_text("# Plan")
    key = IdempotencyKey("RetryTask", "r", b"d")
    again, replayed = await house.tasks.retry(task.id, Retry(Phase.GENERATING_TESTS), key)
    assert not replayed
    assert again.spec == replace(task.spec, retry_of=task.id, from_phase=Phase.GENERATING_TESTS)
    assert (again.id != task.id, again.status, again.labels) == (True, Status.PENDING, task.labels)
    assert await house.tasks.retry(task.id, Retry(Phase.GENERATING_TESTS), key) == (again, True)
    with pytest.raises(RequestIdReused):
        await house.tasks.retry(task.id, Retry(), replace(key, digest=b"other"))
    with pytest.raises(TaskNotDone):
        await house.tasks.retry(again.id, Retry(), None)


async def test_a_retry_says_what_it_lacks(tmp_path: Path) -> None:
    house = House(tmp_path)
    plan, whole = await finished(house), await finished(house, TaskType.COMPLETE)
    with pytest.raises(InvalidField, match="from_phase"):
        await house.tasks.retry(plan.id, Retry(Phase.RUNNING_TESTS), None)
    with pytest.raises(InvalidField, match="from_phase"):
        await house.tasks.retry(whole.id, Retry(Phase.PLANNING, failed_tests_only=True), None)
    with pytest.raises(NothingToWorkOn, match="no test that did not end as expected"):
        await house.tasks.retry(whole.id, Retry(failed_tests_only=True), None)
    with pytest.raises(NothingToWorkOn, match="no plan"):
        await house.tasks.retry(whole.id, Retry(Phase.GENERATING_TESTS), None)
    task, _ = await house.tasks.create(SIGNED_IN, None)
    await house.tasks.cancel(task.id, "")
    with pytest.raises(SignInRequired):
        await house.tasks.retry(task.id, Retry(), None)
    given = Retry(sign_in=SIGNED_IN.spec.sign_in, password="again")
    again, _ = await house.tasks.retry(task.id, given, None)
    assert b"again" in await house.store.secrets(again.id)


async def test_only_the_tests_that_failed_are_run_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "s").mkdir()
    task, _ = await house.tasks.create(asking(TaskType.COMPLETE), None)
    house.dispatcher.cancel(task.id, timedelta())
    await house.executor.start(task.id)
    outcomes = {"good": TestOutcome.EXPECTED, "bad": TestOutcome.UNEXPECTED, "shaky": TestOutcome.FLAKY}
    attempt = TestAttempt(0, AttemptStatus.PASSED, NOW, timedelta(seconds=1))
    cases = [
        TestCase(name, "chromium", ("a.spec.ts", name), Location("tests/a.spec.ts", 1), outcome, (attempt,))
        for name, outcome in outcomes.items()
    ]
    await house.store.append(task.id, Token(1, 0), 1, [Event(task.id, NOW, case) for case in cases])
    await house.tasks.cancel(task.id, "")
    workspace = await house.workspaces.prepare(task.id)
    (workspace / "tests" / "a.spec.ts").write_text("test()")
    again, _ = await house.tasks.retry(task.id, Retry(failed_tests_only=True), None)
    assert again.spec.from_phase is Phase.RUNNING_TESTS
    assert again.spec.run.only == (
        TestName("chromium", ("a.spec.ts", "bad")),
        TestName("chromium", ("a.spec.ts", "shaky")),
    )


async def test_a_session_in_use_lets_wait_rejects_or_is_taken_over(tmp_path: Path) -> None:
    house = House(tmp_path)
    first, _ = await house.tasks.create(NEW, None)
    second = replace(NEW, spec=replace(NEW.spec, from_task_id=first.id))
    with pytest.raises(SessionConflict):
        await house.tasks.create(second, None, conflict=SessionConflictPolicy.REJECT)
    waiting, _ = await house.tasks.create(second, None)
    assert waiting.spec.session_id == first.id
    assert (await house.store.get(first.id)).status is Status.PENDING
    key = IdempotencyKey("CreateTask", "r", b"d")
    taken, _ = await house.tasks.create(second, key, conflict=SessionConflictPolicy.REPLACE)
    assert [(await house.store.get(task.id)).status for task in (first, waiting, taken)] == [
        Status.CANCELLED,
        Status.CANCELLED,
        Status.PENDING,
    ]
    assert await house.tasks.create(second, key, conflict=SessionConflictPolicy.REPLACE) == (taken, True)
    assert (await house.store.get(taken.id)).status is Status.PENDING, "a replay replaces nothing"


async def test_of_many_that_do_not_wait_for_a_session_one_gets_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    done = await finished(house)
    new = replace(NEW, spec=replace(NEW.spec, session_id=done.id))
    creating = (house.tasks.create(new, None, conflict=SessionConflictPolicy.REJECT) for _ in range(10))
    answers = await asyncio.gather(*creating, return_exceptions=True)
    assert sum(isinstance(answer, SessionConflict) for answer in answers) == 9


async def test_checking_makes_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    task = await house.tasks.check(NEW)
    assert (task.id, task.spec.session_id, task.spec.driver) == ("", "", "explorer")
    assert await house.store.unfinished() == []
    with pytest.raises(NothingToWorkOn):
        await house.tasks.check(asking(TaskType.RUN))


async def test_bad_limits_name_their_field(tmp_path: Path) -> None:
    house = House(tmp_path)
    backoff = RetryPolicy(initial_backoff=timedelta(minutes=2), max_backoff=timedelta(minutes=1))
    with pytest.raises(InvalidField, match="max_backoff"):
        await house.tasks.create(replace(NEW, retry_policy=backoff), None)
    with pytest.raises(InvalidField, match="expire_time"):
        await house.tasks.create(replace(NEW, expire_time=NOW), None)
