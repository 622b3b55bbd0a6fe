"""Which mutants an app has: those that the listed flows reach, told by what is seen while they are acted out."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page

from tests.quality.changes import Change, PageChange
from tests.quality.proxy import IN_PAGE, Proxy, mutable

Act = Callable[[Page], Awaitable[None]]
"""Acts a flow out and sees that it comes out right; raises if it does not."""


async def reached(browser: Browser, proxy: Proxy, flows: Mapping[str, Act]) -> dict[str, list[Change]]:
    """Act the flows out one after the other, each in a browser context of its own; the mutants that each one reaches,
    in a fixed order. Raises what a flow raises: the list of flows is wrong then, or the app is."""
    found: dict[str, list[Change]] = {}
    for name, act in flows.items():
        begin = len(proxy.exchanges)
        async with _watched(browser, proxy.base_url) as (page, seen):
            await act(page)
        changes: set[Change] = seen | set(mutable(proxy.exchanges[begin:]))
        found[name] = sorted(changes, key=lambda change: change.id)
    return found


@asynccontextmanager
async def _watched(browser: Browser, base_url: str) -> AsyncIterator[tuple[Page, set[PageChange]]]:
    """A page that tells which faults it can have; they are in the set when the block is left."""
    seen: set[PageChange] = set()
    context = await browser.new_context(base_url=base_url, locale="en-GB")

    def take(_source: Any, changes: Sequence[Mapping[str, Any]]) -> None:
        seen.update(PageChange(**change) for change in changes)

    try:
        await context.expose_binding("__seen", take)
        await context.add_init_script(f"(() => {{ const change = null;\n{IN_PAGE}}})();")
        yield await context.new_page(), seen
    finally:
        await context.close()


def sample(mutants: Iterable[Change], count: int, seed: int) -> list[Change]:
    """At most so many of them, as even over the kinds as can be; the same seed gives the same ones."""
    chance = random.Random(seed)
    by_kind: dict[str, list[Change]] = defaultdict(list)
    for mutant in sorted(set(mutants), key=lambda change: change.id):
        by_kind[mutant.kind].append(mutant)
    for kind in sorted(by_kind):
        chance.shuffle(by_kind[kind])
    taken: list[Change] = []
    while by_kind and len(taken) < count:
        for kind in sorted(by_kind):
            taken.append(by_kind[kind].pop())
            if not by_kind[kind]:
                del by_kind[kind]
    return taken[:count]
