"""Buttons that are links in disguise."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.disguised import disguised_links
from agent_runtime_server.adapters.explorer.element import Element
from tests.unit.explorer.trees import button, make, page, text_field


def hidden(name: str, value: str) -> Element:
    return make("input", type="hidden", name_=name, value=value)


def test_a_button_leads_where_its_hidden_inputs_say() -> None:
    edit = make("form", hidden("action", "edit"), hidden("part", "a b"), button("Edit"), action="/guide?old=1#top")
    send = make("input", role="button", name="Reply", type="submit", name_="reply", value="Reply")
    reply = make("form", hidden("to", "3"), send, method="get")
    links = list(disguised_links(page(edit, reply, path="/talk?x=1")))
    assert links == [
        ("Edit", "http://app.test/guide?action=edit&part=a+b"),
        ("Reply", "http://app.test/talk?to=3&reply=Reply"),
    ]


@pytest.mark.parametrize(
    "form",
    [
        make("form", hidden("action", "edit"), button("Edit"), method="post"),
        make("form", hidden("action", "find"), text_field("Term"), button("Find")),
        make("form", hidden("action", "a"), button("One"), button("Other")),
        make("form", button("Go")),
        make("form", hidden("token", "f" * 64), button("Go on")),
        make("form", hidden("person", "4"), button("Send reminder")),
        make("form", hidden("action", "delete"), button("x")),
    ],
    ids=[
        "it sends",
        "it asks",
        "it has two ways",
        "it names no page",
        "it proves who sends it",
        "it may do harm",
        "its input may do harm",
    ],
)
def test_what_is_no_link(form: Element) -> None:
    assert list(disguised_links(page(form))) == []
