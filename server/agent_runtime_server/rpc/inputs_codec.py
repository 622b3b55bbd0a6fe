"""Questions to people, tool calls, input policies and budgets, between the domain and the contract."""

from __future__ import annotations

from google.protobuf.struct_pb2 import Struct
from google.type.money_pb2 import Money

from agent_runtime.v1 import input_pb2, task_pb2
from agent_runtime_server.domain import inputs
from agent_runtime_server.domain.agent import ToolCall
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.usage import NANOS, Budget
from agent_runtime_server.rpc import enums
from agent_runtime_server.rpc.results_codec import duration, timestamp

_CURRENCY = "USD"
_MOST_DOLLARS = 1_000_000
_MOST_TOKENS = 10**12
"""More is a mistake, and sums of such numbers still fit into the contract's integers."""


def tool_call_out(call: ToolCall) -> input_pb2.ToolCall:
    """A tool that the agent called."""
    arguments = Struct()
    arguments.update(call.arguments)  # type: ignore[arg-type]
    return input_pb2.ToolCall(
        call_id=call.call_id,
        tool=call.tool,
        title=call.title,
        state=enums.TOOL_CALL.out(call.state),  # type: ignore[arg-type]
        arguments=arguments if call.arguments else None,
        output=call.output,
        duration=None if call.duration is None else duration(call.duration),
    )


def input_request_out(request: inputs.InputRequest) -> input_pb2.InputRequest:
    """A question to a person."""
    return input_pb2.InputRequest(
        id=request.id,
        task_id=request.task_id,
        kind=enums.INPUT_KIND.out(request.kind),  # type: ignore[arg-type]
        prompt=request.prompt,
        tool_call=tool_call_out(request.tool_call) if request.tool_call else None,
        allowed_decisions=[enums.DECISION.out(decision) for decision in request.allowed_decisions],  # type: ignore[misc]
        choices=request.choices,
        create_time=timestamp(request.create_time),
        expire_time=timestamp(request.expire_time),
        default_decision=enums.DECISION.out(request.default_decision),  # type: ignore[arg-type]
        resolution=input_resolution_out(request.resolution) if request.resolution else None,
    )


def input_resolution_out(resolution: inputs.InputResolution) -> input_pb2.InputResolution:
    """How a question was answered."""
    return input_pb2.InputResolution(
        input_id=resolution.input_id,
        decision=enums.DECISION.out(resolution.decision),  # type: ignore[arg-type]
        text=resolution.text,
        resolver=resolution.resolver,
        resolve_time=timestamp(resolution.resolve_time),
    )


def policy_in(message: task_pb2.InputPolicy) -> inputs.InputPolicy:
    """What happens when the agent asks; 0 for a timeout that is not set."""
    return inputs.InputPolicy(
        default_decision=enums.DECISION.inward(message.default_decision),
        rules=tuple(_rule_in(rule) for rule in message.rules),
        answer_timeout=message.answer_timeout.ToTimedelta(),
        on_timeout=enums.DECISION.inward(message.on_timeout) or inputs.InputDecision.REJECT,
    )


def policy_out(policy: inputs.InputPolicy) -> task_pb2.InputPolicy:
    """What happens when the agent asks."""
    return task_pb2.InputPolicy(
        default_decision=enums.DECISION.out(policy.default_decision),  # type: ignore[arg-type]
        rules=[
            task_pb2.InputRule(
                tool=rule.tool,
                argument_pattern=rule.argument_pattern,
                decision=enums.DECISION.out(rule.decision),  # type: ignore[arg-type]
            )
            for rule in policy.rules
        ],
        answer_timeout=duration(policy.answer_timeout) if policy.answer_timeout else None,
        on_timeout=enums.DECISION.out(policy.on_timeout),  # type: ignore[arg-type]
    )


def budget_in(message: task_pb2.Budget, field: str) -> Budget:
    """Limits on spending; ``field`` is where they stand in the request. Raises InvalidField."""
    if message.max_tokens > _MOST_TOKENS:
        raise InvalidField.of(f"{field}.max_tokens", f"is more than {_MOST_TOKENS}")
    return Budget(_nanos_in(message.max_cost, f"{field}.max_cost"), message.max_tokens, message.ask_at_limit)


def budget_out(budget: Budget) -> task_pb2.Budget:
    """Limits on spending."""
    return task_pb2.Budget(
        max_cost=money_out(budget.max_cost) if budget.max_cost else None,
        max_tokens=budget.max_tokens,
        ask_at_limit=budget.ask_at_limit,
    )


def money_out(nanos: int) -> Money:
    """Nano-dollars as money."""
    return Money(currency_code=_CURRENCY, units=nanos // NANOS, nanos=nanos % NANOS)


def _nanos_in(money: Money, field: str) -> int:
    """Money that was checked to be a positive amount of dollars, or unset, as nano-dollars."""
    if money.nanos >= NANOS:
        raise InvalidField.of(f"{field}.nanos", "is more than 999999999")
    if money.units > _MOST_DOLLARS:
        raise InvalidField.of(f"{field}.units", f"is more than {_MOST_DOLLARS}")
    return int(money.units * NANOS + money.nanos)


def _rule_in(rule: task_pb2.InputRule) -> inputs.InputRule:
    decision = enums.DECISION.inward(rule.decision)
    assert decision is not None, "validated"
    return inputs.InputRule(rule.tool, decision, rule.argument_pattern)
