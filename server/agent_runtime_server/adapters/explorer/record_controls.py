"""What a thing that a form made is changed and taken away with: the links and buttons in its row, or on its page."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Goto, Hover, Locator
from agent_runtime_server.adapters.explorer.naming import NAMED_ROLES
from agent_runtime_server.adapters.explorer.records import Record, see_again
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import REMOVE, speaks_of

_PUT_AWAY = re.compile(r"\b(deactivate|disable|archive)\b", re.IGNORECASE)


async def reach(hand: Hand, record: Record, what: str) -> Element:
    """The control to ``edit`` or ``remove`` the record; one more step where it shows only below the mouse.

    Raises:
        LostError: There is none.
    """
    if found := _control(hand.view, record, what):
        return found
    if record.row is not None:
        # A message that goes away again moves what is below it, and so from under the mouse.
        if record.listed_on:
            await hand.step(f"Open {record.listed_on} again", Goto(record.listed_on))
        again = await see_again(hand, record, record.text)
        await hand.step("Move the mouse over it", Hover(await _bearing(hand, again)))
        below = await see_again(hand, again, record.text)
        if found := _control(hand.view, below, what):
            return found
    raise LostError(f"nothing to {what} it with was seen")


async def _bearing(hand: Hand, record: Record) -> Locator:
    """What bears the text in its row: the middle of a row of a table may be between two cells, where nothing is."""
    inner = Locator(by="text", value=record.text, exact=False, within=record.shown)
    return inner if record.shown.has_text and await hand.count(inner) == 1 else record.shown


def _control(view: View, record: Record, what: str) -> Element | None:
    """The link or button to ``edit`` or ``remove`` the record: in its row, or in the main part of a page of its own."""
    around = record.row.controls if record.row is not None else [e for e in view.controls if e.inside(view.main)]
    for each in around:
        if each.is_field:
            continue
        said = " ".join((each.name, each.attrs.get("title", ""), each.text))
        marks = f"{each.attrs.get('class', '')} {each.attrs.get('href', '')}"
        if _PUT_AWAY.search(said) or REMOVE.search(said) if what == "remove" else speaks_of(what, said):
            return each
        if not said.strip() and speaks_of(what, marks):
            return each
    return None


async def locate(hand: Hand, record: Record, element: Element) -> Locator:
    """A locator of a control of the record that finds it for other data too. Raises ``LostError``."""
    if record.row is not None and record.shown.has_text:
        if element.role in NAMED_ROLES and element.name:
            inner = Locator(by="role", value=element.role, name=element.name, within=record.shown)
        else:
            inner = Locator(by="role", value=element.role, within=record.shown)
        if await hand.count(inner) == 1:
            return inner
    return await hand.find(element)
