"""How attempts and tasks end: pure changes of a task, to be applied in the store's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agent_runtime_server.domain.event import Event, StatusChanged, told
from agent_runtime_server.domain.status import MOVES, move
from agent_runtime_server.domain.task import Attempt, Failure, FailureReason, Status, Task, TaskResult
from agent_runtime_server.orchestrator import questions

RETRIED = frozenset(
    {
        FailureReason.AGENT_ERROR,
        FailureReason.RUNNER_CRASHED,
        FailureReason.WORKER_LOST,
        FailureReason.OUT_OF_RESOURCES,
        FailureReason.MODEL_PROVIDER,
    }
)
"""Failures of the machinery: what another attempt may not meet again. An app that is not there is not among them."""

Step = tuple[Task, Sequence[Event]]


def ended(task: Task, status: Status, now: datetime, failure: Failure | None = None, message: str = "") -> Step:
    """The task at its end. ``task.result`` is what came out."""
    task, dropped = questions.dropped(task, now)
    why = failure if status is Status.FAILED else None
    changed = StatusChanged(task.status, move(task.status, status), message or (why.message if why else ""), why)
    changed = replace(changed, result=task.result)
    final = replace(task, end_time=now, activity="", progress=None)
    return told(final, *dropped, *_closed(task, now, why), Event(task.id, now, changed, task.phase, task.attempt))


def interrupted(task: Task, now: datetime, message: str) -> Step:
    """The task back in the queue, its attempt not counted: the next one goes on from the checkpoint."""
    return _queued_again(task, now, message, _closed(task, now, None))


def failed(task: Task, now: datetime, failure: Failure) -> Step:
    """The task after a failed attempt: queued for the next one if its retry policy has one, FAILED otherwise."""
    again = now + task.retry_policy.backoff(task.failures + 1)
    if not _may_try_again(task, failure, again):
        return ended(task, Status.FAILED, now, failure)
    return _queued_again(task, now, failure.message, _closed(task, now, failure, again))


def lost(task: Task, now: datetime) -> Step:
    """The task of a server that was killed while it ran."""
    if task.done or task.status is Status.PENDING:
        return task, ()
    if task.status is Status.CANCELLING:
        return ended(kept(task), Status.CANCELLED, now)
    message = "the server was killed while the task ran"
    return failed(kept(task), now, Failure(FailureReason.WORKER_LOST, message, task.phase, retryable=True))


def overdue(task: Task, now: datetime) -> Step:
    """The task that has waited for too long; unchanged if it has not."""
    if task.status is not Status.PENDING or task.start_by is None or now < task.start_by:
        return task, ()
    if task.timeouts.total and now >= task.create_time + task.timeouts.total:
        failure = Failure(FailureReason.TOTAL_TIMEOUT, f"it was not done within {task.timeouts.total}")
    else:
        failure = Failure(FailureReason.QUEUE_TIMEOUT, f"it did not start within {task.timeouts.queue}", retryable=True)
    return ended(kept(task), Status.FAILED, now, failure)


def kept(task: Task) -> Task:
    """The task with the result of the phases that it has finished."""
    return replace(task, result=replace(task.checkpoint.result, findings=task.result.findings))


def _may_try_again(task: Task, failure: Failure, when: datetime) -> bool:
    return (
        failure.retryable
        and failure.reason in RETRIED
        and Status.PENDING in MOVES[task.status]
        and task.failures + 1 < task.retry_policy.max_attempts
        and (not task.timeouts.total or when < task.create_time + task.timeouts.total)
    )


def _queued_again(task: Task, now: datetime, message: str, closed: Sequence[Event]) -> Step:
    task, dropped = questions.dropped(task, now)
    # What the unfinished phase has found is found again.
    result = TaskResult(findings=task.checkpoint.result.findings)
    fresh = replace(task, phase=None, activity="", progress=None, result=result)
    changed = StatusChanged(task.status, move(task.status, Status.PENDING), message)
    return told(fresh, *dropped, *closed, Event(task.id, now, changed, task.phase, task.attempt))


def _closed(task: Task, now: datetime, failure: Failure | None, retry_time: datetime | None = None) -> Sequence[Event]:
    """The end of the attempt that is open, if one is."""
    if not task.attempts or task.attempts[-1].end_time is not None:
        return ()
    attempt: Attempt = replace(task.attempts[-1], end_time=now, failure=failure, retry_time=retry_time)
    return (Event(task.id, now, attempt, task.phase, task.attempt),)
