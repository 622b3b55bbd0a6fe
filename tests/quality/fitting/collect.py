"""``python -m tests.quality.fitting.collect TODOMVC_URL``: write ``cases.json`` anew.

Elements are marked in the page, where nothing but the truth is told by it; then the page is changed, or the same app of
another framework is opened, and what bears the mark is the right answer. The sample shop comes with the command.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import get_args

import msgspec
from playwright.async_api import Browser, Error, Page

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.fingerprints import Hidden, fingerprint, same_family
from agent_runtime_server.adapters.explorer.flow import Fingerprint
from agent_runtime_server.adapters.explorer.perceive import perceive
from agent_runtime_server.adapters.explorer.similarity import rank
from agent_runtime_server.adapters.explorer.view import View
from tests.apps.shop.launch import Shop
from tests.quality.changes import Breaking, PageChange
from tests.quality.fitting.cases import CASES, MOST_CANDIDATES, Case
from tests.quality.proxy import IN_PAGE

FROM = "backbone"
TO = (
    "react",
    "vue",
    "angularjs",
    "mithril",
    "knockoutjs",
    "emberjs",
    "canjs",
    "ractive",
    "vanillajs",
)
SHOP_PAGES = ("/", "/sign-in", "/contact", "/search?q=Lamp", "/about")
_MARK = "data-truth"
_CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, h1, h2, h3, h4, h5"
_NUMBER = "([mark, controls]) => document.querySelectorAll(controls).forEach((e, n) => e.setAttribute(mark, n))"
_FIELD = "#new-todo, .new-todo"
_MARK_TODOS = """(mark) => {
  const note = (name, css, of = () => "") =>
    document.querySelectorAll(css).forEach((element) => element.setAttribute(mark, `${name} ${of(element)}`));
  const entry = (element) => element.closest("li").querySelector("label").textContent.trim();
  note("new", "#new-todo, .new-todo");
  note("all", "#toggle-all, .toggle-all");
  note("clear", "#clear-completed, .clear-completed");
  note("tick", "li .toggle", entry);
  note("remove", "li .destroy", entry);
  note("filter", ":is(#filters, .filters) a", (link) => link.textContent.trim());
}"""
_NOTHING = Hidden({})


async def main(todomvc_url: str) -> None:
    """Look at all pages, before and after."""
    async with open_browser() as browser:
        with Shop() as shop:
            cases = [case async for case in _shop_cases(browser, shop.start())]
        cases += [case async for case in _todo_cases(browser, todomvc_url.rstrip("/"))]
    lines = (msgspec.json.encode(case).decode() for case in cases)
    CASES.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(cases)} cases")


async def _shop_cases(browser: Browser, url: str) -> AsyncIterator[Case]:
    taken: set[tuple[str, str, str]] = set()
    for path in SHOP_PAGES:
        for kind in get_args(Breaking):
            async with _page(browser, url.rstrip("/") + path) as page:
                await page.evaluate(_NUMBER, [_MARK, _CONTROLS])
                before = await _view(page)
                change = json.dumps(asdict(PageChange(kind)))
                await page.evaluate(f"(() => {{ const change = {change};\n{IN_PAGE}}})()")
                await page.evaluate("document.dispatchEvent(new Event('DOMContentLoaded'))")
                for case in _cases(kind, before, await _view(page)):
                    # What is on every page counts once; an element that is gone, whatever else has changed.
                    key = (kind if case.there else "", case.was.role, case.was.name)
                    if key not in taken:
                        taken.add(key)
                        yield case


async def _todo_cases(browser: Browser, url: str) -> AsyncIterator[Case]:
    before = await _todos(browser, f"{url}/examples/{FROM}/")
    for name in TO:
        try:
            after = await _todos(browser, f"{url}/examples/{name}/")
        except Error as error:
            print(f"left out: {name}: {error.message.splitlines()[0]}")
            continue
        for case in _cases(f"{FROM} to {name}", before, after):
            yield case


async def _todos(browser: Browser, url: str) -> View:
    """An app with two entries, one of them done. Raises Error where it goes another way."""
    async with _page(browser, url) as page:
        field = page.locator(_FIELD)
        for text in ("Buy milk", "Call home"):
            await field.fill(text)
            await field.press("Enter")
        await page.locator(".toggle").nth(1).click()
        await page.evaluate(_MARK_TODOS, _MARK)
        return await _view(page)


@asynccontextmanager
async def _page(browser: Browser, url: str) -> AsyncIterator[Page]:
    context = await browser.new_context()
    try:
        page = await context.new_page()
        page.set_default_timeout(5000)
        await page.goto(url, wait_until="networkidle", timeout=20_000)
        yield page
    finally:
        await context.close()


async def _view(page: Page) -> View:
    return await perceive(await page.context.new_cdp_session(page), page.url)


def _cases(origin: str, before: View, after: View) -> Iterator[Case]:
    """A case for each marked element, and one in which it is gone."""
    prints = [(each, fingerprint(after, each, _NOTHING)) for each in after.elements if each.role]
    for element in before.elements:
        if _MARK not in element.attrs or not element.role:
            continue
        was = fingerprint(before, element, _NOTHING)
        kin = [(each, now) for each, now in prints if same_family(was.role, now.role)]
        right = next((now for each, now in kin if each.attrs.get(_MARK) == element.attrs[_MARK]), None)
        others = [now for each, now in kin if each.attrs.get(_MARK) != element.attrs[_MARK] or now is not right]
        gone = [now for each, now in kin if each.attrs.get(_MARK) != element.attrs[_MARK]]
        if right is not None and (_changed(was, right) or origin == "doubled"):
            yield Case(origin, was, (right, *_likest(was, others)), True)
        yield Case(f"{origin}, gone", was, tuple(_likest(was, gone)), False)


def _likest(was: Fingerprint, others: list[Fingerprint]) -> list[Fingerprint]:
    return [each.element for each in rank(was, others, lambda now: now)][:MOST_CANDIDATES]


def _changed(was: Fingerprint, now: Fingerprint) -> bool:
    return (was.role, was.name, was.level, was.placeholder) != (now.role, now.name, now.level, now.placeholder)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
