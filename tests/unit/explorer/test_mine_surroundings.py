"""What surrounds the pages of a small app is looked at, for strangers and for who has signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, SignInRecipe
from agent_runtime_server.adapters.explorer.language import Goto, HasOutline, IsVisible, Locator
from agent_runtime_server.adapters.explorer.mine_surroundings import mine_surroundings
from agent_runtime_server.adapters.explorer.mining import Mined
from agent_runtime_server.adapters.explorer.proving import Credentials, prove
from agent_runtime_server.adapters.explorer.site import SignIn
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import Page, Redirect, serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

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
        [flow] = [each.flow for each in mined if each.flow.id == "surroundings"]
        kept = await prove(browser, f"{url}/", flow, None, Credentials("", ""), lambda _: None)
    assert outlines(flow) == {
        "navigation": '- link "About":\n  - /url: /about',
        "contentinfo": '- link "Imprint":\n  - /url: https://other.test/imprint',
    }
    assert isinstance(kept, Flow), "that other pages have it too is no reason to leave it out"
    assert outlines(kept) == outlines(flow)


async def test_what_was_made_since_is_not_told(browser: Browser) -> None:
    made: list[str] = []

    def home(_: Mapping[str, str]) -> str:
        notes = "".join(f"<li><a href=/notes/{name}>{name}</a>" for name in made)
        return f"<aside><h2>Latest</h2><a href=/all>All</a><ul>{notes}</ul></aside><main><h1>Home</h1></main>"

    mined: list[Mined] = []
    with serve({"/": home}) as url:
        kit = kit_for(browser, url, mined)
        await opened(kit, "/")
        made.extend(["First", "Second"])
        await mine_surroundings(kit)
    [flow] = [each.flow for each in mined if each.flow.id == "surroundings"]
    assert outlines(flow)["complementary"].splitlines() == ['- heading "Latest"', '- link "All":', "  - /url: /all"]


async def test_of_a_column_of_things_three_are_told_and_of_a_navigation_all(browser: Browser) -> None:
    links = "".join(f"<li><a href=/{name}>{name}</a>" for name in "abcde")
    mined: list[Mined] = []
    with serve({"/": f"<nav><ul>{links}</ul></nav><aside><ul>{links}</ul></aside><main><h1>Home</h1></main>"}) as url:
        kit = kit_for(browser, url, mined)
        await opened(kit, "/")
        await mine_surroundings(kit)
    [flow] = [each.flow for each in mined if each.flow.id == "surroundings"]
    assert {role: told.count("link") for role, told in outlines(flow).items()} == {"navigation": 5, "complementary": 3}


@pytest.mark.parametrize(
    ("around", "told"),
    [
        ("<aside><nav><ul>{links}</ul></nav></aside><main>{heading}</main>", 5),
        ("<nav><a href=/>Start</a></nav><main>{heading}<ul>{links}</ul></main>", 3),
        ("<main><nav aria-label=Path><a href=/>Start</a></nav>{heading}<ul>{links}</ul></main>", 5),
    ],
    ids=["a navigation in a column", "a list beside a navigation", "no navigation but the path to the page"],
)
async def test_what_leads_through_an_app_is_told_whole(browser: Browser, around: str, told: int) -> None:
    links = "".join(f"<li><a href=/{name}>{name}</a>" for name in "abcde")
    pages: dict[str, Page] = {f"/{name}": around.format(links=links, heading=f"<h1>{name * 4}</h1>") for name in "abcd"}
    mined: list[Mined] = []
    with serve(pages) as url:
        kit = kit_for(browser, url, mined)
        await opened(kit, *pages)
        await mine_surroundings(kit)
    [flow] = [each.flow for each in mined if each.flow.id == "surroundings-everywhere"]
    assert max(look.outline.count("listitem") for look in looks(flow)) == told


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
    assert '- button "Leave" [disabled=false]' in outlines(flows["surroundings-signed-in"])["navigation"]


async def test_each_kind_of_page_has_what_all_have(browser: Browser) -> None:
    """Each that is like others; on a page without it, the test fails."""
    around = "<header><a href=/>Home</a> <a href=/help>Help</a> {more}</header><main><h1>{name}</h1></main>"
    pages: dict[str, Page] = {
        "/": around.format(name="Start", more="<button>Open</button>"),
        "/help": around.format(name="Help", more=""),
        "/terms": around.format(name="Terms", more="<a href=/old>Old terms</a>"),
        "/bare": "<header><a href=/back>Back</a></header><main><h1>Bare</h1></main>",
        "/gone": around.format(name="Gone", more=""),
        "/trial": "<main><h1>Trial</h1></main><script>document.cookie = 'trial=1'</script>",
    }
    for name in ("Inside", "Further"):
        begun = f"<nav><a href=/leave>Leave</a> <a href=/more>More</a></nav><main><h1>{name}</h1></main>"
        pages[f"/{name.lower()}"] = f"{begun}<script>if (!document.cookie) location.replace('/bare')</script>"
    mined: list[Mined] = []
    with serve(pages) as url:
        kit = kit_for(browser, url, mined)
        async with kit.hand() as hand:
            for path in pages:
                source = "/trial" if path in ("/inside", "/further") else ""
                kit.site.add(await hand.visit(path), signed_in=False, source=source)
        pages["/gone"] = Redirect("/")
        await mine_surroundings(kit)
        [flow] = [each.flow for each in mined if each.flow.id == "surroundings-everywhere"]
        kept = await prove(browser, f"{url}/", flow, None, Credentials("", ""), lambda _: None)
        pages["/terms"] = "<header><a href=/>Home</a></header><main><h1>Terms</h1></main>"
        after = await prove(browser, f"{url}/", flow, None, Credentials("", ""), lambda _: None)
    told = ["/", "/help", "/terms", "/trial", "/inside", "/further"]
    assert [step.actions for step in flow.steps] == [(Goto(path),) for path in told], "a trial is begun but once"
    banner = '- link "Home":\n  - /url: /\n- link "Help":\n  - /url: /help'
    menu = '- link "Leave":\n  - /url: /leave\n- link "More":\n  - /url: /more'
    assert [check.outline for check in looks(flow)] == [banner] * 3 + [menu] * 2
    assert isinstance(kept, Flow)
    assert looks(kept) == looks(flow), "a blank page stands in for each one"
    assert isinstance(after, Flow)
    assert [len(step.expectations) for step in after.steps] == [1, 1, 0, 0, 1, 1]


async def test_without_landmarks_what_pages_repeat_surrounds_them(browser: Browser) -> None:
    pages: dict[str, Page] = {
        f"/{name}": f"<div><a href=/one>One</a> <a href=/two>Two</a></div><h1>{name}</h1><a href=/{name}/more>More</a>"
        for name in ("one", "two", "three", "four")
    }
    mined: list[Mined] = []
    with serve(pages) as url:
        kit = kit_for(browser, url, mined)
        await opened(kit, *pages)
        await mine_surroundings(kit)
        [flow] = [each.flow for each in mined if each.flow.id == "surroundings-everywhere"]
        kept = await prove(browser, f"{url}/", flow, None, Credentials("", ""), lambda _: None)
    repeated = '- link "One":\n  - /url: /one\n- link "Two":\n  - /url: /two'
    assert {(check.target.value, check.outline) for check in looks(flow)} == {("document", repeated)}
    assert isinstance(kept, Flow)
    assert len(looks(kept)) == len(pages)


async def test_a_page_that_has_little_does_not_shrink_what_others_have(browser: Browser) -> None:
    def linked(count: int) -> str:
        links = "".join(f"<a href=/{letter}>To {letter}</a> " for letter in "abcdefghijkl"[:count])
        return f"<nav>{links}</nav><main><h1>{'I' * count}</h1></main>"

    pages: dict[str, Page] = {f"/{name}": linked(count) for name, count in (("a", 12), ("b", 8), ("c", 4), ("d", 2))}
    mined: list[Mined] = []
    with serve(pages) as url:
        kit = kit_for(browser, url, mined)
        await opened(kit, *pages)
        await mine_surroundings(kit)
    [flow] = [each.flow for each in mined if each.flow.id == "surroundings-everywhere"]
    told = {step.title: [each.check for each in step.expectations] for step in flow.steps}
    whole = [check.outline for check in told["Open /a"] if isinstance(check, HasOutline)]
    assert [outline.count("link") for outline in whole] == [8]
    assert told["Open /a"] == told["Open /b"]


def looks(flow: Flow) -> list[HasOutline]:
    checks = [each.check for step in flow.steps for each in step.expectations]
    return [check for check in checks if isinstance(check, HasOutline)]
