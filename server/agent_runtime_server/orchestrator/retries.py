"""What RetryTask asks for: a new task like one that is done, perhaps from a later phase, or for some tests only."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent_runtime_server.domain.faults import (
    FieldViolation,
    InvalidField,
    NothingToWorkOn,
    SignInRequired,
    TaskNotDone,
)
from agent_runtime_server.domain.pipeline import PhaseKind, work_of
from agent_runtime_server.domain.results import TestCase, TestOutcome
from agent_runtime_server.domain.task import NewTask, Phase, SignIn, SignInMethod, Task, TaskSpec, TestName
from agent_runtime_server.ports import Store

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Retry:
    """How a task is to be done again."""

    from_phase: Phase | None = None
    failed_tests_only: bool = False
    sign_in: SignIn | None = None
    """Sign-in data again, for it was wiped."""
    password: str = ""


async def retry_of(store: Store, task_id: str, retry: Retry) -> NewTask:
    """The new task. Raises TaskNotFound, TaskNotDone, SignInRequired, InvalidField, NothingToWorkOn."""
    task = await store.get(task_id)
    if not task.done:
        raise TaskNotDone(f"task {task_id} is {task.status.value}: cancel it first", task_id=task_id)
    if retry.sign_in is None and task.spec.sign_in.method is not SignInMethod.NONE:
        raise SignInRequired(violations=[FieldViolation("sign_in", "is required, for the task signs in to the app")])
    phase = Phase.RUNNING_TESTS if retry.failed_tests_only and retry.from_phase is None else retry.from_phase
    _require_phase(task.spec, phase, failed_tests_only=retry.failed_tests_only)
    run = task.spec.run
    if retry.failed_tests_only:
        run = replace(run, only=await _failed_tests(store, task))
    spec = replace(
        task.spec,
        sign_in=retry.sign_in or SignIn(),
        run=run,
        from_phase=phase,
        from_task_id="",
        retry_of=task_id,
    )
    return NewTask(
        spec,
        retry.password,
        priority=task.priority,
        labels=task.labels,
        timeouts=task.timeouts,
        retry_policy=task.retry_policy,
        budget=task.budget,
        input_policy=task.input_policy,
        ttl=task.ttl,
    )


def _require_phase(spec: TaskSpec, phase: Phase | None, *, failed_tests_only: bool) -> None:
    name = spec.task_type.value
    phases = [kind.value for kind in work_of(replace(spec, from_phase=None))]
    if failed_tests_only and PhaseKind.RUN.value not in phases:
        raise InvalidField.of("failed_tests_only", f"is for tasks with the phase RUNNING_TESTS; a {name} task has none")
    if phase is not None and phase not in phases:
        known = ", ".join(known.name for known in phases)
        raise InvalidField.of("from_phase", f"must be one of {known}, the phases of a {name} task")
    if failed_tests_only and phase is not PhaseKind.RUN.value:
        raise InvalidField.of("from_phase", "must be RUNNING_TESTS with failed_tests_only")


async def _failed_tests(store: Store, task: Task) -> tuple[TestName, ...]:
    """The tests of the last run that did not end as expected."""
    cases: list[TestCase] = []
    token = ""
    while True:
        page = await store.tests(task.id, _PAGE, token)
        cases += page.items
        token = page.next_token
        if not token:
            break
    last = max((case.round for case in cases), default=0)
    unexpected = (TestOutcome.UNEXPECTED, TestOutcome.FLAKY)
    failed = [case for case in cases if case.round == last and case.outcome in unexpected]
    if not failed:
        raise NothingToWorkOn(f"task {task.id} has no test that did not end as expected")
    return tuple(TestName(case.project, case.title_path) for case in failed)
