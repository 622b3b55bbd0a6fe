"""What the contract's messages cannot enforce: one test for each line of "Semantics" in docs/architecture.md."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from agent_runtime.v1 import artifact_pb2, event_pb2, service_pb2, task_pb2
from agent_runtime_server.domain.event import FileChanged, LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import TestSummary
from agent_runtime_server.domain.status import MOVES
from agent_runtime_server.domain.task import FINAL, Failure, FailureReason, Status
from agent_runtime_server.ports import PhaseReport, TestReport
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from tests.line.support import Server, mute_app
from tests.orchestrator.support import NOW
from tests.rpc.support import BLOCKING, Line, details, driver_of, line

RUNNING = task_pb2.TASK_STATUS_RUNNING
COMPLETED = task_pb2.TASK_STATUS_COMPLETED
FAILED = task_pb2.TASK_STATUS_FAILED
CANCELLED = task_pb2.TASK_STATUS_CANCELLED
SUITE = {"tests/a.spec.ts": "test()"}
PLANS = Script(files={"specs/plan.md": "# Plan"})


def log(text: str) -> LogEntry:
    return LogEntry(NOW, LogLevel.INFO, LogSource.AGENT, text)


def kinds_of(updates: Sequence[service_pb2.WatchTaskResponse]) -> list[str]:
    return [str(update.WhichOneof("update")) for update in updates]


async def blocked(server: Line, **fields: Any) -> task_pb2.Task:
    """A task whose driver works until it is stopped."""
    task = await server.create(**fields)
    await asyncio.wait_for(server.driver.player.told.wait(), 60)
    return task


async def cancel(server: Line, task_id: str, **fields: Any) -> service_pb2.CancelTaskResponse:
    response: service_pb2.CancelTaskResponse = await server.runtime.CancelTask(
        service_pb2.CancelTaskRequest(task_id=task_id, **fields)
    )
    return response


async def test_01_sequences_are_dense_and_kept_across_attempts_and_restarts(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await blocked(server)
    async with line(tmp_path, driver_of(plan=PLANS)) as server:
        done = await server.done(task.id)
        events = await server.events(task.id)
    assert [event.sequence for event in events] == list(range(1, done.sequence + 1))
    assert {event.attempt for event in events} == {0, 1, 2}
    assert [attempt.number for attempt in done.attempts] == [1, 2]


async def test_02_no_wake_up_is_lost(tmp_path: Path) -> None:
    """Readers that come and go while the log grows and is trimmed have seen, or were told that they missed, it all."""
    chance = random.Random(2)
    facts = [FileChanged(f"{number}/{'x' * chance.randrange(20_000)}") for number in range(300)]

    async def read(server: Line, task_id: str) -> list[int]:
        seen: list[int] = []
        while True:
            request = service_pb2.WatchTaskRequest(task_id=task_id, after_sequence=seen[-1] if seen else 0)
            call = server.runtime.WatchTask(request)
            leaves_after = chance.randrange(1, 40)
            async for update in call:
                if update.HasField("gap"):
                    assert update.gap.first_missing == (seen[-1] if seen else 0) + 1
                    seen += range(update.gap.first_missing, update.gap.last_missing + 1)
                seen += (event.sequence for event in update.events.events)
                if update.HasField("closed"):
                    return seen
                leaves_after -= 1
                if not leaves_after:
                    call.cancel()
                    break

    async with line(tmp_path, driver_of(plan=Script(facts)), max_log_bytes=1 << 20) as server:
        task = await server.create()
        seen = await asyncio.wait_for(asyncio.gather(*(read(server, task.id) for _ in range(8))), 60)
        head = (await server.done(task.id)).sequence
        late = await server.watch(task.id, after_sequence=0)
    assert all(found == list(range(1, head + 1)) for found in seen)
    assert kinds_of(late)[:2] == ["opened", "gap"], "the log was trimmed"


async def test_03_a_watch_is_opened_first_and_closed_last(tmp_path: Path) -> None:
    facts = [FileChanged(f"{number}{'x' * 60_000}") for number in range(40)]
    async with line(tmp_path, driver_of(plan=Script(facts)), max_log_bytes=1 << 20) as server:
        task = await server.done((await server.create()).id)
        kinds = kinds_of(await server.watch(task.id, after_sequence=0))
        assert kinds[:3] == ["opened", "gap", "events"]
        assert (kinds.count("opened"), kinds.count("gap"), kinds.count("closed")) == (1, 1, 1)
        assert kinds[-1] == "closed"
        opened, closed = await server.watch(task.id)
        assert opened.opened.after_sequence == task.sequence, "unset starts at the head"
        assert closed.closed.task == task


async def test_04_a_cursor_ahead_of_the_head_is_out_of_range(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=PLANS)) as server:
        task = await server.done((await server.create()).id)
        with pytest.raises(grpc.aio.AioRpcError) as ahead:
            await server.watch(task.id, after_sequence=task.sequence + 1)
        assert ahead.value.code() is grpc.StatusCode.OUT_OF_RANGE
        assert details(ahead.value)[0].reason == "SEQUENCE_AHEAD"
        assert kinds_of(await server.watch(task.id, after_sequence=0)) == ["opened", "events", "closed"]


async def test_05_heartbeats_come_in_silence_and_move_the_cursor_past_what_is_filtered(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=Script([log("one")], blocks=True))) as server:
        task = await blocked(server)
        request = service_pb2.WatchTaskRequest(
            task_id=task.id,
            after_sequence=0,
            kinds=[event_pb2.TASK_EVENT_KIND_FINDING],
            heartbeat_interval=Duration(nanos=1_000_000),
        )
        call = server.runtime.WatchTask(request)
        async with asyncio.timeout(60):
            opened = await call.read()
            first, second = await call.read(), await call.read()
        assert opened.opened.heartbeat_interval.ToTimedelta().total_seconds() >= 1, "clamped"
        assert (first.heartbeat.caught_up, second.heartbeat.caught_up) == (True, True)
        head = (await server.until(task.id, lambda _: True)).sequence
        assert second.heartbeat.sequence == head > 0
        call.cancel()


async def test_06_dropping_a_stream_or_a_deadline_never_touches_the_task(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await blocked(server)
        call = server.runtime.WatchTask(service_pb2.WatchTaskRequest(task_id=task.id))
        await call.read()
        call.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await server.runtime.WaitTask(service_pb2.WaitTaskRequest(task_id=task.id), timeout=0.2)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await server.until(task.id, lambda _: True)).status == RUNNING
        watching = server.runtime.WatchTask(service_pb2.WatchTaskRequest(task_id=task.id))
        await watching.read()
        await server.app.drain(timedelta())
        async with asyncio.timeout(60):
            while not (update := await watching.read()).HasField("closed"):
                pass  # what the task has told meanwhile
    closed = update.closed
    assert closed.reason == service_pb2.CLOSE_REASON_DRAINING
    assert closed.HasField("reconnect_delay")


def test_07_the_status_machine() -> None:
    assert {
        Status.PENDING: {Status.RUNNING, Status.CANCELLED, Status.FAILED},
        Status.RUNNING: {
            *(Status.PENDING, Status.AWAITING_INPUT, Status.CANCELLING),
            *(Status.COMPLETED, Status.FAILED),
        },
        Status.AWAITING_INPUT: {Status.RUNNING, Status.PENDING, Status.CANCELLING, Status.FAILED},
        Status.CANCELLING: {Status.CANCELLED, Status.COMPLETED, Status.FAILED},
        Status.COMPLETED: set(),
        Status.FAILED: set(),
        Status.CANCELLED: set(),
    } == MOVES
    assert {status for status, moves in MOVES.items() if not moves} == FINAL, "final is absorbing"


async def test_07_a_completion_that_beats_the_cancel_wins(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=PLANS)) as server:
        task = await server.done((await server.create()).id)
        late = await cancel(server, task.id, mode=task_pb2.CANCEL_MODE_FORCE)
        assert (late.initiated, late.task) == (False, task)


async def test_08_cancel_is_idempotent_is_raised_and_works_after_a_restart(tmp_path: Path) -> None:
    may_stop = asyncio.Event()

    class Slow(ScriptedDriver):
        async def run(self, job, emit) -> PhaseReport:  # type: ignore[no-untyped-def]
            try:
                return await super().run(job, emit)
            except asyncio.CancelledError:
                await may_stop.wait()
                raise

    async with line(tmp_path, Slow({PhaseKind.PLAN: BLOCKING}, name="explorer"), slots=1) as server:
        running = await blocked(server)
        waiting = await server.create()
        answers = [await cancel(server, running.id, reason="enough", grace_period=Duration(seconds=600))]
        answers.append(await cancel(server, running.id, reason="again", mode=task_pb2.CANCEL_MODE_FORCE))
        may_stop.set()
        done = await server.done(running.id)
        answers.append(await cancel(server, running.id))
        assert [answer.initiated for answer in answers] == [True, False, False]
        assert (done.status, done.cancellation.reason) == (CANCELLED, "enough")
        assert done.cancellation.mode == task_pb2.CANCEL_MODE_FORCE
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        await server.until(waiting.id, lambda task: task.status == RUNNING)
        assert (await cancel(server, waiting.id)).initiated
        assert (await server.done(waiting.id)).status == CANCELLED


async def test_09_a_request_id_makes_one_task(tmp_path: Path) -> None:
    request_id = str(uuid.uuid4())
    async with line(tmp_path, driver_of(plan=PLANS)) as server:
        request = service_pb2.CreateTaskRequest(
            task=task_pb2.Task(
                task_type=task_pb2.TASK_TYPE_PLAN, configuration=task_pb2.TaskConfiguration(app_url="http://app.test/")
            ),
            request_id=request_id,
        )
        answers = await asyncio.gather(*(server.runtime.CreateTask(request) for _ in range(20)))
        assert len({answer.task.id for answer in answers}) == 1
        assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19
        with pytest.raises(grpc.aio.AioRpcError) as reused:
            await server.create(request_id=request_id, priority=1)
        assert reused.value.code() is grpc.StatusCode.ALREADY_EXISTS
        task = await server.done(answers[0].task.id)
        retry = service_pb2.RetryTaskRequest(task_id=task.id, request_id=request_id)
        assert not (await server.runtime.RetryTask(retry)).replayed, "another call is another scope"
        assert (await server.runtime.RetryTask(retry)).replayed
    async with line(tmp_path) as server:
        assert (await server.runtime.CreateTask(request)).task.id == task.id, "after a restart, too"


async def test_10_failing_tests_are_a_result_and_failing_machinery_is_a_failure(tmp_path: Path) -> None:
    driver = ScriptedDriver(
        {PhaseKind.PLAN: PLANS, PhaseKind.GENERATE: Script(files=SUITE)},
        {PhaseKind.GENERATE: PhaseReport()},
        name="explorer",
    )
    red = ScriptedRunner(reports=[TestReport(TestSummary(total=1, unexpected=1))])
    async with line(tmp_path, driver, red) as server:
        empty = await server.done((await server.create(task_pb2.TASK_TYPE_COMPLETE)).id)
        assert (empty.status, empty.error.reason) == (FAILED, task_pb2.FAILURE_REASON_NOTHING_GENERATED)
        failing = await server.done((await server.create(task_pb2.TASK_TYPE_RUN, from_task_id=empty.id)).id)
        assert (failing.status, failing.result.verdict) == (COMPLETED, task_pb2.TEST_VERDICT_FAILED)
        assert not failing.HasField("error")


async def test_10_nothing_to_work_on_is_refused_at_create_or_at_start(tmp_path: Path) -> None:
    failure = Failure(FailureReason.SIGN_IN_FAILED, "refused")
    driver = ScriptedDriver(
        {PhaseKind.PLAN: Script(blocks=True)}, {PhaseKind.PLAN: PhaseReport(failure)}, name="explorer"
    )
    async with line(tmp_path, driver) as server:
        for task_type in (task_pb2.TASK_TYPE_GENERATE, task_pb2.TASK_TYPE_RUN):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await server.create(task_type)
            assert details(refused.value)[0].reason == "NOTHING_TO_WORK_ON"
        planning = await blocked(server)
        waiting = await server.create(task_pb2.TASK_TYPE_GENERATE, session_id=planning.id)
        await cancel(server, planning.id)
        failed = await server.done(waiting.id)
        assert (failed.status, failed.error.reason) == (FAILED, task_pb2.FAILURE_REASON_NOTHING_GENERATED)


async def test_11_a_flood_is_merged_and_counted_and_blocks_nobody(tmp_path: Path) -> None:
    lines = [log(f"{number} {'x' * 1000}") for number in range(5000)]

    class Flood(ScriptedDriver):
        async def run(self, job, emit) -> PhaseReport:  # type: ignore[no-untyped-def]
            for entry in lines:
                emit(entry)
            return await super().run(job, emit)

    async with line(tmp_path, Flood({PhaseKind.PLAN: PLANS}, name="explorer")) as server:
        task = await server.done((await server.create()).id)
        chunks = [event.log for event in await server.events(task.id) if event.HasField("log")]
    kept, dropped = sum(len(chunk.entries) for chunk in chunks), sum(chunk.dropped for chunk in chunks)
    assert dropped > 0
    assert kept + dropped == len(lines)
    assert max(sum(len(entry.message) for entry in chunk.entries) for chunk in chunks) < 66 * 1024
    assert len(chunks) < 50


async def test_12_errors_say_what_is_wrong(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING), slots=1, max_queue=1) as server:
        with pytest.raises(grpc.aio.AioRpcError) as invalid:
            await server.create(99, priority=7, session_id="../up")
        info, bad, retry = details(invalid.value)
        assert (info.reason, retry) == ("INVALID_FIELD", False)
        assert {violation.field for violation in bad.field_violations} == {
            "task.task_type",
            "task.priority",
            "task.session_id",
        }
        raw: Any = server.channel.unary_unary("/agent_runtime.v1.AgentRuntime/GetTask")
        with pytest.raises(grpc.aio.AioRpcError) as garbage:
            await raw(b"\xff\xff\xff")
        assert garbage.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert details(garbage.value)[0].reason == "INVALID_FIELD"
        await blocked(server)
        await server.create()
        with pytest.raises(grpc.aio.AioRpcError) as full:
            await server.create()
        assert full.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (details(full.value)[0].reason, details(full.value)[2]) == ("QUEUE_FULL", True)


async def test_13_paths_stay_inside_the_session(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("outside")
    async with line(tmp_path, driver_of(plan=PLANS)) as server:
        task = await server.done((await server.create()).id)
        workspace = tmp_path / "workspaces" / task.id
        (workspace / "leak.txt").symlink_to(secret)
        (workspace / "up").symlink_to(tmp_path)
        for path in ("../secret.txt", "/etc/passwd", "leak.txt", "up/secret.txt", "specs/../../secret.txt", "a\0b"):
            with pytest.raises(grpc.aio.AioRpcError) as read:
                await server.sessions.ReadSessionFile(
                    service_pb2.ReadSessionFileRequest(session_id=task.id, path=path)
                ).read()
            assert read.value.code() is grpc.StatusCode.INVALID_ARGUMENT, path
            header = service_pb2.WriteSessionFileHeader(session_id=task.id, path=path, overwrite=True)
            parts = [
                service_pb2.WriteSessionFileRequest(header=header),
                service_pb2.WriteSessionFileRequest(chunk=artifact_pb2.FileChunk(data=b"owned")),
            ]
            with pytest.raises(grpc.aio.AioRpcError) as write:
                await server.sessions.WriteSessionFile(iter(parts))
            assert write.value.code() is grpc.StatusCode.INVALID_ARGUMENT, path
        assert secret.read_text() == "outside"
        request = service_pb2.ArchiveSessionRequest(session_id=task.id, format=service_pb2.ARCHIVE_FORMAT_ZIP)
        archive = b"".join([response.chunk.data async for response in server.sessions.ArchiveSession(request)])
        assert b"specs/plan.md" in archive
        assert b"leak.txt" not in archive
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await server.runtime.GetTask(service_pb2.GetTaskRequest(task_id="somebody-elses"))
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(("attempts", "status"), [(1, FAILED), (2, RUNNING)])
async def test_14_a_killed_server_restarts_with_everything_and_nothing_left_over(
    attempts: int, status: int, tmp_path: Path
) -> None:
    policy = task_pb2.RetryPolicy(max_attempts=attempts, initial_backoff=Duration(nanos=1_000_000))
    async with mute_app() as url:
        first = Server(tmp_path, slots=1)
        async with first.client() as client:
            running = await client.create_task(task_pb2.TASK_TYPE_PLAN, url, retry_policy=policy)
            await client.wait_task(running.id, until=service_pb2.WAIT_CONDITION_STARTED)
            waiting = await client.create_task(task_pb2.TASK_TYPE_PLAN, url)
            before = (await client.get_task(running.id)).sequence
        first.kill()
        second = Server(tmp_path, slots=2)
        try:
            async with second.client() as client, asyncio.timeout(60):
                assert (await client.get_task(waiting.id)).create_time == waiting.create_time
                while not (task := await client.get_task(running.id)).attempts[0].HasField("end_time"):
                    await asyncio.sleep(0.05)
                assert task.attempts[0].error.reason == task_pb2.FAILURE_REASON_WORKER_LOST
                while status == RUNNING and len(task.attempts) < attempts:
                    task = await client.get_task(running.id)
                    await asyncio.sleep(0.05)
                assert task.status == status
                events = (await client.list_task_events(running.id)).events
                assert [event.sequence for event in events[:before]] == list(range(1, before + 1))
        finally:
            second.kill()
