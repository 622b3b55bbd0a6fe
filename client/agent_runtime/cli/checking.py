"""``test-api``: every endpoint of a running server, called once."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlsplit

import typer

from agent_runtime.channel import open_channel
from agent_runtime.cli.connection import with_client
from agent_runtime.cli.exits import ExitCode
from agent_runtime.cli.output import Format, FormatOption, print_json, table
from agent_runtime.cli.probes import Finding, over_grpc, probes
from agent_runtime.cli.web import http_url_of


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("test-api")(check_api)


def check_api(
    context: typer.Context,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The HTTP door; the server knows its own.", show_default=False)
    ] = "",
    output: FormatOption = Format.TEXT,
) -> None:
    """Call every endpoint of a running server once, on gRPC and on HTTP, and tell what came of it.

    Nothing is changed but for a session, which is made and deleted again. The exit code is 1 if something is not as
    it has to be.
    """
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise typer.BadParameter(f"{url!r} is not an http or https address")
    url = url or with_client(context, http_url_of)
    findings = asyncio.run(_grpc(str(context.obj)))
    if url:
        findings += _http(url)
    bad = sum(not finding.ok for finding in findings)
    if output is Format.JSON:
        print_json({"ok": not bad, "checks": [asdict(finding) for finding in findings]})
    else:
        rows = [
            (
                "ok" if found.ok else "--",
                found.door,
                found.call,
                found.answer,
                f"{found.milliseconds:.1f}",
                found.problem,
            )
            for found in findings
        ]
        typer.echo(table(("", "DOOR", "CALL", "ANSWER", "MS", ""), rows))
        if not url:
            typer.echo("the server has no HTTP door")
        typer.echo(f"{len(findings) - bad} of {len(findings)} as they have to be")
    raise typer.Exit(ExitCode.FAILED if bad else ExitCode.GOOD)


async def _grpc(address: str) -> list[Finding]:
    channel = open_channel(address)
    try:
        return [await over_grpc(channel, probe) for probe in probes(_session())]
    finally:
        await channel.close()


def _http(url: str) -> list[Finding]:
    # Loaded here: no other command needs an HTTP client.
    from agent_runtime.cli.http_probes import over_http, probes_of_methods, probes_of_routes

    session_id = _session()
    asked = [*probes_of_methods(probes(session_id), session_id), *probes_of_routes()]
    return [over_http(url, probe) for probe in asked]


def _session() -> str:
    return f"test-api-{secrets.token_hex(6)}"
