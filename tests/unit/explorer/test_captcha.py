"""Which forms ask whether a person sends them, and which only look like it."""

import pytest

from agent_runtime_server.adapters.explorer.element import Element
from tests.unit.explorer.trees import Part, button, make, page, text_field


def _form(*parts: Part) -> Element:
    return make("form", text_field("Name"), *parts, button("Send"), role="form")


@pytest.mark.parametrize(
    "guard",
    [
        make("div", class_="g-recaptcha"),
        make("iframe", src="https://newassets.hcaptcha.com/captcha/v1"),
        make("div", class_="cf-turnstile", data_sitekey="x"),
        text_field("Answer", id="captcha_1"),
        text_field("I'm not a robot"),
        text_field("Type the characters you see in the image"),
        text_field("What is 3 + 4?"),
        text_field("Solve: seven minus two"),
        make("p", "Please prove that you are human"),
    ],
    ids=lambda guard: guard.name or guard.text or next(iter(guard.attrs.values())),
)
def test_a_form_with_a_guard_is_guarded(guard: Element) -> None:
    [form] = page(make("main", _form(guard), role="main")).forms
    assert form.guarded


@pytest.mark.parametrize(
    "part",
    [
        text_field("Rating 1-5"),
        text_field("Opening hours 9-12", placeholder="10 - 12"),
        text_field("Enter the code below the barcode"),
        text_field("Size 2 x 4"),
        make("textarea", "What is 3 + 4?", name="text"),
        make("p", "Human resources will answer. " * 8 + "What is 3 + 4?"),
    ],
    ids=lambda part: part.name or part.tag,
)
def test_other_forms_are_not(part: Element) -> None:
    [form] = page(make("main", _form(part), role="main")).forms
    assert not form.guarded


def test_a_guard_beside_the_forms_is_for_those_of_the_main_part() -> None:
    guard = make("iframe", title="reCAPTCHA")
    banner = make("header", _form(), role="banner")
    search, comment = page(banner, make("main", _form(), make("div", guard), role="main")).forms
    assert not search.guarded
    assert comment.guarded
