"""``get``, ``list`` and ``cancel``."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_runtime.cli.connection import with_client
from agent_runtime.cli.describe import details, outcome
from agent_runtime.cli.output import Format, FormatOption, TaskArgument, as_dict, print_json, table, word
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.paging import pages
from agent_runtime.v1 import service_pb2, task_pb2


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(get)
    app.command("list")(list_)
    app.command()(cancel)


def print_task(task: task_pb2.Task, output: Format) -> None:
    """Print a task."""
    if output is Format.JSON:
        print_json(as_dict(task))
        return
    for name, value in details(task):
        typer.echo(f"{name:<10}{value}")


def get(context: typer.Context, task_id: TaskArgument, output: FormatOption = Format.TEXT) -> None:
    """Show a task as it is now."""
    print_task(with_client(context, lambda client: client.get_task(task_id)), output)


def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many tasks.")] = 50,
    output: FormatOption = Format.TEXT,
) -> None:
    """List tasks, newest first."""
    tasks = with_client(context, lambda client: _newest(client, limit))
    if output is Format.JSON:
        print_json({"tasks": [as_dict(task) for task in tasks]})
        return
    rows = [
        (
            task.id,
            word(task, "task_type"),
            outcome(task),
            task.create_time.ToJsonString(),
            task.configuration.app_url,
        )
        for task in tasks
    ]
    typer.echo(table(("ID", "TYPE", "STATUS", "CREATED", "APP"), rows))


async def _newest(client: AgentRuntimeClient, limit: int) -> list[task_pb2.Task]:
    tasks: list[task_pb2.Task] = []
    size, view = min(limit, 1000), service_pb2.TASK_VIEW_FULL
    async for page in pages(lambda token: client.list_tasks(page_size=size, page_token=token, view=view)):
        tasks += page.tasks
        if len(tasks) >= limit:
            break
    return tasks[:limit]


def cancel(
    context: typer.Context,
    task_id: TaskArgument,
    reason: Annotated[str, typer.Option(help="Why, for those who look at the task later.")] = "",
    output: FormatOption = Format.TEXT,
) -> None:
    """Ask for a task to stop.

    It reads "cancelled" once every process it started is gone.
    """
    task = with_client(context, lambda client: client.cancel_task(task_id, reason=reason))
    if output is Format.JSON:
        print_json(as_dict(task))
    else:
        typer.echo(f"task {task.id} is {outcome(task)}")
