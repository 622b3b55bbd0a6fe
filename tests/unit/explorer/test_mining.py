"""Which flows are kept."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, Step
from agent_runtime_server.adapters.explorer.language import Click, Goto, Locator, UrlIs
from agent_runtime_server.adapters.explorer.mining import Mined
from tests.unit.explorer.kits import NO_BROWSER, kit_for


def flow(identity: str, opened: str, arrived: str) -> Flow:
    link = Click(Locator(by="role", value="link", name="Next"))
    arrival = Expectation(UrlIs(arrived), "the address changes")
    return Flow(identity, "Pages", "Goes on", (Step("Open it", (Goto(opened),)), Step("Go on", (link,), (arrival,))))


def test_what_opens_or_comes_to_a_page_that_is_left_out_is_no_test() -> None:
    mined: list[Mined] = []
    kit = kit_for(NO_BROWSER, "http://app.test", mined, "Test the timeline, not the wiki")
    for each in (
        flow("well", "/timeline", "/timeline?page=2"),
        flow("opens", "/wiki/Start", "/timeline"),
        flow("arrives", "/timeline", "/wiki/Start?version=1"),
    ):
        kit.keep(each, "navigation")
    assert [each.flow.id for each in mined] == ["well"]


def test_signing_in_is_no_page_of_its_own() -> None:
    mined: list[Mined] = []
    kit = kit_for(NO_BROWSER, "http://app.test", mined, "Test the orders, not the account")
    kit.keep(flow("signs-in", "/account/login", "/orders"), "orders")
    assert [each.flow.id for each in mined] == ["signs-in"]
