"""Searching: what is found has to do with the term, other things are gone, and a nonsense term finds nothing."""

from __future__ import annotations

import re
from collections import Counter

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.forms import is_search
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Click,
    CountOf,
    EachHasText,
    Equals,
    Fill,
    Goto,
    HasValue,
    IsHidden,
    IsVisible,
    Locator,
    NumberIn,
    Press,
)
from agent_runtime_server.adapters.explorer.listed import Item, items_of, largest_list
from agent_runtime_server.adapters.explorer.locators import group
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.money import number_in
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.totals import lasting
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import NO_RESULTS

NONSENSE = "qzxvkwj"
"""In no language a word."""
_HOW_MANY = re.compile(r"\b(results?|found|match\w*|hits?|items?|entries|showing|products?)\b", re.IGNORECASE)
MOST_TERMS = 3
MOST_FOUND = 3
"""Things among the results that are tried, until one can be expected."""


async def mine_search(kit: Kit) -> None:
    """A search with hits and one without."""
    place = _place(kit)
    if place is None:
        return
    listing, _form = place
    items = items_of(listing.view, kit.site)
    terms = _terms(items)
    for term in terms[:MOST_TERMS]:
        if await _hit(kit, listing, term):
            break
    if other := _disjoint(items, terms):
        await _another(kit, listing, other)
    await _miss(kit, listing, items)


def _place(kit: Kit) -> tuple[Visit, Form] | None:
    """A page with a search field, if possible one that lists things to be searched."""
    found = [
        (visit, form)
        for visit in kit.site.good
        for form in visit.view.forms
        if is_search(form) and not form.guarded and not visit.signed_in
    ]
    listing = largest_list(kit.site)
    return next((each for each in found if each[0] is listing), found[0] if found else None)


def _terms(items: list[Item]) -> list[str]:
    """Words that some of the listed things have in their names and others do not, the more telling first."""
    words = [set(re.findall(r"[A-Za-z]{4,}", item.name)) for item in items]
    counts = Counter(word for each in words for word in sorted(each))
    telling = [word for word, times in counts.items() if times < len(items)]
    return sorted(telling, key=lambda word: (counts[word] < 2, word))


def _disjoint(items: list[Item], terms: list[str]) -> tuple[str, str] | None:
    """Two terms that are together in the name of nothing."""
    for other in terms[1:]:
        if not any(terms[0] in item.name and other in item.name for item in items):
            return terms[0], other
    return None


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
        effect = await _search(hand, term)
        hits = _hits(hand.view, kit, before)
        found = await _expect_found(hand, effect, term)
        if not found and not any(term.lower() in item.name.lower() for item in hits):
            raise LostError("nothing of that name was found")
        if hits:
            await _expect_all_to_contain(hand, hits, term)
            await _expect_count(hand, hits)
        told = await _expect_others_gone(hand, before, hits, term) or found
        await hand.expect_heading(effect, "the heading is")
        if not told:
            raise LostError(f"as many things are shown as without searching for “{term}”")
        _, field = _field(hand.view)
        if field.value == term and (target := await hand.try_find(field)):
            await hand.expect("the search field keeps the term", HasValue(target, term), outcome=False)
        kit.keep(hand.flow("search-hit", "Search", f"Finds things by “{term}”", "@search"), "search")
        return True
    return False


async def _another(kit: Kit, listing: Visit, terms: tuple[str, str]) -> None:
    """What the first search did not show the second does, and the other way round."""
    async with kit.attempt(f"searching for “{terms[0]}” and then for “{terms[1]}”") as hand:
        await hand.step(f"Open {listing.path}", Goto(listing.path))
        everything = items_of(hand.view, kit.site)
        await _search(hand, terms[0])
        first = _hits(hand.view, kit, everything)
        await _search(hand, terms[1])
        second = _hits(hand.view, kit, everything)
        names = {item.name for item in first}
        for item in [each for each in second if each.name not in names][:1]:
            await hand.expect(f"“{item.name}” is found now", IsVisible(await hand.find(item.link)))
        await _expect_others_gone(hand, first, second, terms[1])
        title = "Another term finds other things"
        kit.keep(hand.flow("search-another", "Search", title, "@search"), "search")


def _hits(view: View, kit: Kit, before: list[Item]) -> list[Item]:
    """What was found: of what was listed before, each once; else whatever is listed now."""
    names = {item.name for item in before}
    known: dict[str, Item] = {}
    for link in view.links:
        if link.inside(view.main) and not link.in_chrome and link.name in names:
            known[link.name] = Item(link, row_of(link))
    return list(known.values()) or items_of(view, kit.site)


async def _expect_all_to_contain(hand: Hand, hits: list[Item], term: str) -> None:
    """Expect the term in all that was found, where that is so: some searches find things by more than their names."""
    rows = [item.row for item in hits if item.row is not None]
    headings = [above for item in hits for above in item.link.ancestors() if above.role == "heading"]
    for alike in ([item.link for item in hits], headings, rows):
        target = group(hand.view, alike) if len(alike) == len(hits) else None
        if target and await hand.expect(f"every result contains “{term}”", EachHasText(target, term)):
            return


async def _expect_count(hand: Hand, hits: list[Item]) -> None:
    """Expect the page to tell of as many results as it lists, if it tells of any number."""
    rows = [item.row or item.link for item in hits]
    listed = group(hand.view, rows)
    for element in hand.view.main.walk() if listed else ():
        within_row = any(element is row or element.inside(row) for row in rows)
        said = f"{element.text} {element.parent.text if element.parent else ''}"
        told = element.visible and not element.children and not element.in_chrome and _HOW_MANY.search(said)
        equal = not within_row and number_in(element.text) == len(hits)
        if listed and told and equal and (locator := await lasting(hand, element)):
            check = Equals(NumberIn(locator), CountOf(listed))
            if await hand.expect("as many results are told of as are listed", check):
                return


async def _expect_found(hand: Hand, effect: Effect, term: str) -> bool:
    """Expect a thing with the term in its name that only the search has brought; whether one is."""
    view, old = effect.after, {link.name for link in effect.before.links}
    new = [link for link in view.links if link.name not in old and term.lower() in link.name.lower()]
    for link in [each for each in new if each.inside(view.main) and not each.in_chrome][:MOST_FOUND]:
        target = await hand.try_find(link)
        if target is not None and await hand.expect(f"“{link.name}” is found", IsVisible(target)):
            return True
    return False


async def _expect_others_gone(hand: Hand, before: list[Item], hits: list[Item], term: str) -> bool:
    """Expect that one thing which was shown before is not, as it has nothing to do with the term; whether one is."""
    shown = {item.name for item in hits}
    for item in [each for each in before if each.name not in shown and term.lower() not in each.name.lower()]:
        if await hand.expect(f"“{item.name}” is not among the results", IsHidden(_link_named(item))):
            return True
    return False


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
