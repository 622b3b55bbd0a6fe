"""Changes within pages, in a real browser: what people and tests see of each, also in what a page adds later."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from agent_runtime_server.adapters.explorer.browser import open_browser
from tests.quality.changes import BENIGN, BREAKING, DEFECTS, PAGE_FAULTS, PageChange
from tests.quality.proxy import Proxy, before
from tests.unit.explorer.site import serve

HOME = """
<link rel=stylesheet href=/first.css><link rel=stylesheet href=/second.css><style>h1 { color: red }</style>
<main class=big data-kind=home>
  <h1 class=title>Basket 3</h1>
  <p>Total £12.50</p>
  <p role=status>Saved</p>
  <form>
    <label>Name <input name=name required></label>
    <label for=mail>E-mail</label> <input id=mail name=mail>
    <button>Save</button>
  </form>
  <ul><li>One</li><li>Two</li></ul>
  <a href=/next>Next page</a>
</main>
<script>
  addEventListener('load', () => setTimeout(() => {
    document.querySelector('ul').insertAdjacentHTML('beforeend', '<li>Three</li>');
    document.querySelector('form').insertAdjacentHTML('afterend', '<h2>Late 7</h2>');
    document.title = 'ready';
  }, 20));
</script>"""

KNOWING = """
<style>h1 { color: red } .away { display: none } .box > .item[data-kind="new"] { visibility: hidden }</style>
<div class="box wide" data-size=3></div><p class=away>Away</p>
<script>
  addEventListener('load', () => {
    const box = document.querySelector('.box');
    box.innerHTML = '<b class="item first" data-kind=new>One</b>';
    const [first] = document.getElementsByClassName('item first');
    first.classList.toggle('on');
    first.className += ' last';
    box.dataset.size = Number(box.dataset.size) + 1;
    const told = [
      first.closest('.wide') === box, first.matches('.on.last'), first.classList.contains('item'),
      first.classList.toggle('on'), first.className, box.getAttribute('data-size'),
      document.querySelectorAll('[data-kind="new"]').length, getComputedStyle(first).visibility,
    ];
    document.body.append(told.join(' '));
    document.title = 'ready';
  });
</script>"""
UNCHANGED = {
    '- heading "Basket 3" [level=1]',
    "- paragraph: Total £12.50",
    "- status: Saved",
    "- text: Name",
    '- textbox "Name"',
    "- text: E-mail",
    '- textbox "E-mail"',
    '- button "Save"',
    '- heading "Late 7" [level=2]',
    "- listitem: One",
    "- listitem: Two",
    "- listitem: Three",
    '- link "Next page":',
    "- /url: /next",
}
"""What is to be seen of the page, but for its containers."""

SEEN: dict[PageChange, tuple[set[str], set[str]]] = {
    PageChange("field_removed", name="mail"): ({'- textbox "E-mail"'}, set()),
    PageChange("submit_disabled", text="Save"): ({'- button "Save"'}, {'- button "Save" [disabled]'}),
    PageChange("number_plus_one", tag="p", text="Total £#.#"): (
        {"- paragraph: Total £12.50"},
        {"- paragraph: Total £13.50"},
    ),
    PageChange("number_times_ten", tag="h1"): (
        {'- heading "Basket 3" [level=1]'},
        {'- heading "Basket 30" [level=1]'},
    ),
    PageChange("number_plus_one", tag="h2"): ({'- heading "Late 7" [level=2]'}, {'- heading "Late 8" [level=2]'}),
    PageChange("message_removed", text="Saved"): ({"- status: Saved"}, {"- status"}),
    PageChange("link_swapped", text="Next page"): ({"- /url: /next"}, {"- /url: /"}),
    PageChange("row_missing", text="One"): ({"- listitem: One"}, set()),
    PageChange("list_empty"): ({"- listitem: One", "- listitem: Two", "- listitem: Three"}, set()),
    PageChange("heading_changed", text="Late #"): (
        {'- heading "Late 7" [level=2]'},
        {'- heading "Something else" [level=2]'},
    ),
    PageChange("heading_changed", text="Late #", path="/other/*"): (set(), set()),
    PageChange("names_changed"): (set(), set()),
    PageChange("wrapped"): (set(), set()),
    PageChange("styles_off"): (set(), set()),
    PageChange("styles_reordered"): (set(), set()),
    PageChange("scripts_versioned"): (set(), set()),
    PageChange("attributes_reordered"): (set(), set()),
    PageChange("link_added"): (set(), {'- link "Imprint":', '- /url: "#imprint"'}),
    PageChange("reworded", text="Save"): ({'- button "Save"'}, {'- button "save changes"'}),
    PageChange("recased", text="Save"): ({'- button "Save"'}, {'- button "SAVE"'}),
    PageChange("in_menu", text="Save"): ({'- button "Save"'}, {"- group: More"}),
    PageChange("in_dialog", text="Save"): ({'- button "Save"'}, {'- button "Continue here"'}),
    PageChange("gone", tag="button", text="Save"): ({'- button "Save"'}, set()),
    PageChange("link_broken", text="Next page"): ({"- /url: /next"}, {"- /url: /no-such-page"}),
    PageChange("reworded", text="Save", without=True): ({'- button "Save"'}, set()),
    PageChange("heading_level", text="Late #", without=True): ({'- heading "Late 7" [level=2]'}, set()),
    PageChange("button_to_link", text="Save"): ({'- button "Save"'}, {'- link "Save"'}),
    PageChange("placeholder_for_label", text="E-mail"): ({"- text: E-mail"}, set()),
    PageChange("heading_level", text="Late #"): (
        {'- heading "Late 7" [level=2]'},
        {'- heading "Late 7" [level=3]'},
    ),
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy() -> AsyncIterator[Proxy]:
    with serve({"/": HOME, "/knowing": KNOWING}) as url:
        async with before(url) as proxy:
            yield proxy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    yield page
    await page.close()


async def seen(page: Page, proxy: Proxy, change: PageChange | None) -> list[str]:
    """What is to be seen of the page with a change, line by line."""
    proxy.changes = (change,) if change else ()
    await page.goto(proxy.base_url)
    await page.wait_for_function("document.title === 'ready'")
    lines = (line.strip() for line in (await page.locator("body").aria_snapshot()).splitlines())
    return [line for line in lines if line not in ("- main:", "- list:", "- list")]


async def test_without_a_change_the_page_is_as_it_was(page: Page, proxy: Proxy) -> None:
    assert set(await seen(page, proxy, None)) == UNCHANGED


@pytest.mark.parametrize("change", SEEN, ids=lambda change: change.id)
async def test_what_is_seen_of_a_change(page: Page, proxy: Proxy, change: PageChange) -> None:
    gone, new = SEEN[change]
    assert set(await seen(page, proxy, change)) == UNCHANGED - gone | new


async def test_names_for_machines_change_and_what_scripts_find_by_id_does_not(page: Page, proxy: Proxy) -> None:
    await seen(page, proxy, PageChange("names_changed"))
    assert await page.locator("main").get_attribute("class") == "x-big"
    assert await page.locator("main").get_attribute("data-kind") == "x-home"
    assert await page.locator("#mail").count() == 1


async def test_styles_are_off(page: Page, proxy: Proxy) -> None:
    await seen(page, proxy, PageChange("styles_off"))
    color = "element => getComputedStyle(element).color"
    assert await page.locator("h1").evaluate(color) == "rgb(0, 0, 0)"


@pytest.mark.parametrize("change", [None, PageChange("names_changed"), PageChange("styles_off")])
async def test_scripts_find_what_they_know_and_what_is_hidden_stays_hidden(
    page: Page, proxy: Proxy, change: PageChange | None
) -> None:
    proxy.changes = (change,) if change else ()
    await page.goto(f"{proxy.base_url}/knowing")
    await page.wait_for_function("document.title === 'ready'")
    said = "true true true false item first last 4 1 hidden"
    assert said in await page.locator("body").inner_text()
    assert not await page.get_by_text("Away").is_visible()


async def test_styles_and_attributes_stand_in_another_order(page: Page, proxy: Proxy) -> None:
    await seen(page, proxy, PageChange("styles_reordered"))
    sheets = await page.locator("link").evaluate_all("links => links.map((link) => new URL(link.href).pathname)")
    assert sheets == ["/second.css", "/first.css"]
    await seen(page, proxy, PageChange("attributes_reordered"))
    assert await page.locator("main").evaluate("main => main.getAttributeNames()") == ["data-kind", "class"]


async def test_a_container_more_and_a_field_that_may_be_empty(page: Page, proxy: Proxy) -> None:
    await seen(page, proxy, PageChange("wrapped"))
    assert await page.locator("body > div > main > div > form").count() == 1
    await seen(page, proxy, PageChange("required_dropped", name="name"))
    assert await page.locator("[name=name]").get_attribute("required") is None


async def test_a_second_element_of_the_same_name(page: Page, proxy: Proxy) -> None:
    lines = await seen(page, proxy, PageChange("doubled", text="Save"))
    assert lines.count('- button "Save"') == 2


async def test_every_kind_of_change_is_tried() -> None:
    tried = {change.kind for change in SEEN} | {"required_dropped", "doubled", "field_order"}
    assert tried == {*PAGE_FAULTS, *BENIGN, *BREAKING, *DEFECTS}


async def test_fields_stand_in_another_order_with_their_labels(page: Page, proxy: Proxy) -> None:
    lines = await seen(page, proxy, PageChange("field_order", name="name"))
    fields = [line for line in lines if "E-mail" in line or "Name" in line]
    assert fields == ["- text: E-mail", '- textbox "E-mail"', "- text: Name", '- textbox "Name"']


async def test_what_moved_into_a_menu_or_a_dialog_can_be_got_at(page: Page, proxy: Proxy) -> None:
    for kind, opener in (("in_menu", page.locator("summary")), ("in_dialog", page.get_by_text("Continue here"))):
        await seen(page, proxy, PageChange(kind, text="Next page"))  # type: ignore[arg-type]
        link = page.get_by_role("link", name="Next page")
        assert not await link.is_visible()
        cover = '<div style="position: absolute; inset: 0"></div>'
        await page.evaluate("(cover) => document.body.insertAdjacentHTML('beforeend', cover)", cover)
        await opener.click(timeout=2000)
        assert await link.is_visible()


async def test_a_label_becomes_a_placeholder(page: Page, proxy: Proxy) -> None:
    await seen(page, proxy, PageChange("placeholder_for_label"))
    assert await page.locator("label").count() == 0
    assert await page.get_by_placeholder("E-mail").count() == 1
    assert await page.get_by_placeholder("Name").count() == 1
