"""What every store does with data whose time has come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agent_runtime_server.domain.event import StatusChanged
from agent_runtime_server.domain.faults import ArtifactNotFound, TaskNotDone, TaskNotFound
from agent_runtime_server.domain.task import Checkpoint, Status
from agent_runtime_server.ports import Aging, IdempotencyKey, Store, TaskQuery
from tests.contract.store_fixtures import (
    EVERYTHING,
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
    lines,
    new_task,
    running,
    to,
    whole_log,
)

CREATED = StatusChanged(None, Status.PENDING)
KEY = IdempotencyKey("CreateTask", "r1", b"digest")


# --- delete ---
async def test_delete_leaves_nothing_of_the_task(store: Store) -> None:
    await store.create(new_task("t1"), event("t1", CREATED), key=KEY, sealed=b"sealed")
    await store.claim("t1", to(Status.RUNNING))
    await store.append("t1", FIRST, 1, [event("t1", artifact("a")), event("t1", a_test("x"))])
    await finish(store, "t1")
    await store.delete("t1")
    for call in (
        store.get("t1"),
        store.read("t1", 0, EVERYTHING),
        store.artifacts("t1", 9, ""),
        store.artifact("t1", "a"),
        store.tests("t1", 9, ""),
        store.transition("t1", becomes(activity="x")),
        store.append("t1", FIRST, 1, lines("t1", 1)),
        store.trim("t1", 1),
        store.drop_artifacts("t1"),
        store.delete("t1"),
    ):
        with pytest.raises(TaskNotFound):
            await call
    assert (await store.list(TaskQuery(9))).total == 0
    assert await store.find(KEY) is None
    assert await store.secrets("t1") == b""
    assert await store.blobs_in_use() == set()
    assert (await store.session("t1")).id == "t1"


async def test_delete_harms_no_other_task_also_not_the_next_one(store: Store) -> None:
    await running(store, "t1")
    await done(store, "t2")
    await store.append("t1", FIRST, 1, [event("t1", artifact("a"))])
    before, log = await store.get("t1"), await whole_log(store, "t1")
    await store.delete("t2")
    await running(store, "t3")
    await store.append("t3", FIRST, 1, [event("t3", artifact("b"))])
    assert (await store.get("t1"), await whole_log(store, "t1")) == (before, log)
    assert [item.id for item in (await store.artifacts("t1", 9, "")).items] == ["a"]
    assert [item.id for item in (await store.artifacts("t3", 9, "")).items] == ["b"]
    assert await whole_log(store, "t3") == [1, 2, 3]


async def test_delete_frees_the_key_for_another_task(store: Store) -> None:
    await store.create(new_task("t1"), event("t1", CREATED), key=KEY)
    await store.transition("t1", to(Status.CANCELLED))
    await store.delete("t1")
    _, replayed = await store.create(new_task("t2"), event("t2", CREATED), key=KEY)
    assert not replayed


async def test_delete_refuses_a_task_that_is_not_done(store: Store) -> None:
    before = await running(store)
    with pytest.raises(TaskNotDone):
        await store.delete("t1")
    assert await store.get("t1") == before
    with pytest.raises(TaskNotFound):
        await store.delete("nope")


async def test_delete_of_what_has_expired_leaves_alone_what_has_not(store: Store) -> None:
    for name in ("t1", "t2"):
        await done(store, name)
    await store.transition("t1", becomes(expire_time=at(5)))
    assert await store.expired(at(5), 9) == ["t1"]
    await store.transition("t1", becomes(expire_time=at(50)))
    before = await store.get("t1")
    for name in ("t1", "t2"):  # t2 is kept for ever
        await store.delete(name, expired_by=at(49))
    assert (await store.get("t1"), await whole_log(store, "t1")) == (before, [1, 2, 3])
    assert (await store.get("t2")).id == "t2"
    await store.delete("t1", expired_by=at(50))
    with pytest.raises(TaskNotFound):
        await store.delete("t1", expired_by=at(50))
    await store.delete("t2")
    await running(store, "t3")
    with pytest.raises(TaskNotDone):
        await store.delete("t3", expired_by=at(50))


async def test_delete_is_told_to_readers_of_changes(store: Store) -> None:
    await done(store, "t1")
    changes = store.changes()
    await store.delete("t1")
    assert await anext(changes) == {"t1"}


# --- expired ---
async def test_expired_are_the_done_ones_whose_time_has_come_oldest_first(store: Store) -> None:
    for name, ttl in (("t1", 20), ("t2", 10), ("t3", 30), ("t4", 0)):
        await add(store, replace(new_task(name), ttl=timedelta(seconds=ttl)))
        await store.transition(name, to(Status.CANCELLED))
    await add(store, replace(new_task("t5"), expire_time=at(5)))
    assert await store.expired(at(10), 9) == []
    assert await store.expired(at(11), 9) == ["t2"]
    assert await store.expired(at(99), 9) == ["t2", "t1", "t3"]
    assert await store.expired(at(99), 2) == ["t2", "t1"]
    await store.transition("t5", to(Status.CANCELLED))
    assert await store.expired(at(5), 9) == ["t5"]


async def test_expired_follows_a_time_that_is_changed_after_the_end(store: Store) -> None:
    await done(store, "t1")
    await store.transition("t1", becomes(expire_time=at(5)))
    assert await store.expired(at(5), 9) == ["t1"]
    await store.transition("t1", becomes(expire_time=at(50)))
    assert await store.expired(at(5), 9) == []
    await store.delete("t1")
    assert await store.expired(at(99), 9) == []


# --- aged ---
async def test_aged_artifacts_are_dropped_and_not_found_any_more(store: Store) -> None:
    for name, seconds in (("t1", 9), ("t2", 3), ("t3", 50)):
        await running(store, name)
        await store.append(name, FIRST, 1, [event(name, artifact(f"a-{name}")), event(name, a_test("x"))])
        await finish(store, name, seconds)
    await done(store, "t4", seconds=3)
    await running(store, "t5")
    await store.append("t5", FIRST, 1, [event("t5", artifact("a"))])
    assert await store.aged(Aging.ARTIFACTS, at(3), 9) == []
    assert await store.aged(Aging.ARTIFACTS, at(10), 9) == ["t2", "t1"]
    assert await store.aged(Aging.ARTIFACTS, at(10), 1) == ["t2"]
    before, log = await store.get("t2"), await whole_log(store, "t2")
    await store.drop_artifacts("t2")
    with pytest.raises(ArtifactNotFound):
        await store.artifact("t2", "a-t2")
    assert (await store.artifacts("t2", 9, "")).items == ()
    assert (await store.tests("t2", 9, "")).items == (a_test("x"),)
    assert (await store.get("t2"), await whole_log(store, "t2")) == (before, log)
    assert await store.artifact("t1", "a-t1") == artifact("a-t1")
    assert await store.aged(Aging.ARTIFACTS, at(10), 9) == ["t1"]
    with pytest.raises(TaskNotFound):
        await store.drop_artifacts("nope")


async def test_aged_events_are_trimmed_into_a_gap(store: Store) -> None:
    await done(store, "t1", seconds=9)
    await done(store, "t2", seconds=3)
    await running(store, "t3")
    assert await store.aged(Aging.EVENTS, at(3), 9) == []
    assert await store.aged(Aging.EVENTS, at(10), 9) == ["t2", "t1"]
    await store.trim("t2", (await store.get("t2")).sequence + 1)
    assert await store.aged(Aging.EVENTS, at(10), 9) == ["t1"]
    batch = await store.read("t2", 0, EVERYTHING)
    assert (batch.framed, batch.head, batch.kept_from) == (b"", 3, 4)


async def test_aged_tasks_that_are_not_done_have_no_age(store: Store) -> None:
    await running(store, "t1")
    await store.transition("t1", to(Status.PENDING))
    for what in Aging:
        assert await store.aged(what, NOW + timedelta(days=99), 9) == []


# --- blobs ---
async def test_blobs_in_use_are_those_of_artifacts_and_of_snapshots_that_may_be_restored(store: Store) -> None:
    assert await store.blobs_in_use() == set()
    for name in ("t1", "t2"):
        await running(store, name)
        await store.transition(name, becomes(checkpoint=Checkpoint(1, snapshot=f"snapshot-{name}")))
        await store.append(name, FIRST, 1, [event(name, replace(artifact("a"), sha256=f"blob-{name}"))])
    await create(store, "t3")
    await finish(store, "t1")
    assert await store.blobs_in_use() == {"blob-t1", "blob-t2", "snapshot-t2"}
    await store.drop_artifacts("t1")
    assert await store.blobs_in_use() == {"blob-t2", "snapshot-t2"}
