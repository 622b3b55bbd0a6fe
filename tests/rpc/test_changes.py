"""Tasks that are changed, deleted, stopped and done again."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.ports import PhaseReport
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.script import Script
from tests.rpc.support import BLOCKING, Line, driver_of, invalid, line, refused
from tests.rpc.test_tasks import SIGN_IN

PLANS = Script(files={"specs/plan.md": "# Plan"})
RUNNING, CANCELLED = task_pb2.TASK_STATUS_RUNNING, task_pb2.TASK_STATUS_CANCELLED


async def update(server: Line, task_id: str, *mask: str, **fields: Any) -> task_pb2.Task:
    task = task_pb2.Task(id=task_id, **fields)
    request = service_pb2.UpdateTaskRequest(task=task, update_mask=FieldMask(paths=mask))
    changed: task_pb2.Task = (await server.runtime.UpdateTask(request)).task
    return changed


async def delete(server: Line, task_id: str, **fields: Any) -> None:
    await server.runtime.DeleteTask(service_pb2.DeleteTaskRequest(task_id=task_id, **fields))


async def retry(server: Line, task_id: str, **fields: Any) -> service_pb2.RetryTaskResponse:
    request = service_pb2.RetryTaskRequest(task_id=task_id, **fields)
    response: service_pb2.RetryTaskResponse = await server.runtime.RetryTask(request)
    return response


async def test_what_is_asked_is_told_again_with_defaults_filled_in(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        usual = await server.create()
        assert usual.priority == 3
        assert usual.timeouts.run_timeout.ToTimedelta() > timedelta()
        assert usual.retry_policy.max_attempts >= 1
        assert not usual.HasField("expire_time"), "not known before the end"
        asked = task_pb2.TaskTimeouts(run_timeout=Duration(seconds=90))
        policy = task_pb2.RetryPolicy(max_attempts=7, backoff_multiplier=1.5)
        task = await server.create(
            labels={"team": "shop"}, priority=1, timeouts=asked, retry_policy=policy, ttl=Duration(seconds=60)
        )
        assert (dict(task.labels), task.priority) == ({"team": "shop"}, 1)
        assert task.timeouts.run_timeout.seconds == 90
        assert task.timeouts.queue_timeout == usual.timeouts.queue_timeout
        assert (task.retry_policy.max_attempts, task.retry_policy.backoff_multiplier) == (7, 1.5)
        done = await server.done(task.id)
        assert done.expire_time.ToDatetime() - done.end_time.ToDatetime() == timedelta(minutes=1)
        (attempt,) = done.attempts
        assert attempt.number == 1
        assert attempt.end_time.ToDatetime() >= attempt.start_time.ToDatetime()
        events = await server.events(task.id)
        assert {event.attempt for event in events if event.HasField("phase_change")} == {1}
        assert [event.attempt_change.number for event in events if event.HasField("attempt_change")] == [1, 1]
        (basic,) = (await server.runtime.ListTasks(service_pb2.ListTasksRequest(filter='labels.team = "shop"'))).tasks
        assert dict(basic.labels) == {"team": "shop"}
        assert not (basic.attempts)
        assert not (basic.HasField("timeouts"))
        assert not basic.HasField("retry_policy")


async def test_mutable_fields_change_and_the_others_stay(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await server.create(labels={"a": "1"}, timeouts=task_pb2.TaskTimeouts(run_timeout=Duration(seconds=90)))
        changed = await update(server, task.id, "labels", labels={"b": "2"}, priority=1)
        assert (dict(changed.labels), changed.priority) == ({"b": "2"}, 3), "priority is not in the mask"
        assert changed.etag != task.etag
        timeouts = task_pb2.TaskTimeouts(total_timeout=Duration(seconds=3600))
        changed = await update(server, task.id, "timeouts.total_timeout", timeouts=timeouts)
        assert (changed.timeouts.run_timeout.seconds, changed.timeouts.total_timeout.seconds) == (90, 3600)
        changed = await update(server, task.id, "timeouts", timeouts=timeouts)
        assert changed.timeouts.run_timeout.seconds > 90, "the default again"
        changed = await update(server, task.id, "priority", "retry_policy", priority=1)
        assert (changed.priority, changed.retry_policy) == (1, task.retry_policy)
        moment = Timestamp(seconds=int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()))
        changed = await update(server, task.id, "expire_time", expire_time=moment)
        assert changed.expire_time == moment
        changed = await update(server, task.id, "ttl", ttl=Duration(seconds=5))
        assert not changed.HasField("expire_time")
        changed = await update(server, task.id, "expire_time", ttl=Duration(seconds=7))
        await server.cancel(task.id)
        done = await server.done(task.id)
        assert done.expire_time.ToDatetime() - done.end_time.ToDatetime() > timedelta(days=1), "the default"
        assert (await update(server, task.id, "labels")).labels == {}, "also when it is done"


async def test_limits_on_spending_and_answers_change(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        budget = task_pb2.Budget(max_tokens=5, ask_at_limit=True)
        policy = task_pb2.InputPolicy(answer_timeout=Duration(seconds=7), on_timeout=task_pb2.INPUT_DECISION_ABORT)
        task = await server.create()
        changed = await update(server, task.id, "budget", budget=budget, input_policy=policy)
        assert (changed.budget, changed.input_policy) == (budget, task.input_policy), "the policy is not in the mask"
        assert changed.etag != task.etag
        changed = await update(server, task.id, "input_policy", input_policy=policy)
        assert (changed.budget, changed.input_policy) == (budget, policy)
        changed = await update(server, task.id, "budget", "input_policy")
        assert not changed.HasField("budget")
        assert changed.input_policy == task.input_policy, "the default again"
        euros = task_pb2.Budget(max_cost=Money(currency_code="EUR", units=1))
        await invalid(update(server, task.id, "budget", budget=euros), "task.budget.max_cost")
        answer = task_pb2.InputPolicy(default_decision=task_pb2.INPUT_DECISION_ANSWER)
        await invalid(
            update(server, task.id, "input_policy", input_policy=answer), "task.input_policy.default_decision"
        )


async def test_an_etag_guards_a_change(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await server.create()
        changed = await update(server, task.id, "priority", priority=2, etag=task.etag)
        assert changed.etag != task.etag
        late = update(server, task.id, "priority", priority=4, etag=task.etag)
        await refused(late, grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
        assert (await server.get(task.id)).priority == 2


async def test_parts_of_a_value_change_apart_at_the_same_time(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await server.create()

        async def change(part: str, seconds: int) -> None:
            timeouts = task_pb2.TaskTimeouts(**{part: Duration(seconds=seconds)})
            await update(server, task.id, f"timeouts.{part}", timeouts=timeouts)

        for seconds in range(1001, 1011):
            parts = [field.name for field in task_pb2.TaskTimeouts.DESCRIPTOR.fields]
            async with asyncio.timeout(60):
                await asyncio.gather(*(change(part, seconds) for part in parts))
            timeouts = (await server.get(task.id)).timeouts
            assert [getattr(timeouts, part).seconds for part in parts] == [seconds] * 3


async def test_bad_changes_name_their_fields(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await server.create()
        await invalid(update(server, "", "labels"), "task.id")
        await invalid(update(server, task.id), "update_mask")
        for path in ("status", "configuration.app_url", "timeouts.none", "*", "labels.team"):
            await invalid(update(server, task.id, "labels", path), "update_mask")
        await invalid(update(server, task.id, "priority", priority=9), "task.priority")
        await invalid(update(server, task.id, "labels", labels={"-": ""}), "task.labels[-]")
        await invalid(update(server, task.id, "ttl", ttl=Duration()), "task.ttl")
        backwards = task_pb2.TaskTimeouts(run_timeout=Duration(seconds=-1))
        await invalid(update(server, task.id, "timeouts", timeouts=backwards), "task.timeouts.run_timeout")
        past, never = Timestamp(seconds=1), Timestamp(seconds=2**62)
        for moment in (past, never):
            await invalid(update(server, task.id, "expire_time", expire_time=moment), "task.expire_time")
            await invalid(server.create(expire_time=moment), "task.expire_time")
        await refused(update(server, "none", "labels"), grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
        assert (await server.get(task.id)).etag == task.etag


async def test_a_raised_priority_moves_a_task_ahead(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING), slots=1) as server:
        running = await server.create()
        await server.until(running.id, lambda task: task.status == RUNNING)
        first, second = await server.create(), await server.create()
        await server.until(second.id, lambda task: task.queue.position == 2)
        assert (await update(server, second.id, "priority", priority=1)).queue.position == 1
        assert (await server.get(first.id)).queue.position == 2


async def test_a_finished_task_is_deleted_and_its_session_stays(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await server.create()
        await refused(delete(server, task.id), grpc.StatusCode.FAILED_PRECONDITION, "TASK_NOT_DONE")
        await server.cancel(task.id)
        await server.done(task.id)
        await delete(server, task.id)
        for call in (server.get(task.id), delete(server, task.id), server.watch(task.id)):
            await refused(call, grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
        await delete(server, task.id, allow_missing=True)
        page = await server.runtime.ListTasks(service_pb2.ListTasksRequest())
        assert (list(page.tasks), page.total_tasks) == ([], 0)
        got = await server.sessions.GetSession(service_pb2.GetSessionRequest(session_id=task.session_id))
        assert got.session.id == task.session_id


async def test_a_retry_is_a_new_task_in_the_same_session(tmp_path: Path) -> None:
    failure = Failure(FailureReason.APP_UNREACHABLE, "no")
    driver = ScriptedDriver({PhaseKind.PLAN: PLANS}, {PhaseKind.GENERATE: PhaseReport(failure)}, name="explorer")
    async with line(tmp_path, driver) as server:
        kept = {"labels": {"team": "shop"}, "priority": 2}
        task = await server.done((await server.create(task_pb2.TASK_TYPE_COMPLETE, **kept)).id)
        assert task.status == task_pb2.TASK_STATUS_FAILED
        request_id = str(uuid.uuid4())
        asked = {"from_phase": task_pb2.TASK_PHASE_GENERATING_TESTS, "request_id": request_id}
        responses = await asyncio.gather(*(retry(server, task.id, **asked) for _ in range(10)))
        assert len({response.task.id for response in responses}) == 1
        assert sorted(response.replayed for response in responses) == [False] + [True] * 9
        again = await server.done(responses[0].task.id)
        assert (again.retry_of_task_id, again.session_id) == (task.id, task.session_id)
        assert (dict(again.labels), again.priority) == (kept["labels"], kept["priority"])
        kinds = [job.kind for job in driver.jobs]
        assert kinds == [PhaseKind.PLAN, PhaseKind.GENERATE, PhaseKind.GENERATE]
        other = retry(server, task.id, request_id=request_id)
        await refused(other, grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
        create = await server.create(request_id=request_id)
        assert create.id != again.id, "an id of one call is another one with the next"
        collecting = retry(server, task.id, from_phase=task_pb2.TASK_PHASE_COLLECTING)
        await invalid(collecting, "from_phase")


async def test_only_what_is_done_is_retried_and_secrets_are_given_again(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await server.create(configuration={"sign_in": SIGN_IN})
        await refused(retry(server, task.id), grpc.StatusCode.FAILED_PRECONDITION, "TASK_NOT_DONE")
        await refused(retry(server, "none"), grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
        await server.cancel(task.id)
        await server.done(task.id)
        await refused(retry(server, task.id), grpc.StatusCode.FAILED_PRECONDITION, "SIGN_IN_REQUIRED", "sign_in")
        half = task_pb2.SignIn(method=task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD)
        await invalid(retry(server, task.id, sign_in=half), "sign_in")
        again = (await retry(server, task.id, sign_in=SIGN_IN)).task
        assert again.configuration.sign_in.username == SIGN_IN.username
        await server.until(again.id, lambda task: task.status == RUNNING)
        assert not again.configuration.sign_in.password


async def test_a_graceful_stop_can_be_raised_to_a_forced_one(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        task = await server.create()
        await server.until(task.id, lambda task: task.status == RUNNING)
        first = await server.cancel(task.id, reason="enough", grace_period=Duration(seconds=600))
        assert (first.initiated, first.task.cancellation.mode) == (True, task_pb2.CANCEL_MODE_GRACEFUL)
        second = await server.cancel(task.id, reason="now", mode=task_pb2.CANCEL_MODE_FORCE)
        assert not second.initiated
        done = await server.done(task.id)
        assert done.status == CANCELLED
        assert done.cancellation.reason == "enough"
        await invalid(server.cancel(task.id, grace_period=Duration(seconds=-1)), "grace_period")


async def test_a_request_is_checked_without_making_a_task(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        task = await server.create(validate_only=True, labels={"a": "b"})
        assert (task.id, task.session_id, dict(task.labels), task.priority) == ("", "", {"a": "b"}, 3)
        assert task.configuration.agent.driver == "explorer"
        checked = server.create(task_pb2.TASK_TYPE_RUN, validate_only=True)
        await refused(checked, grpc.StatusCode.FAILED_PRECONDITION, "NOTHING_TO_WORK_ON")
        page = await server.runtime.ListTasks(service_pb2.ListTasksRequest())
        assert page.total_tasks == 0


async def test_a_task_works_in_the_session_of_another(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=PLANS)) as server:
        plan = await server.done((await server.create()).id)
        generate = await server.create(task_pb2.TASK_TYPE_GENERATE, from_task_id=plan.id)
        assert (generate.session_id, generate.from_task_id) == (plan.session_id, plan.id)
        both = server.create(task_pb2.TASK_TYPE_GENERATE, from_task_id=plan.id, session_id=plan.session_id)
        await invalid(both, "task.from_task_id")
        none = server.create(task_pb2.TASK_TYPE_GENERATE, from_task_id="none")
        await refused(none, grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")


async def test_a_session_in_use_is_waited_for_or_refused_or_taken(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        holder = await server.create()
        await server.until(holder.id, lambda task: task.status == RUNNING)
        session: dict[str, Any] = {"session_id": holder.session_id}
        reject = service_pb2.SESSION_CONFLICT_POLICY_REJECT
        await refused(server.create(**session, on_session_conflict=reject), grpc.StatusCode.ABORTED, "SESSION_BUSY")
        waiting = await server.create(**session)
        replacing = await server.create(**session, on_session_conflict=service_pb2.SESSION_CONFLICT_POLICY_REPLACE)
        for task in (holder, waiting):
            assert (await server.done(task.id)).status == CANCELLED
        await server.until(replacing.id, lambda task: task.status == RUNNING)
        alone = await server.create(on_session_conflict=reject)
        assert alone.session_id == alone.id


async def test_events_of_a_task_go_before_it_does(tmp_path: Path) -> None:
    async with line(tmp_path, event_retention_days=1e-8, retention_interval_seconds=0.05) as server:
        task = await server.done((await server.create()).id)
        request = service_pb2.ListTaskEventsRequest(task_id=task.id)
        async with asyncio.timeout(60):
            while not (page := await server.runtime.ListTaskEvents(request)).HasField("gap"):
                await asyncio.sleep(0.01)
        assert (page.gap.first_missing, page.gap.last_missing) == (1, task.sequence)
        assert (list(page.events), page.next_page_token) == ([], "")
        opened, gap, closed = await server.watch(task.id, after_sequence=0)
        assert opened.opened.first_sequence == task.sequence + 1
        assert gap.gap.last_missing == task.sequence
        assert closed.closed.reason == service_pb2.CLOSE_REASON_TASK_DONE
        kinds = [event_pb2.TASK_EVENT_KIND_STATUS]
        assert not (await server.runtime.ListTaskLogs(service_pb2.ListTaskLogsRequest(task_id=task.id))).entries
        assert len(await server.watch(task.id, after_sequence=0, kinds=kinds)) == 3


@pytest.mark.parametrize("reason", ["queue_timeout", "run_timeout", "total_timeout"])
async def test_a_task_that_takes_too_long_fails_with_its_reason(tmp_path: Path, reason: str) -> None:
    soon = Duration(seconds=1)
    async with line(tmp_path, driver_of(plan=BLOCKING), slots=1) as server:
        if reason == "queue_timeout":
            await server.create()
        task = await server.create(timeouts=task_pb2.TaskTimeouts(**{reason: soon}))
        done = await server.done(task.id)
        assert done.status == task_pb2.TASK_STATUS_FAILED
        assert task_pb2.FailureReason.Name(done.error.reason) == f"FAILURE_REASON_{reason.upper()}"
        assert done.error.status.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
