"""A small page as a real browser shows it: roles and names joined with the facts of the DOM."""

from typing import Any, cast

from playwright.async_api import expect

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.language import Click, Fill, HasValue, IsVisible, Locator
from agent_runtime_server.adapters.explorer.perceive import perceive
from agent_runtime_server.adapters.explorer.view import View
from tests.unit.explorer.trees import unique

HTML = """<!DOCTYPE html><title>Small shop</title>
<header><nav><a href="/">Home</a></nav></header>
<main>
  <h1>Your   cart</h1>
  <table><tr><td>Mug</td><td>£3.50</td><td><button>Remove</button></td></tr>
         <tr><td>Plate</td><td>£4.00</td><td><button>Remove</button></td></tr></table>
  <form action="/send" method="post">
    <input type="hidden" name="token" value="t">
    <label for="qty">Quantity</label>
    <input id="qty" type="number" name="qty" min="1" max="9" required value="3" aria-describedby="hint">
    <small id="hint">Up to nine</small>
    <input placeholder="Voucher" name="code"><input type="checkbox" checked aria-label="Gift"><button>Update</button>
  </form>
  <p style="display: none">Hidden text</p><p style="visibility: hidden">Also hidden</p>
  <p id="said" role="status"></p>
</main>
<script>
  document.querySelector("form").addEventListener("submit", event => {
    event.preventDefault();
    setTimeout(() => { document.querySelector("#said").textContent = "Updated"; }, 30);
  });
</script>"""


async def test_a_page_is_seen_with_roles_names_and_facts() -> None:
    async with open_browser() as browser:
        page = await (await browser.new_context()).new_page()
        await page.set_content(HTML)
        view = await perceive(await page.context.new_cdp_session(page), "http://app.test/cart?x=1")
    _sees_the_frame(view)
    _sees_the_form(view)
    remove = [each for each in view.buttons if each.name == "Remove"]
    assert len(remove) == 2
    found = unique(view, remove[1])
    assert found is not None
    assert found.within is not None
    assert found.within.value == "row"


def _sees_the_frame(view: View) -> None:
    assert (view.title, view.path) == ("Small shop", "/cart?x=1")
    assert view.heading is not None
    assert (view.heading.name, view.heading.level) == ("Your cart", 1)
    [home] = view.links
    assert home.in_chrome
    assert view.target(home) == "http://app.test/"
    assert [row.text for row in view.by_role("row")] == ["Mug£3.50Remove", "Plate£4.00Remove"]
    assert "Hidden text" not in [each.text for each in view.elements if each.tag == "p"]
    assert "Also hidden" not in [each.text for each in view.elements if each.tag == "p"]


def _sees_the_form(view: View) -> None:
    [form] = view.forms
    assert (form.method, form.action) == ("post", "http://app.test/send")
    quantity, voucher, gift = form.fields
    assert (quantity.role, quantity.name, quantity.kind, quantity.value) == ("spinbutton", "Quantity", "number", "3")
    assert (quantity.attrs["min"], quantity.required, quantity.description) == ("1", True, "Up to nine")
    assert quantity.attrs["required"] == "", "an attribute without a value"
    assert voucher.attrs["placeholder"] == "Voucher"
    assert gift.checked
    assert form.submit is not None
    assert form.submit.name == "Update"


async def test_a_hand_waits_for_rest_and_keeps_what_it_did() -> None:
    async with open_browser() as browser:
        page = await (await browser.new_context()).new_page()
        await page.set_content(HTML)
        hand = Hand(page, await page.context.new_cdp_session(page), "http://app.test/", {"uid": "abcdefgh"})
        await hand.look()
        quantity = Locator(by="role", value="spinbutton", name="Quantity")
        update = Locator(by="role", value="button", name="Update")
        effect = await hand.step("Change the quantity", Fill(quantity, "4"), Click(update))
        assert [each.text for each in effect.messages] == ["Updated"]
        assert await hand.expect("it is kept", HasValue(quantity, "4"))
        assert not await hand.expect("it is refused", IsVisible(Locator(by="role", value="alert")))
        flow = hand.flow("change-quantity", "Cart", "Changes the quantity", "@cart")
    [step] = flow.steps
    assert [expectation.text for expectation in step.expectations] == ["it is kept"]


UNSEEN = """<form><label>Title <input name=title required></label>
  <select name=stars required hidden><option value="">None</option><option value=5>Five</option></select>
  <select name=shelf required hidden><option value=a>A</option></select>
  <textarea name=text required style="display: none"></textarea><textarea name=note hidden></textarea>
  <input type=hidden name=token required><button>Save</button></form>"""


async def test_fields_that_must_be_filled_in_and_nobody_sees() -> None:
    async with open_browser() as browser:
        page = await (await browser.new_context()).new_page()
        await page.set_content(UNSEEN)
        view = await perceive(await page.context.new_cdp_session(page), "http://app.test/")
    assert [each.attrs["name"] for each in view.forms[0].unseen] == ["stars", "text"]


async def test_what_is_in_closed_details_is_not_shown_though_it_may_have_a_place_in_the_layout() -> None:
    folded = "<details {}><summary>More <b>of it</b></summary><p>Words <button>Save</button></p></details>"
    async with open_browser() as browser:
        page = await (await browser.new_context()).new_page()
        session = await page.context.new_cdp_session(page)
        shown = []
        for state in ("", "open"):
            await page.set_content(folded.format(state))
            await page.evaluate("document.querySelector('button').getBoundingClientRect()")
            view = await perceive(session, "http://app.test/")
            shown.append([each.tag for each in view.elements if each.tag in ("summary", "b", "p", "button")])
    assert shown == [["summary", "b"], ["summary", "b", "p", "button"]]


async def test_names_are_as_they_are_written_whatever_a_style_sheet_makes_of_them() -> None:
    html = """<style>* { text-transform: uppercase } a::after { content: " *" }</style>
        <button>Save it</button><button aria-label="Big">big</button><a href="/">Go home</a>
        <label for=mail>E-mail</label><input id=mail>"""
    async with open_browser() as browser:
        page = await (await browser.new_context()).new_page()
        await page.set_content(html)
        view = await perceive(await page.context.new_cdp_session(page), "http://app.test/")
        for each in view.controls:
            assert each.role
            await expect(page.get_by_role(cast("Any", each.role), name=each.name, exact=True)).to_be_visible()
    assert [each.name for each in view.controls] == ["Save it", "Big", "Go home *", "E-mail"]
