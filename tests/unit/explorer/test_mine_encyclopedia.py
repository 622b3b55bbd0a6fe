"""A small encyclopedia: buttons lead to its pages, its search shows articles by other names, its headings count."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.crawl import Budget, Crawl
from agent_runtime_server.adapters.explorer.mine_pages import mine_smoke
from agent_runtime_server.adapters.explorer.mine_search import mine_search
from agent_runtime_server.adapters.explorer.mining import Mined
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import Page, serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
ARTICLES = {"Apples": "A fruit.", "Bridges": "Ways over water.", "Candles": "Light of wax."}
SEARCH = "<form action=/find role=search><label>Find <input name=q></label><button>Find</button></form>"


def front(_: Mapping[str, str]) -> str:
    listed = "".join(f"<li><a href='/article/{name}'>{name}</a></li>" for name in ARTICLES)
    button = "<form action=/guide><input type=hidden name=action value=edit><button>Change the guide</button></form>"
    return f"{SEARCH}<main><h1>{{1}} All articles (3 so far)</h1><ul>{listed}</ul>{button}</main>"


def find(sent: Mapping[str, str]) -> str:
    found = [name for name in ARTICLES if sent.get("q", "").lower() in name.lower()]
    told = "".join(f"<dt><a href='/article/{name}'>Article: {name}</a><dd>{ARTICLES[name]}" for name in found)
    return f"{SEARCH}<main><h1>Found</h1><dl>{told}</dl>{'' if found else '<p>No articles found.</p>'}</main>"


def guide(sent: Mapping[str, str]) -> str:
    return "<main><h1>Change it</h1></main>" if sent.get("action") == "edit" else "<main><h1>The guide</h1></main>"


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    pages: dict[str, Page] = {"/": front, "/find": find, "/guide": guide}
    with serve(pages) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


def expected(flow: Mined) -> list[str]:
    return [each.text for step in flow.flow.steps for each in step.expectations]


async def test_a_walk_follows_buttons_that_only_open_a_page(browser: Browser, site: str) -> None:
    kit = kit_for(browser, site, [])
    async with kit.hand() as hand:
        budget = Budget(10, time.monotonic() + 30)
        await Crawl(hand, kit.site, kit.wish, budget, kit.emit, signed_in=False).run("/")
    assert kit.site.visits["/guide?action=edit"].label == "Change the guide"


async def test_what_a_search_brings_is_expected_by_the_name_that_it_has_there(browser: Browser, site: str) -> None:
    flows: list[Mined] = []
    kit = kit_for(browser, site, flows)
    await opened(kit, "/")
    await mine_search(kit)
    hit = next(each for each in flows if each.flow.id == "search-hit")
    assert "“Article: Apples” is found" in expected(hit)


async def test_a_count_is_no_part_of_what_names_a_page(browser: Browser, site: str) -> None:
    flows: list[Mined] = []
    kit = kit_for(browser, site, flows)
    await opened(kit, "/")
    await mine_smoke(kit)
    (flow,) = flows
    assert flow.flow.title == "Opens “All articles”"
    assert expected(flow)[0] == "the heading “All articles” is shown"
