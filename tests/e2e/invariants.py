"""What must hold of every task that has ended and of every server that is idle, whatever has happened to them."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.paging import pages
from agent_runtime.v1 import artifact_pb2, event_pb2, service_pb2, task_pb2, test_result_pb2
from tests.line.support import Server, artifacts, follow, results

Status = task_pb2.TaskStatus
PENDING, RUNNING = task_pb2.TASK_STATUS_PENDING, task_pb2.TASK_STATUS_RUNNING
CANCELLING = task_pb2.TASK_STATUS_CANCELLING
COMPLETED, FAILED = task_pb2.TASK_STATUS_COMPLETED, task_pb2.TASK_STATUS_FAILED
CANCELLED = task_pb2.TASK_STATUS_CANCELLED
AWAITING = task_pb2.TASK_STATUS_AWAITING_INPUT
MOVES: dict[int, set[int]] = {
    task_pb2.TASK_STATUS_UNSPECIFIED: {PENDING},
    PENDING: {RUNNING, CANCELLED, FAILED},
    RUNNING: {PENDING, AWAITING, CANCELLING, COMPLETED, FAILED},
    AWAITING: {RUNNING, PENDING, CANCELLING, FAILED},
    CANCELLING: {CANCELLED, COMPLETED, FAILED},
    COMPLETED: set(),
    FAILED: set(),
    CANCELLED: set(),
}
"""The status machine of the contract."""
FINAL = {COMPLETED, FAILED, CANCELLED}
BEFORE_COLLECTING = task_pb2.TASK_PHASE_COLLECTING - 0.5
"""Where the phase of custom tasks belongs, whose number is higher."""
OF_QUEUE = {"status", "queue", "attempt_change"}
"""Payloads that may come while no attempt is open."""
OF_WAITING = {task_pb2.FAILURE_REASON_QUEUE_TIMEOUT, task_pb2.FAILURE_REASON_TOTAL_TIMEOUT}
"""Failures that may come while no attempt is open."""
OF_AGENTS = {"agents", "signed-in"}
"""Folders that are empty when no agent runs."""
STATE_FILES = {
    *("runtime.db", "runtime.db-wal", "runtime.db-shm", "secrets.key", "lock", "blobs", "owner", "reserve"),
}


@dataclass
class Life:
    """One attempt, as its events tell it."""

    number: int
    phases: list[int] = field(default_factory=list)
    failure: str = ""
    """Reason, if it has failed."""
    ended: bool = False

    @property
    def finished(self) -> set[int]:
        """Phases that were followed by another one that works."""
        work = [phase for phase in self.phases if phase != task_pb2.TASK_PHASE_COLLECTING]
        return set(work[:-1]) - {task_pb2.TASK_PHASE_PREPARING}


@dataclass
class Read:
    """A task as everything that can be read of it."""

    task: task_pb2.Task
    events: list[event_pb2.TaskEvent]
    artifacts: list[artifact_pb2.Artifact]
    tests: list[test_result_pb2.TestCase]
    lives: list[Life] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Reason of each attempt's failure, "" for one that did not fail."""
        return [life.failure for life in self.lives]

    @property
    def dropped(self) -> int:
        """Log lines that were lost in a flood."""
        return sum(event.log.dropped for event in self.events)

    def said(self, kind: str) -> list[Any]:
        """The payloads of one kind."""
        return [getattr(event, kind) for event in self.events if event.WhichOneof("payload") == kind]


async def read_whole(running: Server, client: AgentRuntimeClient, task_id: str) -> Read:
    """Everything of a task that has ended, after a look whether every invariant is kept."""
    task = await client.get_task(task_id, view=service_pb2.TASK_VIEW_FULL)
    events = [
        event
        async for page in pages(lambda token: client.list_task_events(task_id, page_token=token))
        for event in page.events
    ]
    read = Read(task, events, await artifacts(client, task_id), await results(client, task_id))
    _check_log(read)
    _check_attempts(read)
    _check_questions(read)
    _check_end(read)
    _check_outputs(read)
    await _check_bytes(client, read)
    await _check_other_views(client, read)
    session = await client.get_session(task.session_id)
    assert session.active_task_id != task_id, "it holds its session no longer"
    assert _sealed(running, task_id) == 0, "its secrets are wiped"
    return read


def _check_log(read: Read) -> None:
    """Dense from 1, of this task, with legal moves and one end, after which nothing comes."""
    task, events = read.task, read.events
    assert [event.sequence for event in events] == list(range(1, task.sequence + 1))
    assert {event.task_id for event in events} == {task.id}
    assert all(event.WhichOneof("payload") for event in events)
    status = task_pb2.TASK_STATUS_UNSPECIFIED
    for move in read.said("status"):
        assert move.old_status == status, f"{Status.Name(move.old_status)} after {Status.Name(status)}"
        assert move.new_status in MOVES[status], f"{Status.Name(status)} to {Status.Name(move.new_status)}"
        status = move.new_status
    assert status in FINAL
    assert status == task.status
    assert task.done
    last = events[-1]
    assert last.HasField("status"), "nothing comes after the end"
    assert last.status.new_status in FINAL


def _check_attempts(read: Read) -> None:
    """Numbered densely, each with one start and one end; all work is inside of one, in its phases' order."""
    for event in read.events:
        kind = event.WhichOneof("payload")
        life = read.lives[-1] if read.lives else None
        if event.HasField("attempt_change"):
            _take(read, event.attempt_change)
        elif life is None or life.ended:
            assert kind in OF_QUEUE, f"event {event.sequence} ({kind}) is outside of every attempt"
        assert event.attempt == (read.lives[-1].number if read.lives else 0), event
        if event.HasField("phase_change"):
            assert life is not None
            _enter(life, event)
        if event.HasField("status") and event.status.new_status == RUNNING:
            assert life is not None
            assert not life.ended
    task = read.task
    assert all(life.ended for life in read.lives)
    told = {change.number: change for change in read.said("attempt_change")}
    assert list(task.attempts) == [told[number] for number in sorted(told)]
    finished: set[int] = set()
    for life in read.lives:
        assert not finished & set(life.phases), f"a finished phase is done again: {read.lives}"
        finished |= life.finished


def _take(read: Read, change: task_pb2.TaskAttempt) -> None:
    """The start or the end of an attempt."""
    assert change.HasField("start_time")
    if not change.HasField("end_time"):
        assert change.number == len(read.lives) + 1
        assert not read.lives or read.lives[-1].ended
        read.lives.append(Life(change.number))
        return
    life = read.lives[-1]
    assert (life.number, life.ended) == (change.number, False)
    assert change.end_time.ToNanoseconds() >= change.start_time.ToNanoseconds()
    life.ended = True
    if change.HasField("error"):
        life.failure = reason_of(change.error)


def _enter(life: Life, event: event_pb2.TaskEvent) -> None:
    """A change of phase, or of what is done in it."""
    change = event.phase_change
    assert event.phase == change.new_phase
    before = life.phases[-1] if life.phases else task_pb2.TASK_PHASE_UNSPECIFIED
    assert change.old_phase == before, event
    assert _place(change.new_phase) >= _place(before), event
    if change.new_phase != before:
        life.phases.append(change.new_phase)


def _place(phase: int) -> float:
    """Where a phase comes in the order of all."""
    return BEFORE_COLLECTING if phase == task_pb2.TASK_PHASE_CUSTOM else phase


def _check_questions(read: Read) -> None:
    """Each has one answer; the task waits for a person exactly while one is open, and nobody waits at the end."""
    pending: set[str] = set()
    asked: set[str] = set()
    for event in read.events:
        if event.HasField("input_requested"):
            request = event.input_requested
            assert request.id not in asked
            assert request.expire_time.ToNanoseconds() > request.create_time.ToNanoseconds(), "nothing waits for ever"
            asked.add(request.id)
            pending.add(request.id)
        if event.HasField("input_resolved"):
            pending.remove(event.input_resolved.input_id)
        if event.HasField("status") and event.status.new_status == AWAITING:
            assert pending
        if event.HasField("status") and event.status.new_status == RUNNING:
            assert not pending
    assert not pending
    assert not read.task.pending_input_ids


def _check_end(read: Read) -> None:
    """The end says what belongs to it, in the log as in the task."""
    task, end = read.task, read.events[-1].status
    assert task.HasField("end_time")
    assert task.HasField("start_time") == bool(read.lives)
    assert not task.HasField("queue")
    assert end.result == task.result
    assert task.HasField("error") == (task.status == FAILED)
    assert end.error == task.error
    if task.status == COMPLETED:
        assert task.result.verdict != task_pb2.TEST_VERDICT_UNSPECIFIED
        assert not read.lives[-1].failure
    if task.status == FAILED and read.lives and task.error.reason not in OF_WAITING:
        assert read.lives[-1].failure == reason_of(task.error)
    if task.status == CANCELLED:
        assert task.HasField("cancellation")


def _check_outputs(read: Read) -> None:
    """Lists hold the latest state of whatever the log tells of, and nothing else."""
    listed = {artifact.id: artifact for artifact in read.artifacts}
    assert len(listed) == len(read.artifacts)
    assert listed == {artifact.id: artifact for artifact in read.said("artifact")}
    tests = {(test.id, test.round): test for test in read.tests}
    assert len(tests) == len(read.tests)
    assert tests == {(test.id, test.round): test for test in read.said("test")}
    of_tests = {id_ for test in read.tests for attempt in test.attempts for id_ in attempt.artifact_ids}
    assert of_tests <= set(listed), "what a test names is listed"
    result = read.task.result
    assert {result.plan_artifact_id, result.report_artifact_id} <= {"", *listed}


async def _check_bytes(client: AgentRuntimeClient, read: Read) -> None:
    """Every artifact that is listed is there, whole."""
    for artifact in read.artifacts:
        digest, size = hashlib.sha256(), 0
        async for chunk in client.read_artifact(read.task.id, artifact.id):
            digest.update(chunk.data)
            size += len(chunk.data)
        assert (digest.hexdigest(), size) == (artifact.sha256, artifact.size_bytes), artifact.path


async def _check_other_views(client: AgentRuntimeClient, read: Read) -> None:
    """A watch and the log lines tell the same story."""
    watched = await follow(client, read.task.id)
    assert watched.events == read.events
    assert watched.task == read.task
    lines = [
        entry
        async for page in pages(lambda token: client.list_task_logs(read.task.id, page_token=token))
        for entry in page.entries
    ]
    told = [(entry.log_time, entry.message) for chunk in read.said("log") for entry in chunk.entries]
    assert [(entry.log_time, entry.message) for entry in lines] == told


def assert_settled(running: Server) -> None:
    """A server that has nothing to do runs no process, and has nothing half done on its disk."""
    assert running.started() == {}
    assert {path.name for path in running.state.iterdir()} <= STATE_FILES | OF_AGENTS
    assert [path for name in OF_AGENTS for path in (running.state / name).glob("*")] == []
    blobs = running.state / "blobs"
    assert list((blobs / "incoming").iterdir()) == []
    for blob in blobs.glob("??/??/*"):
        assert _digest(blob) == blob.name, "every blob is what its name says"
    for workspace in running.workspaces.iterdir():
        assert [path for path in half_done(workspace) if path.exists() or path.is_symlink()] == []
    assert [path for path in running.temporary.iterdir() if path.is_dir()] == [], "folders for temporary files are gone"
    with closing(database(running)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        unfinished = connection.execute("SELECT count(*) FROM task WHERE done = 0").fetchone()[0]
        sealed = connection.execute("SELECT count(*) FROM sealed").fetchone()[0]
        assert sealed <= unfinished


def half_done(workspace: Path) -> list[Path]:
    """What is in a session's folder only while something works there."""
    ours = workspace / ".agent-runtime"
    return [
        *ours.glob("runs/run-*"),
        *ours.glob("scratch/*"),
        *workspace.glob(".agent-runtime.config.*"),
        *workspace.glob(".node_modules-*"),
        workspace / "artifacts/run-0",
        workspace / ".auth",
    ]


def database(running: Server) -> sqlite3.Connection:
    """The server's database, to read."""
    return sqlite3.connect(f"file:{running.state / 'runtime.db'}?mode=ro", uri=True)


def reason_of(error: task_pb2.TaskError) -> str:
    """The reason's name without its prefix."""
    return task_pb2.FailureReason.Name(error.reason).removeprefix("FAILURE_REASON_")


def _sealed(running: Server, task_id: str) -> int:
    with closing(database(running)) as connection:
        sql = "SELECT count(*) FROM sealed JOIN task ON sealed.task = task.number WHERE task.id = ?"
        found: int = connection.execute(sql, (task_id,)).fetchone()[0]
        return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
