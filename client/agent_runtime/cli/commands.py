"""The commands of ``agent-runtime`` and the options they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agent_runtime.channel import DEFAULT_ADDRESS, parse_address
from agent_runtime.cli import (
    checking,
    demo,
    files,
    inputs,
    interactive,
    results,
    retry,
    server,
    sessions,
    submit,
    tasks,
    upload,
    watching,
    web,
)


class _AnywhereGroup(TyperGroup):
    """A group whose --server may also stand after the name of the command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _server_first(args))


def _server_first(arguments: Sequence[str]) -> list[str]:
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument == "--server":
            front += [argument, *([value] if (value := next(remaining, None)) is not None else [])]
        elif argument.startswith("--server="):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest


def _global_options(
    context: typer.Context,
    server: Annotated[
        str, typer.Option(envvar="AGENT_RUNTIME_SERVER", metavar="ADDRESS", help="host:port or unix:path.")
    ] = DEFAULT_ADDRESS,
) -> None:
    """Let AI agents test web apps: plan, generate, run and watch Playwright suites.

    Exit codes: 0 good, 1 task failed, 2 usage, 3 unreachable, 4 denied, 5 not found, 6 tests failed, 7 cancelled,
    124 not done in time, 130 interrupted.
    """
    try:
        parse_address(server)
    except ValueError as error:
        raise typer.BadParameter(f"--server: {error}") from None
    context.obj = server


def build() -> typer.Typer:
    """The command with all its subcommands."""
    app = typer.Typer(
        cls=_AnywhereGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )
    app.callback()(_global_options)
    groups = (server, submit, retry, watching, tasks, inputs, results, files, upload, sessions)
    for group in (*groups, web, interactive, checking, demo):
        group.register(app)
    return app
