"""Options and arguments that several commands share, and how their texts are read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Annotated

import typer

TaskArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the task; @latest is the newest.", show_default=False)
]
SessionArgument = Annotated[
    str, typer.Argument(metavar="SESSION", help="Id of the session; @latest is the newest task's.", show_default=False)
]
FilterOption = Annotated[
    str, typer.Option("--filter", metavar="F", help='Such as: status = RUNNING AND labels.team = "shop".')
]
LabelOption = Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Label; repeatable.")]
UsernameOption = Annotated[str, typer.Option(help="Whom the agent signs in to the app as.")]
PasswordOption = Annotated[str, typer.Option(metavar="VAR", help="Environment variable with the password.")]
WatchOption = Annotated[bool, typer.Option("--watch", help="Follow the task until it is done.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait in silence until the task is done.")]
AllowMissingOption = Annotated[bool, typer.Option("--allow-missing", help="No error if there is none.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print the task's id only.")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def duration(text: str) -> float:
    """Seconds of "90", "90s", "1h30m" or "30d"."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not text or _DURATION.sub("", text):
        raise typer.BadParameter(f"{text!r} is not a length of time such as 90s, 15m, 1h30m or 30d")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def duration_option(help_text: str) -> object:
    """An option that is a length of time."""
    return typer.Option(parser=duration, metavar="DURATION", help=help_text)


def labels(pairs: Iterable[str]) -> dict[str, str]:
    """The labels of some texts like team=shop."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"--label: {pair!r} is not KEY=VALUE")
        found[key] = value
    return found


def password(variable: str) -> str:
    """The password in an environment variable; none if no variable is named."""
    if not variable:
        return ""
    try:
        return os.environ[variable]
    except KeyError:
        raise typer.BadParameter(f"--password-env: there is no environment variable {variable!r}") from None
