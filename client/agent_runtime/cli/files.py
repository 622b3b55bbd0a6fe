"""``files`` and ``download``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.cli.connection import task_named, with_client
from agent_runtime.cli.options import TaskArgument
from agent_runtime.cli.output import Format, FormatOption, as_dict, one_line, print_json, size, table
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import FileNotFound, SessionNotFound, TransferCorrupt
from agent_runtime.paging import pages
from agent_runtime.v1 import artifact_pb2, session_pb2


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(files)
    app.command()(download)


def files(
    context: typer.Context,
    task_id: TaskArgument,
    path: Annotated[str, typer.Option(help="Folder to list; the session's root if not given.")] = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Go into folders.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """List the files of a task's session."""
    task_id = task_named(context, task_id)
    found = with_client(context, lambda client: _session_files(client, task_id, path, recursive=recursive))
    if output is Format.JSON:
        print_json({"session_id": found[0], "files": [as_dict(file) for file in found[1]]})
        return
    rows = [(file.path + "/", "") if file.directory else (file.path, size(file.size_bytes)) for file in found[1]]
    typer.echo(table(("PATH", "SIZE"), rows))


async def _session_files(
    client: AgentRuntimeClient, task_id: str, path: str, *, recursive: bool
) -> tuple[str, list[session_pb2.SessionFile]]:
    found: list[session_pb2.SessionFile] = []
    session_id = ""
    async for page in pages(
        lambda token: client.list_session_files(task_id=task_id, path=path, recursive=recursive, page_token=token)
    ):
        session_id = page.session_id
        found += page.files
    return session_id, found


async def _files_if_any(client: AgentRuntimeClient, task_id: str) -> tuple[str, list[session_pb2.SessionFile]]:
    """The files of a session that may have been deleted: a task's artifacts outlive it."""
    try:
        return await _session_files(client, task_id, "", recursive=True)
    except SessionNotFound:
        return "", []


def download(
    context: typer.Context,
    task_id: TaskArgument,
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATTERN]...", help="Paths, folders, globs or artifact ids; every artifact if none."),
    ] = None,
    directory: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where to put them.")] = Path(),
) -> None:
    """Download artifacts and session files, and print where they are.

    In a glob such as '*.zip', * stands for folders too. A download that was cut off goes on where it stopped.
    """
    task_id = task_named(context, task_id)
    with_client(context, lambda client: _download(client, task_id, patterns or [], directory))


async def _download(client: AgentRuntimeClient, task_id: str, patterns: list[str], directory: Path) -> None:
    artifacts = [
        artifact
        for artifact in await _artifacts(client, task_id)
        if not patterns or artifact.id in patterns or _matching(artifact.path, patterns)
    ]
    session_id, found = await _files_if_any(client, task_id) if patterns else ("", [])
    taken = {artifact.path for artifact in artifacts}
    files = [file.path for file in found if not file.directory and _matching(file.path, patterns)]
    met = {artifact.id for artifact in artifacts}.union(*(_matching(path, patterns) for path in (*taken, *files)))
    for pattern in patterns:
        if pattern not in met:
            raise FileNotFound(f"the task has no artifact and its session has no file {pattern!r}")
    for artifact in artifacts:
        target = _inside(directory, _file_name(artifact))
        _say(await client.download_artifact(task_id, artifact.id, target))
    for path in files:
        if path not in taken:
            _say(await client.download_session_file(session_id, path, _inside(directory, path)))


def _matching(path: str, patterns: list[str]) -> set[str]:
    """Those of some patterns that a path meets: as its own name, as a folder that it is in, or as a glob."""
    return {pattern for pattern in patterns if _is_below(path, pattern) or fnmatchcase(path, pattern)}


def _is_below(path: str, folder: str) -> bool:
    folder = folder.rstrip("/")
    return path == folder or path.startswith(f"{folder}/") or fnmatchcase(path, f"{folder}/*")


async def _artifacts(client: AgentRuntimeClient, task_id: str) -> list[artifact_pb2.Artifact]:
    artifacts: list[artifact_pb2.Artifact] = []
    async for page in pages(lambda token: client.list_artifacts(task_id, page_token=token)):
        artifacts += page.artifacts
    return artifacts


def _file_name(artifact: artifact_pb2.Artifact) -> str:
    """The path of an artifact's bytes: a folder, such as a report, comes as an archive."""
    if artifact.media_type == "application/zip" and not artifact.path.endswith(".zip"):
        return f"{artifact.path}.zip"
    return artifact.path


def _inside(directory: Path, path: str) -> Path:
    """The place of a server's path in a local folder; a path that leads out of it is refused."""
    target = directory / path
    if not target.resolve().is_relative_to(directory.resolve()) or target.resolve() == directory.resolve():
        raise TransferCorrupt(f"the server named a path outside the folder: {one_line(path)!r}")
    return target


def _say(path: Path) -> None:
    typer.echo(one_line(str(path)))
