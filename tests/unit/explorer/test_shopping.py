"""What a shop says of a product, in a real browser."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.language import Goto, NumberIn, Remember
from agent_runtime_server.adapters.explorer.listed import items_of
from agent_runtime_server.adapters.explorer.locators import hangs_on_looks
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.mine_catalogue import _prices
from agent_runtime_server.adapters.explorer.shopping import remember_price
from agent_runtime_server.adapters.explorer.site import Site
from tests.unit.explorer.site import serve
from tests.unit.explorer.trees import link, make, page

OTHERS = "".join(f"<article><h3>{name}</h3><p class=price>£5.00</p></article>" for name in ("Mug", "Cup"))
PRODUCT = f"""<main><h1>Plate</h1><div class=product><p class=price>£5.00</p></div>
<table><tr><th>Shipping</th><td>£5.00</td></tr><tr><th>Price</th><td>£5.00</td></tr></table>{OTHERS}</main>"""


async def test_a_price_is_read_where_no_style_is_needed_to_find_it() -> None:
    with serve({"/": PRODUCT}) as url:
        async with open_browser() as browser:
            page = await (await browser.new_context()).new_page()
            hand = Hand(page, await page.context.new_cdp_session(page), url, {})
            await hand.step("Open the plate", Goto("/"))
            action = await remember_price(hand, "price")
            assert isinstance(action, Remember)
            assert isinstance(action.number, NumberIn)
            assert not hangs_on_looks(action.number.target)
            row = hand.in_page(action.number.target).locator("xpath=ancestor-or-self::tr")
            assert await row.inner_text() == "Price\t£5.00"


def test_prices_are_read_where_no_name_can_be_taken_for_one() -> None:
    things = [
        make(
            "li",
            make("h3", link(name, f"/thing/{number}"), role="heading", name=name),
            make("p", f"\u00a3{number}.00", role="paragraph", class_="price"),
            make("p", "In stock", role="paragraph", class_="stock"),
            role="listitem",
        )
        for number, name in enumerate(("Mug", "Cup", "Plate"), 4)
    ]
    view = page(make("main", make("ul", *things, role="list"), role="main"))
    found = _prices(view, items_of(view, Site.at("http://app.test/")))
    assert found is not None
    assert not hangs_on_looks(found)
    texts = [each.text for each in matches(view, found)]
    assert texts == ["\u00a34.00", "\u00a35.00", "\u00a36.00"], "the row of “3 Mugs” would begin with a 3"
