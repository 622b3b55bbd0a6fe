"""Views built by hand, for tests that need no browser."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.locators import candidates
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.view import View

Part = str | Element


def make(tag: str, *parts: Part, role: str = "", name: str = "", **attrs: str) -> Element:
    """An element; attributes are written with ``_`` for ``-`` and at the end for Python's own words."""
    level = int(tag[1]) if role == "heading" and tag[1:].isdigit() else None
    plain = {key.rstrip("_").replace("_", "-"): value for key, value in attrs.items()}
    element = Element(tag=tag, attrs=plain, role=role, name=name, level=level, parts=list(parts))
    element.required = "required" in plain
    for part in element.children:
        part.parent = element
    return element


def link(name: str, href: str = "/") -> Element:
    return make("a", name, role="link", name=name, href=href)


def button(name: str, type_: str = "submit") -> Element:
    return make("button", name, role="button", name=name, type=type_)


def text_field(name: str, **attrs: str) -> Element:
    return make("input", role="textbox", name=name, **attrs)


def page(*parts: Part, path: str = "/") -> View:
    return View(url=f"http://app.test{path}", title="", root=make("#root", *parts, role="document"))


def unique(view: View, element: Element) -> Locator | None:
    """A locator that finds this element and no other in the view, or None."""
    return next((each for each in candidates(view, element) if matches(view, each) == [element]), None)
