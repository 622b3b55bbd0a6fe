"""Making a task, and perhaps seeing it through: what ``submit`` and ``retry`` have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from agent_runtime.cli.connection import with_client
from agent_runtime.cli.describe import outcome
from agent_runtime.cli.exits import code_of_task
from agent_runtime.cli.output import Format, as_dict, print_json
from agent_runtime.cli.tasks import print_task
from agent_runtime.cli.views import Silent, choose_view
from agent_runtime.cli.watching import follow_task
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import task_pb2


def make_task(
    context: typer.Context,
    create: Callable[[AgentRuntimeClient], Coroutine[Any, Any, task_pb2.Task]],
    *,
    watch: bool,
    wait: bool,
    quiet: bool,
    output: Format,
) -> None:
    """Make a task and print it; with ``watch`` or ``wait`` stay until it is done, and exit as it went."""
    if watch and wait:
        raise typer.BadParameter("--watch and --wait exclude each other")
    task = with_client(context, create, interrupted="interrupted; the task may have been made: agent-runtime list")
    if quiet:
        typer.echo(task.id)
    if watch:
        view = Silent() if quiet else choose_view(output, sys.stdout)
        raise typer.Exit(code_of_task(follow_task(context, task.id, view)))
    if wait:
        done = follow_task(context, task.id, Silent())
        if not quiet:
            print_task(done, output)
        raise typer.Exit(code_of_task(done))
    if output is Format.JSON and not quiet:
        print_json(as_dict(task))
    elif not quiet:
        typer.echo(f"task {task.id} is {outcome(task)}; follow it: agent-runtime watch {task.id}")
