"""The options of ``submit`` for LLM agents, and the messages that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from google.type.money_pb2 import Money

from agent_runtime.cli.inputs import dollars
from agent_runtime.cli.options import duration_option
from agent_runtime.v1 import task_pb2
from agent_runtime.values import duration

ModelOption = Annotated[
    str, typer.Option(metavar="PROVIDER/MODEL", help="Model of an LLM agent; the server has a default.")
]
MaxTurnsOption = Annotated[
    int, typer.Option(min=0, max=1000, help="Most calls of the model in a phase; 0 takes the server's default.")
]
RepairRoundsOption = Annotated[
    int, typer.Option(min=0, max=20, help="Rounds of repairs; 0 means 3 for fix and none for complete.")
]
ReviewOption = Annotated[
    bool, typer.Option("--review-assertions", help="Ask before a repair changes what a test asserts.")
]
AcceptOption = Annotated[bool, typer.Option("--accept-assertions", help="Accept such repairs unasked.")]
MaxCostOption = Annotated[
    Money | None, typer.Option(parser=dollars, metavar="USD", help="Most that models may cost, all attempts together.")
]
MaxTokensOption = Annotated[int, typer.Option(min=0, help="Most tokens, in and out together; 0 is no limit.")]
AskAtLimitOption = Annotated[
    bool, typer.Option("--ask-at-limit", help="Ask for more when the budget is spent, instead of failing.")
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TOOL[:PATTERN]", help="Allow these calls of a tool unasked; * is a wildcard. Repeatable."),
]
DenyOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TOOL[:PATTERN]", help="Deny these calls; wins over --allow. Repeatable."),
]
AnswerTimeoutOption = Annotated[float | None, duration_option("How long a question waits for a person.")]

_EVERYTHING = "*"


def repair(rounds: int, *, review: bool, accept: bool) -> task_pb2.RepairOptions | None:
    """Limits of repairs, if any is given."""
    if review and accept:
        raise typer.BadParameter("--review-assertions and --accept-assertions exclude each other")
    options = task_pb2.RepairOptions(
        max_rounds=rounds, review_assertion_changes=review, accept_assertion_changes=accept
    )
    return options if options.ByteSize() else None


def budget(max_cost: Money | None, max_tokens: int, *, ask_at_limit: bool) -> task_pb2.Budget | None:
    """Limits on spending, if any is given."""
    if not max_cost and not max_tokens:
        if ask_at_limit:
            raise typer.BadParameter("--ask-at-limit goes with --max-cost or --max-tokens")
        return None
    return task_pb2.Budget(max_cost=max_cost, max_tokens=max_tokens, ask_at_limit=ask_at_limit)


def input_policy(
    allow: Sequence[str], deny: Sequence[str], answer_timeout: float | None
) -> task_pb2.InputPolicy | None:
    """What becomes of an agent's questions, if anything is said of that: what is denied comes before what is allowed,
    and "*" alone is for all that no other rule names."""
    if _EVERYTHING in allow and _EVERYTHING in deny:
        raise typer.BadParameter("--allow '*' and --deny '*' exclude each other")
    policy = task_pb2.InputPolicy(
        answer_timeout=None if answer_timeout is None else duration(answer_timeout),
    )
    for texts, decision in (
        (deny, task_pb2.INPUT_DECISION_REJECT),
        (allow, task_pb2.INPUT_DECISION_ALLOW_ONCE),
    ):
        for text in texts:
            if text == _EVERYTHING:
                policy.default_decision = decision
                continue
            tool, _, pattern = text.partition(":")
            if not tool:
                raise typer.BadParameter(f"{text!r} is not TOOL or TOOL:PATTERN")
            policy.rules.add(tool=tool, argument_pattern=pattern, decision=decision)
    return policy if policy.ByteSize() else None
