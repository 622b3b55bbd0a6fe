"""Which mutants an app has: those that the listed flows reach, told by what is seen while they are acted out."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from playwright.async_api import Browser, Page

from tests.quality.changes import Change, PageChange, Script, fits
from tests.quality.proxy import IN_PAGE, Proxy, mutable
from tests.quality.truth import Act

OF_ONE_THING = frozenset({"heading_changed", "number_plus_one", "number_times_ten", "message_removed", "row_missing"})
"""Where a page is about one thing of many, so are the texts of these."""


async def reached(
    browser: Browser,
    proxy: Proxy,
    flows: Mapping[str, Act],
    templates: Sequence[str] = (),
    reset: Callable[[], object] = lambda: None,
) -> dict[str, list[Change]]:
    """Act the flows out one after the other, each in a browser context of its own; the mutants that each one reaches,
    in a fixed order. Raises what a flow raises: the list of flows is wrong then, or the app is.

    A mutant in a page of a template is one in all its pages: it is not for a suite to know which one was opened here.
    """
    found: dict[str, list[Change]] = {}
    for name, act in flows.items():
        reset()
        begin = len(proxy.exchanges)
        async with _watched(browser, proxy.base_url) as (page, seen, typed):
            await act(page)
        exchanges = proxy.exchanges[begin:]
        asked = {each.path for each in exchanges}
        own = filter(None, (_without(change, typed) for change in seen))
        changes: set[Change] = {_of_its_kind(change, templates, asked) for change in own}
        changes |= {_of_its_kind(change, templates, asked) for change in mutable(exchanges)}
        found[name] = sorted(changes, key=lambda change: change.id)
    return found


def _without(change: PageChange, typed: Collection[str]) -> PageChange | None:
    """A change that is told without what the flow has typed, for a suite types something else; if that can be."""
    if not any(text in change.text for text in typed):
        return change
    return replace(change, text="") if change.kind in OF_ONE_THING else None


def _of_its_kind(change: Change, templates: Sequence[str], asked: Collection[str]) -> Change:
    if isinstance(change, Script):
        return change
    if change.path not in asked:
        # A script has changed the address: whether a test comes there cannot be told from outside.
        return replace(change, path="")
    template = next((template for template in templates if fits(template, change.path)), change.path)
    if "*" not in template:
        return change
    if isinstance(change, PageChange) and change.kind in OF_ONE_THING:
        return replace(change, path=template, text="")
    return replace(change, path=template)


@asynccontextmanager
async def acted(browser: Browser, base_url: str) -> AsyncIterator[Page]:
    """A page in a browser context of its own, in which a flow can be acted out; whatever is asked is confirmed."""
    context = await browser.new_context(base_url=base_url, locale="en-GB")
    try:
        page = await context.new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        yield page
    finally:
        await context.close()


@asynccontextmanager
async def _watched(browser: Browser, base_url: str) -> AsyncIterator[tuple[Page, set[PageChange], set[str]]]:
    """A page that tells which faults it can have, and what was typed; they are in the sets when the block is left."""
    seen: set[PageChange] = set()
    typed: set[str] = set()

    def take(_source: Any, changes: Sequence[Mapping[str, Any]]) -> None:
        seen.update(PageChange(**change) for change in changes)

    def note(_source: Any, text: str) -> None:
        typed.add(text)

    async with acted(browser, base_url) as page:
        await page.context.expose_binding("__seen", take)
        await page.context.expose_binding("__typed", note)
        await page.context.add_init_script(f"(() => {{ const change = null;\n{IN_PAGE}}})();")
        yield page, seen, typed


def sample(mutants: Iterable[Change], count: int, seed: int) -> list[Change]:
    """At most so many of them, as even over the kinds as can be; the seed says which, and which kinds come first."""
    chance = random.Random(seed)
    by_kind: dict[str, list[Change]] = defaultdict(list)
    for mutant in sorted(set(mutants), key=lambda change: change.id):
        by_kind[mutant.kind].append(mutant)
    kinds = sorted(by_kind)
    for kind in kinds:
        chance.shuffle(by_kind[kind])
    chance.shuffle(kinds)
    taken: list[Change] = []
    while by_kind and len(taken) < count:
        for kind in [each for each in kinds if each in by_kind]:
            taken.append(by_kind[kind].pop())
            if not by_kind[kind]:
                del by_kind[kind]
    return taken[:count]
