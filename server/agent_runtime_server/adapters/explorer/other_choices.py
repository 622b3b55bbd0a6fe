"""Choosing in a form what was not chosen, and what shows afterwards that it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Action, Check, Choose, HasValue, IsChecked, SetChecked
from agent_runtime_server.adapters.explorer.view import Form

CHOSEN = frozenset({"checkbox", "select"})
"""Kinds of fields of which another choice can be seen."""
MOST_BOXES = 8
"""Boxes of one group, all of which are ticked or cleared."""


class Choices(NamedTuple):
    """Other choices than the present ones, and what shows them."""

    actions: list[Action]
    checks: list[Check | None]
    """For each choice, where that can be told."""
    back: list[Action]
    """What chooses again what was chosen."""


def fields_to_choose_in(form: Form) -> list[Element]:
    """A group of boxes of which some are ticked; else one field."""
    usable = [each for each in form.fields if each.kind in CHOSEN and not each.disabled]
    groups: dict[str, list[Element]] = {}
    for each in usable:
        if each.kind == "checkbox" and each.attrs.get("name"):
            groups.setdefault(each.attrs["name"], []).append(each)
    for group in groups.values():
        if 1 < len(group) <= MOST_BOXES and 0 < sum(each.checked for each in group) < len(group):
            return group
    return sorted(usable, key=lambda each: each.kind != "select" or not _other_options(each))[:1]


async def other_choices(hand: Hand, fields: Sequence[Element]) -> Choices:
    """What is ticked is cleared and the other way round; of a select another option is chosen.

    Raises:
        LostError: There is nothing else to choose.
    """
    found = Choices([], [], [])
    for field in fields:
        target = await hand.find(field)
        if field.kind == "checkbox":
            found.actions.append(SetChecked(target, not field.checked))
            found.checks.append(IsChecked(target, not field.checked))
            found.back.append(SetChecked(target, field.checked))
        elif options := _other_options(field):
            found.actions.append(Choose(target, options[0].text))
            found.checks.append(None if _is_key(options[0]) else HasValue(target, _value(options[0])))
            found.back.extend(Choose(target, each.text) for each in _options(field) if each.checked)
    if not found.actions:
        raise LostError("there is nothing else to choose")
    return found


def _other_options(field: Element) -> list[Element]:
    return [each for each in _options(field) if _value(each) and not each.checked]


def _value(option: Element) -> str:
    return option.attrs.get("value", option.text)


def _is_key(option: Element) -> bool:
    """Its value is the number of a thing in a database: another one where the app was set up anew."""
    return _value(option).isdigit() and not any(map(str.isdigit, option.text))


def _options(field: Element) -> list[Element]:
    return [each for each in field.walk() if each.tag == "option" and each.text and "disabled" not in each.attrs]
