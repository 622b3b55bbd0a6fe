"""``submit``: create a task, and perhaps see it through."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from agent_runtime.cli import agent_options, options
from agent_runtime.cli.connection import session_named, task_named
from agent_runtime.cli.making import make_task
from agent_runtime.cli.options import duration_option
from agent_runtime.cli.output import Format, FormatOption
from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime.values import duration


class TaskKind(Enum):
    """What a task is asked to do."""

    COMPLETE = "complete"
    PLAN = "plan"
    GENERATE = "generate"
    RUN = "run"
    FIX = "fix"
    CUSTOM = "custom"


class OnConflict(Enum):
    """What becomes of a task whose session is in use."""

    ENQUEUE = "enqueue"
    REJECT = "reject"
    REPLACE = "replace"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(submit)


def submit(
    context: typer.Context,
    kind: Annotated[TaskKind, typer.Argument(metavar="TYPE", help="complete, plan, generate, run, fix or custom.")],
    app_url: Annotated[str, typer.Option(help="The app under test; http or https.")],
    instructions: Annotated[str, typer.Option(help="Guidance for the agent.")] = "",
    username: options.UsernameOption = "",
    password_env: options.PasswordOption = "",
    session: Annotated[str, typer.Option(metavar="ID", help="Session to work in; @latest is the newest task's.")] = "",
    from_task: Annotated[str, typer.Option(metavar="ID", help="Work in the session of this task.")] = "",
    on_session_conflict: Annotated[
        OnConflict, typer.Option(help="If the session is in use: wait, fail, or cancel its tasks.")
    ] = OnConflict.ENQUEUE,
    label: options.LabelOption = None,
    priority: Annotated[int, typer.Option(min=0, max=5, help="1 (first) to 5 (last); 0 means 3.")] = 0,
    driver: Annotated[str, typer.Option(help="Agent driver; the server has a default.")] = "",
    model: agent_options.ModelOption = "",
    max_turns: agent_options.MaxTurnsOption = 0,
    test_path: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Run this test file or folder only; repeatable.")
    ] = None,
    project: Annotated[list[str] | None, typer.Option(help="Run in this Playwright project; repeatable.")] = None,
    grep: Annotated[str, typer.Option(help="Run tests only whose title matches.")] = "",
    retries: Annotated[int, typer.Option(min=0, max=10, help="Attempts at a test after a failing first one.")] = 0,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Tests at once; 0 takes the server's default.")] = 0,
    repair_rounds: agent_options.RepairRoundsOption = 0,
    review_assertions: agent_options.ReviewOption = False,
    accept_assertions: agent_options.AcceptOption = False,
    max_cost: agent_options.MaxCostOption = None,
    max_tokens: agent_options.MaxTokensOption = 0,
    ask_at_limit: agent_options.AskAtLimitOption = False,
    allow: agent_options.AllowOption = None,
    deny: agent_options.DenyOption = None,
    answer_timeout: agent_options.AnswerTimeoutOption = None,
    max_attempts: Annotated[
        int, typer.Option(min=0, max=10, help="Attempts at the task when the machinery fails; 0: the server's default.")
    ] = 0,
    queue_timeout: Annotated[float | None, duration_option("Longest wait before it starts.")] = None,
    run_timeout: Annotated[float | None, duration_option("Longest time for one attempt.")] = None,
    total_timeout: Annotated[float | None, duration_option("Longest time in all.")] = None,
    ttl: Annotated[float | None, duration_option("Keep it so long after its end.")] = None,
    watch: options.WatchOption = False,
    wait: options.WaitOption = False,
    quiet: options.QuietOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Create a task.

    With --watch or --wait the exit code tells how it went: 1 task failed, 6 tests failed, 7 cancelled.
    """
    password = options.password(password_env)
    labels = options.labels(label or [])
    session, from_task = session_named(context, session), task_named(context, from_task)
    run = task_pb2.TestRunOptions(test_paths=test_path, projects=project, grep=grep, retries=retries, workers=workers)
    repair = agent_options.repair(repair_rounds, review=review_assertions, accept=accept_assertions)
    budget = agent_options.budget(max_cost, max_tokens, ask_at_limit=ask_at_limit)
    input_policy = agent_options.input_policy(allow or [], deny or [], answer_timeout)
    timeouts = task_pb2.TaskTimeouts(
        queue_timeout=None if queue_timeout is None else duration(queue_timeout),
        run_timeout=None if run_timeout is None else duration(run_timeout),
        total_timeout=None if total_timeout is None else duration(total_timeout),
    )
    make_task(
        context,
        lambda client: client.create_task(
            task_pb2.TaskType.Value(f"TASK_TYPE_{kind.name}"),
            app_url,
            instructions=instructions,
            username=username,
            password=password,
            session_id=session,
            from_task_id=from_task,
            labels=labels,
            priority=priority,
            driver=driver,
            model=model,
            max_turns=max_turns,
            run=run if run.ByteSize() else None,
            repair=repair,
            timeouts=timeouts if timeouts.ByteSize() else None,
            retry_policy=task_pb2.RetryPolicy(max_attempts=max_attempts) if max_attempts else None,
            budget=budget,
            input_policy=input_policy,
            ttl=ttl,
            on_session_conflict=service_pb2.SessionConflictPolicy.Value(
                f"SESSION_CONFLICT_POLICY_{on_session_conflict.name}"
            ),
        ),
        watch=watch,
        wait=wait,
        quiet=quiet,
        output=output,
    )
