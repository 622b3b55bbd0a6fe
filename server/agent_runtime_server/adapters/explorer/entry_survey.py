"""Finding out what a list is made of, by making entries and trying what is in and near them, in one page."""

from __future__ import annotations

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.entry_list import EDITED, ENTRY, SECOND, TEXT, EntryList
from agent_runtime_server.adapters.explorer.entry_look import Look, steady
from agent_runtime_server.adapters.explorer.entry_start import entry_in, make_first, uid_in
from agent_runtime_server.adapters.explorer.entry_whole import box_of_all, ticked
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Click, Fill, Hover, Locator, Press, Reload
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.money import number_in
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.vocabulary import REMOVE

_LISTS = ("list", "table", "rowgroup", "grid", "feed")
_TRIED = 3
"""Buttons of an entry that are tried."""
_LONGEST_COUNT = 60
"""Characters of a text that tells how many entries there are."""


async def survey(hand: Hand, path: str) -> EntryList:
    """What the list on a page is made of. Each kind of piece is looked for with two entries, both open.

    Raises:
        LostError: No field of the page makes an entry.
    """
    found = await make_first(hand, path)
    made = entry_in(hand.view)
    assert made is not None
    look = Look(hand, found, uid_in(made))
    for learn in (row, counter, editor, box_of_all, ticked, lasting, removal):
        try:
            await learn(look)
        except LostError:
            continue
    return look.found


async def row(look: Look) -> None:
    """What holds one entry, and all of them; the box of an entry."""
    made = entry_in(look.hand.view)
    row = None if made is None else made if made.role == "listitem" else row_of(made)
    if row is None:
        return
    look.know(row=Locator(by="role", value=row.role, has_text=ENTRY))
    around = next((above.role for above in row.ancestors() if above.role in _LISTS), None)
    rows = Locator(by="role", value=row.role, has_text="${uid}")
    if around:
        inside = Locator(by="role", value=row.role, within=Locator(by="role", value=around, has_text="${uid}"))
        rows = inside if await look.hand.count(inside) else rows
    look.know(rows=rows)
    boxes = [each for each in row.walk() if each.role in ("checkbox", "switch") and each.visible]
    if len(boxes) == 1:
        look.know(box=Locator(by="role", value=boxes[0].role, within=look.found.row))


async def counter(look: Look) -> None:
    """The second entry, and a number outside of the entries that is one more with it."""
    first = look.hand.view
    await look.hand.act(*look.found.add(SECOND))
    numbers = [each for each in look.around() if len(each.text) <= _LONGEST_COUNT and number_in(each.text)]
    for element in sorted(numbers, key=lambda each: len(each.text)):
        for locator in steady(look.hand.view, element):
            before = matches(first, locator)
            if len(before) != 1 or matches(look.hand.view, locator) != [element]:
                continue
            old, new = number_in(before[0].text), number_in(element.text)
            if old is not None and new == old + 1 and await look.hand.count(locator) == 1:
                look.know(counter=locator)
                return


async def editor(look: Look) -> None:
    """A double click, or a button of the entry, that opens a field with its text."""
    # What bears the text comes first: in the middle of a row, where it would be clicked, may be nothing.
    bearing = (replace(TEXT, within=look.found.row),) if look.found.row else ()
    for target in dict.fromkeys((*bearing, look.found.shown, TEXT)):
        if look.found.editor is None and await look.hand.count(target) == 1:
            await _edit_by(look, Click(target, double=True))
    if look.found.editor is None:
        for button in await _row_buttons(look, ENTRY):
            if button.name and REMOVE.search(button.name) is None:
                await _edit_by(look, Click(button))
            if look.found.editor is not None:
                return


async def _edit_by(look: Look, opener: Click) -> None:
    await look.hand.act(*([opener] if opener.double else look.found.reach(ENTRY, opener.target)))
    field = next(
        (
            each
            for each in look.hand.view.controls
            if each.is_field and each.role == "textbox" and row_of(each) and each.value == look.text(ENTRY)
        ),
        None,
    )
    row = row_of(field) if field else None
    if field is None or row is None:
        return
    anywhere = Locator(by="role", value="textbox", within=Locator(by="role", value=row.role))
    inside = Locator(by="role", value="textbox", within=look.found.row)
    alone = await look.hand.count(anywhere) == 1
    for locator in (inside, anywhere):
        if await look.hand.count(locator) == 1 and (not alone or await _is_found_as_one_types(look, locator, anywhere)):
            look.know(opener=opener, editor=locator, any_editor=anywhere if alone else locator)
            for key in ("Escape", "Enter"):
                if await look.hand.count(locator):
                    await look.hand.act(Press(locator, key))
            return


async def _is_found_as_one_types(look: Look, field: Locator, anywhere: Locator) -> bool:
    """Its row is still told by the text of before while the field has another."""
    await look.hand.act(Fill(field, EDITED))
    found = await look.hand.count(field) == 1
    await look.hand.act(Fill(field if found else anywhere, ENTRY))
    return found


async def _row_buttons(look: Look, text: str) -> list[Locator]:
    """The buttons of an entry, told for ``ENTRY``; with the mouse over it where they show only then."""
    row = look.row(text)
    if row is None or look.found.row is None:
        return []
    if not _buttons_in(row):
        await look.hand.act(Hover(look.found.of(text, look.found.row)))
        row = look.row(text)
        look.know(hover=row is not None and bool(_buttons_in(row)))
    buttons = _buttons_in(row) if row else []
    actual = look.text(text)
    names = [each.name.replace(actual, ENTRY) if any(map(str.isalpha, each.name)) else None for each in buttons]
    return [Locator(by="role", value="button", name=name, within=look.found.row) for name in names[:_TRIED]]


async def lasting(look: Look) -> None:
    """A reload keeps what there is."""
    await look.hand.act(Reload())
    look.know(lasts=look.is_shown(SECOND))


async def removal(look: Look) -> None:
    """A button of an entry that removes it."""
    if not look.is_shown(SECOND):
        await look.hand.act(*look.found.add(SECOND))
    opener = look.found.opener
    for button in await _row_buttons(look, SECOND):
        if opener is not None and button == opener.target:
            continue
        before = len(look.elements(look.found.rows)) if look.found.rows else 0
        await look.hand.act(*look.found.reach(SECOND, button))
        if look.found.rows and not look.is_shown(SECOND) and len(look.elements(look.found.rows)) < before:
            look.know(remove=button)
            return


def _buttons_in(row: Element) -> list[Element]:
    return [each for each in row.walk() if each.is_button and each.visible]
