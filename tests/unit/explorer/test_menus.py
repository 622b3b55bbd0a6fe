"""Controls that say that they open something."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.menus import again, identity, openers
from tests.unit.explorer.trees import button, make, page


def control(name: str, **attrs: str) -> Element:
    return make("button", name, role="button", name=name, **attrs)


@pytest.mark.parametrize(
    "element",
    [
        control("Menu", aria_haspopup="true"),
        control("More", aria_expanded="false"),
        control("New", data_bs_toggle="modal"),
        make("a", "User", role="link", name="User", href="#", data_toggle="dropdown"),
    ],
)
def test_openers(element: Element) -> None:
    assert openers(page(element)) == [element]


@pytest.mark.parametrize(
    "element",
    [
        button("Save"),
        control("Menu", aria_haspopup="true", aria_expanded="true"),
        control("Delete all", aria_haspopup="dialog"),
        control("Log out", aria_haspopup="true"),
        make("a", "Away", role="link", name="Away", href="/away", data_toggle="tooltip"),
    ],
)
def test_what_opens_nothing_or_may_do_harm(element: Element) -> None:
    assert openers(page(element)) == []


def test_a_title_that_is_a_link_to_no_page_unfolds_what_is_below() -> None:
    title = make("a", "Filters", role="link", name="Filters", href="#no1")
    anchor = make("a", "\u00b6", role="link", name="\u00b6", href="#part")
    away = make("a", "News", role="link", name="News", href="/news")
    headings = [make("h2", *parts, role="heading") for parts in (["Part", anchor], [away])]
    assert openers(page(make("legend", title), *headings)) == [title]


def test_what_is_folded_is_opened_by_its_summary() -> None:
    closed, opened = make("summary", "More"), make("summary", "Less")
    view = page(make("details", closed), make("details", opened, open=""), make("summary", "Alone"))
    assert openers(view) == [closed]


def test_the_same_opener_in_a_later_view() -> None:
    first, second = page(control("Menu", aria_haspopup="true")), page(control("Menu", aria_haspopup="true"))
    assert again(second, openers(first)[0]) is openers(second)[0]
    assert again(page(), openers(first)[0]) is None


def test_what_surrounds_the_pages_is_the_same_on_each() -> None:
    opener = control("Menu", aria_haspopup="true")
    page(make("nav", opener, role="navigation"))
    assert identity(opener, "/a") == identity(opener, "/b")
    alone = control("Menu", aria_haspopup="true")
    page(alone)
    assert identity(alone, "/a") != identity(alone, "/b")
