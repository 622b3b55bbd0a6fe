"""The connection of a command: one client for as long as the command works, and the names it goes by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import typer

from agent_runtime.cli.exits import ExitCode
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import TaskNotFound
from agent_runtime.v1 import task_pb2

ResultT = TypeVar("ResultT")

LATEST = "@latest"
"""Stands for the newest task, or for its session."""


def with_client(
    context: typer.Context,
    work: Callable[[AgentRuntimeClient], Coroutine[Any, Any, ResultT]],
    *,
    interrupted: str = "interrupted",
) -> ResultT:
    """Do some work with a client of the server that the command line names; an interrupt is told in these words."""

    async def connected() -> ResultT:
        async with AgentRuntimeClient(str(context.obj)) as client:
            return await work(client)

    try:
        return asyncio.run(connected())
    except KeyboardInterrupt:
        typer.echo(f"\n{interrupted}", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def task_named(context: typer.Context, name: str) -> str:
    """The id of a task that may be named @latest."""
    return with_client(context, _newest).id if name == LATEST else name


def session_named(context: typer.Context, name: str) -> str:
    """The id of a session that may be named @latest: that of the newest task."""
    return with_client(context, _newest).session_id if name == LATEST else name


async def _newest(client: AgentRuntimeClient) -> task_pb2.Task:
    page = await client.list_tasks(page_size=1)
    if not page.tasks:
        raise TaskNotFound(f"there is no task yet, so that {LATEST} is none")
    return page.tasks[0]
