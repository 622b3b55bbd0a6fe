"""``watch``, and following a task for the commands that end when it does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from agent_runtime.cli.connection import with_client
from agent_runtime.cli.exits import ExitCode, code_of_task
from agent_runtime.cli.output import Format, FormatOption, TaskArgument
from agent_runtime.cli.views import Silent, View, choose_view
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import event_pb2, task_pb2


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(watch)


def watch(
    context: typer.Context,
    task_id: TaskArgument,
    after: Annotated[int, typer.Option(min=0, help="Show events after this sequence.")] = 0,
    output: FormatOption = Format.TEXT,
) -> None:
    """Follow a task until it is done.

    The exit code tells how it went. Live on a terminal, one line an event into a pipe. With -o json one JSON object
    a line: events as they are, a hole as {"gap": ...}, and last {"task": ...}.
    """
    raise typer.Exit(code_of_task(follow_task(context, task_id, choose_view(output, sys.stdout), after=after)))


def follow_task(context: typer.Context, task_id: str, view: View, *, after: int = 0) -> task_pb2.Task:
    """Show a task until it is done, and return it; an interrupt leaves the task alone and says so."""
    try:
        return with_client(context, lambda client: follow(client, task_id, view, after=after))
    except KeyboardInterrupt:
        typer.echo(f"\ninterrupted; the task goes on: agent-runtime watch {task_id}", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


async def follow(client: AgentRuntimeClient, task_id: str, view: View, *, after: int = 0) -> task_pb2.Task:
    """Show a task in a view until it is done, and return it."""
    # A server that is not there, or not yet known to have the task, is an error now; later it is a reason to wait.
    await client.get_task(task_id)
    kinds: Sequence[event_pb2.TaskEventKind.ValueType] = ()
    if type(view) is Silent:
        kinds = (event_pb2.TASK_EVENT_KIND_STATUS,)
    with view:
        async with contextlib.aclosing(client.watch(task_id, after_sequence=after, kinds=kinds)) as updates:
            async for update in updates:
                view.show(update)
                if isinstance(update, task_pb2.Task):
                    return update
    raise AssertionError("a watch ends with the task")
