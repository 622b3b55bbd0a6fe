"""Changing and removing the entries of a list."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.entry_list import EDITED, ENTRY, SECOND, TEXT, THIRD, EntryList
from agent_runtime_server.adapters.explorer.entry_steps import expect_count_grown, expect_grown, with_entries
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Fill,
    HasValue,
    IsHidden,
    IsVisible,
    Locator,
    Press,
    Reload,
)
from agent_runtime_server.adapters.explorer.mining import Kit


async def mine_changes(kit: Kit, found: EntryList) -> None:
    """Every way in which the text of an entry is changed or not, and its removal."""
    if found.editor is not None and kit.wants("edit", "form"):
        await _edit(kit, found, found.editor, Press(found.editor, "Enter"), "edit-entry", "Changes an entry")
        leave = Press(found.editor, "Tab")
        await _edit(kit, found, found.editor, leave, "leave-edited-entry", "Keeps a change when the field is left")
        await _trimmed(kit, found, found.editor)
        await _cancel(kit, found, found.editor)
        await _empty(kit, found, found.editor)
    if found.remove is not None and kit.wants("remove"):
        await _remove(kit, found, found.remove)


async def _edit(kit: Kit, found: EntryList, editor: Locator, end: Press, identity: str, title: str) -> None:
    async with kit.attempt(title) as hand:
        await with_entries(hand, found, ENTRY, SECOND)
        await _change(hand, found, editor, EDITED, end)
        if not await hand.expect("its new text is shown", found.is_shown(EDITED)):
            raise LostError(f"{end.key} does not keep the change")
        await hand.expect("the field is gone", IsHidden(found.any_editor or editor))
        await hand.expect("its old text is gone", IsHidden(found.of(ENTRY, found.shown)))
        await hand.expect("the other entry is still shown", found.is_shown(SECOND), outcome=False)
        if found.lasts:
            await hand.step("Load the page again", Reload())
            await hand.expect("its new text is still shown", found.is_shown(EDITED))
            await hand.expect("its old text does not come back", IsHidden(found.of(ENTRY, found.shown)))
            await hand.expect("the other entry is there as well", found.is_shown(SECOND), outcome=False)
        kit.keep(hand.flow(identity, "Entries", title, "@crud"), "edit", "form")


async def _trimmed(kit: Kit, found: EntryList, editor: Locator) -> None:
    async with kit.attempt("changing an entry to a text with spaces around it") as hand:
        await with_entries(hand, found, ENTRY)
        await _change(hand, found, editor, f"  {EDITED}  ", Press(editor, "Enter"))
        await hand.expect("its new text is shown", found.is_shown(EDITED))
        await hand.step("Open it again", *found.open(EDITED))
        if await hand.expect("its text has no spaces around it", HasValue(found.of(EDITED, editor), EDITED)):
            flow = hand.flow("trim-edited-entry", "Entries", "Drops the spaces around a changed entry", "@crud")
            kit.keep(flow, "edit", "form")


async def _cancel(kit: Kit, found: EntryList, editor: Locator) -> None:
    async with kit.attempt("giving up a change") as hand:
        await with_entries(hand, found, ENTRY, SECOND)
        await hand.step("Open the first entry to change it", *found.open(ENTRY))
        await hand.expect("the field has its text", HasValue(editor, ENTRY))
        await hand.step("Type another text and press Escape", Fill(editor, EDITED), Press(editor, "Escape"))
        if not await hand.expect("the field is gone", IsHidden(found.any_editor or editor)):
            raise LostError("Escape does not end the change")
        before = "its text is as before"
        # A row is there while its text is changed; so the text alone tells more, where it is found.
        if not await hand.expect(before, IsVisible(TEXT)) and not await hand.expect(before, found.is_shown(ENTRY)):
            raise LostError("Escape keeps the change")
        kit.keep(
            hand.flow("cancel-edit", "Entries", "Gives up a change with Escape", "@crud", "@negative"), "edit", "form"
        )


async def _empty(kit: Kit, found: EntryList, editor: Locator) -> None:
    async with kit.attempt("leaving an entry without text") as hand:
        await with_entries(hand, found, ENTRY, SECOND)
        await _change(hand, found, editor, "", Press(editor, "Enter"), *found.remember())
        if not await expect_grown(hand, found, -1, "there is one entry less"):
            raise LostError("an entry without text stays")
        await expect_count_grown(hand, found, -1, "the count is one less")
        await hand.expect("the entry is gone", IsHidden(found.of(ENTRY, found.shown)))
        await hand.expect("the other entry is still shown", found.is_shown(SECOND), outcome=False)
        kit.keep(
            hand.flow("empty-edit", "Entries", "Removes an entry that is left without text", "@crud"), "edit", "form"
        )


async def _change(hand: Hand, found: EntryList, editor: Locator, text: str, end: Press, *first: Action) -> None:
    words = {"Enter": "press Enter", "Tab": "leave the field"}[end.key]
    what = "change its text" if text else "remove its text"
    await hand.step(f"Open the first entry, {what} and {words}", *first, *found.open(ENTRY), Fill(editor, text), end)


async def _remove(kit: Kit, found: EntryList, button: Locator) -> None:
    """The one in the middle, as neither the first nor the last is meant."""
    async with kit.attempt("removing an entry") as hand:
        await with_entries(hand, found, ENTRY, SECOND, THIRD)
        await hand.step("Remove the second entry", *found.remember(), *found.reach(SECOND, button))
        gone = IsHidden(found.of(SECOND, found.shown))
        if not await hand.expect("the entry is gone", gone):
            raise LostError("the entry stays")
        await expect_grown(hand, found, -1, "there is one entry less")
        await hand.expect("the last entry is still shown", found.is_shown(THIRD), outcome=False)
        await expect_count_grown(hand, found, -1, "the count is one less")
        if found.lasts:
            await hand.step("Load the page again", Reload())
            await hand.expect("the last entry is still shown", found.is_shown(THIRD), outcome=False)
            await hand.expect("the entry is still gone", gone)
        kit.keep(hand.flow("remove-entry", "Entries", "Removes an entry", "@crud"), "remove")
