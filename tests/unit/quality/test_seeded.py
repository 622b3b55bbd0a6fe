"""Defects that are put in, and how findings of them are told from others."""

from __future__ import annotations

import pytest

from tests.quality.changes import Change, PageChange, Script, WireChange
from tests.quality.making import Finding
from tests.quality.rates import Rate
from tests.quality.seeded import defects, judged, of_the_app_itself
from tests.unit.explorer.site import Page, serve

PAGES: list[Change] = [WireChange("server_error", "GET", f"/page/{number}") for number in range(9)]
FLOWS: dict[str, list[Change]] = {
    "one": [*PAGES, WireChange("server_error", "POST", "/form"), WireChange("server_error", "GET", "/start")],
    "two": [PageChange("link_swapped", "a", text="More", path="/"), WireChange("server_error", "GET", "/")],
}


def finding(kind: str, path: str, title: str = "") -> Finding:
    return Finding(f"FINDING_KIND_{kind}", f"http://127.0.0.1:99{path}", title)


def test_defects_are_in_pages_that_flows_reach_and_the_same_for_a_seed() -> None:
    seeded = defects(FLOWS, "/start", seed=1)
    assert [defect.kind for defect in seeded] == ["SERVER_ERROR"] * 2 + ["SCRIPT_ERROR"] * 2 + ["BROKEN_LINK"]
    assert len({defect.path for defect in seeded}) == 5
    assert all(defect.path.startswith("/page/") for defect in seeded[:4])
    assert seeded[4].change == PageChange("link_broken", "a", text="More", path="/")
    assert isinstance(seeded[2].change, Script)
    assert seeded[2].change.path == seeded[2].path
    assert defects(FLOWS, "/start", seed=1) == seeded
    assert defects(FLOWS, "/start", seed=2) != seeded


def test_what_is_found_and_what_else_is_reported() -> None:
    seeded = defects(FLOWS, "/start", seed=1)
    known = finding("UNLABELLED_CONTROL", "/start")
    found = [
        known,
        finding("SERVER_ERROR", seeded[0].path, "500"),
        finding("SCRIPT_ERROR", seeded[1].path, "follows from the 500"),
        finding("SCRIPT_ERROR", seeded[2].path, "thrown"),
        finding("BROKEN_LINK", "/no-such-page", "404"),
        finding("SCRIPT_ERROR", "/start", "made up"),
    ]
    answer = judged(seeded, found, [known])
    assert list(answer.defects.values()) == ["500", "", "thrown", "", "404"]
    assert answer.recall == Rate(3, 5)
    assert answer.precision == Rate(3, 4)
    assert answer.false == ["SCRIPT_ERROR /start: made up"]
    assert answer.before == ["UNLABELLED_CONTROL /start: "]


async def test_what_the_app_does_by_itself_is_no_false_finding() -> None:
    pages: dict[str, Page] = {"/start/": "<h1>Start</h1>", "/broken": lambda _: 500}
    broken, mended = (finding("SERVER_ERROR", path, f"GET {path} answers 500") for path in ("/broken?id=1", "/start/"))
    with serve(pages) as url:
        link = finding("BROKEN_LINK", "/nowhere", "GET /nowhere answers 404")
        found = [broken, mended, link, finding("SCRIPT_ERROR", "/")]
        assert await of_the_app_itself(found, f"{url}/start/") == [broken], "that a link leads nowhere is of the link"


def test_a_rule_that_is_broken_is_the_same_on_another_page() -> None:
    one, other, third = (
        finding("ACCESSIBILITY", path, f"Too little contrast: {path} and {rule}")
        for path, rule in (("/a", "9 more (contrast)"), ("/b", "2 more (contrast)"), ("/b", "1 more (tab-order)"))
    )
    answer = judged(defects(FLOWS, "/start", seed=1), [other, third], [one])
    assert answer.false == ["ACCESSIBILITY /b: Too little contrast: /b and 1 more (tab-order)"]


@pytest.mark.parametrize("found", [[], [finding("BROKEN_LINK", "/start", "it said nothing")]])
def test_nothing_found(found: list[Finding]) -> None:
    answer = judged(defects(FLOWS, "/start", seed=1), found, found)
    assert answer.recall == Rate(0, 5)
    assert answer.precision == Rate(0, 0)
