"""Steps that the flows of a list have in common."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.entry_list import EntryList
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Goto, Text

_NAMES = ("first", "second", "third")


async def opened(hand: Hand, found: EntryList) -> None:
    """A step that opens the page of the list."""
    await hand.step(f"Open {found.path}", Goto(found.path))


async def with_entries(hand: Hand, found: EntryList, *texts: Text) -> None:
    """Steps that open the page and make entries, each of which is to be shown.

    Raises:
        LostError: One is not.
    """
    await opened(hand, found)
    for name, text in zip(_NAMES, texts, strict=False):
        which = f"a {name}" if len(texts) > 1 else "a new"
        await hand.step(f"Type {which} entry and {found.way}", *found.add(text))
        if not await hand.expect(f"the {name if len(texts) > 1 else 'new'} entry is shown", found.is_shown(text)):
            raise LostError("an entry is not shown")


async def expect_grown(hand: Hand, found: EntryList, by: int, text: str) -> bool:
    """Expect so many entries more, or less, than when they were last remembered; whether that holds."""
    check = found.grown(by)
    return check is not None and await hand.expect(text, check)


async def expect_count_grown(hand: Hand, found: EntryList, by: int, text: str) -> None:
    """Expect the counter to tell of so many entries more, or less, than it did."""
    check = found.count_grown(by)
    if check is not None:
        await hand.expect(text, check)


async def expect_count(hand: Hand, found: EntryList, text: str, *, ticked: int = 0) -> None:
    """Expect the counter to tell of all entries shown but the ticked ones."""
    check = found.counted(ticked)
    if check is not None:
        await hand.expect(text, check)
