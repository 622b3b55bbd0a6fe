"""What is to pay: finding it on a page, and expecting it to be what it should."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.cart_lines import Line
from agent_runtime_server.adapters.explorer.currency import amounts, same
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.language import Equals, Literally, Locator, Number, NumberIn, Recall, Times
from agent_runtime_server.adapters.explorer.locators import candidates, has_digits
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.money import number_in
from agent_runtime_server.adapters.explorer.shopping import LONGEST_PRICE
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import SUBTOTAL, TOTAL


def total_on(view: View, expected: float, lines: list[Line]) -> list[Element]:
    """Elements that may show the total, if it is as expected: those that say so first, subtotals last."""
    found = []
    for element in view.elements:
        if (
            not element.inside(view.main)
            or element.in_chrome
            or len(element.text) > 2 * LONGEST_PRICE
            or element.role in ("main", "table", "rowgroup")
        ):
            continue
        if any(element is line.row or element.inside(line.row) for line in lines):
            continue
        seen = amounts(element.text)
        if (
            len(seen) == 1
            and same(seen[0], expected)
            and number_in(element.text) is not None
            and same(number_in(element.text) or 0, expected)
        ):
            found.append(element)
    saying = [each for each in found if TOTAL.search(each.text)]
    innermost = [each for each in saying if not any(other.inside(each) for other in saying)]
    passing = [part for message in view.messages for part in message.walk()]
    innermost.sort(key=lambda each: (any(each is part for part in passing), bool(SUBTOTAL.search(each.text))))
    return [*innermost, *(each for each in found if each not in saying)]


async def expect_total(hand: Hand, text: str, value: Number, amount: float, lines: list[Line]) -> Locator | None:
    """Expect that the total equals a number, if the page shows such a total; where it is."""
    for element in total_on(hand.view, amount, lines)[:3]:
        locator = await lasting(hand, element)
        if locator is not None and await hand.expect(text, Equals(NumberIn(locator), value)):
            return locator
    return None


def find_total(view: View) -> Element | None:
    """The element that says it is the total, with the largest amount."""
    found = [
        each
        for each in view.elements
        if each.inside(view.main)
        and not each.in_chrome
        and len(each.text) <= 2 * LONGEST_PRICE
        and each.role not in ("main", "table", "rowgroup")
        and TOTAL.search(each.text)
        and len(amounts(each.text)) == 1
        and number_in(each.text) == amounts(each.text)[0]
    ]
    innermost = [each for each in found if not any(other.inside(each) for other in found)]
    return max(innermost, key=lambda each: (not SUBTOTAL.search(each.text), amounts(each.text)[0]), default=None)


async def lasting(hand: Hand, element: Element) -> Locator | None:
    """A locator without a number in it, so that it lasts when the amounts change."""
    for locator in candidates(hand.view, element):
        if not has_digits(locator) and matches(hand.view, locator) == [element] and await hand.count(locator) == 1:
            return locator
    return None


def twice(name: str, times: int) -> Number:
    """A remembered price, some times."""
    return Recall(name) if times == 1 else Times(Recall(name), Literally(times))
