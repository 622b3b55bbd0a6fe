"""What a list does to all entries at once: views of some of them, ticking all off, removing those that are."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer.entry_list import ENTRY, SECOND, THIRD, EntryList, ListView
from agent_runtime_server.adapters.explorer.entry_steps import expect_count, expect_grown, with_entries
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Click,
    HasText,
    IsChecked,
    IsHidden,
    IsVisible,
    Locator,
    Reload,
    SetChecked,
)
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.mining import Kit, slug

_TWO = re.compile(r"(?<!\d)2(?!\d)")
_TICKED = {"first": ENTRY, "third": THIRD}
"""What is ticked off to be removed: not side by side, and more than one."""


async def mine_views(kit: Kit, found: EntryList) -> None:
    """Only entries that nobody else sees are ticked off or removed together."""
    if kit.wants("filter"):
        for view in found.views:
            await _view(kit, found, view)
        await _view_persists(kit, found)
    if not found.private:
        return
    if found.clear is not None and kit.wants("remove"):
        await _clear(kit, found, found.clear)
    if found.box_of_all is not None and kit.wants("edit"):
        await _tick_all(kit, found, found.box_of_all)
        await _tick_each(kit, found, found.box_of_all)


async def _one_ticked(hand: Hand, found: EntryList) -> None:
    await with_entries(hand, found, ENTRY, SECOND)
    await hand.step("Tick the first entry off", found.tick(ENTRY))
    await hand.expect("it is ticked", IsChecked(found.box_for(ENTRY)))


def _gone(found: EntryList, text: str) -> IsHidden:
    return IsHidden(found.of(text, found.shown))


async def _expect_some(hand: Hand, found: EntryList, view: ListView) -> None:
    """Expect what a view of some entries shows and hides."""
    shown, hidden = (ENTRY, SECOND) if view.shows_ticked else (SECOND, ENTRY)
    names = {ENTRY: "the ticked entry", SECOND: "the open entry"}
    if not await hand.expect(f"{names[hidden]} is not shown there", _gone(found, hidden)):
        raise LostError(f"“{view.name}” does not hide {names[hidden]}")
    await hand.expect(f"{names[shown]} is shown", found.is_shown(shown), outcome=False)
    await expect_grown(hand, found, -1, "there is one entry less")


async def _view(kit: Kit, found: EntryList, view: ListView) -> None:
    async with kit.attempt(f"looking at “{view.name}”") as hand:
        await _one_ticked(hand, found)
        if view.shows_ticked and view.shows_open:
            other = next(each for each in found.views if not (each.shows_ticked and each.shows_open))
            await hand.step(f"Click “{other.name}”", *found.remember(), Click(other.target))
            await _expect_some(hand, found, other)
            await hand.step(f"Click “{view.name}”", Click(view.target))
            await hand.expect("the ticked entry is shown", found.is_shown(ENTRY))
            await hand.expect("the open entry is shown", found.is_shown(SECOND))
            await expect_grown(hand, found, 0, "there are as many entries as before")
            title = f"Shows all entries under “{view.name}”"
        else:
            await hand.step(f"Click “{view.name}”", *found.remember(), Click(view.target))
            await _expect_some(hand, found, view)
            if whole := next((each for each in found.views if each.shows_ticked and each.shows_open), None):
                await hand.step(f"Click “{whole.name}”", Click(whole.target))
                hidden = SECOND if view.shows_ticked else ENTRY
                await hand.expect("the entry that was not shown is there", found.is_shown(hidden))
            title = f"Shows only {'ticked' if view.shows_ticked else 'open'} entries under “{view.name}”"
        kit.keep(hand.flow(f"view-{slug(view.name)}", "Entries", title, "@crud"), "filter")


async def _view_persists(kit: Kit, found: EntryList) -> None:
    view = next((each for each in found.views if each.shows_ticked and not each.shows_open), None)
    if view is None or not found.lasts:
        return
    async with kit.attempt("loading a view again") as hand:
        await _one_ticked(hand, found)
        await hand.step(f"Click “{view.name}”", *found.remember(), Click(view.target))
        await _expect_some(hand, found, view)
        await hand.step("Load the page again", Reload())
        if await hand.expect("the open entry is still not shown", _gone(found, SECOND)):
            await hand.expect("the ticked entry is still shown", found.is_shown(ENTRY))
            kit.keep(hand.flow("view-persists", "Entries", "A view outlives a reload", "@crud"), "filter")


async def _clear(kit: Kit, found: EntryList, button: Locator) -> None:
    async with kit.attempt("removing the ticked entries") as hand:
        await with_entries(hand, found, ENTRY, SECOND, THIRD)
        await hand.step("Tick the first entry off", found.tick(ENTRY))
        await hand.expect("it is ticked", IsChecked(found.box_for(ENTRY)))
        appeared = await hand.expect("what removes it is offered", IsVisible(button))
        await hand.step("Tick the third entry off", found.tick(THIRD))
        await hand.expect("it is ticked", IsChecked(found.box_for(THIRD)))
        if told := next((each.text for each in matches(hand.view, button) if _TWO.search(each.text)), ""):
            await hand.expect("it tells that there are two", HasText(button, told))
        await hand.step("Remove the ticked entries", *found.remember(), Click(button))
        for name, text in _TICKED.items():
            if not await hand.expect(f"the {name} entry is gone", _gone(found, text)):
                raise LostError(f"the {name} entry stays")
        await hand.expect("the open entry is still shown", found.is_shown(SECOND), outcome=False)
        await expect_grown(hand, found, -2, "there are two entries less")
        if appeared:
            await hand.expect("nothing is left to be removed", IsHidden(button))
        if found.lasts:
            await hand.step("Load the page again", Reload())
            await hand.expect("the open entry is still shown", found.is_shown(SECOND), outcome=False)
            for name, text in _TICKED.items():
                await hand.expect(f"the {name} entry is still gone", _gone(found, text))
        kit.keep(hand.flow("clear-ticked", "Entries", "Removes the ticked entries", "@crud"), "remove")


async def _tick_all(kit: Kit, found: EntryList, box: Locator) -> None:
    async with kit.attempt("ticking all entries off") as hand:
        await with_entries(hand, found, ENTRY, SECOND)
        for checked, title, words in (
            (True, "Tick all entries off", "is ticked"),
            (False, "Clear all ticks", "is open again"),
        ):
            await hand.step(title, SetChecked(box, checked))
            for name, text in (("first", ENTRY), ("second", SECOND)):
                if not await hand.expect(f"the {name} entry {words}", IsChecked(found.box_for(text), checked)):
                    raise LostError(f"the {name} entry does not follow")
            told = "the count leaves both out" if checked else "the count tells of both again"
            await expect_count(hand, found, told, ticked=2 if checked else 0)
        kit.keep(hand.flow("tick-all", "Entries", "Ticks all entries off, and clears all ticks", "@crud"), "edit")


async def _tick_each(kit: Kit, found: EntryList, box: Locator) -> None:
    """The box of all follows those of the entries."""
    async with kit.attempt("ticking one entry after another off") as hand:
        await with_entries(hand, found, ENTRY, SECOND)
        await hand.step("Tick both entries off", found.tick(ENTRY), found.tick(SECOND))
        if not await hand.expect("the box of all entries is ticked too", IsChecked(box)):
            raise LostError("the box of all entries does not follow")
        await hand.step("Clear the tick of the second entry", found.tick(SECOND, checked=False))
        await hand.expect("the box of all entries is not ticked", IsChecked(box, False))
        kit.keep(
            hand.flow("tick-each", "Entries", "Ticks the box of all entries with the last of them", "@crud"), "edit"
        )
