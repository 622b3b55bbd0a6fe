"""The lines of the cart: what belongs to each product in it, and how it is found."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.locators import candidates
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.naming import plain
from agent_runtime_server.adapters.explorer.scopes import row_named, within
from agent_runtime_server.adapters.explorer.shopping import (
    Product,
    add_to_cart,
    open_cart,
    open_product,
    remember_price,
)
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import REMOVE, UPDATE

_ROWS = ("row", "listitem", "article", "group")
_QUANTITY_KINDS = ("number", "text", "select", "tel")


@dataclass(frozen=True, eq=False)
class Line:
    """A line of the cart."""

    row: Element
    quantity: Element | None
    """The field with how many."""


async def line_locator(hand: Hand, line: Line, product: Product, before: View) -> Locator:
    """What is there as long as the line is, and if possible was not there before: its row, or what is named after the
    product.

    Raises:
        LostError: Nothing is.
    """
    row = row_named(hand.view, line.row, product.name) if line.row.role else None
    named = [each for each in line.row.walk() if each.visible and each.name == product.name]
    found: list[Locator] = [row] if row else []
    for element in sorted(named, key=lambda each: each.role != "heading"):
        found += [each for each in candidates(hand.view, element) if matches(hand.view, each) == [element]]
    for locator in sorted(found, key=lambda each: bool(matches(before, each))):
        if await hand.count(locator) == 1:
            return locator
    raise LostError(f"no locator finds the line of “{product.name}”")


def line_of(view: View, product: Product) -> Line:
    """The line of a product in the cart.

    Raises:
        LostError: It is not there.
    """
    named = [
        each for each in view.elements if product.name in each.text and each.inside(view.main) and not each.in_chrome
    ]
    smallest = [each for each in named if not any(other.inside(each) for other in named)]
    for element in smallest:
        for above in (element, *element.ancestors()):
            if above is view.main:
                break
            is_row = above.role in _ROWS or any(part.is_field for part in above.walk())
            if is_row and amounts(above.text):
                quantity = [each for each in above.walk() if each.is_field and each.kind in _QUANTITY_KINDS]
                return Line(above, next(iter(quantity), None))
    raise LostError(f"“{product.name}” is not in the cart")


async def find_in(hand: Hand, line: Line, product: Product, element: Element) -> Locator:
    """A locator of a control of a line that does not mean one of another line, should there be one.

    Raises:
        LostError: Nothing tells it from others.
    """
    return await _in_line(hand, line, product, element) or await hand.find(element)


async def try_find_in(hand: Hand, line: Line, product: Product, element: Element) -> Locator | None:
    """Like ``find_in``, or None."""
    return await _in_line(hand, line, product, element) or await hand.try_find(element)


async def _in_line(hand: Hand, line: Line, product: Product, element: Element) -> Locator | None:
    row = row_named(hand.view, line.row, product.name) if line.row.role else None
    if row is None or not element.role or not element.inside(line.row):
        return None
    for inner in (*plain(element), Locator(by="role", value=element.role)):
        locator = within(inner, row)
        if matches(hand.view, locator) == [element] and await hand.count(locator) == 1:
            return locator
    return None


async def put_in(hand: Hand, kit: Kit, product: Product) -> tuple[Line, View]:
    """Steps from the list to the cart with one product in it; its line, and the page before the cart."""
    await open_product(hand, product)
    added = await add_to_cart(hand, await remember_price(hand, "price"))
    # A page that adding leads to has much to say; what was said where one was before is the answer.
    about = re.compile(rf"\badded\b|{re.escape(product.name)}", re.IGNORECASE) if added.navigated else None
    await expect_message(hand, added, "a message says that it was added", pattern=about)
    effect = await open_cart(hand, kit)
    return line_of(hand.view, product), effect.before


def update_button(view: View, line: Line) -> Element | None:
    """What makes the cart take a changed quantity."""
    assert line.quantity is not None
    form = view.form_of(line.quantity)
    near = [each for each in line.row.walk() if each.is_button]
    own = [each for each in form.buttons if not REMOVE.search(each.name)] if form else []
    own.sort(key=lambda each: not UPDATE.search(each.name))
    inside = [each for each in own if each.inside(line.row)] or [each for each in near if UPDATE.search(each.name)]
    return next(iter((*inside, *own)), None)
