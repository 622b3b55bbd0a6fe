"""Buttons that are links in disguise: forms without fields, which open a page that their hidden inputs name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import RISKY

MOST_HIDDEN = 4
_LONGEST_VALUE = 40
"""What is longer is a token of the session, and no name of a page."""


class Disguised(NamedTuple):
    """Where such a button leads, and what it says."""

    label: str
    url: str


def disguised_links(view: View) -> Iterator[Disguised]:
    """The buttons that only open a page, in document order."""
    for form in view.forms:
        if form.method != "get" or form.fields or form.guarded or len(form.buttons) != 1:
            continue
        hidden = [each for each in form.element.walk() if each.tag == "input" and each.kind == "hidden"]
        named = [each for each in (*hidden, form.buttons[0]) if each.attrs.get("name")]
        short = hidden and len(hidden) <= MOST_HIDDEN and all(len(_sent(each)) <= _LONGEST_VALUE for each in named)
        # Unlike behind a link, no page with a form comes after it that would ask for what it does.
        if short and not RISKY.search(" ".join((form.buttons[0].name, *map(_sent, named)))):
            yield Disguised(form.buttons[0].name, _target(view, form, named))


def _target(view: View, form: Form, named: list[Element]) -> str:
    """The URL that a browser would open: the query of the form's own action gives way to its inputs."""
    parts = urlsplit(form.action if "action" in form.element.attrs else view.url)
    query = urlencode([(each.attrs["name"], _sent(each)) for each in named])
    return parts._replace(query=query, fragment="").geturl()


def _sent(element: Element) -> str:
    return element.attrs.get("value", "")
