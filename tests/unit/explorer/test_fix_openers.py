"""What is on a page without being shown, and what may open the way to it."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fingerprints import Hidden
from agent_runtime_server.adapters.explorer.fix_openers import openers, put_away
from agent_runtime_server.adapters.explorer.flow import Fingerprint
from agent_runtime_server.adapters.explorer.language import Locator
from tests.unit.explorer.trees import button, make, page

SAVE = Locator(by="role", value="button", name="Save it")


def unseen(tag: str, *parts: str, **attrs: str) -> Element:
    element = make(tag, *parts, **attrs)
    element.visible = False
    return element


@pytest.mark.parametrize(
    "element",
    [
        unseen("button", "Save\n it"),
        unseen("input", type="submit", value="Save it"),
        unseen("button", "x", aria_label="Save it"),
        unseen("div", "Save it", role_="button"),
    ],
)
def test_what_is_not_shown_is_known_by_its_markup(element: Element) -> None:
    assert put_away(page(element), SAVE) is element


@pytest.mark.parametrize(
    "element",
    [
        button("Save it"),
        unseen("button", "Save"),
        unseen("p", "Save it"),
        unseen("input", type="hidden", value="Save it"),
        unseen("input", type="text", value="Save it"),
        unseen("a", "Save it", href="/save"),
    ],
)
def test_what_is_shown_or_something_else_is_not_put_away(element: Element) -> None:
    assert put_away(page(element), SAVE) is None


def test_what_is_not_shown_is_known_by_words_in_it() -> None:
    clear = unseen("button", "Clear 2 notes")
    assert put_away(page(clear), Locator(by="role", value="button", has_text="Clear")) is clear
    assert put_away(page(clear), Locator(by="role", value="button")) is None


def test_of_several_none_is_meant_but_the_one_in_the_right_place() -> None:
    rows = [make("li", name, unseen("button", "Edit"), role="listitem") for name in ("Milk", "Bread")]
    edit = Locator(by="role", value="button", name="Edit")
    view = page(*rows)
    assert put_away(view, edit) is None
    row = Locator(by="role", value="listitem", has_text="Bread")
    assert put_away(view, Locator(by="role", value="button", name="Edit", within=row)) is rows[1].children[0]


def test_a_field_that_is_not_shown_is_known_by_its_label() -> None:
    field = unseen("input")
    field.label = "Note"
    assert put_away(page(field), Locator(by="label", value="Note")) is field
    assert put_away(page(field), Locator(by="label", value="Other")) is None


def test_what_stands_closest_opens_it_first() -> None:
    was = Fingerprint(role="button", name="Save it", others=("Undo",))
    away = unseen("button", "Save it")
    near, marked, far = button("Go on", "button"), button("Menu", "button"), button("Other", "button")
    marked.attrs = {**marked.attrs, "aria-expanded": "false"}
    elsewhere = make("button", "Post it", role="button", name="Post it", form="f")
    others = [button("Undo", "button"), button("Delete", "button"), button("Send"), elsewhere]
    view = page(marked, far, make("div", make("p", away), near, *others))
    assert openers(view, was, Hidden({}), away) == [near, marked, far]


def test_of_what_nothing_is_left_only_what_says_so_or_is_new_opens_the_way() -> None:
    was = Fingerprint(role="button", name="Save it", others=("Cancel",))
    summary = make("summary", "More")
    known, new = button("Cancel", "button"), button("Go on", "button")
    view = page(known, new, summary, make("form", make("button", "Send", role="button", name="Send")))
    assert openers(view, was, Hidden({}), None) == [summary, new]
    assert openers(view, None, Hidden({}), None) == [summary]
