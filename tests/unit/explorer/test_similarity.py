"""What counts as the same element under another name, and what never does."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fingerprints import Hidden, fingerprint
from agent_runtime_server.adapters.explorer.flow import Fingerprint
from agent_runtime_server.adapters.explorer.similarity import clear_winner, rank, texts
from agent_runtime_server.adapters.explorer.view import View
from tests.unit.explorer.trees import button, link, make, page, text_field

NOTHING_HIDDEN = Hidden({})


def form(*parts: Element, heading: str = "Profile") -> View:
    menu = make("nav", link("Home"), link("Orders", "/orders"), role="navigation")
    return page(
        menu, make("main", make("h1", heading, role="heading", name=heading), make("form", *parts), role="main")
    )


def seen(view: View, name: str) -> Fingerprint:
    [element] = [each for each in view.controls if each.name == name]
    return fingerprint(view, element, NOTHING_HIDDEN)


def found(was: Fingerprint, view: View) -> str | None:
    """The name of the element that a search in a view ends with."""
    best = clear_winner(rank(was, view.controls, lambda each: fingerprint(view, each, NOTHING_HIDDEN)))
    return best.element.name if best else None


@pytest.mark.parametrize("name", ["Save changes", "save", "Store", "Save now", "Save…"])
def test_a_button_is_found_under_other_words(name: str) -> None:
    before = form(text_field("Name", name_="name"), button("Save"))
    after = form(text_field("Name", name_="name"), button(name))
    assert found(seen(before, "Save"), after) == name


def test_a_button_that_became_a_link_is_found() -> None:
    was = seen(form(text_field("Name"), button("Save")), "Save")
    assert found(was, form(text_field("Name"), link("Save", "#"))) == "Save"


def test_a_field_is_found_by_its_attributes_when_its_label_is_another_one() -> None:
    was = seen(form(text_field("E-mail", id="mail", name_="mail"), text_field("Phone", name_="phone")), "E-mail")
    after = form(text_field("Email address", id="mail", name_="mail"), text_field("Phone", name_="phone"))
    assert found(was, after) == "Email address"


@pytest.mark.parametrize("name", ["Save", "Cancel"])
def test_what_is_gone_is_not_found_in_what_stood_beside_it(name: str) -> None:
    controls = {"Save": button("Save"), "Cancel": button("Cancel", "button")}
    was = seen(form(*controls.values()), name)
    del controls[name]
    assert found(was, form(*controls.values())) is None


def test_another_row_with_the_same_button_is_not_it() -> None:
    def rows(*names: str) -> View:
        items = [
            make("li", make("h2", each, role="heading", name=each), button("Remove"), role="listitem") for each in names
        ]
        return page(make("main", make("ul", *items, role="list"), role="main"))

    before = rows("Mug", "Plate")
    was = fingerprint(before, before.buttons[0], NOTHING_HIDDEN)
    assert found(was, rows("Plate")) is None
    assert found(was, rows("Mug", "Bowl")) == "Remove"


def test_two_that_are_equally_like_it_are_no_answer() -> None:
    was = seen(form(button("Save")), "Save")
    assert found(was, form(button("Save it"), button("Save them"))) is None


def test_a_fingerprint_has_neither_passwords_nor_what_is_new_in_each_run() -> None:
    view = form(text_field("Note of joe-7b2"), button("Post s3cret 12"), heading="Hello joe")
    hidden = Hidden({"uid": "7b2", "username": "joe", "password": "s3cret"})
    print_ = fingerprint(view, view.buttons[0], hidden)
    assert print_.name == "Post ${password} #"
    assert print_.headings == ("Hello joe",), "a short name may be a part of any word"
    assert "Note of joe-${uid}" in print_.neighbours


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("Sign in", "Log in", 1, 1),
        ("E-mail", "Email address", 0.9, 1),
        ("Checkout", "Checkout now", 0.75, 0.95),
        ("Total: 12", "Total: 13", 0, 1),
        ("Home", "About us", 0, 0.2),
        ("Search", "Basket", 0, 0.2),
    ],
)
def test_texts_are_compared_by_meaning_and_letters(one: str, other: str, least: float, most: float) -> None:
    assert least <= texts(one, other) <= most
    assert texts(one, other) == texts(other, one)
