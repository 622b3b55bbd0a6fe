"""``interactive``: a prompt at which commands are given one after another."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Sequence

import typer

from agent_runtime.cli.connection import LATEST
from agent_runtime.cli.main import main

_PROMPT = "agent-runtime> "
_OF_A_TASK = ("watch", "logs", "cancel", "results")
_HELP = """\
create            make a task: asks for what it needs; create TYPE --app-url URL ... does not
list              the tasks, newest first
watch [ID]        follow a task until it is done; Ctrl-C leaves it alone
logs [ID]         what a task has logged
results [ID]      the tests that a task ran
cancel [ID]       ask for a task to stop
help              this; help COMMAND tells its options
quit              end, as Ctrl-D does
Without an ID, the newest task is meant. Every other command of agent-runtime works here, too."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(interactive)


def interactive(context: typer.Context) -> None:
    """Give commands one after another at a prompt; "help" there lists them.

    A command that fails does not end it. From a pipe, the lines are the commands.
    """
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - lines can be edited, and called up again
        typer.echo('"help" lists the commands.')
    while (line := _asked(_PROMPT)) is not None:
        try:
            words = shlex.split(line)
        except ValueError as problem:
            typer.echo(f"error: {problem}", err=True)
            continue
        if words and words[0] in ("quit", "exit"):
            return
        if words and (arguments := _arguments(words)):
            with contextlib.suppress(SystemExit):
                main(("--server", str(context.obj), *arguments))


def _arguments(words: Sequence[str]) -> Sequence[str]:
    """The command line that some words mean; none if they are answered already."""
    name, *rest = words
    if name == "help" and not rest:
        typer.echo(_HELP)
        return ()
    if name == "help":
        return (*rest, "--help")
    if name == "interactive":
        typer.echo("error: this is the prompt already", err=True)
        return ()
    if name == "create":
        return _submission(rest)
    if name in _OF_A_TASK and "--all" not in rest and (not rest or rest[0].startswith("-")):
        return (name, LATEST, *rest)
    return words


def _submission(rest: Sequence[str]) -> Sequence[str]:
    if rest:
        return ("submit", *rest)
    app_url = _asked("address of the app: ")
    if not app_url:
        typer.echo("error: a task needs the address of an app", err=True)
        return ()
    kind = _asked("type (complete, plan, generate, run, fix, custom) [complete]: ") or "complete"
    instructions = _asked("instructions, if any: ") or ""
    return ("submit", kind, "--app-url", app_url, "--instructions", instructions)


def _asked(prompt: str) -> str | None:
    """The next line; None at the end of the input. An interrupt gives the line up, as in a shell."""
    try:
        return input(prompt if sys.stdin.isatty() else "").strip()
    except KeyboardInterrupt:
        typer.echo()
        return ""
    except EOFError:
        if sys.stdin.isatty():
            typer.echo()
        return None
