"""What surrounds the pages of an app: banner, navigation, columns and footer, looked at once for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.element import CHROME, Element
from agent_runtime_server.adapters.explorer.flow import Locator
from agent_runtime_server.adapters.explorer.mine_pages import expect_outline
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.outline import everywhere, parts_of
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.view import View

MOST_LINES = 36
MOST_REGIONS = 6
_WORDS = {"banner": "banner", "navigation": "navigation", "complementary": "column beside", "contentinfo": "footer"}


async def mine_surroundings(kit: Kit) -> None:
    """They have their headings, links, fields and buttons: on the start page, and where one is after signing in."""
    if not kit.wants("navigation"):
        return
    if home := kit.site.visits.get(kit.site.home):
        await _look_around(kit, home, "surroundings", "Has what surrounds its pages")
    known = kit.site.sign_in
    landing = kit.site.visits.get(known.landing) if known else None
    if landing is not None and landing.signed_in and landing is not home:
        title = "Has what surrounds the pages of who has signed in"
        await _look_around(kit, landing, "surroundings-signed-in", title)


async def _look_around(kit: Kit, visit: Visit, identity: str, title: str) -> None:
    async with kit.attempt(
        f"looking at what surrounds {visit.path}", signed_in=visit.signed_in, only_reads=True
    ) as hand:
        view = await kit.open(hand, visit)
        found = 0
        for region in list(_regions(view))[:MOST_REGIONS]:
            if target := await hand.try_find(region):
                words = f"the {_WORDS[region.role]} has its parts"
                found += await expect_outline(hand, target, parts_of(view, kit.site.own, region), words, MOST_LINES)
        alike = [each.view for each in kit.site.good if each.signed_in == visit.signed_in]
        common = everywhere(alike, kit.site.own)
        parts = [part for part in parts_of(view, kit.site.own) if part in common]
        main = Locator(by="role", value=view.main.role)
        found += await expect_outline(hand, main, parts, "what other pages have too is there", MOST_LINES)
        if found:
            session: Literal["stored", "anonymous"] = "stored" if visit.signed_in else "anonymous"
            flow = hand.flow(identity, "Pages", title, "@smoke", session=session)
            kit.keep(replace(flow, bare=True), "navigation")


def _regions(view: View) -> Iterator[Element]:
    """The landmarks around the main part, the outermost ones."""
    for each in view.elements:
        if each.role in CHROME and not any(above.role in CHROME for above in each.ancestors()):
            yield each
