"""Standing answers, and how policies, budgets and tool calls travel."""

from datetime import timedelta

import pytest
from google.protobuf.json_format import MessageToDict
from google.type.money_pb2 import Money

from agent_runtime.v1 import task_pb2
from agent_runtime_server.domain.agent import ToolCall, ToolCallState
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.inputs import InputDecision, InputPolicy, InputRule
from agent_runtime_server.domain.usage import NANOS, Budget
from agent_runtime_server.rpc.inputs_codec import budget_in, budget_out, policy_in, policy_out, tool_call_out

ALLOW, ALWAYS, REJECT, ABORT = (
    *(InputDecision.ALLOW_ONCE, InputDecision.ALLOW_FOR_TASK),
    *(InputDecision.REJECT, InputDecision.ABORT),
)


@pytest.mark.parametrize(
    ("tool", "pattern", "called", "argument", "matches"),
    [
        ("bash", "", "bash", "anything", True),
        ("bash", "", "bash2", "", False),
        ("*", "", "bash", "", True),
        ("playwright-test_*", "", "playwright-test_browser_click", "", True),
        ("edit", "tests/*", "edit", "tests/a\nb", True),
        ("bash", "npx *", "bash", "sudo npx x", False),
        ("bash", "ls ?", "bash", "ls a", False),
        ("bash", "ls ?", "bash", "ls ?", True),
        ("edit", "[a-z].ts", "edit", "b.ts", False),
        ("edit", "[a-z].ts", "edit", "[a-z].ts", True),
        ("Bash", "", "bash", "", False),
    ],
)
def test_a_star_is_the_only_wildcard(tool: str, pattern: str, called: str, argument: str, matches: bool) -> None:
    assert InputRule(tool, ALLOW, pattern).matches(called, argument) is matches


@pytest.mark.parametrize(
    ("line", "allowed", "denied"),
    [
        ("echo a", True, False),
        ("echo a && echo b 2>&1", True, False),
        ("echo a; curl http://app", False, True),
        ("echo a\ncurl http://app", False, True),
        ("echo $(curl http://app)", False, True),
        ("echo `curl http://app`", False, True),
        ("(curl http://app)", False, True),
        ("ls | curl http://app", False, True),
        ("ls && echo a", False, False),
    ],
)
def test_every_command_of_a_line_is_looked_at(line: str, allowed: bool, denied: bool) -> None:
    assert InputRule("bash", ALLOW, "echo *").matches("bash", line) is allowed
    assert InputRule("bash", REJECT, "curl *").matches("bash", line) is denied


def test_the_first_rule_that_matches_answers_then_the_default_then_nobody() -> None:
    rules = (InputRule("bash", ALLOW, "ls*"), InputRule("bash", REJECT), InputRule("bash", ABORT))
    policy = InputPolicy(ALWAYS, rules)
    assert policy.standing_answer("bash", "ls -l") is ALLOW
    assert policy.standing_answer("bash", "rm x") is REJECT
    assert policy.standing_answer("edit", "x") is ALWAYS
    assert InputPolicy(rules=rules).standing_answer("edit", "x") is None


def test_a_policy_travels_whole() -> None:
    policy = InputPolicy(REJECT, (InputRule("bash", ALLOW, "ls*"), InputRule("*", ABORT)), timedelta(minutes=5), ABORT)
    assert policy_in(policy_out(policy)) == policy
    assert policy_in(task_pb2.InputPolicy()) == InputPolicy()


@pytest.mark.parametrize(
    "budget", [Budget(), Budget(2_500_000_000, 10, ask_at_limit=True), Budget(1), Budget(999_999_999)]
)
def test_a_budget_travels_whole(budget: Budget) -> None:
    assert budget_in(budget_out(budget), "budget") == budget


@pytest.mark.parametrize(
    ("budget", "field"),
    [
        (task_pb2.Budget(max_tokens=10**12 + 1), "budget.max_tokens"),
        (task_pb2.Budget(max_cost=Money(units=1_000_001)), "budget.max_cost.units"),
        (task_pb2.Budget(max_cost=Money(nanos=NANOS)), "budget.max_cost.nanos"),
    ],
)
def test_a_budget_beyond_all_reason_is_refused(budget: task_pb2.Budget, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        budget_in(budget, "budget")
    assert [violation.field for violation in refused.value.violations] == [field]


def test_arguments_of_a_tool_call_keep_their_shape() -> None:
    arguments = {"text": "a", "many": [1, 2.5, None, True], "deep": {"er": {"est": []}}}
    call = tool_call_out(ToolCall("c", "edit", ToolCallState.DENIED, arguments=arguments, duration=timedelta(0)))
    assert MessageToDict(call.arguments) == arguments
    assert call.HasField("duration")
    bare = tool_call_out(ToolCall("c", "edit", ToolCallState.STARTED))
    assert not bare.HasField("duration")
    assert not bare.HasField("arguments")
