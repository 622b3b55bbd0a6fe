"""What a retry of each type of task asks for."""

from dataclasses import replace

import pytest

from agent_runtime_server.domain.event import Event, StatusChanged
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.inputs import InputDecision, InputPolicy, InputRule
from agent_runtime_server.domain.task import NewTask, Phase, RepairOptions, Status, Task, TaskType
from agent_runtime_server.domain.usage import Budget
from agent_runtime_server.orchestrator.retries import Retry, retry_of
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.store import MemoryStore
from tests.orchestrator.support import NOW, SPEC

BUDGET = Budget(max_cost=5, max_tokens=7, ask_at_limit=True)
POLICY = InputPolicy(InputDecision.REJECT, (InputRule("bash", InputDecision.ALLOW_ONCE),))


async def again(task_type: TaskType, retry: Retry, rounds: int = 0, from_phase: Phase | None = None) -> NewTask:
    """The retry of a task of this type that is done."""
    spec = replace(SPEC, task_type=task_type, repair=RepairOptions(rounds), model="openai/gpt", from_phase=from_phase)
    task = Task("t", spec, NOW, NOW, status=Status.COMPLETED, budget=BUDGET, input_policy=POLICY)
    store = MemoryStore(JsonCodec())
    await store.create(task, Event("t", NOW, StatusChanged(None, Status.COMPLETED)))
    return await retry_of(store, "t", retry)


@pytest.mark.parametrize("task_type", [TaskType.FIX, TaskType.CUSTOM])
async def test_it_has_the_same_limits_and_rules(task_type: TaskType) -> None:
    new = await again(task_type, Retry(), rounds=2)
    assert (new.budget, new.input_policy) == (BUDGET, POLICY)
    assert (new.spec.model, new.spec.repair.max_rounds, new.spec.retry_of) == ("openai/gpt", 2, "t")


async def test_only_a_complete_task_with_repair_rounds_can_start_with_repairs() -> None:
    fixing = Retry(Phase.FIXING_TESTS)
    assert (await again(TaskType.COMPLETE, fixing, rounds=1)).spec.from_phase is Phase.FIXING_TESTS
    assert (await again(TaskType.FIX, fixing)).spec.from_phase is Phase.FIXING_TESTS
    with pytest.raises(
        InvalidField, match="of PLANNING, GENERATING_TESTS, RUNNING_TESTS, the phases of a complete task"
    ):
        await again(TaskType.COMPLETE, fixing)
    with pytest.raises(InvalidField, match="from_phase must be one of CUSTOM"):
        await again(TaskType.CUSTOM, fixing)


async def test_a_retry_of_a_retry_may_start_earlier() -> None:
    new = await again(TaskType.COMPLETE, Retry(Phase.PLANNING), rounds=1, from_phase=Phase.RUNNING_TESTS)
    assert new.spec.from_phase is Phase.PLANNING


@pytest.mark.parametrize("task_type", [TaskType.PLAN, TaskType.FIX, TaskType.CUSTOM])
async def test_what_runs_no_tests_has_no_failed_ones(task_type: TaskType) -> None:
    with pytest.raises(InvalidField, match="failed_tests_only is for tasks with the phase RUNNING_TESTS"):
        await again(task_type, Retry(failed_tests_only=True))
