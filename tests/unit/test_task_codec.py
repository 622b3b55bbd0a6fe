"""What a task asks of an LLM agent, and what it tells of it, in the contract."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.v1 import service_pb2, task_pb2, test_result_pb2
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.inputs import InputDecision, InputPolicy, InputRule
from agent_runtime_server.domain.results import Repair, RepairCause, RepairVerdict, TestOutcome
from agent_runtime_server.domain.task import (
    Failure,
    FailureReason,
    RepairOptions,
    Status,
    Task,
    TaskResult,
    TaskSpec,
    TaskType,
)
from agent_runtime_server.domain.usage import Budget, ModelUsage, Usage
from agent_runtime_server.rpc.task_codec import failure_out, task_in, task_out, usage_out

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONFIGURATION = task_pb2.TaskConfiguration(
    app_url="http://app.test/",
    agent=task_pb2.AgentOptions(model="anthropic/claude", max_turns=7, driver="opencode"),
    repair=task_pb2.RepairOptions(max_rounds=2, review_assertion_changes=True),
)
BUDGET = task_pb2.Budget(
    max_cost=Money(currency_code="USD", units=2, nanos=500_000_000), max_tokens=1000, ask_at_limit=True
)
POLICY = task_pb2.InputPolicy(
    default_decision=task_pb2.INPUT_DECISION_REJECT,
    rules=[
        task_pb2.InputRule(tool="bash", argument_pattern="npm *", decision=task_pb2.INPUT_DECISION_ALLOW_ONCE),
        task_pb2.InputRule(tool="web*", decision=task_pb2.INPUT_DECISION_ABORT),
    ],
    answer_timeout=Duration(seconds=90),
    on_timeout=task_pb2.INPUT_DECISION_ABORT,
)
ASKED = task_pb2.Task(task_type=task_pb2.TASK_TYPE_FIX, configuration=CONFIGURATION, budget=BUDGET, input_policy=POLICY)
SPEC = TaskSpec(TaskType.CUSTOM, "http://app.test/", "s", "opencode")
USED = ModelUsage("openai/gpt", 100, 20, requests=2, cost=1_000_000_001)


def kept(asked: task_pb2.Task) -> Task:
    """The task that is made of what was asked."""
    new = task_in(asked)
    return Task("t", new.spec, NOW, NOW, budget=new.budget, input_policy=new.input_policy)


def test_what_is_asked_arrives() -> None:
    new = task_in(ASKED)
    assert (new.spec.task_type, new.spec.model, new.spec.max_turns) == (TaskType.FIX, "anthropic/claude", 7)
    assert new.spec.repair == RepairOptions(2, review_assertion_changes=True)
    assert new.budget == Budget(2_500_000_000, 1000, ask_at_limit=True)
    assert new.input_policy == InputPolicy(
        InputDecision.REJECT,
        (InputRule("bash", InputDecision.ALLOW_ONCE, "npm *"), InputRule("web*", InputDecision.ABORT)),
        timedelta(seconds=90),
        InputDecision.ABORT,
    )


def test_what_is_asked_is_told_again() -> None:
    told = task_out(kept(ASKED))
    assert (told.task_type, told.budget, told.input_policy) == (ASKED.task_type, BUDGET, POLICY)
    assert told.configuration.agent.model == "anthropic/claude"
    assert told.configuration.agent.max_turns == 7
    assert told.configuration.repair == CONFIGURATION.repair


def test_what_is_not_asked_is_unset_or_usual() -> None:
    asked = task_pb2.Task(
        task_type=task_pb2.TASK_TYPE_PLAN, configuration=task_pb2.TaskConfiguration(app_url="http://app.test/")
    )
    new = task_in(asked)
    assert (new.budget, new.input_policy, new.spec.repair) == (Budget(), InputPolicy(), RepairOptions())
    told = task_out(kept(asked))
    assert not told.HasField("budget")
    assert not told.HasField("usage")
    assert told.input_policy == task_pb2.InputPolicy(on_timeout=task_pb2.INPUT_DECISION_REJECT)
    assert task_in(told).spec.repair == RepairOptions(), "what is told can be asked again"


@given(st.integers(1, 10**15), st.integers(0, 10**12), st.booleans())
def test_a_budget_is_told_as_it_was_asked(nanos: int, tokens: int, ask: bool) -> None:
    cost = Money(currency_code="USD", units=nanos // 10**9, nanos=nanos % 10**9)
    asked = task_pb2.Task()
    asked.CopyFrom(ASKED)
    asked.budget.CopyFrom(task_pb2.Budget(max_cost=cost, max_tokens=tokens, ask_at_limit=ask))
    assert task_in(asked).budget.max_cost == nanos
    assert task_out(kept(asked)).budget == asked.budget


@pytest.mark.parametrize(
    ("field", "configuration", "task_type"),
    [
        ("task.configuration.repair", task_pb2.RepairOptions(max_rounds=1), "PLAN"),
        ("task.configuration.repair", task_pb2.RepairOptions(accept_assertion_changes=True), "RUN"),
        (
            "task.configuration.repair.accept_assertion_changes",
            task_pb2.RepairOptions(accept_assertion_changes=True, review_assertion_changes=True),
            "FIX",
        ),
    ],
)
def test_what_makes_no_sense_names_its_field(field: str, configuration: task_pb2.RepairOptions, task_type: str) -> None:
    asked = task_pb2.Task(
        task_type=task_pb2.TaskType.Value(f"TASK_TYPE_{task_type}"),
        configuration=task_pb2.TaskConfiguration(app_url="http://app.test/", repair=configuration),
    )
    with pytest.raises(InvalidField) as caught:
        task_in(asked)
    assert [violation.field for violation in caught.value.violations] == [field]


def test_a_task_that_waits_for_a_person_and_what_it_has_used() -> None:
    usage = Usage((ModelUsage("anthropic/claude", 5, 6, cost=1), USED))
    task = Task("t", SPEC, NOW, NOW, status=Status.AWAITING_INPUT, usage=usage, pending_inputs=("i", "j"))
    told = task_out(task, view=service_pb2.TASK_VIEW_BASIC)
    assert (told.status, list(told.pending_input_ids)) == (task_pb2.TASK_STATUS_AWAITING_INPUT, ["i", "j"])
    assert [model.model for model in told.usage.models] == ["anthropic/claude", "openai/gpt"]
    assert (told.usage.cost.units, told.usage.cost.nanos, told.usage.cost_estimated) == (1, 2, True)


def test_one_model_without_a_price_leaves_the_cost_open() -> None:
    told = usage_out(Usage((ModelUsage("local/model", 1, 2), USED)))
    assert not told.HasField("cost")
    assert not told.cost_estimated
    assert [model.HasField("cost") for model in told.models] == [False, True]


def test_a_model_that_costs_nothing_costs_nothing() -> None:
    told = usage_out(Usage((replace(USED, cost=0),)))
    assert told.HasField("cost")
    assert (told.cost.currency_code, told.cost.units, told.cost.nanos) == ("USD", 0, 0)


def test_repairs_are_told_in_full_views() -> None:
    repair = Repair(
        *("test", RepairVerdict.REPAIRED, RepairCause.ASSERTION, "the total has tax", "diff", TestOutcome.EXPECTED, 2),
        reviewer="user",
        assertion_changed=True,
    )
    refused = Repair("other", RepairVerdict.REFUSED)
    task = Task("t", SPEC, NOW, NOW, result=TaskResult(repairs=(repair, refused)))
    first, second = task_out(task).result.repairs
    assert first == test_result_pb2.Repair(
        test_id="test",
        cause=test_result_pb2.REPAIR_CAUSE_ASSERTION,
        explanation="the total has tax",
        diff_artifact_id="diff",
        outcome=test_result_pb2.TEST_OUTCOME_EXPECTED,
        round=2,
        reviewer="user",
        verdict=test_result_pb2.REPAIR_VERDICT_REPAIRED,
        assertion_changed=True,
    )
    assert (second.cause, second.outcome, second.verdict) == (0, 0, test_result_pb2.REPAIR_VERDICT_REFUSED)
    assert not task_out(task, view=service_pb2.TASK_VIEW_BASIC).result.repairs


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (FailureReason.MODEL_PROVIDER, code_pb2.UNAVAILABLE),
        (FailureReason.BUDGET_EXCEEDED, code_pb2.RESOURCE_EXHAUSTED),
        (FailureReason.INPUT_REFUSED, code_pb2.PERMISSION_DENIED),
        (FailureReason.INPUT_EXPIRED, code_pb2.DEADLINE_EXCEEDED),
    ],
)
def test_failures_have_a_code(reason: FailureReason, code: int) -> None:
    told = failure_out(Failure(reason, "why"))
    assert task_pb2.FailureReason.Name(told.reason) == f"FAILURE_REASON_{reason.name}"
    assert (told.status.code, told.status.message) == (code, "why")
