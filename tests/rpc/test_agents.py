"""What a task asks of an LLM agent: checked, kept, told."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.type.money_pb2 import Money

from agent_runtime.v1 import event_pb2, input_pb2, task_pb2
from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.redaction import MASK
from agent_runtime_server.domain.usage import ModelUsage
from agent_runtime_server.testing.script import Script
from tests.rpc.support import driver_of, invalid, line

CANARY = "canary-7d1e-password"
SIGN_IN = task_pb2.SignIn(method=task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD, username="me", password=CANARY)
RULE = task_pb2.InputRule(tool="bash", decision=task_pb2.INPUT_DECISION_ALLOW_ONCE)
NO_SENSE: list[tuple[str, dict[str, Any]]] = [
    ("task.budget.max_cost", {"budget": task_pb2.Budget(max_cost=Money(currency_code="EUR", units=1))}),
    ("task.budget.max_cost", {"budget": task_pb2.Budget(max_cost=Money(units=-1))}),
    ("task.budget.max_cost", {"budget": task_pb2.Budget(max_cost=Money())}),
    ("task.budget.max_cost.nanos", {"budget": task_pb2.Budget(max_cost=Money(nanos=10**9))}),
    ("task.budget.max_tokens", {"budget": task_pb2.Budget(max_tokens=-1)}),
    ("task.input_policy.answer_timeout", {"input_policy": task_pb2.InputPolicy(answer_timeout=Duration())}),
    (
        "task.input_policy.on_timeout",
        {"input_policy": task_pb2.InputPolicy(on_timeout=task_pb2.INPUT_DECISION_ALLOW_ONCE)},
    ),
    (
        "task.input_policy.default_decision",
        {"input_policy": task_pb2.InputPolicy(default_decision=task_pb2.INPUT_DECISION_ANSWER)},
    ),
    ("task.input_policy.rules[0].tool", {"input_policy": task_pb2.InputPolicy(rules=[{"decision": 1}])}),  # type: ignore[list-item]
    ("task.input_policy.rules[0].decision", {"input_policy": task_pb2.InputPolicy(rules=[{"tool": "a"}])}),  # type: ignore[list-item]
    ("task.configuration.repair.max_rounds", {"configuration": {"repair": {"max_rounds": 21}}}),
    ("task.configuration.repair", {"configuration": {"repair": {"max_rounds": 1}}}),
    ("task.configuration.agent.max_turns", {"configuration": {"agent": {"max_turns": -1}}}),
    ("task.configuration.agent.model", {"configuration": {"agent": {"model": "x" * 201}}}),
]


@pytest.mark.parametrize(("field", "asked"), NO_SENSE, ids=[field for field, _ in NO_SENSE])
async def test_what_makes_no_sense_names_its_field(tmp_path: Path, field: str, asked: dict[str, Any]) -> None:
    async with line(tmp_path) as server:
        await invalid(server.create(**asked), field)


async def test_what_is_asked_is_kept(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        budget = task_pb2.Budget(max_tokens=1000, ask_at_limit=True)
        policy = task_pb2.InputPolicy(rules=[RULE], default_decision=task_pb2.INPUT_DECISION_REJECT)
        task = await server.create(budget=budget, input_policy=policy)
        done = await server.done(task.id)
        assert done.budget == budget
        assert done.input_policy.rules[0] == RULE
        assert done.input_policy.default_decision == task_pb2.INPUT_DECISION_REJECT
        assert done.input_policy.answer_timeout.ToSeconds() > 0, "never endless"
        assert done.input_policy.on_timeout == task_pb2.INPUT_DECISION_REJECT
        assert not done.HasField("usage"), "no model was asked"


async def test_what_an_agent_says_does_and_uses_is_told_without_secrets(tmp_path: Path) -> None:
    arguments = {CANARY: ["curl", {"header": f"Basic {CANARY}"}], "timeout": 5}
    script = Script(
        [
            AgentMessage("m", "planner", f"I sign in with {CANARY[:9]}"),
            AgentMessage("m", "planner", f"{CANARY[9:]}.", final=True),
            ToolCall("c", "bash", ToolCallState.STARTED, f"echo {CANARY}", arguments),
            ToolCall("c", "bash", ToolCallState.DENIED, f"echo {CANARY}", arguments, f"not {CANARY}"),
            ModelUsage("local/model", 10, 2, requests=1),
            ModelUsage("local/model", 20, 3, requests=1),
        ]
    )
    async with line(tmp_path, driver_of(plan=script)) as server:
        done = await server.done((await server.create(configuration={"sign_in": SIGN_IN})).id)
        events = await server.events(done.id)
        assert not [event for event in events if CANARY[:9] in str(event) or CANARY[9:] in str(event)]
        assert "".join(event.agent_message.text for event in events) == f"I sign in with {MASK}."
        started, denied = [event.tool_call for event in events if event.HasField("tool_call")]
        assert (started.title, denied.output) == (f"echo {MASK}", f"not {MASK}")
        assert denied.state == input_pb2.TOOL_CALL_STATE_DENIED
        redacted = {MASK: ["curl", {"header": f"Basic {MASK}"}], "timeout": 5}
        assert MessageToDict(denied.arguments) == redacted
        assert [event.usage.models[0].input_tokens for event in events if event.HasField("usage")] == [10, 20]
        (model,) = done.usage.models
        assert (model.model, model.input_tokens, model.output_tokens, model.requests) == ("local/model", 30, 5, 2)
        assert not done.usage.HasField("cost")
        kinds = [event_pb2.TASK_EVENT_KIND_TOOL_CALL, event_pb2.TASK_EVENT_KIND_USAGE]
        updates = await server.watch(done.id, after_sequence=0, kinds=kinds)
        assert sum(len(update.events.events) for update in updates) == 4
