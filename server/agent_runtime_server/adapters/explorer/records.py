"""Where the things that forms make are shown: the row or the text that bears what was typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.forms import Entry, key_of, wanted_fields
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Check,
    Choose,
    Fill,
    Goto,
    HasText,
    IsVisible,
    Locator,
    Text,
)
from agent_runtime_server.adapters.explorer.locators import candidates
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.naming import NAMED_ROLES
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.site import Site
from agent_runtime_server.adapters.explorer.text import references, substitute
from agent_runtime_server.adapters.explorer.view import View

_TELLING = ("heading", "link")
"""What is called as the text in it, so that people look for it by that."""
_HOLDERS = ("heading", "link", "paragraph", "article", "definition", "cell")
MOST_FACTS = 3
_SHORTEST_FACT = 3
"""Characters; a shorter one may be a part of anything, such as of the text that each run has for itself."""
MOST_PAGES = 3
"""Pages that are opened to find what was made."""


@dataclass(frozen=True, eq=False)
class Record:
    """A thing that was made, as it is shown now."""

    key: Entry
    """The field with a value of its own."""
    text: Text
    """That value, as typed."""
    listed_on: str
    """The page that is opened to see it; empty where sending the form leads to it."""
    shown: Locator
    """Its row, or the text that bears the value."""
    row: Element | None
    typed: tuple[Action, ...] = ()
    """How its form was filled in."""

    @property
    def facts(self) -> list[HasText]:
        """Other values of the form that its row shows, too."""
        return facts(self.row, self.shown, self.typed) if self.row is not None else []

    @property
    def check(self) -> Check:
        """It is there."""
        return IsVisible(self.shown)


async def find_record(hand: Hand, site: Site, place: Place, entries: Sequence[Entry]) -> Record:
    """What sending the form has made; one more step where another page must be opened to see it.

    Raises:
        LostError: It is not to be seen.
    """
    key = key_of(entries)
    if key is None:
        raise LostError("nothing that is typed into the form is unique")
    assert isinstance(key.action, Fill)
    typed = tuple(each.action for each in entries)
    if record := await _shown(hand, key, key.action.value, ""):
        return replace(record, typed=typed)
    for path in _lists(site, place)[:MOST_PAGES]:
        await hand.visit(path)
        if record := await _shown(hand, key, key.action.value, path):
            await hand.step(f"Open {path}", Goto(path))
            return replace(record, typed=typed)
    raise LostError("what was made is shown nowhere")


async def make_one(hand: Hand, site: Site, place: Place) -> Record:
    """The steps that make a thing by sending a form, and expect it to be shown. Raises ``LostError``."""
    effect, entries = await place.send(hand, f"Fill in the form and click “{place.sends}”")
    place.require_taken(effect)
    record = await find_record(hand, site, place, entries)
    await hand.expect("what was made is shown", record.check, outcome=False)
    return record


async def leanest(kit: Kit, place: Place) -> Place:
    """The form, from now on filled in with no more than it needs, if it takes that; else as it is."""
    if all(each.required for each in wanted_fields(place.form)):
        return place
    lean = replace(place, lean=True)
    async with place.attempt(kit, f"sending “{place.name}” with no more than it needs") as hand:
        await make_one(hand, kit.site, lean)
        return lean
    return place


async def see_again(hand: Hand, record: Record, text: Text) -> Record:
    """The record in the present view, or on its page, with another text for its key.

    Raises:
        LostError: It is not there.
    """
    if record.listed_on and hand.view.path != record.listed_on:
        await hand.step(f"Open {record.listed_on}", Goto(record.listed_on))
    found = await _shown(hand, record.key, text, record.listed_on)
    if found is None:
        raise LostError("it is not shown any more")
    return replace(found, typed=record.typed)


def _lists(site: Site, place: Place) -> list[str]:
    """Pages that may show it: those that lead to the form first, then the start page."""
    leading = [
        visit.path
        for visit in site.good
        if visit.signed_in == place.visit.signed_in
        and any(
            site.own(visit.view.target(link)) == place.visit.path for link in visit.view.links if not link.in_chrome
        )
    ]
    return list(dict.fromkeys([*leading, place.visit.path, site.home]))


async def _shown(hand: Hand, key: Entry, text: Text, listed_on: str) -> Record | None:
    found = await bearer_of(hand, text)
    return None if found is None else Record(key, text, listed_on, found.locator, found.row)


class Bearer(NamedTuple):
    """What shows a text, and its row if that is what the locator finds."""

    locator: Locator
    row: Element | None


async def bearer_of(hand: Hand, text: Text) -> Bearer | None:
    """The smallest element with the text, in a row if there is one; what a field holds is not shown yet."""
    value = substitute(text, hand.values)
    found = [
        each
        for each in hand.view.elements
        if value in each.text
        and not each.is_field
        and each.tag not in ("option", "select")
        and not any(value in child.text for child in each.children if child.visible)
    ]
    found.sort(key=lambda each: (not each.inside(hand.view.main), row_of(each) is None and each.role != "listitem"))
    for element in found:
        row = element if element.role == "listitem" else row_of(element)
        for locator in _locators(hand.view, element, row, value, text):
            if await hand.count(locator) == 1:
                return Bearer(locator, row if locator.has_text else None)
    return None


def _locators(view: View, element: Element, row: Element | None, value: str, text: Text) -> Iterator[Locator]:
    if row is not None:
        scope = _part_of_page(view, row)
        yield Locator(by="role", value=row.role, has_text=text, within=scope)
    if element.role in NAMED_ROLES and element.name == value:
        yield Locator(by="role", value=element.role, name=text)
    for above in (element, *element.ancestors()):
        if above.role in _TELLING and value in above.name:
            yield Locator(by="role", value=above.role, name=text, exact=False)
    yield Locator(by="text", value=text, exact=element.text == value)
    for above in (element, *element.ancestors()):
        if above.role in _HOLDERS:
            yield Locator(by="role", value=above.role, has_text=text)


def _part_of_page(view: View, row: Element) -> Locator | None:
    """The landmark around a row where there are rows elsewhere too: those may come to tell of it as well."""
    around = row.landmark
    if around is None or all(each.inside(around) for each in view.by_role(row.role)):
        return None
    return next((each for each in candidates(view, around) if matches(view, each) == [around]), None)


def facts(row: Element, shown: Locator, typed: Iterable[Action]) -> list[HasText]:
    """Other values of the form that the row of what was made shows too."""
    found: list[HasText] = []
    for action in typed:
        match action:
            case Fill(_, said) | Choose(_, said) if not references(said) and len(said) >= _SHORTEST_FACT:
                pass
            case _:
                continue
        word = re.compile(rf"(?<!\w){re.escape(said)}(?!\w)")
        if any(word.search(each.own_text) for each in row.walk()):
            found.append(HasText(shown, said))
    return found[:MOST_FACTS]
