"""A list that people add to, as in a list of tasks: what it is made of, and how each piece of an entry is reached.

Every piece is told for one entry, ``ENTRY``; the same piece of another entry has that one's text in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.language import (
    Action,
    Click,
    CountOf,
    Equals,
    Fill,
    Hover,
    IsVisible,
    Literally,
    Locator,
    Minus,
    Number,
    NumberIn,
    Plus,
    Press,
    Recall,
    Remember,
    SetChecked,
    Text,
)

ENTRY = "Entry ${uid}"
SECOND = "Second ${uid}"
TEXT = Locator(by="text", value=ENTRY)
THIRD = "Third ${uid}"
EDITED = "Edited ${uid}"
_ENTRIES = "entries_before"
_COUNT = "count_before"


@dataclass(frozen=True)
class ListView:
    """A choice of entries that the app offers, as by a link "Open"."""

    name: str
    target: Locator
    shows_ticked: bool
    shows_open: bool


@dataclass(frozen=True)
class EntryList:
    """What was found out about a list. What it does not have is None."""

    path: str
    field: Locator
    button: Locator | None
    """Adds what the field holds, where Enter does not."""
    shown: Locator
    """The row of an entry, or its text."""
    private: bool
    """Another browser does not see what was made in this one."""
    row: Locator | None = None
    rows: Locator | None = None
    """All entries."""
    box: Locator | None = None
    """Ticks an entry off."""
    hover: bool = False
    """The buttons of an entry are there only while the mouse is over it."""
    remove: Locator | None = None
    opener: Click | None = None
    """Begins to change the text of an entry."""
    editor: Locator | None = None
    """Where the text of an entry is changed."""
    any_editor: Locator | None = None
    """Where that of whichever entry is, if nothing else is like it, else the same."""
    counter: Locator | None = None
    """A number that grows with each entry."""
    box_of_all: Locator | None = None
    """Ticks all entries off."""
    clear: Locator | None = None
    """Removes the entries that are ticked off."""
    views: tuple[ListView, ...] = ()
    lasts: bool = False
    """Entries are there after a reload."""

    @property
    def way(self) -> str:
        """How an entry is made, once its text is typed, in words."""
        return f"click “{self.button.name or 'the button'}”" if self.button else "press Enter"

    def add(self, text: Text) -> tuple[Action, ...]:
        """Make an entry."""
        return Fill(self.field, text), Click(self.button) if self.button else Press(self.field, "Enter")

    def is_shown(self, text: Text) -> IsVisible:
        """The entry is in the list."""
        return IsVisible(self.of(text, self.shown))

    def tick(self, text: Text, *, checked: bool = True) -> SetChecked:
        """Tick an entry off, or take that back. Only for lists with boxes."""
        return SetChecked(self.box_for(text), checked)

    def box_for(self, text: Text) -> Locator:
        """The box of an entry. Only for lists with boxes."""
        assert self.box is not None
        return self.of(text, self.box)

    def reach(self, text: Text, piece: Locator) -> tuple[Action, ...]:
        """Click a button of an entry."""
        over = (Hover(self.of(text, self.row)),) if self.hover and self.row else ()
        return *over, Click(self.of(text, piece))

    def open(self, text: Text) -> tuple[Action, ...]:
        """Begin to change the text of an entry. Only for lists that have an editor."""
        assert self.opener is not None
        if self.opener.double:
            return (Click(self.of(text, self.opener.target), double=True),)
        return self.reach(text, self.opener.target)

    @staticmethod
    def of(text: Text, piece: Locator) -> Locator:
        """The piece that another entry has."""
        return reworded(piece, ENTRY, text)

    def remember(self) -> tuple[Action, ...]:
        """Keep how many entries there are, and the number that the counter has."""
        entries = (Remember(_ENTRIES, CountOf(self.rows)),) if self.rows else ()
        return *entries, *((Remember(_COUNT, NumberIn(self.counter)),) if self.counter and self.private else ())

    def grown(self, by: int) -> Equals | None:
        """There are so many entries more, or less, than when that was remembered."""
        return Equals(CountOf(self.rows), _changed(_ENTRIES, by)) if self.rows else None

    def count_grown(self, by: int) -> Equals | None:
        """The counter tells of so many entries more, or less."""
        if self.counter is None or not self.private:
            return None
        return Equals(NumberIn(self.counter), _changed(_COUNT, by))

    def counted(self, ticked: int) -> Equals | None:
        """The counter tells of all entries but those that are ticked off."""
        if self.rows is None or self.counter is None or not self.private:
            return None
        number = NumberIn(self.counter)
        return Equals(Plus(number, Literally(ticked)) if ticked else number, CountOf(self.rows))


def _changed(name: str, by: int) -> Number:
    before, change = Recall(name), Literally(abs(by))
    return before if by == 0 else Plus(before, change) if by > 0 else Minus(before, change)


def reworded(locator: Locator, old: str, new: str) -> Locator:
    """The locator with one text in place of another, wherever it speaks of it."""
    return replace(
        locator,
        value=locator.value.replace(old, new),
        name=locator.name and locator.name.replace(old, new),
        has_text=locator.has_text and locator.has_text.replace(old, new),
        has=locator.has and reworded(locator.has, old, new),
        within=locator.within and reworded(locator.within, old, new),
    )
