"""Moving through a shop: to a product, into the cart, to the cart's page, and finding lines there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Click,
    Goto,
    NumberIn,
    Remember,
)
from agent_runtime_server.adapters.explorer.listed import Item, items_of, largest_list
from agent_runtime_server.adapters.explorer.locators import candidates, hangs_on_looks, has_digits
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import ADD_TO_CART, PRICE, speaks_of

LONGEST_PRICE = 40
"""Characters of what holds a price and little else."""
MOST_PRODUCTS = 2


@dataclass(frozen=True, eq=False)
class Product:
    """A product that can be put into the cart from its own page."""

    listing: str
    """Path of the page that lists it."""
    name: str
    path: str
    price: float


async def find_products(kit: Kit) -> list[Product]:
    """Products of the list with most prices whose pages offer to add them to the cart."""
    listing = largest_list(kit.site)
    found: list[Product] = []
    if listing is None:
        return found
    async with kit.hand() as hand:
        for item in [each for each in items_of(listing.view, kit.site) if each.price][:6]:
            product = await _product(kit, hand, listing, item)
            if product is not None:
                found.append(product)
            if len(found) == MOST_PRODUCTS:
                break
    return found


async def _product(kit: Kit, hand: Hand, listing: Visit, item: Item) -> Product | None:
    path = kit.site.own(listing.view.target(item.link))
    if path is None:
        return None
    known = kit.site.visits.get(path)
    view = known.view if known else await hand.visit(path)
    price, add = price_on(view), add_button(view)
    if price is None or add is None or add.disabled:
        return None
    return Product(listing.path, item.name, path, amounts(price.text)[0])


def price_on(view: View) -> Element | None:
    """The element with the price of the product that a page is about: the first small one with one amount."""
    return next(_prices_on(view), None)


def _prices_on(view: View) -> Iterator[Element]:
    for element in view.elements:
        if element.in_chrome or not element.inside(view.main) or element.tag in ("del", "s", "option", "select"):
            continue
        if len(element.text) > LONGEST_PRICE or len(amounts(element.text)) != 1:
            continue
        if not any(amounts(child.text) for child in element.children) and view.form_of(element) is None:
            yield element


def add_button(view: View) -> Element | None:
    """The button that puts the product of the page into the cart: by its words, else by where its form is sent."""
    main = [each for each in view.buttons if each.inside(view.main) and not each.in_chrome]
    by_words = [each for each in main if ADD_TO_CART.search(each.name)]
    posted = [
        each
        for each in main
        if (form := view.form_of(each)) and form.method == "post" and speaks_of("cart", form.action)
    ]
    return next(iter((*by_words, *posted)), None)


async def open_product(hand: Hand, product: Product) -> None:
    """Two steps: open the list, and choose the product there."""
    await hand.step(f"Open {product.listing}", Goto(product.listing))
    for link in [each for each in hand.view.links if each.name == product.name]:
        if locator := await hand.try_find(link):
            await hand.step(f"Choose “{product.name}”", Click(locator))
            return
    raise LostError(f"no link leads to “{product.name}”")


async def remember_price(hand: Hand, name: str) -> Action:
    """The action that keeps the price of the product of the present page."""
    prices = list(_prices_on(hand.view))
    if not prices:
        raise LostError("the product's page shows no price")
    first, *others = prices
    best = await hand.try_find(first)
    for other in others if best is None or hangs_on_looks(best) else ():
        if amounts(other.text) == amounts(first.text) and _is_price_of_page(other):
            locator = await hand.try_find(other)
            if locator is not None and not hangs_on_looks(locator):
                best = locator
                break
    if best is None:
        raise LostError(f"nothing tells the price {first.text!r} from others")
    return Remember(name, NumberIn(best))


def _is_price_of_page(element: Element) -> bool:
    """A row of a table says that it is the price, and of no other thing."""
    row = row_of(element) if element.role != "row" else element
    if row is None or row.role != "row":
        return False
    return bool(PRICE.search(row.text)) and not any(each.role in ("link", "heading") for each in row.walk())


async def add_to_cart(hand: Hand, *before: Action) -> Effect:
    """The step that puts the product of the present page into the cart."""
    button = add_button(hand.view)
    if button is None:
        raise LostError("the product cannot be put into a cart")
    return await hand.step(f"Click “{button.name}”", *before, Click(await hand.find(button)))


async def open_cart(hand: Hand, kit: Kit) -> Effect:
    """The step that opens the page of the cart, by its link."""
    links = [each for each in hand.view.links if speaks_of("cart", each.name) and not ADD_TO_CART.search(each.name)]
    links += [each for each in hand.view.links if speaks_of("cart", hand.view.target(each)) and each not in links]
    links.sort(key=lambda each: not each.in_chrome)
    for link in links:
        for locator in candidates(hand.view, link):
            if not has_digits(locator) and matches(hand.view, locator) == [link] and await hand.count(locator) == 1:
                return await hand.step("Open the cart", Click(locator))
        path = kit.site.own(hand.view.target(link))
        if path is not None:
            return await hand.step("Open the cart", Goto(path))
    for button in hand.view.buttons:
        if button.in_chrome and speaks_of("cart", button.name) and (target := await hand.try_find(button)):
            return await hand.step("Open the cart", Click(target))
    raise LostError("no link leads to the cart")
