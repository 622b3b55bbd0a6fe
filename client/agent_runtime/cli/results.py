"""``logs`` and ``results``."""

from __future__ import annotations

import contextlib
from enum import Enum
from typing import Annotated

import typer

from agent_runtime.cli.agents import repair, usage
from agent_runtime.cli.connection import task_named, with_client
from agent_runtime.cli.describe import log_line, summary, test_state, test_title
from agent_runtime.cli.options import TaskArgument
from agent_runtime.cli.output import (
    Format,
    FormatOption,
    as_dict,
    one_line,
    print_json,
    print_json_line,
    seconds,
    table,
)
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.paging import pages
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2, test_result_pb2


class Level(Enum):
    """Log severity, lowest first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(logs)
    app.command()(results)


def logs(
    context: typer.Context,
    task_id: TaskArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the task is done.")] = False,
    level: Annotated[Level, typer.Option(help="Leave out what is below this level.")] = Level.DEBUG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Print what a task has logged up to now.

    With -o json one document, with --follow too one JSON object a line.
    """
    task_id = task_named(context, task_id)
    min_level = event_pb2.LogLevel.Value(f"LOG_LEVEL_{level.name}")
    if follow:
        told = f"interrupted; the task goes on: agent-runtime logs -f {task_id}"
        with_client(context, lambda client: _follow_logs(client, task_id, min_level, output), interrupted=told)
    else:
        with_client(context, lambda client: _logs(client, task_id, min_level, output))


async def _logs(
    client: AgentRuntimeClient, task_id: str, min_level: event_pb2.LogLevel.ValueType, output: Format
) -> None:
    entries: list[event_pb2.LogEntry] = []
    async for page in pages(lambda token: client.list_task_logs(task_id, min_level=min_level, page_token=token)):
        if output is Format.JSON:
            entries += page.entries
            continue
        for entry in page.entries:
            _print_entry(entry)
    if output is Format.JSON:
        print_json({"entries": [as_dict(entry) for entry in entries]})


async def _follow_logs(
    client: AgentRuntimeClient, task_id: str, min_level: event_pb2.LogLevel.ValueType, output: Format
) -> None:
    await client.get_task(task_id)
    kinds = (event_pb2.TASK_EVENT_KIND_LOG,)
    async with contextlib.aclosing(client.watch(task_id, kinds=kinds)) as updates:
        async for update in updates:
            if not isinstance(update, event_pb2.TaskEvent):
                continue
            for entry in update.log.entries:
                if entry.level < min_level:
                    continue
                if output is Format.JSON:
                    print_json_line(as_dict(entry))
                else:
                    _print_entry(entry)


def _print_entry(entry: event_pb2.LogEntry) -> None:
    line = log_line(entry)
    typer.echo(f"{line.time:%H:%M:%SZ}  {line.text}")


def results(context: typer.Context, task_id: TaskArgument, output: FormatOption = Format.TEXT) -> None:
    """Show the tests that a task ran, what became of those it repaired, and what that has cost."""
    task_id = task_named(context, task_id)
    tests, counts, task = with_client(context, lambda client: _results(client, task_id))
    repairs = task.result.repairs
    if output is Format.JSON:
        document = {
            "tests": [as_dict(test) for test in tests],
            "summary": as_dict(counts),
            "repairs": [as_dict(made) for made in repairs],
        }
        print_json(document)
        return
    rows = [
        (test_state(test)[0], str(len(test.attempts)), _took(test), test_title(test), _error(test)) for test in tests
    ]
    typer.echo(table(("RESULT", "ATTEMPTS", "TOOK", "TEST", "ERROR"), rows))
    titles = {test.id: test_title(test) for test in tests}
    lines = [f"repair: {repair(made, titles.get(made.test_id, ''))[0]}" for made in repairs]
    lines += [f"usage: {used}" for used in [usage(task.usage)] if used]
    typer.echo("\n".join(["", *lines, summary(counts)]))


async def _results(
    client: AgentRuntimeClient, task_id: str
) -> tuple[list[test_result_pb2.TestCase], test_result_pb2.TestSummary, task_pb2.Task]:
    tests: list[test_result_pb2.TestCase] = []
    page = service_pb2.ListTestResultsResponse()
    async for page in pages(lambda token: client.list_test_results(task_id, page_token=token)):
        tests += page.tests
    return tests, page.summary, await client.get_task(task_id)


def _took(test: test_result_pb2.TestCase) -> str:
    return seconds(sum(attempt.duration.ToTimedelta().total_seconds() for attempt in test.attempts))


def _error(test: test_result_pb2.TestCase) -> str:
    if test.outcome != test_result_pb2.TEST_OUTCOME_UNEXPECTED:
        return ""
    messages = [error.message for attempt in test.attempts for error in attempt.errors]
    return one_line(messages[-1])[:200] if messages else ""
