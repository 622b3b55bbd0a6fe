"""``sessions``: list, make, show, archive and remove them."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agent_runtime.cli import options
from agent_runtime.cli.connection import session_named, with_client
from agent_runtime.cli.options import SessionArgument
from agent_runtime.cli.output import Format, FormatOption, as_dict, one_line, print_deleted, print_json, size, table
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.paging import pages
from agent_runtime.v1 import service_pb2, session_pb2


class ArchiveKind(Enum):
    """Format of an archive; the value is the ending of its name."""

    ZIP = "zip"
    TAR_ZSTD = "tar.zst"


class _ListGroup(TyperGroup):
    """A group that lists when no command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(cls=_ListGroup, help="List sessions, the workspaces of tasks, or work on one.")
    group.command("list")(list_)
    for command in (create, get, archive, delete):
        group.command()(command)
    app.add_typer(group, name="sessions")


def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    output: FormatOption = Format.TEXT,
) -> None:
    """List sessions, newest first."""
    sessions = with_client(context, lambda client: _newest(client, limit))
    if output is Format.JSON:
        print_json({"sessions": [as_dict(session) for session in sessions]})
        return
    rows = [
        (session.id, session.create_time.ToJsonString(), session.update_time.ToJsonString(), session.active_task_id)
        for session in sessions
    ]
    typer.echo(table(("ID", "CREATED", "CHANGED", "TASK"), rows))


async def _newest(client: AgentRuntimeClient, limit: int) -> list[session_pb2.Session]:
    sessions: list[session_pb2.Session] = []
    async for page in pages(lambda token: client.list_sessions(page_size=min(limit, 1000), page_token=token)):
        sessions += page.sessions
        if len(sessions) >= limit:
            break
    return sessions[:limit]


def create(
    context: typer.Context,
    session_id: Annotated[str, typer.Argument(metavar="[ID]", help="An id of your choice.", show_default=False)] = "",
    output: FormatOption = Format.TEXT,
) -> None:
    """Make an empty session, to upload files into, and print its id."""
    session = with_client(context, lambda client: client.create_session(session_id))
    if output is Format.JSON:
        print_json(as_dict(session))
    else:
        typer.echo(session.id)


def get(context: typer.Context, session_id: SessionArgument, output: FormatOption = Format.TEXT) -> None:
    """Show a session."""
    session_id = session_named(context, session_id)
    session = with_client(context, lambda client: client.get_session(session_id))
    if output is Format.JSON:
        print_json(as_dict(session))
        return
    rows = [
        ("session", session.id),
        ("files", f"{session.file_count} ({size(session.size_bytes)})"),
        ("task", session.active_task_id),
        ("created", session.create_time.ToJsonString()),
        ("changed", session.update_time.ToJsonString()),
        ("expires", session.expire_time.ToJsonString() if session.HasField("expire_time") else ""),
    ]
    for name, value in rows:
        if value:
            typer.echo(f"{name:<10}{value}")


def archive(
    context: typer.Context,
    session_id: SessionArgument,
    target: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="ID.zip if not given.")] = None,
    kind: Annotated[
        ArchiveKind | None, typer.Option("--format", help="zip or tar.zst; that of FILE's name, else zip.")
    ] = None,
) -> None:
    """Download a whole session, without dependencies, and print the archive's path."""
    session_id = session_named(context, session_id)
    named = next(
        (known for known in ArchiveKind if target and target.name.endswith(f".{known.value}")), ArchiveKind.ZIP
    )
    kind = kind or named
    path = target or Path(f"{Path(session_id).name}.{kind.value}")
    format_ = service_pb2.ArchiveFormat.Value(f"ARCHIVE_FORMAT_{kind.name}")
    typer.echo(one_line(str(with_client(context, lambda client: client.archive_session(session_id, path, format_)))))


def delete(
    context: typer.Context,
    session_id: SessionArgument,
    allow_missing: options.AllowMissingOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Remove a session and its files; not while a task uses it."""
    session_id = session_named(context, session_id)
    with_client(context, lambda client: client.delete_session(session_id, allow_missing=allow_missing))
    print_deleted("session", session_id, output)
