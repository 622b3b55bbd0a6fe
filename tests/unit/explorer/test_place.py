"""What a form is called, and which form of a later view is the same."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.view import View
from tests.unit.explorer.trees import button, make, page, text_field


def heading(text: str) -> Element:
    return make("h2", text, role="heading", name=text)


def form(*parts: Element, send: str = "Save") -> Element:
    return make("form", *parts, button(send), method="post")


def place(view: View, label: str = "") -> Place:
    return Place(Visit("/", view, "", signed_in=False, label=label), view.forms[-1])


def field(name: str, value: str = "") -> Element:
    made = text_field(name, name_=name.lower())
    made.value = value
    return made


def test_a_button_that_says_what_it_does_gives_the_name() -> None:
    assert place(page(heading("Boxes"), form(field("Name"), send="Add a box"))).name == "Add a box"


def test_else_a_caption_does() -> None:
    legend = make("fieldset", make("legend", "A new box"), field("Name"), role="group")
    assert place(page(heading("Boxes"), form(legend))).name == "A new box"


def test_else_the_heading_before_it() -> None:
    view = page(heading("Boxes"), make("div", heading("Delete"), form(send="Go")), heading("Add"), form(field("Name")))
    assert place(view).name == "Add"


def test_a_heading_of_the_banner_names_the_app() -> None:
    view = page(make("header", heading("The App"), role="banner"), form(field("Name"), field("Size")))
    assert place(view, label="New box").name == "New box"


def test_else_its_only_field() -> None:
    assert place(page(form(field("Nickname"))), label="People").name == "Nickname"


def test_the_same_form_has_the_same_fields_however_many_choices_there_are() -> None:
    def boxes(names: str) -> list[Element]:
        return [make("input", type="checkbox", name_="who", role="checkbox", name=name) for name in names]

    first = page(form(field("Name"), *boxes("a")))
    second = page(form(field("Other")), form(field("Name"), *boxes("ab")))
    assert place(first).again(second) is second.forms[1]
    with pytest.raises(LostError, match="the form is gone"):
        place(first).again(page())


def test_a_form_that_keeps_what_was_typed_was_not_taken() -> None:
    before, kept, empty = (page(form(field("Name", value))) for value in ("", "x", ""))
    here = place(before)
    here.require_taken(Effect(before, empty))
    here.require_taken(Effect(before, page(heading("Done"))))
    with pytest.raises(LostError, match="did not take"):
        here.require_taken(Effect(before, kept))


def test_unless_the_app_says_that_it_was() -> None:
    said = make("p", "Your settings have been saved.", role="status")
    before = page(form(field("Name")))
    place(before).require_taken(Effect(before, page(said, form(field("Name", "x")))))


def seen(*names: str, action: str = "/new", send: str = "Save") -> View:
    fields = [text_field(name, name_=name) for name in names]
    return page(make("form", *fields, button(send), method="post", action=action))


def test_a_form_that_shows_more_fields_than_before_is_the_same() -> None:
    known = place(seen("title", "price"))
    assert len(known.again(seen("title", "size", "price")).fields) == 3
    for other in (
        seen("title", "size"),
        seen("title", "size", "price", action="/edit/7"),
        seen("title", "size", "price", send="Delete"),
        seen("title", "captcha", "price"),
    ):
        with pytest.raises(LostError):
            known.again(other)
