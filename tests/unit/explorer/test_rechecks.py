"""An app that stumbles over company is looked at again, more than once, before it is blamed."""

from __future__ import annotations

from itertools import count

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.findings import RECHECKS, REPEATS, check_flow, check_page
from agent_runtime_server.adapters.explorer.settle import BadResponse
from tests.unit.explorer.kits import kit_for
from tests.unit.explorer.site import serve

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize(("failures", "findings"), [(RECHECKS, 0), (RECHECKS + 1, 1)])
async def test_a_page_is_opened_again_a_few_times(failures: int, findings: int) -> None:
    asked = count()
    pages = {"/": lambda _: 500 if next(asked) < failures else "<h1>Well</h1>"}
    async with open_browser() as browser:
        with serve(pages) as url:
            kit = kit_for(browser, url, [])
            async with kit.hand() as hand:
                await hand.visit("/")
                await check_page(hand, kit.site, kit.emit, 0, ())
    assert len(kit.site.findings) == findings
    assert kit.turns.stumbles == (not findings)


@pytest.mark.parametrize(("failures", "findings"), [(REPEATS - 1, 0), (REPEATS, 1)])
async def test_what_was_sent_is_sent_again_a_few_times(failures: int, findings: int) -> None:
    async with open_browser() as browser:
        with serve({"/": "<h1>Well</h1>"}) as url:
            kit = kit_for(browser, url, [])
            bad = BadResponse(f"{url}/", "POST", 500, is_page=True)
            times = count()

            async def again() -> list[BadResponse]:
                return [bad] if next(times) < failures else []

            async with kit.hand() as hand:
                await hand.visit("/")
                hand.traffic.bad.append(bad)
                await check_flow(kit.site, kit.emit, hand, again)
    assert len(kit.site.findings) == findings
