"""``open``: a task in the web page of its server."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote

import typer

from agent_runtime.cli.connection import LATEST, task_named, with_client
from agent_runtime.cli.exits import ExitCode
from agent_runtime.cli.options import TaskArgument
from agent_runtime.client import AgentRuntimeClient

_EVERYWHERE = re.compile(r"//(0\.0\.0\.0|\[::\])(?=:)")
_HOST = re.compile(r"(?!unix:)(.*):\d+")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("open")(open_)


def open_(
    context: typer.Context,
    task_id: TaskArgument = LATEST,
    only_print: Annotated[bool, typer.Option("--print", help="Print its address, and open nothing.")] = False,
) -> None:
    """Open the web page of a task in the browser, and print its address."""
    task_id = task_named(context, task_id)
    base = with_client(context, lambda client: _page_of(client, task_id))
    if not base:
        typer.echo(f"error: the server at {context.obj} has no HTTP door, and so no web page", err=True)
        raise typer.Exit(ExitCode.FAILED)
    url = f"{base}/#/tasks/{quote(task_id, safe='')}"
    typer.echo(url)
    if not only_print:
        import webbrowser

        webbrowser.open(url)


async def _page_of(client: AgentRuntimeClient, task_id: str) -> str:
    await client.get_task(task_id)
    return await http_url_of(client)


async def http_url_of(client: AgentRuntimeClient) -> str:
    """Where the HTTP door of a client's server is, empty if it has none. One that listens on all addresses is met at
    that of its gRPC door."""
    url = (await client.get_server_info()).http_url
    host = _HOST.fullmatch(client.address)
    return _EVERYWHERE.sub(f"//{host[1] if host else '127.0.0.1'}", url)
