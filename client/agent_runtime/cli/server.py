"""``serve``, ``health``, ``doctor`` and ``version``: about servers and this installation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Annotated, Protocol

import typer

from agent_runtime.cli import serving
from agent_runtime.cli.connection import with_client
from agent_runtime.cli.exits import ExitCode
from agent_runtime.cli.output import Format, FormatOption, print_json, table
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import Unreachable


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    # A server can start without all this: see serving.
    flags_of_its_own = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(add_help_option=False, context_settings=flags_of_its_own)(serve)
    for command in (health, doctor, version):
        app.command()(command)


def serve(context: typer.Context) -> None:
    """Run a server."""
    raise typer.Exit(serving.serve(context.args))


def health(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help='Such as "readiness"; the whole server if not given.')] = "",
    output: FormatOption = Format.TEXT,
) -> None:
    """Ask a server for its health.

    The exit code is 0 if it serves, 1 if not, 3 if there is none.
    """
    status = with_client(context, lambda client: client.check_health(service))
    if output is Format.JSON:
        print_json({"service": service, "status": status})
    else:
        typer.echo(status)
    raise typer.Exit(ExitCode.GOOD if status == "SERVING" else ExitCode.FAILED)


class _Check(Protocol):
    """What the server side finds out about one thing it needs."""

    name: str
    ok: bool
    version: str
    message: str


@dataclass(frozen=True, slots=True)
class _Finding:
    name: str
    ok: bool
    version: str
    message: str


def doctor(context: typer.Context, output: FormatOption = Format.TEXT) -> None:
    """Check what a server needs on this machine.

    Also tells whether one answers. The exit code is 1 if something lacks.
    """
    checks: Iterable[_Check] = serving.server_module("agent_runtime_server.doctor").check()
    findings = [_Finding(check.name, check.ok, check.version, check.message) for check in checks]
    healthy = all(finding.ok for finding in findings)
    findings.append(with_client(context, lambda client: _reach(client)))
    if output is Format.JSON:
        print_json({"ok": healthy, "checks": [asdict(finding) for finding in findings]})
    else:
        rows = [("ok" if found.ok else "--", found.name, found.version, found.message) for found in findings]
        typer.echo(table(("", "WHAT", "VERSION", ""), rows))
    raise typer.Exit(ExitCode.GOOD if healthy else ExitCode.FAILED)


async def _reach(client: AgentRuntimeClient) -> _Finding:
    """Whether a server answers: of interest, but none needs to run for this machine to be fit for one."""
    try:
        info = await client.get_server_info()
    except Unreachable:
        return _Finding("server", False, "", f"none at {client.address}; start one: agent-runtime serve")
    return _Finding("server", True, info.version, f"{info.status} at {client.address}")


def version() -> None:
    """Print the version of this installation."""
    try:
        typer.echo(f"agent-runtime {version_of('agent-runtime')}")
    except PackageNotFoundError:
        typer.echo("agent-runtime, not installed but run from its source")
