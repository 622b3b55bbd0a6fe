"""The mutants of an app: what flows reach, and samples of it."""

from __future__ import annotations

from collections import Counter

import pytest
from playwright.async_api import Page, expect

from agent_runtime_server.adapters.explorer.browser import open_browser
from tests.quality.changes import Change, PageChange, WireChange
from tests.quality.mutants import reached, sample
from tests.quality.proxy import before
from tests.unit.explorer.site import serve

HOME = """
<main><h1>Shop 12</h1><a href=/>Home</a> <a href=/cart>Cart</a>
<form method=post action=/add><input name=amount required> <button>Add</button></form>
<button hidden>Secret</button></main>"""
CART = """<main><h1>Cart</h1><ul><li>One</li><li>Two</li></ul></main>
<script>addEventListener('load', () => setTimeout(() => {
  document.querySelector('h1').insertAdjacentHTML('afterend', '<p role=status>2 items</p>');
}, 20));</script>"""


async def test_what_each_flow_reaches() -> None:
    async def look(page: Page) -> None:
        await page.goto("/")
        await expect(page.get_by_role("heading")).to_have_text("Shop 12")

    async def add(page: Page) -> None:
        await page.goto("/")
        await page.get_by_role("textbox").fill("2")
        await page.get_by_role("button").click()
        await expect(page.get_by_role("status")).to_be_visible()

    with serve({"/": HOME, "/add": lambda _: CART}) as url:
        async with before(url) as proxy, open_browser() as browser:
            found = await reached(browser, proxy, {"look": look, "add": add})
    looked = {
        PageChange("heading_changed", "h1", text="Shop #", path="/"),
        PageChange("number_plus_one", "h1", text="Shop #", path="/"),
        PageChange("number_times_ten", "h1", text="Shop #", path="/"),
        PageChange("link_swapped", "a", text="Cart", path="/"),
        PageChange("field_removed", "input", name="amount", path="/"),
        PageChange("required_dropped", "input", name="amount", path="/"),
        PageChange("submit_disabled", "button", text="Add", path="/"),
        WireChange("server_error", "GET", "/"),
    }
    added = {
        PageChange("heading_changed", "h1", text="Cart", path="/add"),
        PageChange("row_missing", "li", path="/add"),
        PageChange("list_empty", "li", path="/add"),
        PageChange("message_removed", "p", text="# items", path="/add"),
        PageChange("number_plus_one", "p", text="# items", path="/add"),
        PageChange("number_times_ten", "p", text="# items", path="/add"),
        WireChange("swallowed", "POST", "/add"),
        WireChange("server_error", "POST", "/add"),
        WireChange("sent_home", "POST", "/add"),
    }
    assert set(found["look"]) == looked
    assert set(found["add"]) == looked | added
    assert found["add"] == sorted(found["add"], key=lambda change: change.id)


async def test_a_flow_that_does_not_come_out_right_is_an_error() -> None:
    async def wrong(page: Page) -> None:
        await page.goto("/")
        await expect(page.get_by_role("heading")).to_have_text("Other", timeout=100)

    with serve({"/": HOME}) as url:
        async with before(url) as proxy, open_browser() as browser:
            with pytest.raises(AssertionError, match="Other"):
                await reached(browser, proxy, {"wrong": wrong})


MANY: list[Change] = [
    *(PageChange("heading_changed", text=str(number)) for number in range(100)),
    *(PageChange("link_swapped", text=str(number)) for number in range(3)),
    *(WireChange("swallowed", "POST", f"/{number}") for number in range(20)),
]


def test_a_sample_is_even_over_the_kinds_and_the_same_for_a_seed() -> None:
    taken = sample(MANY, 21, seed=1)
    assert Counter(change.kind for change in taken) == {"heading_changed": 9, "link_swapped": 3, "swallowed": 9}
    assert len(set(taken)) == 21
    assert sample(reversed(MANY), 21, seed=1) == taken
    assert sample(MANY, 21, seed=2) != taken
    first = {sample(MANY, 1, seed)[0].kind for seed in range(20)}
    assert first == {"heading_changed", "link_swapped", "swallowed"}, "a small one is not of the same kinds each time"


def test_a_sample_of_few_is_all_of_them() -> None:
    assert set(sample(MANY, 1000, seed=1)) == set(MANY)
    assert sample([], 5, seed=1) == []
