"""``retry``: a new task from one that is done."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from agent_runtime.cli import options
from agent_runtime.cli.connection import task_named
from agent_runtime.cli.making import make_task
from agent_runtime.cli.output import Format, FormatOption
from agent_runtime.v1 import task_pb2


class FromPhase(Enum):
    """Where a retry can start."""

    PLANNING = "planning"
    GENERATING_TESTS = "generating_tests"
    RUNNING_TESTS = "running_tests"
    FIXING_TESTS = "fixing_tests"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(retry)


def retry(
    context: typer.Context,
    task_id: options.TaskArgument,
    from_phase: Annotated[FromPhase | None, typer.Option(help="Start there; the session has what it needs.")] = None,
    failed_only: Annotated[bool, typer.Option("--failed-only", help="Run the tests that failed, and no more.")] = False,
    username: options.UsernameOption = "",
    password_env: options.PasswordOption = "",
    watch: options.WatchOption = False,
    wait: options.WaitOption = False,
    quiet: options.QuietOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Make a new task from one that is done, in the same session.

    A task that signs in takes its password again: it was wiped when the task ended.
    """
    password = options.password(password_env)
    earlier = task_named(context, task_id)
    phase = from_phase.name if from_phase else "UNSPECIFIED"
    make_task(
        context,
        lambda client: client.retry_task(
            earlier,
            from_phase=task_pb2.TaskPhase.Value(f"TASK_PHASE_{phase}"),
            failed_tests_only=failed_only,
            username=username,
            password=password,
        ),
        watch=watch,
        wait=wait,
        quiet=quiet,
        output=output,
    )
