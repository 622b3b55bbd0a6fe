"""What surrounds the pages of a small app is looked at once, for strangers and for who has signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.flow import (
    Expectation,
    Flow,
    Goto,
    HasOutline,
    IsVisible,
    Locator,
    SignInRecipe,
)
from agent_runtime_server.adapters.explorer.mine_surroundings import mine_surroundings
from agent_runtime_server.adapters.explorer.mining import Mined
from agent_runtime_server.adapters.explorer.proving import Credentials, prove
from agent_runtime_server.adapters.explorer.site import SignIn
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import Page, serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

HOME = """<header><h1>Notes</h1></header><nav><a href=/about>About</a> <a href=/cart>Cart (3)</a></nav>
<main><h2>Start</h2><p>Welcome</p></main><footer><a href=https://other.test/imprint>Imprint</a></footer>"""
MEMBER = "<nav><a href=/member>Overview</a> <button>Leave</button></nav><main><h2>Hello</h2></main>"
BUTTON = Locator(by="role", value="button", name="Leave")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages() -> Mapping[str, Page]:
    return {"/": HOME, "/about": HOME.replace("Start", "About"), "/member": MEMBER}


def outlines(flow: Flow) -> dict[str, str]:
    checks = [each.check for each in flow.steps[0].expectations]
    return {check.target.value: check.outline for check in checks if isinstance(check, HasOutline)}


async def test_strangers_see_banner_navigation_and_footer(browser: Browser, pages: Mapping[str, Page]) -> None:
    mined: list[Mined] = []
    with serve(pages) as url:
        kit = kit_for(browser, url, mined)
        await opened(kit, "/", "/about")
        await mine_surroundings(kit)
        [flow] = [each.flow for each in mined]
        kept = await prove(browser, f"{url}/", flow, None, Credentials("", ""), lambda _: None)
    assert outlines(flow) == {
        "navigation": '- link "About":\n  - /url: /about',
        "contentinfo": '- link "Imprint":\n  - /url: https://other.test/imprint',
    }
    assert isinstance(kept, Flow), "that other pages have it too is no reason to leave it out"
    assert outlines(kept) == outlines(flow)


async def test_who_has_signed_in_sees_more(browser: Browser, pages: Mapping[str, Page]) -> None:
    mined: list[Mined] = []
    with serve(pages) as url:
        kit = kit_for(browser, url, mined)
        await opened(kit, "/")
        async with kit.hand() as hand:
            kit.site.add(await hand.visit("/member"), signed_in=True)
        recipe = SignInRecipe((Goto("/member"),), Expectation(IsVisible(BUTTON), "signed in"))
        kit.site.sign_in = SignIn("/", recipe, BUTTON, BUTTON, BUTTON, (), "/member", {})
        await mine_surroundings(kit)
    flows = {each.flow.id: each.flow for each in mined}
    assert flows["surroundings-signed-in"].session == "stored"
    assert '- button "Leave"' in outlines(flows["surroundings-signed-in"])["navigation"]
