"""One look at a page: taken again until there is something to be seen, and told in one line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from playwright.async_api import Error as PlaywrightError

from agent_runtime_server.adapters.explorer.money import number_in

_LOOK_SECONDS = 2.0
"""How long one look at the page may take."""
_POLL_SECONDS = 0.05
_SHOWN_CHARS = 120

_T = TypeVar("_T")


class NotYetError(Exception):
    """A number cannot be read at the moment; one line says why."""


async def until_read(read: Callable[[], Awaitable[_T]], timeout_ms: float) -> _T:
    """Try again while the page is not ready for it; the last error when the time is over."""
    end = time.monotonic() + timeout_ms / 1000
    while True:
        try:
            return await read()
        except (NotYetError, PlaywrightError):
            if time.monotonic() >= end:
                raise
        await asyncio.sleep(_POLL_SECONDS)


async def soon(looking: Awaitable[_T]) -> _T:
    """What is seen, if the page answers in time. Raises NotYetError."""
    try:
        return await asyncio.wait_for(looking, _LOOK_SECONDS)
    except TimeoutError:
        raise NotYetError("the page does not answer") from None


def number_of(text: str) -> float:
    """The first number in a text. Raises NotYetError."""
    number = number_in(text)
    if number is None:
        raise NotYetError(f"there is no number in {quote(text)}")
    return number


def how_many(count: int, one: str = "there is one such element") -> str:
    """How many elements there are, in words; ``one`` where it is just one."""
    if count == 1:
        return one
    return f"there are {count} such elements" if count else "there is no such element"


def quote(text: str) -> str:
    """A text in quotes, shortened where it is long."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= _SHOWN_CHARS else f'"{line[: _SHOWN_CHARS - 1]}…"'


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("Error: ")[:_SHOWN_CHARS]
