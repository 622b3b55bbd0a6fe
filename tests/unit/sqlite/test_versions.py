"""The SQLite store and databases of other versions: migrations lead on, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent_runtime_server.adapters.sqlite import DatabaseTooNew, SqliteStore
from agent_runtime_server.adapters.sqlite.schema import MIGRATIONS, migrate, open_writer
from agent_runtime_server.domain.event import Event, told
from agent_runtime_server.domain.filters import TASK_FIELDS, parse
from agent_runtime_server.domain.inputs import ALLOWED, InputDecision, InputKind, InputPolicy, InputRequest
from agent_runtime_server.domain.results import TestSummary, Verdict
from agent_runtime_server.domain.session import Session
from agent_runtime_server.domain.task import (
    Cancellation,
    ExploreOptions,
    Phase,
    SignIn,
    SignInMethod,
    Status,
    Task,
    TaskResult,
    TaskSpec,
    TaskType,
    Token,
)
from agent_runtime_server.ports import Aging, IdempotencyKey, SessionTaken, TaskQuery
from agent_runtime_server.testing.codec import JsonCodec
from tests.contract.store_fixtures import NOW, artifact, at, finish, to


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_migrations_lead_on_from_an_older_version(path: Path) -> None:
    connection = open_writer(path)
    connection.execute("INSERT INTO session (id) VALUES ('s1')")
    later = (
        *MIGRATIONS,
        ("ALTER TABLE session ADD COLUMN name TEXT NOT NULL DEFAULT 'none'",),
        ("CREATE TABLE x (y)",),
    )
    migrate(connection, later)
    assert connection.execute("SELECT id, name FROM session").fetchall() == [("s1", "none")]
    assert connection.execute("PRAGMA user_version").fetchone() == (len(later),)
    migrate(connection, later)
    connection.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    connection = open_writer(path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, ("CREATE TABLE x (y)", "CREATE TABLE session (z)")))
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'x'").fetchone()
    connection.close()


async def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    connection = open_writer(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DatabaseTooNew, match=f"version 99, this server knows versions up to {len(MIGRATIONS)}"):
        await SqliteStore.open(path, JsonCodec())
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"something else " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        asyncio.run(SqliteStore.open(path, JsonCodec()))


# A task as version 1 kept it, whole: with its priority among what never changes, and without much that came later.
RECORD_1 = """{"id":"t1","spec":{"task_type":"complete","app_url":"http://app.test/","session_id":"t1",
"driver":"explorer","instructions":"Look at the \\"cart\\" ä\\n","sign_in":{"method":"username_password",
"username":"ann"},"explore":{"max_states":5,"max_duration":"PT90S","allow_destructive":true},"run":{"test_paths":[],
"projects":[],"grep":"","retries":0,"workers":0,"test_timeout":"P0D"},"priority":1},
"create_time":"2026-03-01T12:00:00.123456Z","update_time":"2026-03-01T12:00:09.500000Z","status":"completed",
"phase":"collecting","activity":"","progress":null,"result":{"verdict":"failed","summary":{"total":3,"expected":2,
"unexpected":1,"flaky":0,"skipped":0,"duration":"PT3.5S"},"summary_markdown":"# All","plan_artifact_id":"plan",
"report_artifact_id":"","test_paths":["a.spec.ts"],"findings":[]},"failure":null,"cancellation":{"reason":"enough",
"request_time":"2026-03-01T12:00:00.123456Z"},"start_time":"2026-03-01T12:00:00.123456Z",
"end_time":"2026-03-01T12:00:09Z","sequence":3,"token":{"generation":1,"phase":0}}"""
INSERT_1 = (
    "INSERT INTO task (id, session, status, done, generation, phase, batch, batch_last, last_seq, kept_from, log_bytes,"
    " merged, loose_bytes, record) VALUES (?, 't1', ?, ?, ?, 2, 4, 3, 3, 4, 0, 0, 0, ?)"
)


def version_1(path: Path) -> None:
    """A database of version 1: a done task with a key; in its session one that was put back, one that runs."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:1])
    record = json.loads(RECORD_1)
    connection.execute(INSERT_1, ("t1", "completed", 1, 1, json.dumps(record).encode()))
    record |= {"end_time": None, "result": {"verdict": None}, "create_time": "2026-03-01T13:00:00Z"}
    for name, status, generation in (("t2", "pending", 3), ("t3", "running", 1)):
        connection.execute(INSERT_1, (name, status, 0, generation, json.dumps(record | {"id": name, "status": status})))
    connection.execute("INSERT INTO session (id) VALUES ('t1')")
    connection.execute("INSERT INTO request (id, digest, task) VALUES ('r1', ?, 1)", (b"digest",))
    connection.execute(
        "INSERT INTO output (task, kind, key, position, record) VALUES (1, 'artifact', 'a', 2, ?)",
        (msgspec.json.encode(artifact("a")),),
    )
    connection.close()


async def test_version_1_comes_forward_whole(path: Path) -> None:
    version_1(path)
    store = await SqliteStore.open(path, JsonCodec())
    task = await store.get("t1")
    spec = TaskSpec(
        *(TaskType.COMPLETE, "http://app.test/", "t1", "explorer", 'Look at the "cart" ä\n'),
        sign_in=SignIn(SignInMethod.USERNAME_PASSWORD, "ann"),
        explore=ExploreOptions(5, timedelta(seconds=90), allow_destructive=True),
    )
    summary = TestSummary(3, 2, 1, duration=timedelta(seconds=3.5))
    assert task == Task(
        id="t1",
        spec=spec,
        create_time=NOW,
        update_time=at(9).replace(microsecond=500_000),
        priority=1,
        status=Status.COMPLETED,
        phase=Phase.COLLECTING,
        result=TaskResult(Verdict.FAILED, summary, "# All", "plan", test_paths=("a.spec.ts",)),
        cancellation=Cancellation("enough", NOW),
        start_time=NOW,
        end_time=at(9).replace(microsecond=0),
        ttl=timedelta(days=30),
        sequence=3,
        token=Token(1, 2),
    )
    assert await store.find(IdempotencyKey("CreateTask", "r1", b"digest")) == task
    assert await store.artifact("t1", "a") == artifact("a")
    later = datetime(2026, 3, 1, 13, tzinfo=UTC)
    assert await store.session("t1") == Session("t1", NOW, later, active_task_id="t3")
    for text, names in (
        ("end_time = 2026-03-01T12:00:09Z AND create_time = 2026-03-01T12:00:00.123456Z", ["t1"]),
        ("create_time = 2026-03-01T13:00:00Z AND NOT labels:team", ["t3", "t2"]),
    ):
        page = await store.list(TaskQuery(9, where=parse(text, TASK_FIELDS)))
        assert [task.id for task in page.items] == names
    assert await store.aged(Aging.ARTIFACTS, later, 9) == ["t1"]
    await store.close()


async def test_version_1_tasks_are_removed_when_their_time_has_come(path: Path) -> None:
    version_1(path)
    store = await SqliteStore.open(path, JsonCodec())
    task = await store.get("t1")
    assert task.expires is not None
    assert await store.expired(task.expires - timedelta(microseconds=1), 9) == []
    assert await store.expired(task.expires, 9) == ["t1"]
    await finish(store, "t3")
    assert await store.expired(at(1) + timedelta(days=30), 9) == ["t3"]
    await store.delete("t1", expired_by=task.expires)
    await store.close()


async def test_version_1_a_task_that_was_put_back_holds_its_session_no_more(path: Path) -> None:
    version_1(path)
    store = await SqliteStore.open(path, JsonCodec())
    with pytest.raises(SessionTaken, match="t3"):
        await store.claim("t2", to(Status.RUNNING))
    await finish(store, "t3")
    assert (await store.claim("t2", to(Status.RUNNING))).token == Token(1, 0)
    await store.close()


async def test_version_2_tasks_can_ask_people(path: Path) -> None:
    version_1(path)
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:2])
    connection.close()
    store = await SqliteStore.open(path, JsonCodec())
    before = await store.get("t3")
    assert (before.status, before.pending_inputs, before.input_policy) == (Status.RUNNING, (), InputPolicy())
    assert (await store.input_requests(None, 9, "", resolved=True)).items == ()
    kind = InputKind.QUESTION
    question = InputRequest("i1", "t3", kind, "Which one?", NOW, at(60), InputDecision.REJECT, ALLOWED[kind])
    asked = await store.transition("t3", lambda task: told(task, Event("t3", NOW, question)))
    assert asked.pending_inputs == ("i1",)
    assert (await store.input_requests(None, 9, "")).items == (question,)
    await store.close()
