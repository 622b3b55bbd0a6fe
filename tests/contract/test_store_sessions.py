"""What every store does with sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent_runtime_server.domain.event import StatusChanged
from agent_runtime_server.domain.faults import (
    BadPageToken,
    RequestIdReused,
    SessionBusy,
    SessionExists,
    SessionNotFound,
)
from agent_runtime_server.domain.session import Session
from agent_runtime_server.domain.task import Status
from agent_runtime_server.ports import IdempotencyKey, Store, TaskQuery
from tests.contract.store_fixtures import NOW, at, create, done, event, finish, new_task, running, to

NOTHING = StatusChanged(None, Status.PENDING)
KEY = IdempotencyKey("CreateSession", "r1", b"digest")


def a_session(name: str = "s1", seconds: float = 0) -> Session:
    return Session(name, at(seconds), at(seconds))


# --- create ---
async def test_create_a_session_that_tasks_can_join(store: Store) -> None:
    assert await store.create_session(a_session()) == (a_session(), False)
    assert await store.session("s1") == a_session()
    assert await store.session_tasks("s1") == []
    await create(store, "t1", session="s1")
    assert [task.id for task in await store.session_tasks("s1")] == ["t1"]


async def test_create_refuses_a_session_that_is_there(store: Store) -> None:
    await store.create_session(a_session())
    await create(store, "t1")
    for name in ("s1", "t1"):
        with pytest.raises(SessionExists):
            await store.create_session(a_session(name, 5))
    assert await store.session("s1") == a_session()


async def test_create_repeats_the_answer_for_the_same_key(store: Store) -> None:
    await store.create_session(a_session(), key=KEY)
    assert await store.create_session(a_session("s2"), key=KEY) == (a_session(), True)
    with pytest.raises(RequestIdReused):
        await store.create_session(a_session("s2"), key=IdempotencyKey("CreateSession", "r1", b"other"))
    with pytest.raises(SessionNotFound):
        await store.session("s2")


async def test_create_keys_of_sessions_and_tasks_are_apart(store: Store) -> None:
    of_task = IdempotencyKey("CreateTask", "r1", b"other")
    await store.create_session(a_session(), key=KEY)
    assert await store.find(of_task) is None
    await store.create(new_task("t1"), event("t1", NOTHING), key=of_task)
    assert (await store.create_session(a_session("s2"), key=KEY))[0].id == "s1"


async def test_session_of_a_task_is_there_with_it(store: Store) -> None:
    await create(store, "t1", seconds=3)
    assert await store.session("t1") == a_session("t1", 3)
    with pytest.raises(SessionNotFound):
        await store.session("nope")


# --- times ---
async def test_times_a_task_that_joins_and_one_that_ends_change_the_session(store: Store) -> None:
    await store.create_session(a_session())
    await running(store, "t1", session="s1", seconds=5)
    assert (await store.session("s1")).update_time == at(5)
    await store.transition("t1", to(Status.PENDING, seconds=7))
    assert (await store.session("s1")).update_time == at(5)
    await store.claim("t1", to(Status.RUNNING))
    await finish(store, "t1", seconds=9)
    assert await store.session("s1") == Session("s1", NOW, at(9))
    await store.transition("t1", lambda task: (task, [event("t1", NOTHING, 11)]))
    assert (await store.session("s1")).update_time == at(9)


async def test_touch_sets_the_time_unless_a_task_works_there(store: Store) -> None:
    await store.create_session(a_session())
    await create(store, "t1", session="s1")
    await store.touch_session("s1", at(4))
    assert await store.session("s1") == Session("s1", NOW, at(4))
    await store.claim("t1", to(Status.RUNNING))
    with pytest.raises(SessionBusy):
        await store.touch_session("s1", at(6))
    await store.transition("t1", to(Status.PENDING))
    with pytest.raises(SessionBusy):  # it goes on there with its next attempt
        await store.touch_session("s1", at(6))
    with pytest.raises(SessionNotFound):
        await store.touch_session("nope", at(6))


# --- active ---
async def test_active_is_the_task_that_was_claimed_and_is_not_done(store: Store) -> None:
    await create(store, "t1")
    await create(store, "t2", session="t1")
    assert (await store.session("t1")).active_task_id == ""
    await store.claim("t2", to(Status.RUNNING))
    assert (await store.session("t1")).active_task_id == "t2"
    assert [session.active_task_id for session in (await store.sessions(9, "")).items] == ["t2"]
    await store.transition("t2", to(Status.PENDING))
    assert (await store.session("t1")).active_task_id == "t2"
    await store.transition("t2", to(Status.CANCELLED))
    assert (await store.session("t1")).active_task_id == ""


# --- pages ---
async def test_pages_are_newest_first_and_survive_what_comes_and_goes(store: Store) -> None:
    for name, seconds in (("s1", 1), ("s2", 0), ("s4", 2), ("s3", 2), ("s5", 4)):
        await store.create_session(a_session(name, seconds))
    first = await store.sessions(2, "")
    await store.delete_session("s4")
    await store.create_session(a_session("s6", 9))
    second = await store.sessions(2, first.next_token)
    third = await store.sessions(2, second.next_token)
    pages = [[session.id for session in page.items] for page in (first, second, third)]
    assert pages == [["s5", "s4"], ["s3", "s1"], ["s2"]]
    assert (first.total, third.total, third.next_token) == (5, 5, "")


@pytest.mark.parametrize("token", ["x", "session", "9" * 30])
async def test_pages_refuse_a_strange_token(store: Store, token: str) -> None:
    with pytest.raises(BadPageToken):
        await store.sessions(1, token)


async def test_pages_refuse_the_token_of_tasks(store: Store) -> None:
    for name in ("t1", "t2"):
        await create(store, name)
    token = (await store.list(TaskQuery(1))).next_token
    with pytest.raises(BadPageToken):
        await store.sessions(1, token)


# --- delete ---
async def test_delete_forgets_the_session_and_its_key_and_leaves_done_tasks(store: Store) -> None:
    await store.create_session(a_session(), key=KEY)
    task = await done(store, "t1", session="s1")
    await store.delete_session("s1")
    for call in (store.session("s1"), store.session_tasks("s1"), store.delete_session("s1")):
        with pytest.raises(SessionNotFound):
            await call
    with pytest.raises(SessionNotFound):
        await create(store, "t2", session="s1")
    assert await store.get("t1") == task
    assert await store.create_session(a_session("s2"), key=KEY) == (a_session("s2"), False)


async def test_delete_leaves_the_key_of_a_task_that_made_the_session(store: Store) -> None:
    key = IdempotencyKey("CreateTask", "r1", b"digest")
    await store.create(new_task("t1"), event("t1", NOTHING), key=key)
    await store.transition("t1", to(Status.CANCELLED))
    await store.delete_session("t1")
    made = await store.find(key)
    assert made is not None
    assert made.id == "t1"


async def test_delete_refuses_while_tasks_are_not_done(store: Store) -> None:
    await create(store, "t1")
    with pytest.raises(SessionBusy):
        await store.delete_session("t1")
    await store.transition("t1", to(Status.CANCELLED))
    await store.delete_session("t1")


async def test_delete_of_what_is_idle_refuses_what_was_used_meanwhile(store: Store) -> None:
    await store.create_session(a_session())
    assert await store.idle_sessions(at(5), 9) == ["s1"]
    await store.touch_session("s1", at(6))
    with pytest.raises(SessionBusy):
        await store.delete_session("s1", idle_since=at(5))
    assert (await store.session("s1")).update_time == at(6)
    await store.delete_session("s1", idle_since=at(7))
    with pytest.raises(SessionNotFound):
        await store.delete_session("s1", idle_since=at(7))


async def test_delete_a_task_may_end_after_its_session_has_gone(store: Store) -> None:
    await done(store, "t1")
    await store.delete_session("t1")
    await store.transition("t1", lambda task: (task, [event("t1", NOTHING)]))
    await store.delete("t1")


# --- idle ---
async def test_idle_sessions_are_without_work_and_change(store: Store) -> None:
    for name in ("s1", "s2", "s3", "s4"):
        await store.create_session(a_session(name))
    await create(store, "t2", session="s2")
    await store.touch_session("s3", at(10))
    await done(store, "t4", session="s4", seconds=10)
    assert await store.idle_sessions(NOW, 99) == []
    assert await store.idle_sessions(at(1), 99) == ["s1"]
    assert await store.idle_sessions(at(10), 99) == ["s1"]
    assert sorted(await store.idle_sessions(at(10) + timedelta(microseconds=1), 99)) == ["s1", "s3", "s4"]
    assert len(await store.idle_sessions(at(11), 2)) == 2
