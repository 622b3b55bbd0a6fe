"""Where a flow stopped, and which of its locators is to blame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.fix_places import Place
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Check,
    CountOf,
    EachHasText,
    Equals,
    IsHidden,
    Locator,
    Minus,
    Plus,
    Remember,
    SumOf,
    Times,
)
from agent_runtime_server.adapters.explorer.settle import BadResponse
from agent_runtime_server.adapters.explorer.stage import Scene
from agent_runtime_server.adapters.explorer.text import locators_in
from agent_runtime_server.adapters.explorer.view import View


@dataclass(frozen=True)
class Trouble:
    """Where a flow stopped, and what the page was like then."""

    place: Place
    what: Action | Check
    error: str
    scene: Scene
    view: View
    bad: Sequence[BadResponse]
    exceptions: Sequence[str]


async def not_found_once(trouble: Trouble) -> Locator | None:
    """The locator that finds nothing or too much, of those that are to find one element."""
    if isinstance(trouble.what, IsHidden):
        return None
    for locator in locators_in(trouble.what):
        if locator in _of_groups(trouble.what):
            continue
        if await trouble.scene.player.locate(locator).count() != 1:
            return locator
    return None


def _of_groups(data: object) -> Iterator[Locator]:
    """The locators that may find any number of elements."""
    if isinstance(data, SumOf | CountOf | EachHasText):
        yield data.target
    elif isinstance(data, Remember):
        yield from _of_groups(data.number)
    elif isinstance(data, Equals | Plus | Minus | Times):
        yield from _of_groups(data.left)
        yield from _of_groups(data.right)
