"""A filter takes away what does not fit; one that only keeps its choices is expected no more of."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.flow import Flow
from agent_runtime_server.adapters.explorer.language import HasValue, IsHidden, Locator, UrlIs
from agent_runtime_server.adapters.explorer.mine_filters import mine_filters
from agent_runtime_server.adapters.explorer.mining import Mined
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import Page, serve

pytestmark = pytest.mark.timeout(300)
BOOKS = {"Dune 2": "novel", "Emma": "novel", "Walden": "essay"}


async def test_no_test_knows_the_number_of_a_thing_in_a_database() -> None:
    def bills(sent: Mapping[str, str]) -> str:
        people = "".join(
            f"<option value={number} {'selected' if sent.get('payer') == str(number) else ''}>{name}"
            for number, name in enumerate(("Anyone", "Amina", "Ben"), 40)
        )
        return f"""<main><h1>Bills</h1><form><label>Payer <select name=payer>{people}</select></label>
            <label>Words <input name=words></label><button>Filter</button></form></main>"""

    flows: list[Mined] = []
    with serve({"/": bills}) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows)
            await opened(kit, "/")
            await mine_filters(kit)
    assert flows == []


def page_of(*, works: bool) -> Page:
    def listed(sent: Mapping[str, str]) -> str:
        kind = sent.get("kind", "")
        shown = [name for name, of in BOOKS.items() if not works or kind in ("", of)]
        rows = "".join(f"<tr><td>{name}<td>{number}" for number, name in enumerate(shown))
        kinds = "".join(f"<option {'selected' if each == kind else ''}>{each}" for each in ("essay", "novel"))
        return f"""<main><h1>Books</h1><form><label>Kind <select name=kind><option value="">All{kinds}</select></label>
            <label>Words <input name=words></label><button>Filter</button></form><table>{rows}</table></main>"""

    return listed


async def mined(*, works: bool) -> Flow:
    flows: list[Mined] = []
    with serve({"/": page_of(works=works)}) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows)
            await opened(kit, "/")
            await mine_filters(kit)
    [one] = flows
    return one.flow


@pytest.mark.parametrize("works", [True, False])
async def test_what_does_not_fit_is_gone_and_the_title_says_no_more_than_that(works: bool) -> None:
    flow = await mined(works=works)
    assert flow.title.endswith("decides what is listed" if works else "keeps what is chosen")
    checks = [each.check for each in flow.steps[-1].expectations]
    assert isinstance(checks[0], HasValue)
    gone = IsHidden(Locator(by="role", value="row", has_text="Emma"))
    assert checks[1:] == [gone if works else UrlIs("/?kind=essay&words=")]
