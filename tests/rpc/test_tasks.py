import asyncio
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from agent_runtime_server.adapters.state_dir import StateDirInUse
from agent_runtime_server.domain.event import FileChanged, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import ArtifactKind, Finding, FindingKind, Produced, Severity
from agent_runtime_server.domain.task import Failure, FailureReason, Phase
from agent_runtime_server.ports import PhaseReport
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.script import Script
from tests.line.secrets import places_of
from tests.orchestrator.support import NOW
from tests.rpc.support import BLOCKING, details, driver_of, invalid, line, refused

PASSWORD = "correcthorsebatterystaple"
SIGN_IN = task_pb2.SignIn(method=task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD, username="u", password=PASSWORD)


def log(text: str) -> LogEntry:
    return LogEntry(NOW, LogLevel.INFO, LogSource.AGENT, text)


async def test_a_task_runs_through_its_phases_and_leaves_a_dense_log(tmp_path: Path) -> None:
    finding = Finding("f", FindingKind.BROKEN_LINK, Severity.LOW, "/gone", "a link leads nowhere")
    script = Script(
        facts=[
            log("looking"),
            PhaseChanged(Phase.PLANNING, Phase.PLANNING, "at the cart"),
            finding,
            FileChanged("specs/plan.md", 6, "ab"),
            Produced(ArtifactKind.PLAN, "specs/plan.md", "text/markdown"),
        ],
        files={"specs/plan.md": "# Plan"},
    )
    async with line(tmp_path, driver_of(plan=script)) as server:
        task = await server.done((await server.create()).id)
        assert task.status == task_pb2.TASK_STATUS_COMPLETED
        assert task.result.verdict == task_pb2.TEST_VERDICT_NO_TESTS
        assert [found.title for found in task.result.findings] == ["a link leads nowhere"]
        assert task.start_time.ToDatetime() <= task.end_time.ToDatetime()
        events = await server.events(task.id)
        assert [event.sequence for event in events] == list(range(1, task.sequence + 1))
        changes = [event.phase_change for event in events if event.HasField("phase_change")]
        moves = [(change.old_phase, change.new_phase) for change in changes if change.old_phase != change.new_phase]
        assert moves == [(0, 1), (1, 2), (2, 6)]
        assert {event.WhichOneof("payload") for event in events} >= {"log", "finding", "file", "artifact", "status"}
        assert events[-1].status.new_status == task_pb2.TASK_STATUS_COMPLETED
        artifacts = await server.runtime.ListArtifacts(service_pb2.ListArtifactsRequest(task_id=task.id))
        (plan,) = artifacts.artifacts
        assert plan.id == task.result.plan_artifact_id
        request = service_pb2.ReadArtifactRequest(task_id=task.id, artifact_id=plan.id, read_offset=2)
        chunks = [response.chunk async for response in server.runtime.ReadArtifact(request)]
        assert b"".join(chunk.data for chunk in chunks) == b"Plan"
        assert (chunks[0].offset, chunks[0].size_bytes, chunks[0].sha256) == (2, 6, plan.sha256)


async def test_a_failed_phase_fails_the_task_with_its_reason(tmp_path: Path) -> None:
    failure = Failure(FailureReason.SIGN_IN_FAILED, "the app refused the password")
    driver = ScriptedDriver({}, {PhaseKind.PLAN: PhaseReport(failure=failure)}, name="explorer")
    async with line(tmp_path, driver) as server:
        task = await server.done((await server.create()).id)
        assert task.status == task_pb2.TASK_STATUS_FAILED
        assert task.error.reason == task_pb2.FAILURE_REASON_SIGN_IN_FAILED
        assert task.error.phase == task_pb2.TASK_PHASE_PLANNING
        assert "refused the password" in task.error.status.message


async def test_an_app_that_is_not_there_is_told_before_the_driver_starts(tmp_path: Path) -> None:
    async def nowhere(_url: str) -> str:
        return "connection refused"

    async with line(tmp_path, probe=nowhere) as server:
        task = await server.done((await server.create()).id)
        assert task.error.reason == task_pb2.FAILURE_REASON_APP_UNREACHABLE
        assert "connection refused" in task.error.status.message
        assert not server.driver.jobs


async def test_a_cancelled_task_waits_for_its_processes(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=Script(stray=True, blocks=True))) as server:
        task = await server.create()
        await asyncio.wait_for(server.driver.player.told.wait(), 60)
        stray = Path(f"/proc/{server.driver.player.stray_pid}")
        assert stray.exists()
        first = await server.runtime.CancelTask(service_pb2.CancelTaskRequest(task_id=task.id, reason="enough"))
        assert first.initiated
        assert first.task.status == task_pb2.TASK_STATUS_CANCELLING
        second = await server.runtime.CancelTask(service_pb2.CancelTaskRequest(task_id=task.id, reason="again"))
        assert not second.initiated
        task = await server.done(task.id)
        assert not stray.exists()
        assert task.status == task_pb2.TASK_STATUS_CANCELLED
        assert task.cancellation.reason == "enough"
        late = await server.runtime.CancelTask(service_pb2.CancelTaskRequest(task_id=task.id))
        assert (late.initiated, late.task.status) == (False, task_pb2.TASK_STATUS_CANCELLED)


async def test_a_queued_task_has_a_place_and_can_be_cancelled(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING), slots=1) as server:
        running, waiting = await server.create(), await server.create()
        await server.until(running.id, lambda task: task.status == task_pb2.TASK_STATUS_RUNNING)
        queued = await server.until(waiting.id, lambda task: task.queue.position == 1)
        assert queued.queue.waiting_for == "slot"
        response = await server.runtime.CancelTask(service_pb2.CancelTaskRequest(task_id=waiting.id))
        assert response.task.status == task_pb2.TASK_STATUS_CANCELLED
        assert response.task.done
        assert response.task.end_time.seconds


async def test_secrets_go_in_and_never_come_out(tmp_path: Path) -> None:
    failure = Failure(FailureReason.SIGN_IN_FAILED, f"tried {PASSWORD}")
    plan = Produced(ArtifactKind.PLAN, "specs/plan.md", "text/markdown")
    leaky = Script(
        [log(f"typing {PASSWORD}"), FileChanged(f"tests/{PASSWORD}.ts"), plan], {plan.path: f"1. Type {PASSWORD}."}
    )
    driver = ScriptedDriver(
        {PhaseKind.PLAN: leaky}, {PhaseKind.PLAN: PhaseReport(failure, f"with {PASSWORD}")}, name="explorer"
    )
    async with line(tmp_path, driver) as server:
        created = await server.create(configuration={"sign_in": SIGN_IN})
        task = await server.done(created.id)
        assert driver.jobs[0].password == PASSWORD
        seen = b"".join(update.SerializeToString() for update in await server.watch(task.id, after_sequence=0))
        logs = await server.runtime.ListTaskLogs(service_pb2.ListTaskLogsRequest(task_id=task.id))
        everything = seen + task.SerializeToString() + created.SerializeToString() + logs.SerializeToString()
        assert b"[redacted]" in everything
        assert PASSWORD.encode() not in everything
        assert task.configuration.sign_in.username == "u"
    assert (tmp_path / "workspaces" / task.id / plan.path).read_text() == "1. Type [redacted]."
    assert places_of(PASSWORD, tmp_path) == []


async def test_a_server_tells_its_bounds(tmp_path: Path) -> None:
    async with line(tmp_path, event_retention_days=2.0, max_wait_seconds=7.0) as server:
        info = await server.runtime.GetServerInfo(service_pb2.GetServerInfoRequest())
        assert info.status == "healthy"
        limits = info.limits
        assert (limits.event_retention.ToTimedelta(), limits.max_wait.ToTimedelta()) == (
            timedelta(days=2),
            timedelta(seconds=7),
        )
        assert limits.request_id_retention.ToTimedelta() >= timedelta(days=1)
        assert limits.max_file_bytes == 512 * 1024 * 1024


async def test_every_bad_field_is_listed(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.create(99, configuration={"instructions": "x" * 20001}, priority=7, session_id="../up")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        info, bad, retry = details(caught.value)
        assert (info.reason, retry) == ("INVALID_FIELD", False)
        assert {violation.field for violation in bad.field_violations} == {
            "task.task_type",
            "task.priority",
            "task.session_id",
            "task.configuration.instructions",
        }


async def test_bytes_that_do_not_parse_are_an_invalid_argument(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        raw: Any = server.channel.unary_unary("/agent_runtime.v1.AgentRuntime/CreateTask")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw(b"\xff\xff\xff")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert details(caught.value)[0].reason == "INVALID_FIELD"


async def test_faults_have_their_codes_and_reasons(tmp_path: Path) -> None:
    async with line(tmp_path, max_queue=1, slots=1, driver=driver_of(plan=BLOCKING)) as server:
        missing = service_pb2.GetTaskRequest(task_id="none")
        await refused(server.runtime.GetTask(missing), grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
        await refused(server.create(session_id="none"), grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
        bad_page = service_pb2.ListTasksRequest(page_token="zzz")
        await refused(server.runtime.ListTasks(bad_page), grpc.StatusCode.INVALID_ARGUMENT, "BAD_PAGE_TOKEN")
        run = server.create(task_pb2.TASK_TYPE_RUN)
        await refused(run, grpc.StatusCode.FAILED_PRECONDITION, "NOTHING_TO_WORK_ON")
        agent = task_pb2.AgentOptions(driver="other")
        await invalid(server.create(configuration={"agent": agent}), "task.configuration.agent.driver")
        task = await server.create()
        await server.until(task.id, lambda task: task.status == task_pb2.TASK_STATUS_RUNNING)
        await server.create()
        await refused(server.create(), grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
        artifact = service_pb2.ReadArtifactRequest(task_id=task.id, artifact_id="none")
        await refused(
            anext(aiter(server.runtime.ReadArtifact(artifact))), grpc.StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"
        )
        ahead = service_pb2.WatchTaskRequest(task_id=task.id, after_sequence=999)
        await refused(anext(aiter(server.runtime.WatchTask(ahead))), grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_AHEAD")


async def test_a_request_id_makes_one_task_over_two_server_lives(tmp_path: Path) -> None:
    request_id = str(uuid.uuid4())
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        tasks = await asyncio.gather(*(server.create(request_id=request_id) for _ in range(50)))
        assert len({task.id for task in tasks}) == 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.create(request_id=request_id, priority=1)
        assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        assert (await server.create(request_id=request_id)).id == tasks[0].id
        page = await server.runtime.ListTasks(service_pb2.ListTasksRequest())
        assert page.total_tasks == 1


async def test_pages_of_tasks_go_from_new_to_old(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        made = [(await server.create()).id for _ in range(5)]
        seen: list[str] = []
        token = ""
        while True:
            page = await server.runtime.ListTasks(service_pb2.ListTasksRequest(page_size=2, page_token=token))
            seen += [task.id for task in page.tasks]
            assert page.total_tasks == 5
            assert not page.tasks[0].HasField("configuration"), "lists are basic"
            if not (token := page.next_page_token):
                break
        assert seen == made[::-1]


async def test_draining_ends_watches_and_gives_running_tasks_back(tmp_path: Path) -> None:
    driver = driver_of(plan=Script(stray=True, blocks=True))
    async with line(tmp_path, driver) as server:
        task = await server.create()
        await asyncio.wait_for(driver.player.told.wait(), 60)
        watching = asyncio.create_task(server.watch(task.id, after_sequence=0))
        await server.until(task.id, lambda _: server.app.signals.statistics() == 1)
        await server.app.drain(timedelta())
        updates = await watching
    assert updates[-1].closed.reason == service_pb2.CLOSE_REASON_DRAINING
    assert updates[-1].closed.reconnect_delay.ToMilliseconds() > 0
    assert not Path(f"/proc/{driver.player.stray_pid}").exists()
    async with line(tmp_path) as server:
        finished = await server.done(task.id)
        assert finished.status == task_pb2.TASK_STATUS_COMPLETED
        sequences = [event.sequence for event in await server.events(task.id)]
        assert sequences == list(range(1, finished.sequence + 1))


async def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with line(tmp_path):
        with pytest.raises(StateDirInUse, match="in use by another server"):
            async with line(tmp_path):
                raise AssertionError("two servers on one state directory")


async def test_a_flood_of_log_lines_is_counted_and_harms_nobody(tmp_path: Path) -> None:
    # Few and long: also a slow machine tells more of them within one merge than may wait for it.
    flood = Script(facts=[log("x" * 50_000)] * 2_000)
    async with line(tmp_path, driver_of(plan=flood)) as server:
        task = await server.done((await server.create()).id)
        events = await server.events(task.id)
        kept = sum(len(event.log.entries) for event in events)
        dropped = sum(event.log.dropped for event in events)
        assert kept + dropped >= 2_000
        assert kept > 0
        assert dropped > 0


async def test_pages_of_logs_and_events(tmp_path: Path) -> None:
    lines = [
        LogEntry(NOW, LogLevel.DEBUG if number % 2 else LogLevel.ERROR, LogSource.AGENT, str(number))
        for number in range(25)
    ]
    async with line(tmp_path, driver_of(plan=Script(facts=lines))) as server:
        task = await server.done((await server.create()).id)
        seen: list[str] = []
        token = ""
        while True:
            page = await server.runtime.ListTaskLogs(
                service_pb2.ListTaskLogsRequest(
                    task_id=task.id,
                    page_size=4,
                    page_token=token,
                    min_level=event_pb2.LOG_LEVEL_INFO,
                    sources=[event_pb2.LOG_SOURCE_AGENT],
                )
            )
            assert len(page.entries) <= 4
            seen += [entry.message for entry in page.entries]
            if not (token := page.next_page_token):
                break
        assert seen == [str(number) for number in range(0, 25, 2)]
        sequences: list[int] = []
        token = ""
        while True:
            events = await server.runtime.ListTaskEvents(
                service_pb2.ListTaskEventsRequest(
                    task_id=task.id, page_size=2, page_token=token, kinds=[event_pb2.TASK_EVENT_KIND_STATUS]
                )
            )
            sequences += [event.sequence for event in events.events]
            assert events.head_sequence == task.sequence
            if not (token := events.next_page_token):
                break
        statuses = [event.sequence for event in await server.events(task.id) if event.HasField("status")]
        assert sequences == statuses
        assert sequences[-1] == task.sequence


async def test_filtered_watches_get_their_kinds_only(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=Script(facts=[log("a"), log("b")]))) as server:
        task = await server.done((await server.create()).id)
        updates = await server.watch(task.id, after_sequence=0, kinds=[event_pb2.TASK_EVENT_KIND_LOG])
        kinds = {event.WhichOneof("payload") for update in updates for event in update.events.events}
        assert kinds == {"log"}
        assert updates[0].HasField("opened")
        assert updates[-1].closed.sequence == task.sequence
        assert updates[-1].closed.task.status == task_pb2.TASK_STATUS_COMPLETED


async def test_a_page_ends_before_its_answer_is_too_large(tmp_path: Path) -> None:
    lines = [log(f"{number} " + "x" * 50_000) for number in range(20)]
    scripts = Script(facts=[fact for entry in lines for fact in (entry, FileChanged("x" * 200_000))])
    async with line(tmp_path, driver_of(plan=scripts)) as server:
        task = await server.done((await server.create()).id)
        seen: list[int] = []
        token, pages = "", 0
        while True:
            page = await server.runtime.ListTaskEvents(
                service_pb2.ListTaskEventsRequest(task_id=task.id, page_size=1000, page_token=token)
            )
            assert page.ByteSize() < 3 * 1024 * 1024
            seen += [event.sequence for event in page.events]
            pages += 1
            if not (token := page.next_page_token):
                break
        assert seen == list(range(1, task.sequence + 1))
        assert pages > 1
