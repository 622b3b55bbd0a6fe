"""``get``, ``list``, ``update``, ``cancel`` and ``delete``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Annotated

import typer

from agent_runtime.cli import options
from agent_runtime.cli.connection import task_named, with_client
from agent_runtime.cli.describe import details, outcome
from agent_runtime.cli.options import TaskArgument, duration_option
from agent_runtime.cli.output import Format, FormatOption, as_dict, print_deleted, print_json, table, word
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import EtagMismatch
from agent_runtime.paging import pages
from agent_runtime.v1 import service_pb2, task_pb2

_UPDATE_TRIES = 5


class TaskState(Enum):
    """Where a task stands."""

    PENDING = "pending"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting_input"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("list")(list_)
    for command in (get, update, cancel, delete):
        app.command()(command)


def print_task(task: task_pb2.Task, output: Format) -> None:
    """Print a task."""
    if output is Format.JSON:
        print_json(as_dict(task))
        return
    for name, value in details(task):
        typer.echo(f"{name:<10}{value}")


def get(context: typer.Context, task_id: TaskArgument, output: FormatOption = Format.TEXT) -> None:
    """Show a task as it is now."""
    task_id = task_named(context, task_id)
    print_task(with_client(context, lambda client: client.get_task(task_id)), output)


def list_(
    context: typer.Context,
    status: Annotated[list[TaskState] | None, typer.Option(help="Only tasks in this status; repeatable.")] = None,
    label: options.LabelOption = None,
    condition: options.FilterOption = "",
    order: Annotated[
        str, typer.Option(metavar="FIELD", help='"create_time", "end_time", each also with " desc".')
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many tasks.")] = 50,
    output: FormatOption = Format.TEXT,
) -> None:
    """List tasks, newest first unless told otherwise."""
    combined = filter_of(status or [], options.labels(label or []), condition)
    tasks = with_client(context, lambda client: _some(client, combined, order, limit))
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


async def _some(client: AgentRuntimeClient, condition: str, order: str, limit: int) -> list[task_pb2.Task]:
    tasks: list[task_pb2.Task] = []
    size, view = min(limit, 1000), service_pb2.TASK_VIEW_FULL
    async for page in pages(
        lambda token: client.list_tasks(filter=condition, order_by=order, page_size=size, page_token=token, view=view)
    ):
        tasks += page.tasks
        if len(tasks) >= limit:
            break
    return tasks[:limit]


def filter_of(states: Sequence[TaskState], labels: dict[str, str], condition: str) -> str:
    """The filter for tasks in one of some states, with all of some labels, that meet a condition too."""
    parts = [" OR ".join(f"status = {state.name}" for state in states)]
    parts += [f"labels.{_quoted(key, if_needed=True)} = {_quoted(value)}" for key, value in labels.items()]
    parts = [part for part in (*parts, condition) if part]
    return " AND ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts)


def _quoted(text: str, *, if_needed: bool = False) -> str:
    if if_needed and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def update(
    context: typer.Context,
    task_id: TaskArgument,
    label: options.LabelOption = None,
    remove_label: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Repeatable.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=5, help="1 (first) to 5 (last); 0 means 3.")] = None,
    ttl: Annotated[float | None, duration_option("Keep it so long after its end.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Change a task's labels, its place in the queue, or how long it is kept."""
    added, removed = options.labels(label or []), remove_label or []
    if not added and not removed and priority is None and ttl is None:
        raise typer.BadParameter("nothing to change: --label, --remove-label, --priority or --ttl")
    task_id = task_named(context, task_id)

    async def work(client: AgentRuntimeClient) -> task_pb2.Task:
        if not added and not removed:
            return await client.update_task(task_id, priority=priority, ttl=ttl)
        for tries_left in reversed(range(_UPDATE_TRIES)):
            task = await client.get_task(task_id)
            labels = {key: value for key, value in {**task.labels, **added}.items() if key not in removed}
            try:
                return await client.update_task(task_id, labels=labels, priority=priority, ttl=ttl, etag=task.etag)
            except EtagMismatch:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    print_task(with_client(context, work), output)


def cancel(
    context: typer.Context,
    task_id: TaskArgument,
    reason: Annotated[str, typer.Option(help="Why, for those who look at the task later.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Kill at once.")] = False,
    grace: Annotated[float | None, duration_option("Time to stop in good order; the server has a default.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Ask for a task to stop.

    It reads "cancelled" once every process it started is gone. With --force also one that is stopping already.
    """
    task_id = task_named(context, task_id)
    mode = task_pb2.CANCEL_MODE_FORCE if force else task_pb2.CANCEL_MODE_GRACEFUL
    task = with_client(
        context, lambda client: client.cancel_task(task_id, reason=reason, mode=mode, grace_period=grace)
    )
    if output is Format.JSON:
        print_json(as_dict(task))
    else:
        typer.echo(f"task {task.id} is {outcome(task)}")


def delete(
    context: typer.Context,
    task_id: TaskArgument,
    allow_missing: options.AllowMissingOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Remove a task that is done, with its events and artifacts. Its session stays."""
    task_id = task_named(context, task_id)
    with_client(context, lambda client: client.delete_task(task_id, allow_missing=allow_missing))
    print_deleted("task", task_id, output)
