"""Smoke of each kind of page, and the way there by the links that people use."""

from __future__ import annotations

from typing import Literal

from agent_runtime_server.adapters.explorer.flow import Click, Goto, IsVisible, UrlIs
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.mining import Kit, quoted, slug
from agent_runtime_server.adapters.explorer.perceive import Element, View
from agent_runtime_server.adapters.explorer.site import Visit, items_of
from agent_runtime_server.adapters.explorer.vocabulary import concepts_in

MOST_PAGES = 10
MOST_LINKS = 2


async def mine_smoke(kit: Kit) -> None:
    """One flow for each URL template: the page opens and shows what names it."""
    for visit in _one_of_each(kit)[:MOST_PAGES]:
        heading = visit.view.heading
        name = heading.name if heading else visit.view.title or visit.path
        signed_in = visit.signed_in
        async with kit.attempt(f"opening {visit.path}", signed_in=signed_in) as hand:
            await hand.step(f"Open {visit.path}", Goto(visit.path))
            await _expect_page(hand)
            session: Literal["stored", "anonymous"] = "stored" if signed_in else "anonymous"
            template = kit.site.templates().get(visit.path, visit.path)
            identity = f"opens-{slug(template) if template != '/' else 'start-page'}"
            flow = hand.flow(identity, "Pages", f"Opens “{name}”", "@smoke", session=session)
            kit.keep(flow, "navigation", *concepts_in(f"{visit.path} {name}"))


def _one_of_each(kit: Kit) -> list[Visit]:
    templates = kit.site.templates()
    first: dict[str, Visit] = {}
    for visit in kit.site.good:
        if "?" not in visit.path:
            first.setdefault(templates[visit.path], visit)

    def rank(visit: Visit) -> int:
        heading = visit.view.heading.name if visit.view.heading else ""
        return 0 if visit.path == kit.site.home else 2 - kit.wish.weight(f"{visit.path} {heading}")

    wanted = [visit for visit in first.values() if kit.wants("navigation", *concepts_in(visit.path), text=visit.path)]
    return sorted(wanted, key=rank)


async def _expect_page(hand: Hand) -> None:
    """Expect the heading, and the first thing that the page is there for."""
    view = hand.view
    if view.heading is not None and (locator := await hand.try_find(view.heading)):
        await hand.expect(f"the heading “{view.heading.name}” is shown", IsVisible(locator))
    for element in _content(view):
        if (locator := await hand.try_find(element)) and locator.by != "css":
            await hand.expect(f"{quoted(element)} is shown", IsVisible(locator))
            break


def _content(view: View) -> list[Element]:
    """What a page is there for: its fields, its buttons, else any control; without numbers in the name."""
    main = [each for each in view.controls if each.inside(view.main) and not each.in_chrome] or list(view.controls)
    named = [
        each for each in main if (each.name or each.attrs.get("placeholder")) and not any(map(str.isdigit, each.name))
    ]
    return sorted(named, key=lambda each: (not each.is_field, not each.is_button))[:3]


async def mine_navigation(kit: Kit) -> None:
    """From the start page by a link to another page; and from a list to one of its things."""
    home = kit.site.visits.get(kit.site.home)
    if home is None or not kit.wants("navigation"):
        return
    done = set[str]()
    for link in home.view.links:
        path = kit.site.own(home.view.target(link))
        visit = kit.site.visits.get(path or "")
        if visit is None or visit.status >= 400 or not link.name or visit.path == home.path or "?" in visit.path:
            continue
        heading = visit.view.heading
        if heading is None or (home.view.heading and heading.name == home.view.heading.name) or not link.in_chrome:
            continue
        template = kit.site.templates().get(visit.path, visit.path)
        if template in done or len(done) == MOST_LINKS or any(map(str.isdigit, link.name)):
            continue
        done.add(template)
        await _follow(kit, home, link, f"goes-to-{slug(link.name)}", f"Goes from the start page to “{link.name}”")
    await _open_item(kit)


async def _open_item(kit: Kit) -> None:
    listing = kit.listing()
    if listing is None:
        return
    for item in items_of(listing.view, kit.site)[:2]:
        kept = await _follow(kit, listing, item.link, "opens-a-listed-thing", f"Opens “{item.name}” from the list")
        if kept:
            return


async def _follow(kit: Kit, start: Visit, link: Element, identity: str, title: str) -> bool:
    async with kit.attempt(f"following “{link.name}” from {start.path}") as hand:
        await hand.step(f"Open {start.path}", Goto(start.path))
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
