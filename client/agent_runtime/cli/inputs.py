"""``inputs`` and ``answer``: the questions that agents put to people."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from google.type.money_pb2 import Money

from agent_runtime.cli.asking import FLAGS, question, state
from agent_runtime.cli.connection import task_named, with_client
from agent_runtime.cli.options import TaskArgument
from agent_runtime.cli.output import Format, FormatOption, as_dict, one_line, print_json, table, word
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import InputNotFound
from agent_runtime.inputs import ALL_TASKS
from agent_runtime.paging import pages
from agent_runtime.v1 import input_pb2, task_pb2

_NANOS = 1_000_000_000


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(inputs)
    app.command()(answer)


def dollars(text: str) -> Money:
    """The amount of "5" or "0.25"."""
    try:
        nanos = int(Decimal(text) * _NANOS)
    except (InvalidOperation, ValueError, OverflowError):
        nanos = 0
    if not 0 < nanos < 2**63:
        raise typer.BadParameter(f"{text!r} is not an amount of US dollars such as 2.50")
    return Money(currency_code="USD", units=nanos // _NANOS, nanos=nanos % _NANOS)


def inputs(
    context: typer.Context,
    task_id: TaskArgument = "",
    every: Annotated[bool, typer.Option("--all", help="Answered ones too.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """List the questions that wait for an answer, of one task or of all, oldest first."""
    task_id = task_named(context, task_id) if task_id else ALL_TASKS
    found = with_client(context, lambda client: _questions(client, task_id, answered=every))
    if output is Format.JSON:
        print_json({"inputs": [as_dict(request) for request in found]})
        return
    rows = [
        (request.task_id, request.id, word(request, "kind"), state(request), question(request)) for request in found
    ]
    typer.echo(table(("TASK", "INPUT", "KIND", "ANSWER", "QUESTION"), rows))


def answer(
    context: typer.Context,
    task_id: TaskArgument,
    input_id: Annotated[
        str,
        typer.Argument(metavar="[INPUT]", help="Id of the question, if the task has several.", show_default=False),
    ] = "",
    allow: Annotated[bool, typer.Option("--allow", help="Allow this, once.")] = False,
    allow_for_task: Annotated[
        bool, typer.Option("--allow-for-task", help="Allow this tool for the rest of the task.")
    ] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Do not allow it; the task goes on.")] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Do not allow it, and stop the task.")] = False,
    text: Annotated[
        str, typer.Option(help="The answer to a question; beside a decision the reason, which the agent is told.")
    ] = "",
    add_cost: Annotated[
        Money | None, typer.Option(parser=dollars, metavar="USD", help="With --allow, adds to a spent budget.")
    ] = None,
    add_tokens: Annotated[int, typer.Option(min=0, help="With --allow, adds to a spent budget.")] = 0,
    output: FormatOption = Format.TEXT,
) -> None:
    """Answer a question of a task.

    A spent budget that is allowed without an amount grows by as much again. The first answer wins.
    """
    chosen = {
        task_pb2.INPUT_DECISION_ALLOW_ONCE: allow,
        task_pb2.INPUT_DECISION_ALLOW_FOR_TASK: allow_for_task,
        task_pb2.INPUT_DECISION_REJECT: reject,
        task_pb2.INPUT_DECISION_ABORT: abort,
    }
    decisions = [decision for decision, given in chosen.items() if given]
    if not decisions and text:
        decisions = [task_pb2.INPUT_DECISION_ANSWER]
    if len(decisions) != 1:
        raise typer.BadParameter(f"one of {', '.join(FLAGS.values())}")
    added = task_pb2.Budget(max_cost=add_cost, max_tokens=add_tokens) if add_cost or add_tokens else None
    task_id = task_named(context, task_id)

    async def work(client: AgentRuntimeClient) -> input_pb2.InputRequest:
        named = input_id or await _only_question(client, task_id)
        return await client.respond_to_input(task_id, named, decisions[0], text=text, added_budget=added)

    answered = with_client(context, work)
    if output is Format.JSON:
        print_json(as_dict(answered))
    else:
        typer.echo(f"{one_line(answered.id)}: {state(answered)}")


async def _only_question(client: AgentRuntimeClient, task_id: str) -> str:
    found = await _questions(client, task_id)
    if not found:
        raise InputNotFound(f"task {task_id} has no open question")
    if len(found) > 1:
        listed = "".join(f"\n  {request.id}  {question(request)}" for request in found)
        raise typer.BadParameter(f"task {task_id} has several open questions, so name one:{listed}")
    return found[0].id


async def _questions(
    client: AgentRuntimeClient, task_id: str, *, answered: bool = False
) -> list[input_pb2.InputRequest]:
    return [
        request
        async for page in pages(
            lambda token: client.list_input_requests(task_id, include_resolved=answered, page_token=token)
        )
        for request in page.inputs
    ]
