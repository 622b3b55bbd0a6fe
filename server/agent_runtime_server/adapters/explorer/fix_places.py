"""Places in a flow, and what a repair changes there."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.flow import Flow
from agent_runtime_server.adapters.explorer.language import Click, Locator
from agent_runtime_server.adapters.explorer.text import locators_in, relocated


class Place(NamedTuple):
    """Where in a flow something is; an expectation comes after all actions of its step."""

    step: int
    at: int
    expecting: bool


def is_used(flow: Flow, place: Place, target: Locator) -> bool:
    """An action there or later is about the target: that it must be opened first is no other behaviour."""
    acted = [flow.steps[place.step].actions[place.at :]] if not place.expecting else []
    acted += [step.actions for step in flow.steps[place.step + 1 :]]
    return any(target in locators_in(actions) for actions in acted)


def with_locator(flow: Flow, place: Place, old: Locator, new: Locator) -> Flow:
    """The flow with another locator from a place on; what was before it has found its element."""
    steps = list(flow.steps)
    step = steps[place.step]
    at = len(step.actions) if place.expecting else place.at
    steps[place.step] = replace(
        step,
        actions=(*step.actions[:at], *relocated(step.actions[at:], old, new)),
        expectations=relocated(step.expectations, old, new),
    )
    steps[place.step + 1 :] = relocated(tuple(steps[place.step + 1 :]), old, new)
    return replace(flow, steps=tuple(steps))


def with_click(flow: Flow, place: Place, click: Click) -> Flow:
    """The flow with one more click, before the action at a place or the expectations there."""
    steps = list(flow.steps)
    step = steps[place.step]
    at = len(step.actions) if place.expecting else place.at
    steps[place.step] = replace(step, actions=(*step.actions[:at], click, *step.actions[at:]))
    return replace(flow, steps=tuple(steps))
