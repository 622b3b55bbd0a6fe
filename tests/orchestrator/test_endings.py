"""How attempts and tasks end, as pure changes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent_runtime_server.domain.event import StatusChanged
from agent_runtime_server.domain.results import Finding, FindingKind, Severity
from agent_runtime_server.domain.status import IllegalMove
from agent_runtime_server.domain.task import (
    Attempt,
    Checkpoint,
    Failure,
    FailureReason,
    Phase,
    RetryPolicy,
    Status,
    Task,
    TaskResult,
    Timeouts,
)
from agent_runtime_server.orchestrator import endings
from tests.orchestrator.support import NOW, SPEC

SECOND = timedelta(seconds=1)
POLICY = RetryPolicy(3, 5 * SECOND, 12 * SECOND, 2.0)
CRASH = Failure(FailureReason.RUNNER_CRASHED, "killed", Phase.RUNNING_TESTS, retryable=True)
FINDING = Finding("f", FindingKind.BROKEN_LINK, Severity.LOW, "http://app.test/gone", "a broken link", ())
PLANNED = Checkpoint(2, TaskResult(plan_artifact_id="plan"), "00" * 32)


def running(*earlier: Attempt, **fields: object) -> Task:
    attempts = (*earlier, Attempt(len(earlier) + 1, NOW))
    task = Task("t", SPEC, NOW, NOW, status=Status.RUNNING, attempts=attempts, retry_policy=POLICY)
    return replace(task, phase=Phase.RUNNING_TESTS, checkpoint=PLANNED, **fields)  # type: ignore[arg-type]


def crashed(number: int) -> Attempt:
    return Attempt(number, NOW, NOW, CRASH, NOW)


def test_a_failed_attempt_is_followed_by_another_after_a_growing_pause() -> None:
    task, events = endings.failed(running(result=TaskResult(findings=(FINDING,))), NOW, CRASH)
    assert (task.status, task.failure, task.retry_time) == (Status.PENDING, None, NOW + 5 * SECOND)
    assert task.attempts == (Attempt(1, NOW, NOW, CRASH, NOW + 5 * SECOND),)
    assert [type(event.payload) for event in events] == [Attempt, StatusChanged]
    assert {event.attempt for event in events} == {1}
    assert task.result == TaskResult(), "what the unfinished phase found is found again"
    assert task.checkpoint == PLANNED
    again, _ = endings.failed(running(crashed(1)), NOW, CRASH)
    assert again.retry_time == NOW + 10 * SECOND
    longer = replace(POLICY, max_attempts=9)
    capped, _ = endings.failed(running(crashed(1), crashed(2), retry_policy=longer), NOW, CRASH)
    assert capped.retry_time == NOW + 12 * SECOND


def test_pauses_are_bounded_however_they_grow() -> None:
    steep = RetryPolicy(10, timedelta(milliseconds=1), 12 * SECOND, 100.0)
    assert [steep.backoff(failures) for failures in (1, 2, 3, 10, 1000)] == [
        timedelta(milliseconds=1),
        timedelta(milliseconds=100),
        10 * SECOND,
        12 * SECOND,
        12 * SECOND,
    ]


def test_the_last_attempt_that_fails_ends_the_task() -> None:
    task, events = endings.failed(running(crashed(1), crashed(2)), NOW, CRASH)
    assert (task.status, task.failure, task.end_time, task.retry_time) == (Status.FAILED, CRASH, NOW, None)
    assert [type(event.payload) for event in events] == [Attempt, StatusChanged]


@pytest.mark.parametrize(
    "failure",
    [
        replace(CRASH, retryable=False),
        replace(CRASH, reason=FailureReason.APP_UNREACHABLE),
        replace(CRASH, reason=FailureReason.NOTHING_GENERATED),
        replace(CRASH, reason=FailureReason.RUN_TIMEOUT),
        replace(CRASH, reason=FailureReason.DISK_FULL),
    ],
)
def test_only_failures_of_the_machinery_are_tried_again(failure: Failure) -> None:
    task, _ = endings.failed(running(), NOW, failure)
    assert (task.status, task.failure) == (Status.FAILED, failure)


def test_no_attempt_begins_after_the_total_timeout() -> None:
    limits = Timeouts(total=5 * SECOND)
    assert endings.failed(running(timeouts=limits), NOW, CRASH)[0].status is Status.FAILED
    assert endings.failed(running(timeouts=Timeouts(total=6 * SECOND)), NOW, CRASH)[0].status is Status.PENDING


def test_an_interrupted_attempt_is_not_counted() -> None:
    task, _ = endings.interrupted(running(crashed(1)), NOW, "going away")
    assert (task.status, task.failures, task.attempt, task.retry_time) == (Status.PENDING, 1, 2, None)


def test_a_lost_task_is_tried_again_or_failed_as_its_policy_says() -> None:
    again, _ = endings.lost(running(), NOW)
    assert again.status is Status.PENDING
    assert again.attempts[0].failure is not None
    assert again.attempts[0].failure.reason is FailureReason.WORKER_LOST
    once = replace(POLICY, max_attempts=1)
    failed, _ = endings.lost(running(retry_policy=once), NOW)
    assert failed.status is Status.FAILED
    assert failed.failure is not None
    assert failed.failure.reason is FailureReason.WORKER_LOST
    assert failed.result == PLANNED.result, "what was finished stays"
    cancelled, _ = endings.lost(running(status=Status.CANCELLING), NOW)
    assert cancelled.status is Status.CANCELLED
    assert cancelled.attempts[0].end_time == NOW
    waiting = replace(running(), status=Status.PENDING)
    assert endings.lost(waiting, NOW) == (waiting, ())


def test_a_task_is_overdue_in_the_queue_or_in_all() -> None:
    limits = Timeouts(queue=5 * SECOND, total=60 * SECOND)
    new = Task("t", SPEC, NOW, NOW, timeouts=limits)
    assert endings.overdue(new, NOW + 4 * SECOND) == (new, ())
    late, _ = endings.overdue(new, NOW + 5 * SECOND)
    assert late.failure is not None
    assert (late.status, late.failure.reason) == (Status.FAILED, FailureReason.QUEUE_TIMEOUT)
    between = replace(new, attempts=(crashed(1),))
    assert endings.overdue(between, NOW + 59 * SECOND) == (between, ()), "it has started in time"
    out, _ = endings.overdue(between, NOW + 60 * SECOND)
    assert out.failure is not None
    assert out.failure.reason is FailureReason.TOTAL_TIMEOUT
    assert endings.overdue(running(timeouts=limits), NOW + 60 * SECOND)[1] == ()


def test_what_is_final_stays() -> None:
    done, _ = endings.ended(running(), Status.COMPLETED, NOW)
    assert endings.lost(done, NOW) == (done, ())
    with pytest.raises(IllegalMove):
        endings.failed(done, NOW, CRASH)
