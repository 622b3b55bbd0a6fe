"""The catalogue: sorted by price it is in order, a category holds its own things, what is sold out cannot be bought."""

from __future__ import annotations

import re
from collections.abc import Collection

from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Choose,
    Click,
    Goto,
    InOrder,
    IsHidden,
    IsVisible,
    Locator,
)
from agent_runtime_server.adapters.explorer.listed import Item, items_of, largest_list
from agent_runtime_server.adapters.explorer.locators import group, hangs_on_looks
from agent_runtime_server.adapters.explorer.messages import standing_words
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.money import number_in
from agent_runtime_server.adapters.explorer.shopping import add_button, find_products, price_on
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import OUT_OF_STOCK

_BY_PRICE = re.compile(r"pric|cost|expensive|cheap", re.IGNORECASE)
_RISING = re.compile(r"low\w*\b.*\bhigh|asc|cheapest|lowest|least|rising|up\b|\u2191", re.IGNORECASE)
_FALLING = re.compile(r"high\w*\b.*\blow|desc|most expensive|highest|dearest|falling|down\b|\u2193", re.IGNORECASE)


async def mine_catalogue(kit: Kit) -> None:
    """All flows about the list of products, if there is one."""
    listing = largest_list(kit.site)
    items = items_of(listing.view, kit.site) if listing else []
    if listing is None or sum(item.price is not None for item in items) < 2:
        return
    if kit.wants("filter", "browse"):
        for descending in (False, True):
            await _sorted(kit, listing, descending=descending)
    await _narrowed(kit, listing)
    await _sold_out(kit)


async def _sorted(kit: Kit, listing: Visit, *, descending: bool) -> None:
    way = "falling" if descending else "rising"
    async with kit.attempt(f"sorting by {way} price") as hand:
        await hand.step(f"Open {listing.path}", Goto(listing.path))
        field, option = _sorting(hand.view, _FALLING if descending else _RISING)
        actions: list[Action] = [Choose(await hand.find(field), option.text)]
        form = hand.view.form_of(field)
        if form is not None and form.submit is not None:
            actions.append(Click(await hand.find(form.submit)))
        await hand.step(f"Choose “{option.text}”", *actions)
        prices = _prices(hand.view, items_of(hand.view, kit.site))
        text = f"the prices are {way} from the first to the last"
        if prices is None or not await hand.expect(text, InOrder(prices, descending)):
            raise LostError("the prices are not in order")
        flow = hand.flow(f"sorts-by-{way}-price", "Catalogue", f"Sorts by {way} price", "@catalogue")
        kit.keep(flow, "filter", "browse")


def _sorting(view: View, way: re.Pattern[str]) -> tuple[Element, Element]:
    """The select and the option that sort by price."""
    for field in [each for each in view.controls if each.tag == "select"]:
        for option in [each for each in field.walk() if each.tag == "option"]:
            if _BY_PRICE.search(option.text) and way.search(option.text):
                return field, option
    raise LostError("nothing sorts by price")


def _prices(view: View, items: list[Item]) -> Locator | None:
    """What holds the prices of all things that are listed, one each; or their rows, if each begins with it.

    A row is the second choice, for the name of another thing may begin with a number; looks are the last one.
    """
    rows = [item.row for item in items if item.row is not None]
    if len(rows) < 2 or len(rows) != len(items) or not all(amounts(row.text) for row in rows):
        return None
    priced = [next((each for each in row.walk() if _is_price(each)), None) for row in rows]
    elements = [each for each in priced if each is not None]
    found = group(view, elements) if len(elements) == len(rows) else None
    if found is not None and not hangs_on_looks(found):
        return found
    begun = all(number_in(row.text) == amounts(row.text)[0] for row in rows)
    return (group(view, rows) if begun else None) or found


def _is_price(element: Element) -> bool:
    return len(amounts(element.text)) == 1 and not any(amounts(child.text) for child in element.children)


async def _narrowed(kit: Kit, listing: Visit) -> None:
    """A link from the list to some of its things: a category."""
    everything = {item.name for item in items_of(listing.view, kit.site)}
    for link in listing.view.links:
        visit = kit.site.visits.get(kit.site.own(listing.view.target(link)) or "")
        if visit is None or visit is listing or visit.signed_in or not link.name or visit.status >= 400:
            continue
        some = {item.name for item in items_of(visit.view, kit.site)}
        if len(some) < 2 or not some & everything or not everything - some or not kit.wants("browse", text=link.name):
            continue
        if await _narrow(kit, listing, link, some):
            return


async def _narrow(kit: Kit, listing: Visit, link: Element, some: Collection[str]) -> bool:
    """``some``: the names of the things that the category has."""
    async with kit.attempt(f"showing only “{link.name}”") as hand:
        await hand.step(f"Open {listing.path}", Goto(listing.path))
        other = next((each for each in items_of(hand.view, kit.site) if each.name not in some), None)
        if other is None:
            raise LostError("nothing of another kind is listed")
        elsewhere = await hand.find(other.link)
        await hand.expect(f"“{other.name}” is listed", IsVisible(elsewhere), outcome=False)
        same = next((each for each in hand.view.links if each.name == link.name and each.attrs == link.attrs), None)
        if same is None:
            raise LostError("the link is gone")
        effect = await hand.step(f"Click “{link.name}”", Click(await hand.find(same)))
        shown = items_of(hand.view, kit.site)
        await hand.expect_heading(effect, "the heading is")
        await hand.expect(f"“{other.name}” of another kind is not shown", IsHidden(elsewhere))
        for item in shown[:1]:
            await hand.expect(f"“{item.name}” is shown", IsVisible(await hand.find(item.link)), outcome=False)
        flow = hand.flow(f"shows-only-{slug(link.name)}", "Catalogue", f"Shows only “{link.name}”", "@catalogue")
        kit.keep(flow, "filter", "browse")
        return True
    return False


async def _sold_out(kit: Kit) -> None:
    """The first listed thing that has a price and is said to be sold out."""
    for visit in [each for each in kit.site.good if not each.signed_in]:
        for item in items_of(visit.view, kit.site):
            about = item.row.text.replace(item.name, "") if item.row is not None else ""
            path = kit.site.own(visit.view.target(item.link))
            if item.price is not None and OUT_OF_STOCK.search(about) and path:
                await _cannot_be_bought(kit, item.name, path)
                return


async def _cannot_be_bought(kit: Kit, name: str, path: str) -> None:
    """Its page is opened from that of a thing that can be bought: a list says the same of one of its things."""
    for product in (await find_products(kit))[:1]:
        async with kit.attempt(f"buying “{name}”, which is sold out") as hand:
            await hand.step(f"Open {product.path}", Goto(product.path))
            adding = add_button(hand.view)
            await hand.step(f"Open {path}", Goto(path))
            button = add_button(hand.view)
            if price_on(hand.view) is None or (button is not None and not button.disabled):
                raise LostError(f"“{name}” can be bought")
            await _expect_to_be_told(hand, name)
            if button is None and adding is not None:
                hidden = IsHidden(Locator(by="role", value="button", name=adding.name))
                await hand.expect("it cannot be put into the cart", hidden)
            flow = hand.flow("sold-out", "Catalogue", "What is sold out cannot be bought", "@catalogue", "@negative")
            kit.keep(flow, "browse", "cart")


async def _expect_to_be_told(hand: Hand, name: str) -> None:
    for element in [each for each in hand.view.elements if each.inside(hand.view.main)]:
        words = standing_words(element.own_text)
        if not OUT_OF_STOCK.search(words) or name in words:
            continue
        found = [Locator(by="role", value=element.role, has_text=words)] if element.role else []
        for locator in (*found, Locator(by="text", value=words, exact=False)):
            if await hand.count(locator) == 1 and await hand.expect(f"the page says “{words}”", IsVisible(locator)):
                return
