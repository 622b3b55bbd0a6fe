"""Fields are understood by what the page says of them, and get values that are right, or wrong on purpose."""

import pytest

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fields import good_value, kind_of, wrong_value
from agent_runtime_server.adapters.explorer.forms import (
    action_for,
    is_registration,
    is_search,
    is_sign_in,
    radio_choices,
    wanted_fields,
)
from agent_runtime_server.adapters.explorer.language import Choose, Fill, Locator, SetChecked
from agent_runtime_server.adapters.explorer.view import Form
from tests.unit.explorer.trees import button, make, page, text_field

HERE = Locator(by="label", value="x")


def form(*fields: Element, method: str = "post", send: str = "Send") -> Form:
    return page(make("form", *fields, button(send), method=method)).forms[0]


def password(name: str = "Password", **attrs: str) -> Element:
    return text_field(name, type="password", **attrs)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (text_field("Anything", autocomplete="shipping postal-code"), "postcode"),
        (text_field("Login", type="email", autocomplete="username"), "email"),
        (text_field("Your e-mail"), "email"),
        (text_field("ZIP code"), "postcode"),
        (text_field("Town or city"), "city"),
        (text_field("First name"), "first_name"),
        (text_field("Recipient"), "name"),
        (text_field("Amount", type="number"), "amount"),
        (text_field("Pieces", type="number"), "quantity"),
        (text_field("Summary"), "title"),
        (text_field("Sum"), "amount"),
        (text_field("Project name"), "title"),
        (text_field("Project identifier"), "identifier"),
        (text_field("Flavour"), ""),
    ],
)
def test_what_a_field_is_for(field: Element, kind: str) -> None:
    assert kind_of(field) == kind


def test_one_name_and_one_password_sign_in_and_more_register() -> None:
    assert is_sign_in(form(text_field("Email", type="email"), password()))
    two = form(text_field("Email", type="email"), password(), password("Again"))
    assert not is_sign_in(two)
    assert is_registration(two)
    fresh = form(text_field("Email", type="email"), password(autocomplete="new-password"))
    assert is_registration(fresh)
    assert not is_registration(form(text_field("Email", type="email")))
    account = text_field("Email", type="email")
    account.value = "ada@example.com"
    assert not is_registration(form(account, password("Current password"), password("New password")))


def test_a_search_is_one_field_that_is_not_posted() -> None:
    assert is_search(form(text_field("", type="search"), method="get"))
    assert is_search(form(text_field("Find gear"), method="get", send="Go"))
    assert not is_search(form(text_field("Find gear"), method="post"))


def test_a_postcode_follows_the_example_on_the_page_then_other_countries() -> None:
    field = text_field("Post code")
    field.description = "Like EH1 2NG"
    assert good_value(field) == "EH1 2NG"
    assert good_value(field, attempt=1) != "EH1 2NG"


def test_numbers_keep_to_their_limits_and_break_them_on_purpose() -> None:
    field = text_field("Quantity", type="number", min="5", max="9")
    assert good_value(field) == "5"
    assert wrong_value(field) == "10"
    assert wrong_value(text_field("Age", type="number", min="0")) == "-1"
    assert wrong_value(text_field("Name")) is None


def test_required_fields_are_wanted_and_without_any_all_that_are_not_optional() -> None:
    name, phone = text_field("Name", required=""), text_field("Phone")
    assert wanted_fields(form(name, phone)) == [name]
    subject, voucher = text_field("Subject"), text_field("Voucher code")
    assert wanted_fields(form(subject, voucher)) == [subject]


def test_each_kind_of_control_is_given_its_value_in_its_own_way() -> None:
    options = [make("option", "Choose one", value=""), make("option", "Letter post", value="l")]
    assert action_for(make("select", *options, role="combobox"), HERE) == Choose(HERE, "Letter post")
    assert action_for(make("input", type="checkbox", role="checkbox"), HERE) == SetChecked(HERE)
    assert action_for(text_field("City"), HERE) == Fill(HERE, "London")


def test_of_radio_buttons_one_is_chosen() -> None:
    one, other = (make("input", type="radio", name_="way", role="radio", name=name) for name in ("Post", "Courier"))
    assert radio_choices([one, other]) == [one]
    other.checked = True
    assert radio_choices([one, other]) == [other]


def test_long_values_are_cut_to_the_length_that_is_allowed() -> None:
    assert len(good_value(text_field("Flavour", maxlength="5")).replace("${uid}", "u" * 12)) <= 5


def test_a_form_is_sent_by_its_button_with_words_that_does_more_than_preview() -> None:
    form = page(make("form", button("\u2013"), button("+"), button("Preview"), button("Update"))).forms[0]
    assert form.submit is form.buttons[3]
