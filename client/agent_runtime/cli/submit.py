"""``submit``: create a task, and perhaps see it through."""

from __future__ import annotations

import os
import sys
from enum import Enum
from typing import Annotated

import typer

from agent_runtime.cli.connection import with_client
from agent_runtime.cli.describe import outcome
from agent_runtime.cli.exits import code_of_task
from agent_runtime.cli.output import Format, FormatOption, as_dict, print_json
from agent_runtime.cli.tasks import print_task
from agent_runtime.cli.views import Silent, choose_view
from agent_runtime.cli.watching import follow_task
from agent_runtime.v1 import task_pb2


class TaskKind(Enum):
    """What a task is asked to do."""

    COMPLETE = "complete"
    PLAN = "plan"
    GENERATE = "generate"
    RUN = "run"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(submit)


def submit(
    context: typer.Context,
    kind: Annotated[TaskKind, typer.Argument(metavar="TYPE", help="complete, plan, generate or run.")],
    app_url: Annotated[str, typer.Option(help="The app under test; http or https.")],
    instructions: Annotated[str, typer.Option(help="Guidance for the agent.")] = "",
    username: Annotated[str, typer.Option(help="Whom the agent signs in to the app as.")] = "",
    password_env: Annotated[str, typer.Option(metavar="VAR", help="Environment variable with the password.")] = "",
    session: Annotated[str, typer.Option(metavar="ID", help="Session of an earlier task to work in.")] = "",
    priority: Annotated[int, typer.Option(min=0, max=5, help="1 (first) to 5 (last); 0 means 3.")] = 0,
    driver: Annotated[str, typer.Option(help="Agent driver; the server has a default.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Follow the task until it is done.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait in silence until the task is done.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the task's id only.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Create a task.

    With --watch or --wait the exit code tells how it went: 1 task failed, 6 tests failed.
    """
    if watch and wait:
        raise typer.BadParameter("--watch and --wait exclude each other")
    password = _password(password_env)
    task = with_client(
        context,
        lambda client: client.create_task(
            task_pb2.TaskType.Value(f"TASK_TYPE_{kind.name}"),
            app_url,
            instructions=instructions,
            username=username,
            password=password,
            session_id=session,
            priority=priority,
            driver=driver,
        ),
    )
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


def _password(variable: str) -> str:
    if not variable:
        return ""
    try:
        return os.environ[variable]
    except KeyError:
        raise typer.BadParameter(f"--password-env: there is no environment variable {variable!r}") from None
