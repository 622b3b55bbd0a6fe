"""Elements are found by what is written, whatever marks and icons a style sheet adds to it."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.language import HasOutline, IsVisible, Locator
from agent_runtime_server.adapters.explorer.mining import Mined
from agent_runtime_server.adapters.explorer.outline import parts_of, template
from tests.unit.explorer.kits import kit_for
from tests.unit.explorer.site import serve

PAGE = """<main><h1>Join us</h1><form method=post>
<label class=must for=mail>Email (work)</label> <input id=mail type=email>
<label class=must>Password <input type=password></label>
<label class=must for=again>Password again</label> <input id=again type=password>
<label class=must for=land>Land</label> <select id=land><option>Norway<option>Chile</select>
<a class=icon href=/back>Back</a> <button class=icon>Join</button></form></main>"""
STYLE = "<style>.must::after { content: ' *' } .icon::before { content: '\\2605 ' }</style>"
OUTLINE = """- heading "Join us"
- textbox /Email \\(work\\)/
- textbox /Password/
- textbox /Password again/
- combobox /Land/
- link /Back/:
  - /url: /back
- button /Join/ [disabled=false]"""


@pytest.mark.timeout(300)
async def test_tests_of_a_styled_page_hold_without_its_styles() -> None:
    flows: list[Mined] = []
    with serve({"/": STYLE + PAGE, "/plain": PAGE}) as url:
        async with open_browser() as browser, kit_for(browser, url, flows).hand() as hand:
            view = await hand.visit("/")
            assert view.controls[0].name == "Email (work) *"
            found = [await hand.find(each) for each in view.controls]
            assert found == [
                Locator(by="label", value="Email (work)"),
                Locator(by="label", value="Password"),
                Locator(by="label", value="Password again"),
                Locator(by="label", value="Land"),
                Locator(by="role", value="link", name="Back", exact=False),
                Locator(by="role", value="button", name="Join", exact=False),
            ]
            outline = template(parts_of(view, kit_for(browser, url, flows).site.own))
            assert outline == OUTLINE
            for path in ("/", "/plain"):
                await hand.visit(path)
                for each in found:
                    assert await hand.holds(IsVisible(each)), (path, each)
                assert await hand.holds(HasOutline(Locator(by="role", value="main"), outline)), path
