"""Tasks, both ways between the domain and the contract."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, status_pb2
from google.type.money_pb2 import Money

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.domain import task as domain
from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.usage import Budget, ModelUsage, Usage
from agent_runtime_server.rpc import enums
from agent_runtime_server.rpc.inputs_codec import budget_in, budget_out, money_out, policy_in, policy_out
from agent_runtime_server.rpc.results_codec import duration, finding_out, moment, repair_out, summary_out, timestamp

_SIGN_IN, _EXPLORE, _RUN, _REPAIR = (
    domain.SignIn(),
    domain.ExploreOptions(),
    domain.RunOptions(),
    domain.RepairOptions(),
)
"""What a task has that asks for nothing else."""


def task_in(message: task_pb2.Task) -> domain.NewTask:
    """The input fields of a validated task. Output fields are ignored. Raises InvalidField."""
    configuration = message.configuration
    task_type = enums.TASK_TYPE.inward(message.task_type)
    assert task_type is not None, "validated"
    spec = domain.TaskSpec(
        task_type=task_type,
        app_url=configuration.app_url,
        session_id=message.session_id,
        driver=configuration.agent.driver,
        instructions=configuration.instructions,
        sign_in=sign_in_in(configuration.sign_in) if configuration.HasField("sign_in") else _SIGN_IN,
        explore=_explore_in(configuration.agent.explore) if configuration.agent.HasField("explore") else _EXPLORE,
        run=_run_in(configuration.run) if configuration.HasField("run") else _RUN,
        repair=_repair_in(configuration.repair, task_type) if configuration.HasField("repair") else _REPAIR,
        model=configuration.agent.model,
        max_turns=configuration.agent.max_turns,
        from_task_id=message.from_task_id,
    )
    return domain.NewTask(
        spec,
        configuration.sign_in.password,
        priority=priority_in(message),
        labels=dict(message.labels),
        timeouts=timeouts_in(message.timeouts) if message.HasField("timeouts") else _TIMEOUTS,
        retry_policy=retry_policy_in(message.retry_policy) if message.HasField("retry_policy") else _RETRY_POLICY,
        budget=budget_in(message.budget, "task.budget") if message.HasField("budget") else _BUDGET,
        input_policy=policy_in(message.input_policy) if message.HasField("input_policy") else _INPUT_POLICY,
        expire_time=expire_time_in(message),
        ttl=message.ttl.ToTimedelta(),
    )


def priority_in(message: task_pb2.Task) -> int:
    """The priority asked for, or the usual one."""
    return message.priority or 3


def timeouts_in(message: task_pb2.TaskTimeouts) -> domain.Timeouts:
    """Limits on time; 0 for those that are not set."""
    return domain.Timeouts(
        message.queue_timeout.ToTimedelta(), message.run_timeout.ToTimedelta(), message.total_timeout.ToTimedelta()
    )


def retry_policy_in(message: task_pb2.RetryPolicy) -> domain.RetryPolicy:
    """How often to try; 0 for what is not set."""
    return domain.RetryPolicy(
        message.max_attempts,
        message.initial_backoff.ToTimedelta(),
        message.max_backoff.ToTimedelta(),
        message.backoff_multiplier,
    )


_TIMEOUTS = timeouts_in(task_pb2.TaskTimeouts())
_RETRY_POLICY = retry_policy_in(task_pb2.RetryPolicy())
_BUDGET = Budget()
_INPUT_POLICY = policy_in(task_pb2.InputPolicy())


def expire_time_in(message: task_pb2.Task) -> datetime | None:
    """The moment of expiration, if one is given. Raises InvalidField."""
    return moment(message.expire_time, "task.expire_time") if message.HasField("expire_time") else None


def sign_in_in(sign_in: task_pb2.SignIn) -> domain.SignIn:
    """How to sign in, without the password."""
    return domain.SignIn(enums.SIGN_IN.inward(sign_in.method) or domain.SignInMethod.NONE, sign_in.username)


def _explore_in(explore: task_pb2.ExploreOptions) -> domain.ExploreOptions:
    return domain.ExploreOptions(explore.max_states, explore.max_duration.ToTimedelta(), explore.allow_destructive)


def _run_in(run: task_pb2.TestRunOptions) -> domain.RunOptions:
    return domain.RunOptions(
        tuple(run.test_paths), tuple(run.projects), run.grep, run.retries, run.workers, run.test_timeout.ToTimedelta()
    )


def _repair_in(repair: task_pb2.RepairOptions, task_type: domain.TaskType) -> domain.RepairOptions:
    asked = domain.RepairOptions(repair.max_rounds, repair.review_assertion_changes, repair.accept_assertion_changes)
    if asked != _REPAIR and task_type not in (domain.TaskType.FIX, domain.TaskType.COMPLETE):
        raise InvalidField.of("task.configuration.repair", f"is for FIX and COMPLETE; {task_type.name} repairs nothing")
    if asked.review_assertion_changes and asked.accept_assertion_changes:
        raise InvalidField.of("task.configuration.repair.accept_assertion_changes", "excludes review_assertion_changes")
    return asked


def task_out(task: domain.Task, queue: QueueState | None = None, *, view: int = 0) -> task_pb2.Task:
    """A task as callers see it; ``view`` is a TaskView, with unspecified meaning FULL."""
    full = view != service_pb2.TASK_VIEW_BASIC
    return task_pb2.Task(
        id=task.id,
        task_type=enums.TASK_TYPE.out(task.spec.task_type),  # type: ignore[arg-type]
        configuration=configuration_out(task.spec) if full else None,
        session_id=task.spec.session_id,
        from_task_id=task.spec.from_task_id,
        labels=task.labels,
        priority=task.priority,
        timeouts=timeouts_out(task.timeouts) if full else None,
        retry_policy=retry_policy_out(task.retry_policy) if full else None,
        budget=budget_out(task.budget) if full and task.budget != _BUDGET else None,
        input_policy=_policy_out(task.input_policy) if full else None,
        expire_time=timestamp(task.expires),
        status=enums.STATUS.out(task.status),  # type: ignore[arg-type]
        done=task.done,
        current_phase=enums.PHASE.out(task.phase),  # type: ignore[arg-type]
        current_activity=task.activity,
        progress=progress_out(task.progress) if task.progress else None,
        queue=queue_out(queue) if queue and task.status is domain.Status.PENDING else None,
        attempts=[task_attempt_out(attempt) for attempt in task.attempts] if full else (),
        result=result_out(task.result, full=full),
        error=failure_out(task.failure) if task.failure else None,
        usage=usage_out(task.usage) if task.usage.models else None,
        pending_input_ids=task.pending_inputs,
        cancellation=cancellation_out(task.cancellation) if task.cancellation else None,
        sequence=task.sequence,
        etag=task.etag,
        retry_of_task_id=task.spec.retry_of,
        create_time=timestamp(task.create_time),
        start_time=timestamp(task.start_time),
        update_time=timestamp(task.update_time),
        end_time=timestamp(task.end_time),
    )


def configuration_out(spec: domain.TaskSpec) -> task_pb2.TaskConfiguration:
    """What was asked, without secrets."""
    return task_pb2.TaskConfiguration(
        app_url=spec.app_url,
        sign_in=task_pb2.SignIn(
            method=enums.SIGN_IN.out(spec.sign_in.method),  # type: ignore[arg-type]
            username=spec.sign_in.username,
        ),
        instructions=spec.instructions,
        agent=task_pb2.AgentOptions(
            driver=spec.driver,
            model=spec.model,
            max_turns=spec.max_turns,
            explore=_explore_out(spec.explore),
        ),
        run=_run_out(spec.run),
        repair=_repair_out(spec.repair),
    )


# Most tasks have the same options and limits: their messages are made once, and copied into each task's own.
_shared = lru_cache(256)


@_shared
def _explore_out(explore: domain.ExploreOptions) -> task_pb2.ExploreOptions:
    return task_pb2.ExploreOptions(
        max_states=explore.max_states,
        max_duration=_span(explore.max_duration),
        allow_destructive=explore.allow_destructive,
    )


@_shared
def _run_out(run: domain.RunOptions) -> task_pb2.TestRunOptions:
    return task_pb2.TestRunOptions(
        test_paths=run.test_paths,
        projects=run.projects,
        grep=run.grep,
        retries=run.retries,
        workers=run.workers,
        test_timeout=_span(run.test_timeout),
    )


@_shared
def _repair_out(repair: domain.RepairOptions) -> task_pb2.RepairOptions:
    return task_pb2.RepairOptions(
        max_rounds=repair.max_rounds,
        review_assertion_changes=repair.review_assertion_changes,
        accept_assertion_changes=repair.accept_assertion_changes,
    )


@_shared
def timeouts_out(timeouts: domain.Timeouts) -> task_pb2.TaskTimeouts:
    """The limits on time that are in force."""
    return task_pb2.TaskTimeouts(
        queue_timeout=_span(timeouts.queue), run_timeout=_span(timeouts.run), total_timeout=_span(timeouts.total)
    )


@_shared
def retry_policy_out(policy: domain.RetryPolicy) -> task_pb2.RetryPolicy:
    """How often it is tried."""
    return task_pb2.RetryPolicy(
        max_attempts=policy.max_attempts,
        initial_backoff=_span(policy.initial_backoff),
        max_backoff=_span(policy.max_backoff),
        backoff_multiplier=policy.multiplier,
    )


_policy_out = _shared(policy_out)


def _span(span: timedelta) -> Duration | None:
    return duration(span) if span else None


def task_attempt_out(attempt: domain.Attempt) -> task_pb2.TaskAttempt:
    """One try at running a task."""
    return task_pb2.TaskAttempt(
        number=attempt.number,
        start_time=timestamp(attempt.start_time),
        end_time=timestamp(attempt.end_time),
        error=failure_out(attempt.failure) if attempt.failure else None,
        retry_time=timestamp(attempt.retry_time),
    )


def progress_out(progress: domain.Progress) -> task_pb2.TaskProgress:
    """How far along a phase is."""
    return task_pb2.TaskProgress(completed=progress.completed, total=progress.total, unit=progress.unit)


def queue_out(queue: QueueState) -> task_pb2.QueueState:
    """A place in the queue."""
    return task_pb2.QueueState(position=queue.position, length=queue.length, waiting_for=queue.waiting_for)


def result_out(result: domain.TaskResult, *, full: bool = True) -> task_pb2.TaskResult | None:
    """What came out; None for nothing yet."""
    if result == domain.TaskResult():
        return None
    return task_pb2.TaskResult(
        verdict=enums.VERDICT.out(result.verdict),  # type: ignore[arg-type]
        summary=summary_out(result.summary),
        summary_markdown=result.summary_markdown if full else "",
        plan_artifact_id=result.plan_artifact_id,
        report_artifact_id=result.report_artifact_id,
        test_paths=result.test_paths if full else (),
        repairs=[repair_out(repair) for repair in result.repairs] if full else (),
        findings=[finding_out(finding) for finding in result.findings] if full else (),
    )


def usage_out(usage: Usage) -> task_pb2.Usage:
    """What models have used; prices come from a list, for providers do not tell them."""
    return task_pb2.Usage(
        cost=_cost_out(usage.cost),
        cost_estimated=usage.cost is not None,
        models=[_model_usage_out(used) for used in usage.models],
    )


def _model_usage_out(used: ModelUsage) -> task_pb2.ModelUsage:
    return task_pb2.ModelUsage(
        model=used.model,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        reasoning_tokens=used.reasoning_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        requests=used.requests,
        cost=_cost_out(used.cost),
    )


def _cost_out(nanos: int | None) -> Money | None:
    return None if nanos is None else money_out(nanos)


_CODE = {
    domain.FailureReason.MODEL_PROVIDER: code_pb2.UNAVAILABLE,
    domain.FailureReason.APP_UNREACHABLE: code_pb2.UNAVAILABLE,
    domain.FailureReason.SIGN_IN_FAILED: code_pb2.FAILED_PRECONDITION,
    domain.FailureReason.WORKER_LOST: code_pb2.ABORTED,
    domain.FailureReason.QUEUE_TIMEOUT: code_pb2.DEADLINE_EXCEEDED,
    domain.FailureReason.RUN_TIMEOUT: code_pb2.DEADLINE_EXCEEDED,
    domain.FailureReason.TOTAL_TIMEOUT: code_pb2.DEADLINE_EXCEEDED,
    domain.FailureReason.BUDGET_EXCEEDED: code_pb2.RESOURCE_EXHAUSTED,
    domain.FailureReason.INPUT_REFUSED: code_pb2.PERMISSION_DENIED,
    domain.FailureReason.INPUT_EXPIRED: code_pb2.DEADLINE_EXCEEDED,
    domain.FailureReason.OUT_OF_RESOURCES: code_pb2.RESOURCE_EXHAUSTED,
    domain.FailureReason.BROWSER_MISSING: code_pb2.FAILED_PRECONDITION,
    domain.FailureReason.DISK_FULL: code_pb2.RESOURCE_EXHAUSTED,
    domain.FailureReason.NOTHING_GENERATED: code_pb2.FAILED_PRECONDITION,
}


def failure_out(failure: domain.Failure) -> task_pb2.TaskError:
    """Why something failed, for programs and for people."""
    return task_pb2.TaskError(
        reason=enums.FAILURE.out(failure.reason),  # type: ignore[arg-type]
        status=status_pb2.Status(code=_CODE.get(failure.reason, code_pb2.INTERNAL), message=failure.message),
        phase=enums.PHASE.out(failure.phase),  # type: ignore[arg-type]
        retryable=failure.retryable,
    )


def cancellation_out(cancellation: domain.Cancellation) -> task_pb2.Cancellation:
    """That and why a stop was asked for."""
    return task_pb2.Cancellation(
        reason=cancellation.reason,
        request_time=timestamp(cancellation.request_time),
        mode=enums.CANCEL_MODE.out(cancellation.mode),  # type: ignore[arg-type]
    )
