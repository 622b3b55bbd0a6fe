"""What LLM agents say, do and cost, in words."""

from __future__ import annotations

from google.type.money_pb2 import Money

from agent_runtime.cli.output import one_line, seconds, word
from agent_runtime.v1 import event_pb2, input_pb2, task_pb2, test_result_pb2

_TITLE_CHARACTERS = 200
_REASON_CHARACTERS = 200
_NANOS = 1_000_000_000

_VERDICT_TONES = {
    test_result_pb2.REPAIR_VERDICT_REPAIRED: "good",
    test_result_pb2.REPAIR_VERDICT_APP_DEFECT: "bad",
    test_result_pb2.REPAIR_VERDICT_BEHAVIOR_CHANGED: "doubtful",
    test_result_pb2.REPAIR_VERDICT_REFUSED: "doubtful",
}


def said(message: event_pb2.AgentMessage) -> str:
    """A piece of what an agent says, with its name."""
    return one_line(f"{message.agent}: {message.text}")


def tool_call(call: input_pb2.ToolCall) -> tuple[str, str]:
    """What an agent did, how long it took and whether it worked, and the tone of that."""
    title = one_line(call.title)[:_TITLE_CHARACTERS]
    text = one_line(call.tool) + (f": {title}" if title and title != call.tool else "")
    if call.HasField("duration"):
        text += f" ({seconds(call.duration.ToTimedelta().total_seconds())})"
    if call.state not in (input_pb2.TOOL_CALL_STATE_FAILED, input_pb2.TOOL_CALL_STATE_DENIED):
        return text, ""
    why = one_line(call.output)[:_REASON_CHARACTERS]
    return f"{text}, {word(call, 'state')}" + (f": {why}" if why else ""), "doubtful"


def repair(made: test_result_pb2.Repair, title: str = "") -> tuple[str, str]:
    """What became of a failing test, and the tone of that; ``title`` is the test's."""
    cause = word(made, "cause").replace("_", " ")
    text = word(made, "verdict").replace("_", " ")
    text += f" ({cause})" if cause and cause != text else ""
    text += ", assertion changed" if made.assertion_changed else ""
    text += f", reviewed by {made.reviewer}" if made.reviewer else ""
    text += f" {title or f'test {made.test_id}'}"
    text += f": {made.explanation}" if made.explanation else ""
    return one_line(text), _VERDICT_TONES.get(made.verdict, "")


def tokens(usage: task_pb2.Usage) -> int:
    """Input and output together."""
    return sum(model.input_tokens + model.output_tokens for model in usage.models)


def usage(used: task_pb2.Usage) -> str:
    """What the models of a task have used: tokens, calls and, where prices are known, money."""
    if not used.models:
        return ""
    given = sum(model.input_tokens for model in used.models)
    calls = sum(model.requests for model in used.models)
    text = f"{tokens(used):,} tokens ({given:,} in, {tokens(used) - given:,} out) in {calls:,} calls"
    if used.HasField("cost"):
        text += f", {_money(used.cost)}" + (" estimated" if used.cost_estimated else "")
    return one_line(f"{text}; {', '.join(model.model for model in used.models)}")


def budget(limits: task_pb2.Budget) -> str:
    """The limits on spending."""
    parts = [_money(limits.max_cost)] if limits.HasField("max_cost") else []
    parts += [f"{limits.max_tokens:,} tokens"] if limits.max_tokens else []
    parts += ["asks at the limit"] if limits.ask_at_limit else []
    return ", ".join(parts)


def _money(amount: Money) -> str:
    return f"${amount.units + amount.nanos / _NANOS:,.4f}"
