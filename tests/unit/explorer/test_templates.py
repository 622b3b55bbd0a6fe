"""Pages of one kind get one template; pages that only look alike keep their own."""

import pytest

from agent_runtime_server.adapters.explorer.site import Site
from agent_runtime_server.adapters.explorer.templates import Page, is_bare, learn, pattern, skeleton
from tests.unit.explorer.trees import button, link, make, page


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/product/101-indigo-mug", "/product/:id"),
        ("/catalogue/dracula_12/", "/catalogue/:id"),
        ("/orders/9f86d081884c7d65", "/orders/:id"),
        ("/search?q=mug&page=2", "/search?page&q"),
        ("/app/#/active", "/app#/active"),
    ],
)
def test_identifiers_and_query_values_are_left_out(path: str, expected: str) -> None:
    assert pattern(path) == expected


def test_a_segment_that_varies_among_like_pages_becomes_a_parameter() -> None:
    found = learn([Page("/category/garden", "s1"), Page("/category/kitchen", "s1"), Page("/category/all/new", "s1")])
    assert found["/category/garden"] == found["/category/kitchen"] == "/category/:param"
    assert found["/category/all/new"] == "/category/all/new"


def test_single_segments_and_other_skeletons_stay_apart() -> None:
    found = learn([Page("/about", "s1"), Page("/terms", "s1"), Page("/me/orders", "s2"), Page("/me/card", "s3")])
    assert sorted(found.values()) == ["/about", "/me/card", "/me/orders", "/terms"]


def test_pages_apart_are_of_no_kind_but_their_own() -> None:
    found = learn([Page("/me/orders", "s1", apart=True), Page("/me/alerts", "s1"), Page("/me/mails", "s1")])
    assert found == {"/me/orders": "/me/orders", "/me/alerts": "/me/:param", "/me/mails": "/me/:param"}


def test_bare_pages_that_a_menu_names_are_apart() -> None:
    menu = make("nav", link("Orders", "/me/orders"), link("Alerts", "/me/alerts"), role="navigation")
    site = Site.at("http://app.test/")
    for name in ("Orders", "Alerts", "Mails"):
        heading = make("h1", name, role="heading", name=name)
        site.add(page(menu, make("main", heading, role="main"), path=f"/me/{name.lower()}"), signed_in=True)
    assert sorted(site.templates().values()) == ["/me/alerts", "/me/mails", "/me/orders"]
    for name in ("First", "Second", "Third"):
        row = make("ul", make("li", name, role="listitem"), role="list")
        site.add(page(menu, make("main", row, role="main"), path=f"/post/{name.lower()}"), signed_in=True)
    assert site.templates()["/post/first"] == "/post/:param"


def test_a_page_is_bare_without_fields_and_things_that_it_lists() -> None:
    trail = make("nav", make("ul", make("li", link("Home"), role="listitem"), role="list"), role="navigation")
    heading, row = make("h1", role="heading", name="Orders"), make("tr", link("17"), role="row")
    assert is_bare(page(make("main", trail, heading, button("Back"), role="main")))
    assert not is_bare(page(make("main", heading, make("table", row, role="table"), role="main")))
    assert not is_bare(page(make("main", heading, make("input", role="textbox", name="Since"), role="main")))


def test_a_skeleton_does_not_depend_on_texts_or_the_length_of_lists() -> None:
    def listing(*names: str) -> str:
        rows = [make("li", link(name), button("Add"), role="listitem") for name in names]
        return skeleton(page(make("main", make("ul", *rows, role="list"), role="main")))

    assert listing("Mug", "Plate") == listing("Bowl", "Cup", "Jug")
    assert listing("Mug") != skeleton(page(make("main", link("Mug"), role="main")))
