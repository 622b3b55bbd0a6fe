"""Searching: every hit contains the term, other things are gone, and a nonsense term finds nothing."""

from __future__ import annotations

import re
from collections import Counter

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.flow import (
    Click,
    EachHasText,
    Fill,
    Goto,
    HasValue,
    IsHidden,
    Locator,
    Press,
)
from agent_runtime_server.adapters.explorer.forms import is_search
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.locators import group
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.perceive import Element, Form, View
from agent_runtime_server.adapters.explorer.site import Item, Visit, items_of
from agent_runtime_server.adapters.explorer.vocabulary import NO_RESULTS

NONSENSE = "qzxvkwj"
"""In no language a word."""
MOST_TERMS = 3


async def mine_search(kit: Kit) -> None:
    """A search with hits and one without."""
    place = _place(kit)
    if place is None:
        return
    listing, _form = place
    items = items_of(listing.view, kit.site)
    for term in _terms(items)[:MOST_TERMS]:
        if await _hit(kit, listing, term):
            break
    await _miss(kit, listing, items)


def _place(kit: Kit) -> tuple[Visit, Form] | None:
    """A page with a search field, if possible one that lists things to be searched."""
    found = [
        (visit, form) for visit in kit.site.good for form in visit.view.forms if is_search(form) and not visit.signed_in
    ]
    listing = kit.listing()
    return next((each for each in found if each[0] is listing), found[0] if found else None)


def _terms(items: list[Item]) -> list[str]:
    """Words that some of the listed things have in their names and others do not, the more telling first."""
    words = [set(re.findall(r"[A-Za-z]{4,}", item.name)) for item in items]
    counts = Counter(word for each in words for word in sorted(each))
    telling = [word for word, times in counts.items() if times < len(items)]
    return sorted(telling, key=lambda word: (counts[word] < 2, word))


def _field(view: View) -> tuple[Form, Element]:
    form = next((each for each in view.forms if is_search(each)), None)
    if form is None:
        raise LostError("the search field is gone")
    return form, next(each for each in form.fields if each.kind in ("text", "search"))


async def _search(hand: Hand, term: str) -> Effect:
    form, field = _field(hand.view)
    target = await hand.find(field)
    button = await hand.try_find(form.submit) if form.submit else None
    send = Click(button) if button else Press(target, "Enter")
    return await hand.step(f"Search for “{term}”", Fill(target, term), send)


async def _hit(kit: Kit, listing: Visit, term: str) -> bool:
    async with kit.attempt(f"searching for “{term}”") as hand:
        await hand.step(f"Open {listing.path}", Goto(listing.path))
        before = items_of(hand.view, kit.site)
        await _search(hand, term)
        hits = items_of(hand.view, kit.site) or _single_hit(hand.view, before)
        if not hits:
            raise LostError("nothing was found")
        rows = [item.row for item in hits if item.row is not None]
        headings = [above for item in hits for above in item.link.ancestors() if above.role == "heading"]
        for alike in ([item.link for item in hits], headings, rows):
            target = group(hand.view, alike) if len(alike) == len(hits) else None
            if target and await hand.expect(f"every result contains “{term}”", EachHasText(target, term)):
                break
        else:
            raise LostError(f"not every result contains “{term}”")
        shown = {item.name for item in hits}
        for item in before:
            if item.name not in shown and term.lower() not in item.name.lower():
                locator = _link_named(item)
                if await hand.expect(f"“{item.name}” is not among the results", IsHidden(locator)):
                    break
        _, field = _field(hand.view)
        if field.value == term and (target := await hand.try_find(field)):
            await hand.expect("the search field keeps the term", HasValue(target, term), outcome=False)
        kit.keep(hand.flow("search-hit", "Search", f"Finds things by “{term}”", "@search"), "search")
        return True
    return False


def _single_hit(view: View, before: list[Item]) -> list[Item]:
    names = {item.name for item in before}
    return [
        Item(link, None) for link in view.links if link.inside(view.main) and not link.in_chrome and link.name in names
    ]


def _link_named(item: Item) -> Locator:
    return Locator(by="role", value="link", name=item.name)


async def _miss(kit: Kit, listing: Visit, items: list[Item]) -> None:
    async with kit.attempt("searching for nonsense") as hand:
        await hand.step(f"Open {listing.path}", Goto(listing.path))
        effect = await _search(hand, NONSENSE)
        await expect_message(hand, effect, "a message says that nothing was found", pattern=_MISS, without=NONSENSE)
        for item in items[:1]:
            await hand.expect(f"“{item.name}” is not among the results", IsHidden(_link_named(item)))
        kit.keep(
            hand.flow("search-miss", "Search", "Finds nothing by a nonsense term", "@search", "@negative"), "search"
        )


_MISS = re.compile(f"{NO_RESULTS.pattern}|{NONSENSE}", re.IGNORECASE)
