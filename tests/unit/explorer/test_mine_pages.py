"""Pages of each kind, and from a list to one of its things, by the way that leads to the list."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.language import HasOutline
from agent_runtime_server.adapters.explorer.mine_pages import mine_navigation, mine_smoke
from agent_runtime_server.adapters.explorer.mining import Mined
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import serve

LIST = "<main><h1>Things</h1><ul><li><a href=/thing/1>Mug</a><li><a href=/thing/2>Bowl</a></ul></main>"


@pytest.mark.timeout(300)
async def test_a_list_is_opened_after_the_page_that_may_make_what_it_shows() -> None:
    flows: list[Mined] = []
    pages = {
        "/": "<h1>Home</h1>",
        "/demo": "<script>location.replace('/start')</script>",
        "/start": "<h1>Start</h1>",
        "/list": LIST,
        "/thing/1": "<h1>Mug</h1>",
        "/thing/2": "<h1>Bowl</h1>",
    }
    with serve(pages) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows)
            await opened(kit, "/")
            async with kit.hand() as hand:
                kit.site.add(await hand.visit("/demo"), signed_in=False, asked="/demo")
                kit.site.add(await hand.visit("/list"), signed_in=False, source="/start")
            await mine_navigation(kit)
    [mined] = flows
    assert mined.flow.id == "opens-a-listed-thing"
    assert [step.title for step in mined.flow.steps[:2]] == ["Open /demo", "Open /list"]


@pytest.mark.timeout(300)
async def test_a_page_is_expected_to_have_what_it_had_before_anything_was_made() -> None:
    heads: list[str] = []

    def reports(_: Mapping[str, str]) -> str:
        head = "".join(f"<table><tr><th>{each}</table>" for each in heads)
        return f"<main><h1>Reports</h1><label>Words <input></label><button>Find</button>{head}</main>"

    flows: list[Mined] = []
    with serve({"/": "<h1>Home</h1><a href=/reports>Reports</a>", "/reports": reports}) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows)
            await opened(kit, "/")
            async with kit.hand() as hand:
                kit.site.add(await hand.visit("/reports"), signed_in=False)
            heads.append("Ticket")
            await mine_smoke(kit)
    checks = {each.flow.id: each.flow.steps[0].expectations[-1].check for each in flows}
    outline = checks["opens-reports"]
    assert isinstance(outline, HasOutline)
    assert outline.outline.splitlines() == [
        '- heading "Reports"',
        '- textbox "Words"',
        '- button "Find" [disabled=false]',
    ]


@pytest.mark.timeout(300)
async def test_where_only_the_search_is_asked_for_its_page_is_one_of_several() -> None:
    flows: list[Mined] = []
    pages = {
        "/": "<h1>Home</h1>",
        "/search": "<main><h1>Search</h1><button>Find</button></main>",
        "/about": "<h1>Us</h1>",
    }
    with serve(pages) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows, "Test only the search.")
            await opened(kit, "/", "/search", "/about")
            await mine_smoke(kit)
    [mined] = flows
    assert mined.flow.id == "opens-search"
    assert not mined.flow.bare
