"""Smoke of each kind of page, and the way there by the links that people use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Click, HasOutline, IsVisible, Locator, UrlIs
from agent_runtime_server.adapters.explorer.listed import items_of, largest_list
from agent_runtime_server.adapters.explorer.messages import standing_words
from agent_runtime_server.adapters.explorer.mining import Kit, quoted, slug
from agent_runtime_server.adapters.explorer.outline import (
    PAGE,
    Bounds,
    Part,
    cut,
    everywhere,
    of_any_thing,
    parts_of,
    shared,
    template,
)
from agent_runtime_server.adapters.explorer.site import Site, Visit
from agent_runtime_server.adapters.explorer.templates import names_a_page, segments
from agent_runtime_server.adapters.explorer.text import escape
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import concepts_in

AT_ONCE_MS = 50
MOST_PARTS = 16
"""Parts of a page that are looked for one by one, where the browser does not see all of them as they are told."""
MOST_PAGES = 28
MOST_LINKS = 6
_COUNT = re.compile(r"(?<!\S)[(\[{#]?\d+(?=[\s)\]}]|$)")
"""A number that stands by itself: one that counts, or the number of a thing."""


async def mine_smoke(kit: Kit) -> None:
    """One flow for each URL template: the page opens and shows what names it."""
    around = around_pages(kit.site)
    templates = kit.site.templates()
    visits = one_of_each(kit)[:MOST_PAGES]
    alone = len(set(templates.values())) == 1  # an app of one page: what is to be seen of others is none of it
    for visit in visits:
        template = templates.get(visit.path, visit.path)
        identity = f"opens-{slug(template) if template != '/' else 'start-page'}"
        if identity in kit.taken:
            continue
        name = (_COUNT.search(visit.name) and standing_words(visit.name)) or visit.name
        signed_in = visit.signed_in
        async with kit.attempt(f"opening {visit.path}", signed_in=signed_in, only_reads=True) as hand:
            await kit.open(hand, visit)
            await _expect_page(hand, kit.site, around, visit.view)
            session: Literal["stored", "anonymous"] = "stored" if signed_in else "anonymous"
            flow = hand.flow(identity, "Pages", f"Opens “{name}”", "@smoke", session=session)
            kit.keep(replace(flow, bare=alone), "navigation", *concepts_in(f"{visit.path} {name}"))


def around_pages(site: Site) -> frozenset[Part]:
    """What surrounds the pages of an app without landmarks."""
    return everywhere([visit.view for visit in site.good], site.own)


def one_of_each(kit: Kit) -> list[Visit]:
    """A page of each kind: what is asked for first, and of pages side by side the first before the second of others."""
    templates = kit.site.templates()
    first: dict[str, Visit] = {}
    for visit in kit.site.good:
        if names_a_page(visit.path):
            first.setdefault(templates[visit.path], visit)

    def rank(visit: Visit) -> int:
        heading = visit.view.heading.name if visit.view.heading else ""
        return 0 if visit is kit.site.start else 2 - kit.wish.weight(f"{visit.path} {heading}")

    wanted = [visit for visit in first.values() if kit.wants("navigation", *concepts_in(visit.path), text=visit.path)]
    beside: Counter[tuple[str, ...]] = Counter()
    turn: dict[str, int] = {}
    for visit in wanted:
        folder = segments(visit.path)[:-1]
        turn[visit.path] = beside[folder] if folder else 0
        beside[folder] += 1
    return sorted(wanted, key=lambda visit: (rank(visit), turn[visit.path]))


async def _expect_page(hand: Hand, site: Site, around: frozenset[Part], earlier: View) -> None:
    """Expect the heading, and what the page is there for: its outline, or the first control of it."""
    view = hand.view
    if view.heading is not None and (locator := await _heading(hand, view.heading)):
        await hand.expect(f"the heading “{locator.has_text or view.heading.name}” is shown", IsVisible(locator))
    if await expect_main(hand, site, around, earlier):
        return
    for element in _content(view):
        if (locator := await hand.try_find(element)) and locator.by != "css":
            await hand.expect(f"{quoted(element)} is shown", IsVisible(locator))
            break


async def expect_main(hand: Hand, site: Site, around: frozenset[Part], earlier: View | None = None) -> bool:
    """Expect the outline of a page's main part, without what is ``around`` other pages, too; whether there is one.

    Of a page that was seen ``earlier``, only what it had then: the rest may come of what was made meanwhile. Of one
    that was not, as that of a thing which was made now, only what it has for any thing.
    """

    def parts_in(view: View) -> list[Part]:
        return [part for part in parts_of(view, site.own) if part not in around]

    parts = parts_in(hand.view)
    parts = of_any_thing(parts) if earlier is None else shared(parts_in(earlier), parts)
    main = Locator(by="role", value=hand.view.main.role)
    return await expect_outline(hand, main, parts, "its headings, links and fields are there")


async def expect_outline(hand: Hand, target: Locator, parts: Sequence[Part], words: str, bounds: Bounds = PAGE) -> bool:
    """Expect the parts of a region, those that stay as they are for a moment; whether there are any."""
    parts = cut(parts, bounds)
    if parts and not await hand.holds(HasOutline(target, template(parts, bounds)), AT_ONCE_MS):
        parts = [part for part in parts[:MOST_PARTS] if await hand.holds(HasOutline(target, part.line), AT_ONCE_MS)]
    whole = template(parts, bounds)
    return bool(whole) and await hand.expect(words, HasOutline(target, whole))


async def _heading(hand: Hand, heading: Element) -> Locator | None:
    """A locator of the heading, by the words that stay where it counts something."""
    if not _COUNT.search(heading.name):
        return await hand.try_find(heading)
    words = standing_words(heading.name)
    locator = Locator(by="role", value="heading", has_text=escape(words), level=heading.level)
    return locator if words and await hand.count(locator) == 1 else None


def _content(view: View) -> list[Element]:
    """What a page is there for: its fields, its buttons, else any control; without numbers in the name."""
    main = [each for each in view.controls if each.inside(view.main) and not each.in_chrome]
    named = [
        each for each in main if (each.name or each.attrs.get("placeholder")) and not any(map(str.isdigit, each.name))
    ]
    return sorted(named, key=lambda each: (not each.is_field, not each.is_button))[:3]


async def mine_navigation(kit: Kit) -> None:
    """By the links that surround the pages from one to the next; and from a list to one of its things."""
    home = kit.site.start
    if home is None or not kit.wants("navigation"):
        return
    await _walk(kit, home, _ways_around(kit, home))
    await _open_item(kit)


def _ways_around(kit: Kit, home: Visit) -> list[tuple[str, str]]:
    """Names and targets of links in the banner, the navigation and the like, one for each kind of page."""
    templates = kit.site.templates()
    found: dict[str, tuple[str, str]] = {}
    for link in home.view.links:
        visit = kit.site.visits.get(kit.site.own(home.view.target(link)) or "")
        if visit is None or visit.signed_in or visit.status >= 400 or not link.in_chrome or visit.path == home.path:
            continue
        if not link.name or "?" in visit.path or any(map(str.isdigit, link.name)):
            continue
        found.setdefault(templates.get(visit.path, visit.path), (link.name, visit.path))
    return list(found.values())[:MOST_LINKS]


async def _walk(kit: Kit, home: Visit, ways: Sequence[tuple[str, str]]) -> None:
    if not ways:
        return
    async with kit.attempt("walking through the navigation") as hand:
        await kit.open(hand, home)
        for name, path in ways:
            links = [each for each in hand.view.links if each.name == name and each.in_chrome]
            target = await hand.try_find(links[0]) if links else None
            if target is None:
                continue
            effect = await hand.step(f"Click the link “{name}”", Click(target))
            if hand.view.path != path:
                raise LostError(f"“{name}” leads to {hand.view.path}")
            await hand.expect("the address changes to that of the page", UrlIs(path))
            await hand.expect_heading(effect, "the page has the heading")
        title = "Goes from page to page by the navigation"
        kit.keep(hand.flow("navigation", "Navigation", title, "@smoke"), "navigation")


async def _open_item(kit: Kit) -> None:
    listing = largest_list(kit.site)
    if listing is None:
        return
    items = items_of(listing.view, kit.site)
    wanted = [item for item in items if not kit.wish.refuses(f"{item.name} {listing.view.target(item.link)}")]
    for item in wanted[:2]:
        kept = await _follow(kit, listing, item.link, "opens-a-listed-thing", f"Opens “{item.name}” from the list")
        if kept:
            return


async def _follow(kit: Kit, start: Visit, link: Element, identity: str, title: str) -> bool:
    async with kit.attempt(f"following “{link.name}” from {start.path}") as hand:
        await kit.open(hand, start)
        again = next((each for each in hand.view.links if each.name == link.name and each.attrs == link.attrs), None)
        if again is None:
            return False
        effect = await hand.step(f"Click the link “{link.name}”", Click(await hand.find(again)))
        path = kit.site.own(hand.page.url)
        if path and effect.navigated:
            await hand.expect("the address changes to that of the page", UrlIs(path))
        heading = hand.view.heading
        if heading and (locator := await hand.try_find(heading)):
            await hand.expect(f"the heading “{heading.name}” is shown", IsVisible(locator))
        kit.keep(hand.flow(identity, "Navigation", title, "@smoke"), "navigation", *concepts_in(link.name))
        return True
    return False
