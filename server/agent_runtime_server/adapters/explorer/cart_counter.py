"""The number of things in the cart, where every page shows it."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.language import Equals, Literally, Locator, NumberIn
from agent_runtime_server.adapters.explorer.locators import candidates, has_digits
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.money import number_in

_LONGEST = 40
"""Characters of what holds the number and little else."""


async def expect_more_in_cart(hand: Hand, effect: Effect) -> None:
    """Expect that the number of things in the cart, where every page shows it, is one more than before."""
    found = _counter(effect)
    if found is None:
        return
    target, count = found
    await hand.expect(
        f"the cart holds {count} {'thing' if count == 1 else 'things'}", Equals(NumberIn(target), Literally(count))
    )


def _counter(effect: Effect) -> tuple[Locator, int] | None:
    """The element around the page whose number grew by one, by words that do not change."""
    for element in sorted(effect.after.elements, key=lambda each: len(each.text)):
        if not element.in_chrome or len(element.text) > _LONGEST or amounts(element.text) or not element.role:
            continue
        number = number_in(element.text)
        if number is None or number < 1 or number != int(number):
            continue
        for locator in candidates(effect.after, element):
            then = matches(effect.before, locator)
            if (
                locator.by == "css"
                or has_digits(locator)
                or matches(effect.after, locator) != [element]
                or len(then) != 1
            ):
                continue
            if (number_in(then[0].text) or 0.0) == number - 1:
                return locator, int(number)
    return None
