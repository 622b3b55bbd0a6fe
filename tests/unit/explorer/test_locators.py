"""Locators single an element out by what a person sees, and never by where it stands."""

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.locators import group, has_digits
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.scopes import row_named, scopes_around, within
from agent_runtime_server.adapters.explorer.view import View
from tests.unit.explorer.trees import button, link, make, page, text_field, unique


def card(name: str, price: str) -> Element:
    return make(
        "li",
        make("h2", link(name), role="heading", name=name),
        " ",
        make("span", price),
        button("Add"),
        role="listitem",
    )


def shop() -> View:
    cards = [card("Mug", "£3.50"), card("Mug, large", "£5.00"), card("Plate", "£4.00")]
    menu = make("nav", link("Home"), role="navigation")
    return page(menu, make("main", make("ul", *cards, role="list"), role="main"))


def test_a_name_that_occurs_once_is_enough() -> None:
    view = shop()
    [home] = [each for each in view.links if each.name == "Home"]
    assert unique(view, home) == Locator(by="role", value="link", name="Home")


def test_a_repeated_button_is_found_by_its_row() -> None:
    view = shop()
    plate = view.buttons[2]
    found = unique(view, plate)
    assert found == Locator(
        by="role", value="button", name="Add", within=Locator(by="role", value="listitem", has_text="Plate")
    )


def test_a_row_whose_name_begins_another_is_found_by_the_exact_name() -> None:
    view = shop()
    row = view.by_role("listitem")[0]
    found = row_named(view, row, "Mug")
    assert found is not None
    assert found.has_text is None
    assert found.has == Locator(by="role", value="link", name="Mug")
    assert matches(view, found) == [row]


def test_a_landmark_is_told_from_its_like_by_what_is_in_it() -> None:
    bars = [make("nav", link("Home"), link(name), role="navigation", class_="bar") for name in ("Shop", "Help")]
    view = page(*bars)
    shop = unique(view, bars[0])
    assert shop == Locator(by="role", value="navigation", has=Locator(by="role", value="link", name="Shop"))


def test_where_a_form_is_sent_is_preferred_to_how_it_looks() -> None:
    line, tip = (make("h3", "Mug", role="heading", name="Mug") for _ in range(2))
    view = page(make("form", line, class_="summary", action="/basket"), make("form", tip, class_="tips", action="/tip"))
    found = unique(view, line)
    assert found
    assert found.within == Locator(by="css", value='form[action="/basket"]')


def test_a_form_that_is_sent_nowhere_else_is_told_by_its_button() -> None:
    line, tip = (make("h3", "Mug", role="heading", name="Mug") for _ in range(2))
    view = page(make("form", line, button("Update"), class_="summary"), make("div", tip, class_="tips"))
    found = unique(view, line)
    assert found
    assert found.within == Locator(by="css", value="form", has=Locator(by="role", value="button", name="Update"))


def test_a_field_is_found_by_the_button_of_its_form_before_the_markup() -> None:
    mail, other = (text_field("Mail", name_=f"{form}-mail") for form in ("login", "join"))
    view = page(make("form", mail, button("Log in")), make("form", other, button("Join"), action="/join"))
    for field, name in ((mail, "Log in"), (other, "Join")):
        form = Locator(by="css", value="form", has=Locator(by="role", value="button", name=name))
        assert unique(view, field) == Locator(by="role", value="textbox", name="Mail", within=form)


def test_a_button_is_found_by_its_form_before_its_looks() -> None:
    add, other = make("button", "Add", role="button", name="Add", class_="wide"), button("Add")
    view = page(make("form", add, action="/cart/2"), make("form", other, action="/cart/3"))
    found = unique(view, add)
    assert found == Locator(
        by="role", value="button", name="Add", within=Locator(by="css", value='form[action="/cart/2"]')
    )


def test_elements_of_a_list_are_found_together() -> None:
    view = shop()
    headings = view.by_role("heading")
    found = group(view, headings)
    assert found is not None
    assert matches(view, found) == headings


def test_two_equal_elements_have_no_locator_of_their_own() -> None:
    view = page(make("main", button("Go"), button("Go"), role="main"))
    assert unique(view, view.buttons[0]) is None


def test_a_field_without_a_name_falls_back_to_its_attribute() -> None:
    view = page(make("form", make("input", role="textbox", name_="q"), make("input", role="textbox", name_="r")))
    field = view.elements[2]
    assert unique(view, field) == Locator(by="css", value='input[name="q"]')


def test_text_is_found_in_the_smallest_element() -> None:
    view = page(make("div", make("p", "Order ", make("b", "received"))))
    [found] = matches(view, Locator(by="text", value="received", exact=False))
    assert found.tag == "b"


def test_digits_count_wherever_a_locator_has_them() -> None:
    inner = Locator(by="role", value="link", name="Cart (1)")
    assert has_digits(Locator(by="role", value="listitem", has=inner))
    assert has_digits(Locator(by="role", value="link", within=Locator(by="role", value="row", has_text="7")))
    assert not has_digits(Locator(by="role", value="link", name="Cart"))


def test_a_text_that_is_there_twice_is_found_in_what_is_around_it() -> None:
    first, second = make("p", "Wrong"), make("p", "Wrong")
    view = page(make("div", first, class_="above"), make("form", second, button("Send"), class_="box"))
    found = [within(Locator(by="text", value="Wrong"), scope) for scope in scopes_around(view, second)]
    assert [matches(view, each) for each in found] == [[second]], "by its form, and not by how it looks"


def test_a_form_is_told_by_its_fields_where_its_button_has_a_twin() -> None:
    box, go = text_field("Title", name_="t"), button("Search")
    view = page(make("form", button("Search")), make("form", box, go))
    found = unique(view, go)
    assert found is not None
    assert found.within == Locator(by="css", value="form", has=Locator(by="role", value="textbox", name="Title"))
