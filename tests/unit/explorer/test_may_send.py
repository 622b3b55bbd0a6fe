"""Which forms are sent, and why others are not: nothing of the given user's or of others' is changed unasked."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.may_send import may_be_sent
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.place import Place
from tests.unit.explorer.kits import NO_BROWSER, kit_for
from tests.unit.explorer.trees import button, make, page, text_field


def place_of(kit: Kit, path: str, *fields: Element, signed_in: bool = True, sends: str = "Save") -> Place:
    form = make("form", *fields, button(sends), method="post")
    visit = kit.site.add(page(form, path=path), signed_in=signed_in)
    return Place(visit, visit.view.forms[0])


def filled(value: str, **attrs: str) -> Element:
    field = text_field("Name", **attrs)
    field.value = value
    return field


def text(value: str) -> Element:
    field = make("textarea", role="textbox", name="Text")
    field.value = value
    return field


@pytest.mark.parametrize(
    ("path", "field", "signed_in", "why"),
    [
        ("/new", filled(""), True, ""),
        ("/me", filled("Ada"), True, "it would change the user's own data"),
        ("/join", filled("Ada"), False, ""),
        ("/thing/17", filled("Mug"), False, "it would change what is there already"),
        ("/article/17", text("Ducks swim."), False, ""),
        ("/secret", filled("", type="password"), True, "it would change what the user signs in with"),
        ("/update-password", filled(""), False, "sending it may do harm"),
        ("/set-password", filled(""), False, "sending it may do harm"),
        ("/account/delete-account", filled(""), True, "sending it may do harm"),
    ],
)
def test_a_form_is_sent_unless_it_changes_what_is_not_the_tests_own(
    path: str, field: Element, signed_in: bool, why: str
) -> None:
    kit = kit_for(NO_BROWSER, "http://app.test", [])
    assert may_be_sent(kit, place_of(kit, path, field, signed_in=signed_in)) == (not why)
    assert [each.why for each in kit.site.skipped] == ([why] if why else [])


@pytest.mark.parametrize(
    ("path", "field", "signed_in", "sent"),
    [
        ("/me", filled("Ada"), True, True),
        ("/thing/17", filled("Mug"), False, True),
        ("/secret", filled("", type="password"), True, False),
    ],
)
def test_who_may_change_data_still_changes_no_password(path: str, field: Element, signed_in: bool, sent: bool) -> None:
    kit = kit_for(NO_BROWSER, "http://app.test", [], may_change_data=True)
    assert may_be_sent(kit, place_of(kit, path, field, signed_in=signed_in)) == sent


def test_what_an_own_account_has_sent_is_not_said_to_be_left_out() -> None:
    kit = kit_for(NO_BROWSER, "http://app.test", [])
    kit.own_things.add("/me")
    assert not may_be_sent(kit, place_of(kit, "/me", filled("Ada")))
    assert kit.site.skipped == []


def test_what_sends_something_is_sent_where_it_is_asked_for() -> None:
    for instructions, sent in (("", False), ("Test invitations to invite people", True)):
        kit = kit_for(NO_BROWSER, "http://app.test", [], instructions)
        place = place_of(kit, "/invite", filled(""), sends="Invite")
        assert may_be_sent(kit, place) == sent
