"""Lists that people add to, as a list of tasks: entries are made, ticked off, and there after a reload."""

from __future__ import annotations

from dataclasses import replace

from agent_runtime_server.adapters.explorer import mine_entry_changes, mine_entry_views
from agent_runtime_server.adapters.explorer.entry_list import ENTRY, SECOND, EntryList
from agent_runtime_server.adapters.explorer.entry_start import entry_fields, entry_in
from agent_runtime_server.adapters.explorer.entry_steps import (
    expect_count,
    expect_count_grown,
    expect_grown,
    opened,
    with_entries,
)
from agent_runtime_server.adapters.explorer.entry_survey import survey
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.language import HasValue, IsChecked, Reload
from agent_runtime_server.adapters.explorer.mining import Kit

_PAGES_TRIED = 3
_BLANKS = {"   ": "nothing but spaces", "": "nothing"}


async def mine_entries(kit: Kit) -> None:
    """The first list that is found, if there is one."""
    found = await _find(kit)
    if found is None:
        return
    if kit.wants("create", "form"):
        await _add(kit, found)
        await _several(kit, found)
        await _blank(kit, found)
        await _trimmed(kit, found)
        await _persists(kit, found)
    if found.box is not None and kit.wants("edit", "form"):
        await _tick(kit, found)
        await _untick(kit, found)
    await mine_entry_changes.mine_changes(kit, found)
    await mine_entry_views.mine_views(kit, found)


async def _find(kit: Kit) -> EntryList | None:
    pages = [visit for visit in kit.site.good if not visit.signed_in and entry_fields(visit.view)]
    for page in pages[:_PAGES_TRIED]:
        found: EntryList | None = None
        async with kit.attempt(f"making entries at {page.path}") as hand:
            found = await survey(hand, page.path)
        if found is not None:
            async with kit.attempt("seeing the entries from another browser") as other:
                return replace(found, private=entry_in(await other.visit(page.path)) is None)
    return None


async def _add(kit: Kit, found: EntryList) -> None:
    async with kit.attempt("making an entry") as hand:
        await with_entries(hand, found, ENTRY)
        await hand.expect("the field is empty again", HasValue(found.field, ""))
        await expect_count(hand, found, "the count tells of it")
        kit.keep(hand.flow("add-entry", "Entries", "Makes an entry", "@crud", "@smoke"), "create", "form")


async def _several(kit: Kit, found: EntryList) -> None:
    async with kit.attempt("making one entry after another") as hand:
        await with_entries(hand, found, ENTRY)
        title = "Type a second entry and " + found.way
        await hand.step(title, *found.remember(), *found.add(SECOND))
        await hand.expect("the second entry is shown", found.is_shown(SECOND))
        await hand.expect("the first entry is still shown", found.is_shown(ENTRY), outcome=False)
        await expect_grown(hand, found, 1, "there is one entry more")
        await expect_count_grown(hand, found, 1, "the count is one more")
        await expect_count(hand, found, "the count tells of both")
        kit.keep(hand.flow("add-entries", "Entries", "Makes one entry after another", "@crud"), "create", "form")


async def _blank(kit: Kit, found: EntryList) -> None:
    """Told by an entry that is made afterwards: it is the only one more."""
    if found.rows is None or not found.private:
        return
    for blank, words in _BLANKS.items():
        async with kit.attempt(f"making an entry of {words}") as hand:
            await with_entries(hand, found, ENTRY)
            title = f"Type {words} and {found.way}, then do so with a second entry"
            await hand.step(title, *found.remember(), *found.add(blank), *found.add(SECOND))
            await hand.expect("the second entry is shown", found.is_shown(SECOND))
            if not await expect_grown(hand, found, 1, "there is one entry more, none of them blank"):
                raise LostError("a blank entry is an entry")
            await expect_count_grown(hand, found, 1, "the count is one more")
            flow = hand.flow("blank-entry", "Entries", f"Makes no entry of {words}", "@crud", "@negative")
            kit.keep(flow, "create", "form")
            return


async def _trimmed(kit: Kit, found: EntryList) -> None:
    """What the editor holds shows the spaces that a page does not."""
    if found.editor is None:
        return
    async with kit.attempt("making an entry with spaces around it") as hand:
        await opened(hand, found)
        await hand.step(f"Type an entry with spaces around it and {found.way}", *found.add(f"  {ENTRY}  "))
        await hand.expect("the new entry is shown", found.is_shown(ENTRY))
        await hand.step("Open it to change it", *found.open(ENTRY))
        if await hand.expect("its text has no spaces around it", HasValue(found.editor, ENTRY)):
            flow = hand.flow("trim-entry", "Entries", "Drops the spaces around an entry", "@crud")
            kit.keep(flow, "create", "form")


async def _persists(kit: Kit, found: EntryList) -> None:
    async with kit.attempt("loading the entries again") as hand:
        await with_entries(hand, found, ENTRY, SECOND)
        if found.box is not None:
            await hand.step("Tick the first entry off", found.tick(ENTRY))
            await hand.expect("it is ticked", IsChecked(found.box_for(ENTRY)))
        await hand.step("Load the page again", Reload())
        await hand.expect("the first entry is still shown", found.is_shown(ENTRY))
        await hand.expect("the second entry is still shown", found.is_shown(SECOND))
        if found.box is not None:
            await hand.expect("the first entry is still ticked", IsChecked(found.box_for(ENTRY)))
            await hand.expect("the second entry is still open", IsChecked(found.box_for(SECOND), False))
        kit.keep(hand.flow("entry-persists", "Entries", "Entries outlive a reload", "@crud"), "create")


async def _tick(kit: Kit, found: EntryList) -> None:
    async with kit.attempt("ticking an entry off") as hand:
        await with_entries(hand, found, ENTRY, SECOND)
        await hand.step("Tick the first entry off", found.tick(ENTRY))
        await hand.expect("the entry is ticked", IsChecked(found.box_for(ENTRY)))
        await hand.expect("the other entry is not", IsChecked(found.box_for(SECOND), False), outcome=False)
        await expect_count(hand, found, "the count leaves it out", ticked=1)
        kit.keep(hand.flow("tick-entry", "Entries", "Ticks an entry off", "@crud"), "edit", "form")


async def _untick(kit: Kit, found: EntryList) -> None:
    async with kit.attempt("taking a tick back") as hand:
        await with_entries(hand, found, ENTRY, SECOND)
        await hand.step("Tick the first entry off", found.tick(ENTRY))
        await hand.expect("the entry is ticked", IsChecked(found.box_for(ENTRY)))
        await hand.step("Clear the tick", found.tick(ENTRY, checked=False))
        await hand.expect("the entry is open again", IsChecked(found.box_for(ENTRY), False))
        await expect_count(hand, found, "the count tells of both again")
        kit.keep(hand.flow("untick-entry", "Entries", "Takes a tick back", "@crud"), "edit", "form")
