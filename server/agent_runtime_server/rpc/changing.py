"""UpdateTask and RetryTask: what their requests ask for."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import timedelta

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.task import Timeouts
from agent_runtime_server.orchestrator.retries import Retry
from agent_runtime_server.orchestrator.tasks import Expiration, TaskChange
from agent_runtime_server.rpc import enums
from agent_runtime_server.rpc.inputs_codec import budget_in, policy_in
from agent_runtime_server.rpc.task_codec import (
    expire_time_in,
    priority_in,
    retry_policy_in,
    sign_in_in,
    timeouts_in,
)
from agent_runtime_server.rpc.validation import Requests

_TIMEOUTS = {"timeouts.queue_timeout": "queue", "timeouts.run_timeout": "run", "timeouts.total_timeout": "total"}
_EXPIRATION = {"expire_time", "ttl"}
_MUTABLE = (
    "labels",
    "priority",
    "timeouts",
    *_TIMEOUTS,
    "retry_policy",
    "budget",
    "input_policy",
    "expire_time",
    "ttl",
)


def mask_of(request: service_pb2.UpdateTaskRequest, requests: Requests) -> Set[str]:
    """The paths that are to be changed, once their values are found to be valid. Raises InvalidField."""
    if not request.task.id:
        raise InvalidField.of("task.id", "is required")
    mask = set(request.update_mask.paths)
    unknown = ", ".join(sorted(mask.difference(_MUTABLE)))
    if unknown or not mask:
        what = f"has {unknown}, which cannot be changed" if unknown else "is empty"
        raise InvalidField.of("update_mask", f"{what}: of a task can be changed {', '.join(_MUTABLE)}")
    requests.check(_valid_but_for_changes(request.task), "task")
    return mask


def _valid_but_for_changes(task: task_pb2.Task) -> task_pb2.Task:
    """A task with these values of the mutable fields, and nothing wrong with the others."""
    configuration = task_pb2.TaskConfiguration(app_url="http://localhost/")
    whole = task_pb2.Task(task_type=task_pb2.TASK_TYPE_PLAN, configuration=configuration, priority=task.priority)
    whole.labels.update(task.labels)
    whole.timeouts.CopyFrom(task.timeouts)
    whole.retry_policy.CopyFrom(task.retry_policy)
    whole.budget.CopyFrom(task.budget)
    whole.input_policy.CopyFrom(task.input_policy)
    if task.HasField("expire_time"):
        whole.expire_time.CopyFrom(task.expire_time)
    if task.HasField("ttl"):
        whole.ttl.CopyFrom(task.ttl)
    return whole


def change_in(message: task_pb2.Task, mask: Set[str]) -> TaskChange:
    """The change that a message and a mask ask for. Raises InvalidField."""
    return TaskChange(
        labels=dict(message.labels) if "labels" in mask else None,
        priority=priority_in(message) if "priority" in mask else None,
        timeouts=_timeouts(timeouts_in(message.timeouts), mask),
        retry_policy=retry_policy_in(message.retry_policy) if "retry_policy" in mask else None,
        budget=budget_in(message.budget, "task.budget") if "budget" in mask else None,
        input_policy=policy_in(message.input_policy) if "input_policy" in mask else None,
        expiration=None if mask.isdisjoint(_EXPIRATION) else _expiration(message, mask),
    )


def _timeouts(given: Timeouts, mask: Set[str]) -> Mapping[str, timedelta] | None:
    paths = _TIMEOUTS if "timeouts" in mask else mask & _TIMEOUTS.keys()
    return {_TIMEOUTS[path]: getattr(given, _TIMEOUTS[path]) for path in paths} or None


def _expiration(message: task_pb2.Task, mask: Set[str]) -> Expiration:
    given = message.WhichOneof("expiration")
    if given not in mask:
        return Expiration()
    return Expiration(expire_time_in(message), message.ttl.ToTimedelta())


def retry_in(request: service_pb2.RetryTaskRequest) -> Retry:
    """How a task is to be done again."""
    return Retry(
        enums.PHASE.inward(request.from_phase),
        request.failed_tests_only,
        sign_in_in(request.sign_in) if request.HasField("sign_in") else None,
        request.sign_in.password,
    )
