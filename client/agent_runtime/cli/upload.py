"""``upload``: local files and folders into a session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from agent_runtime.cli.connection import session_named, with_client
from agent_runtime.cli.options import SessionArgument
from agent_runtime.cli.output import Format, FormatOption, as_dict, one_line, print_json
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import session_pb2


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(upload)


def upload(
    context: typer.Context,
    session_id: SessionArgument,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files and folders; FOLDER/ is its contents.")],
    to: Annotated[str, typer.Option(metavar="DIR", help="Folder of the session; its root if not given.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Put files into a session, and print where they are there.

    In folders, files that are there with the same bytes are skipped: repeat an upload that was cut off. node_modules
    and .git are left out.
    """
    sources = [_source(text, PurePosixPath(to)) for text in paths]
    session_id = session_named(context, session_id)

    async def work(client: AgentRuntimeClient) -> list[session_pb2.SessionFile]:
        sent = []
        for source in sources:
            for file in await _send(client, session_id, source, overwrite=overwrite):
                sent.append(file)
                if output is Format.TEXT:
                    typer.echo(one_line(file.path))
        return sent

    sent = with_client(context, work)
    if output is Format.JSON:
        print_json({"session_id": session_id, "files": [as_dict(file) for file in sent]})


@dataclass(frozen=True, slots=True)
class _Source:
    """A file or folder here, and its place in the session; "" is the root."""

    path: Path
    target: str
    is_folder: bool


def _source(text: str, to: PurePosixPath) -> _Source:
    path = Path(text)
    if not path.exists():
        raise typer.BadParameter(f"there is no file or folder {text!r}")
    contents_only = path.is_dir() and (text.endswith("/") or path.name in ("", ".."))
    target = to if contents_only else to / path.name
    return _Source(path, "" if target == PurePosixPath() else target.as_posix(), path.is_dir())


async def _send(
    client: AgentRuntimeClient, session_id: str, source: _Source, *, overwrite: bool
) -> list[session_pb2.SessionFile]:
    if source.is_folder:
        return await client.upload_folder(session_id, source.path, source.target, overwrite=overwrite)
    return [await client.upload_session_file(session_id, source.path, source.target, overwrite=overwrite)]
