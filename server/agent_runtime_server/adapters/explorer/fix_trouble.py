"""How far a flow gets when it is acted out, and which of its locators is to blame where it stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.fix_places import Place
from agent_runtime_server.adapters.explorer.flow import Flow
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Check,
    Click,
    CountOf,
    EachHasText,
    Equals,
    Goto,
    IsHidden,
    Locator,
    Minus,
    Plus,
    Press,
    Reload,
    Remember,
    SumOf,
    Times,
)
from agent_runtime_server.adapters.explorer.perceive import perceive
from agent_runtime_server.adapters.explorer.player import ActionError
from agent_runtime_server.adapters.explorer.settle import BadResponse, Traffic, origin_of
from agent_runtime_server.adapters.explorer.stage import Scene
from agent_runtime_server.adapters.explorer.text import locators_in
from agent_runtime_server.adapters.explorer.view import View

ACTION_MS = 3000
CHECK_MS = 5000
_MOVING = Goto | Reload | Click | Press


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


async def played(flow: Flow, scene: Scene, base_url: str, until: Place | None = None) -> Trouble | None:
    """Act a flow out, to a place or to its end, or as far as that goes."""
    traffic = Traffic(scene.page, origin_of(base_url))
    session = await scene.page.context.new_cdp_session(scene.page)
    bad_before, exceptions_before = 0, 0

    async def trouble(place: Place, what: Action | Check, error: str) -> Trouble:
        await traffic.settle(2.0)
        view = await perceive(session, scene.page.url)
        exceptions = [message for _, message in traffic.exceptions[exceptions_before:]]
        return Trouble(place, what, error, scene, view, traffic.bad[bad_before:], exceptions)

    for number, step in enumerate(flow.steps):
        for at, action in enumerate(step.actions):
            if (place := Place(number, at, False)) == until:
                return None
            if isinstance(action, _MOVING):
                before = len(traffic.bad), len(traffic.exceptions)
            try:
                await scene.player.act(action, ACTION_MS)
            except ActionError as error:
                return await trouble(place, action, str(error))
            if isinstance(action, _MOVING):
                bad_before, exceptions_before = before
        for at, expectation in enumerate(step.expectations):
            if (place := Place(number, at, True)) == until:
                return None
            if (failure := await scene.player.failure(expectation.check, CHECK_MS)) is not None:
                return await trouble(place, expectation.check, failure)
    return None


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
