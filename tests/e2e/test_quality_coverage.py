"""What counts as acting a flow out, and as covering an app."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from agent_runtime_server.adapters.explorer.browser import open_browser
from tests.contract.runner_fixtures import toolchain
from tests.e2e.test_quality_scoring import ADDING, ADDS, PAGES, write_suite
from tests.quality.cache import Cache
from tests.quality.changes import PageChange, WireChange
from tests.quality.coverage import covered, in_order, unspoilt
from tests.quality.proxy import Exchange, before
from tests.quality.rates import Rate
from tests.quality.scoring import Examiner
from tests.quality.truth import Asked, Flow, Form, Truth, named
from tests.unit.explorer.site import serve


def _exchange(method: str, path: str, status: int = 200, *fields: str) -> Exchange:
    return Exchange(method, path, status, "text/html", frozenset(fields))


ADDED = [_exchange("GET", "/"), _exchange("POST", "/7/add", 302, "item", "token"), _exchange("GET", "/7/")]


@pytest.mark.parametrize(
    ("asks", "acted_out"),
    [
        ((), True),
        ((Asked("POST", "/*/add"),), True),
        ((Asked("POST", "/*/add", 302, frozenset({"item"})), Asked("GET", "/*/")), True),
        ((Asked("GET", "/*/"), Asked("POST", "/*/add")), False),
        ((Asked("POST", "/*/add", 200),), False),
        ((Asked("POST", "/*/add", fields=frozenset({"amount"})),), False),
        ((Asked("GET", "/*/add"),), False),
        ((Asked("GET", "/"), Asked("GET", "/")), False),
    ],
)
def test_requests_that_a_flow_cannot_do_without(asks: tuple[Asked, ...], acted_out: bool) -> None:
    assert in_order(asks, ADDED) is acted_out


async def adding(page: Page) -> None:
    await page.goto("/")
    await page.get_by_role("textbox").fill("milk")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("status")).to_have_text("milk was added")


async def looking(page: Page) -> None:
    await page.goto("/")
    await expect(page.get_by_role("heading")).to_have_text("Items")


SWALLOWED = WireChange("swallowed", "POST", "/add")
TRUTH = Truth(
    flows=named(
        Flow(adding, (SWALLOWED,), (Asked("POST", "/add"),)),
        Flow(looking, (PageChange("heading_changed", "h1", path="/"),), (Asked("GET", "/"),)),
    ),
    templates=("/", "/add", "/other"),
    forms=(Form("POST", "/add", frozenset({"item"})), Form("POST", "/remove", frozenset({"item"}))),
)


@pytest.mark.timeout(300)
async def test_a_flow_is_covered_by_the_test_that_notices_when_it_comes_out_wrong(tmp_path: Path) -> None:
    with serve(PAGES) as url:
        async with before(url) as proxy:
            suite = write_suite(tmp_path / "suite", ADDING)
            cache = Cache(tmp_path / "cache.jsonl")
            examiner = Examiner(suite, toolchain(), proxy, lambda: None, workers=1, cache=cache)
            found = await covered(examiner, await examiner.survey(1, tmp_path / "shuffled"), TRUTH)
    assert found.flows == {"adding": ADDS, "looking": ""}
    assert found.acted_out == {"adding", "looking"}
    assert found.templates == {"/": True, "/add": True, "/other": False}
    assert found.rates == {"flows": Rate(1, 2), "templates": Rate(2, 3), "forms": Rate(1, 2)}


async def test_a_truth_whose_outcomes_are_not_spoilt_is_wrong() -> None:
    careless = Truth(named(Flow(adding, (PageChange("link_added"),), (Asked("POST", "/remove"),))), ())
    with serve(PAGES) as url:
        async with before(url) as proxy, open_browser() as browser:
            assert await unspoilt(browser, proxy, lambda: None, TRUTH) == []
            asks, goes_well = await unspoilt(browser, proxy, lambda: None, careless)
    assert asks.startswith("adding: does not ask")
    assert goes_well == "adding: goes well with “link_added”"
