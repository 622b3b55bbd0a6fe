"""``watch`` and ``wait``, and following a task for the commands that end when it does."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from agent_runtime.cli.connection import task_named, with_client
from agent_runtime.cli.exits import ExitCode, code_of_task
from agent_runtime.cli.options import FilterOption, TaskArgument, duration_option
from agent_runtime.cli.output import Format, FormatOption, seconds
from agent_runtime.cli.tasks import print_task
from agent_runtime.cli.views import JsonLines, PlainTasks, Silent, View, choose_view
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import event_pb2, task_pb2


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(watch)
    app.command()(wait)


def watch(
    context: typer.Context,
    task_id: TaskArgument = "",
    every: Annotated[bool, typer.Option("--all", help="Follow all tasks, until interrupted.")] = False,
    condition: FilterOption = "",
    after: Annotated[int, typer.Option(min=0, help="Show events after this sequence.")] = 0,
    output: FormatOption = Format.TEXT,
) -> None:
    """Follow a task until it is done, or all tasks without end.

    The exit code tells how the task went. Live on a terminal, one line an event into a pipe. With -o json one JSON
    object a line: events as they are, a hole as {"gap": ...}, and tasks as {"task": ...}, last the one that is done.
    """
    if every == bool(task_id):
        raise typer.BadParameter("either the ID of a task or --all")
    if every:
        _watch_all(context, condition, JsonLines() if output is Format.JSON else PlainTasks(sys.stdout))
    if condition:
        raise typer.BadParameter("--filter goes with --all")
    task_id = task_named(context, task_id)
    raise typer.Exit(code_of_task(follow_task(context, task_id, choose_view(output, sys.stdout), after=after)))


def wait(
    context: typer.Context,
    task_id: TaskArgument,
    timeout: Annotated[float | None, duration_option("Longest wait; the exit code is 124 after that.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Wait in silence until a task is done, and show it.

    The exit code tells how the task went.
    """
    task_id = task_named(context, task_id)
    try:
        done = follow_task(context, task_id, Silent(), timeout=timeout)
    except TimeoutError:
        assert timeout is not None
        typer.echo(f"not done after {seconds(timeout)}; the task goes on: agent-runtime watch {task_id}", err=True)
        raise typer.Exit(ExitCode.TIMED_OUT) from None
    print_task(done, output)
    raise typer.Exit(code_of_task(done))


def follow_task(
    context: typer.Context, task_id: str, view: View, *, after: int = 0, timeout: float | None = None
) -> task_pb2.Task:
    """Show a task until it is done, and return it; an interrupt leaves the task alone and says so.

    Raises TimeoutError after so many seconds.
    """

    async def work(client: AgentRuntimeClient) -> task_pb2.Task:
        async with asyncio.timeout(timeout):
            return await follow(client, task_id, view, after=after)

    return with_client(context, work, interrupted=f"interrupted; the task goes on: agent-runtime watch {task_id}")


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


def _watch_all(context: typer.Context, condition: str, view: JsonLines | PlainTasks) -> None:
    async def work(client: AgentRuntimeClient) -> None:
        await client.get_server_info()
        async with contextlib.aclosing(client.watch_tasks(filter=condition)) as updates:
            async for update in updates:
                view.show(update)

    with_client(context, work)
