"""Fields that make something when Enter is pressed, as in a list of tasks: made, ticked off, there after a reload."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.flow import (
    Click,
    Fill,
    Goto,
    HasValue,
    IsChecked,
    IsHidden,
    IsVisible,
    Locator,
    Press,
    Reload,
    SetChecked,
)
from agent_runtime_server.adapters.explorer.forms import is_search, is_sign_in, kind_of
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.locators import row_of
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.perceive import Element, View
from agent_runtime_server.adapters.explorer.site import Visit

ENTRY = "Entry ${uid}"


async def mine_entries(kit: Kit) -> None:
    """The first page with such a field, if there is one."""
    for visit in kit.site.good:
        if not visit.signed_in and _entry_field(visit.view) is not None and kit.wants("create", "form"):
            await _add(kit, visit)
            await _tick(kit, visit)
            await _several(kit, visit)
            await _persists(kit, visit)
            return


def _entry_field(view: View) -> Element | None:
    """A text field without a button that sends it."""
    for field in view.controls:
        if not field.is_field or field.kind != "text" or kind_of(field) == "search" or row_of(field) is not None:
            continue
        form = view.form_of(field)
        if form is None or (form.submit is None and not is_search(form) and not is_sign_in(form)):
            return field
    return None


async def _enter(hand: Hand, visit: Visit, text: str) -> Element:
    """Two steps: open the page and type; the smallest element that shows what was made.

    Raises:
        LostError: Nothing was made.
    """
    await hand.step(f"Open {visit.path}", Goto(visit.path))
    field = _entry_field(hand.view)
    if field is None:
        raise LostError("the field is gone")
    target = await hand.find(field)
    effect = await hand.step("Type a new entry and press Enter", Fill(target, text), Press(target, "Enter"))
    made = [each for each in effect.appeared if each.text.startswith("Entry ") and not each.is_field]
    if not made:
        raise LostError("pressing Enter makes nothing")
    return min(reversed(made), key=lambda each: len(each.text))


def _shown() -> Locator:
    return Locator(by="text", value=ENTRY)


async def _add(kit: Kit, visit: Visit) -> None:
    async with kit.attempt("making an entry") as hand:
        await _enter(hand, visit, ENTRY)
        await hand.expect("the new entry is shown", IsVisible(_shown()))
        field = _entry_field(hand.view)
        if field is not None and not field.value and (target := await hand.try_find(field)):
            await hand.expect("the field is empty again", HasValue(target, ""))
        kit.keep(hand.flow("add-entry", "Entries", "Makes an entry", "@crud", "@smoke"), "create", "form")


async def _tick(kit: Kit, visit: Visit) -> None:
    async with kit.attempt("ticking an entry off") as hand:
        made = await _enter(hand, visit, ENTRY)
        row = made if made.role == "listitem" else row_of(made)
        if row is None or not any(each.kind == "checkbox" for each in row.walk() if each.is_field):
            raise LostError("entries cannot be ticked off")
        box = Locator(by="role", value="checkbox", within=Locator(by="role", value=row.role, has_text=ENTRY))
        await hand.step("Tick the entry off", SetChecked(box))
        await hand.expect("the entry is ticked", IsChecked(box))
        kit.keep(hand.flow("tick-entry", "Entries", "Ticks an entry off", "@crud"), "edit", "form")
        await _filtered(kit, visit, box)


async def _filtered(kit: Kit, visit: Visit, box: Locator) -> None:
    """Views that show only some entries: where one that is ticked off is gone, and one where it is shown."""
    async with kit.attempt("showing only some entries") as hand:
        await _enter(hand, visit, ENTRY)
        await hand.step("Tick the entry off", SetChecked(box))
        for link in [
            each for each in hand.view.links if each.attrs["href"].startswith("#/") and len(each.attrs["href"]) > 2
        ]:
            target = await hand.try_find(link)
            if target is None:
                continue
            await hand.step(f"Click “{link.name}”", Click(target))
            if await hand.expect("the entry is not shown there", IsHidden(_shown())):
                kit.keep(hand.flow("filter-entries", "Entries", "Shows only some entries", "@crud"), "filter")
                return
        raise LostError("no view hides it")


async def _several(kit: Kit, visit: Visit) -> None:
    async with kit.attempt("making one entry after another") as hand:
        await _enter(hand, visit, ENTRY)
        field = _entry_field(hand.view)
        if field is None:
            raise LostError("the field is gone")
        target, second = await hand.find(field), "Second ${uid}"
        await hand.step("Type a second entry and press Enter", Fill(target, second), Press(target, "Enter"))
        await hand.expect("the second entry is shown", IsVisible(Locator(by="text", value=second)))
        await hand.expect("the first entry is still shown", IsVisible(_shown()), outcome=False)
        kit.keep(hand.flow("add-entries", "Entries", "Makes one entry after another", "@crud"), "create", "form")


async def _persists(kit: Kit, visit: Visit) -> None:
    async with kit.attempt("loading the entries again") as hand:
        await _enter(hand, visit, ENTRY)
        await hand.step("Load the page again", Reload())
        await hand.expect("the entry is still shown", IsVisible(_shown()))
        kit.keep(hand.flow("entry-persists", "Entries", "An entry outlives a reload", "@crud"), "create")
