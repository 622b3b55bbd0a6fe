"""Making the first entry of a list: which field makes one, and how its text is found afterwards."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.entry_list import ENTRY, TEXT, EntryList
from agent_runtime_server.adapters.explorer.fields import kind_of
from agent_runtime_server.adapters.explorer.forms import is_search, is_sign_in
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Click, Fill, Locator, Press
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.view import Form, View

_MADE = re.compile(r"Entry ([a-z0-9]{8,})")
_TRIED = 3
"""Fields, and buttons beside each, that are tried."""


def entry_fields(view: View) -> list[Element]:
    """Text fields that may make entries without asking a server: no form that is sent somewhere has them."""
    return [
        field
        for field in view.controls
        if field.is_field and field.kind == "text" and kind_of(field) != "search" and row_of(field) is None
        if (form := view.form_of(field)) is None or _stays(form)
    ]


def _stays(form: Form) -> bool:
    """What is typed into a form is for the page itself."""
    sent = form.method != "get" or "action" in form.element.attrs
    return not sent and not is_search(form) and not is_sign_in(form)


async def make_first(hand: Hand, path: str) -> EntryList:
    """Make ``ENTRY`` with a field of the page.

    Raises:
        LostError: No field does.
    """
    for field in entry_fields(await hand.visit(path))[:_TRIED]:
        target = await hand.try_find(field)
        if target is None:
            continue
        buttons = [await hand.try_find(each) for each in _buttons_beside(hand.view, field)]
        for button in (None, *(each for each in buttons if each)):
            try:
                await hand.act(Fill(target, ENTRY), Click(button) if button else Press(target, "Enter"))
            except LostError:
                continue
            if _page(hand.view.path) == _page(path) and (shown := await _shown(hand)):
                return EntryList(path=path, field=target, button=button, shown=shown, private=False)
            await hand.visit(path)
    raise LostError("no field makes entries")


def _page(path: str) -> str:
    return path.partition("#")[0]


def _buttons_beside(view: View, field: Element) -> list[Element]:
    """The buttons in the nearest element around a field that has any."""
    for above in field.ancestors():
        if near := [each for each in above.controls if each.is_button and each.visible]:
            return near[:_TRIED] if above is not view.root else []
    return []


async def _shown(hand: Hand) -> Locator | None:
    """How the new entry is found: its row, or else its text."""
    made = entry_in(hand.view)
    if made is None:
        return None
    row = made if made.role == "listitem" else row_of(made)
    ways = [TEXT, Locator(by="text", value=ENTRY, exact=False)]
    if row is not None:
        in_row = Locator(by="text", value=ENTRY, within=Locator(by="role", value=row.role))
        ways = [Locator(by="role", value=row.role, has_text=ENTRY), *ways, in_row]
    for way in ways:
        if await hand.count(way) == 1:
            return way
    return None


def entry_in(view: View) -> Element | None:
    """The smallest element that tells of an entry made by us."""
    tell = [each for each in view.elements if _MADE.search(each.text) and each.tag not in ("body", "html", "#root")]
    return min(reversed(tell), key=lambda each: len(each.text), default=None)


def uid_in(element: Element) -> str:
    """What tells the entry that an element shows from those of others."""
    found = _MADE.search(element.text)
    return found[1] if found else ""
