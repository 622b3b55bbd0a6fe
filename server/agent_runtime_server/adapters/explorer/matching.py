"""What a locator finds in a view, as Playwright would in the page."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer.element import Element, tidy
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.view import View

TEST_ID = "data-testid"


def matches(view: View, locator: Locator) -> list[Element]:
    """The visible elements that a locator finds, in document order."""
    scope = matches(view, locator.within) if locator.within else None
    found = [each for each in view.elements if scope is None or any(each.inside(outer) for outer in scope)]
    found = [each for each in found if _fits(each, locator)]
    if locator.by == "text":
        found = [each for each in found if not any(other.inside(each) for other in found)]
    if locator.has_text is not None:
        found = [each for each in found if locator.has_text.lower() in each.text.lower()]
    if locator.has is not None:
        inner = matches(view, locator.has)
        found = [each for each in found if any(part.inside(each) for part in inner)]
    return found


def _fits(element: Element, locator: Locator) -> bool:
    match locator.by:
        case "role":
            return (
                element.role == locator.value
                and (locator.name is None or _same(element.name, locator.name, locator.exact))
                and (locator.level is None or element.level == locator.level)
            )
        case "label":
            named = element.label or ("" if "placeholder" in element.attrs else element.name)
            return element.is_field and _same(named, locator.value, locator.exact)
        case "placeholder":
            return _same(element.attrs.get("placeholder", ""), locator.value, locator.exact)
        case "test_id":
            return element.attrs.get(TEST_ID) == locator.value
        case "text":
            return element.tag != "#root" and _same(element.text, locator.value, locator.exact)
        case "css":
            return _fits_css(element, locator.value)


def _same(text: str, wanted: str, exact: bool) -> bool:
    return tidy(text) == tidy(wanted) if exact else tidy(wanted).lower() in tidy(text).lower()


def _fits_css(element: Element, selector: str) -> bool:
    """The forms that ``candidates`` writes: ``tag``, ``tag.class`` and ``tag[attribute="value"]``."""
    if found := re.fullmatch(r'(\w+)\[([\w-]+)="((?:[^"\\]|\\.)*)"\]', selector):
        return element.tag == found[1] and element.attrs.get(found[2]) == re.sub(r"\\(.)", r"\1", found[3])
    tag, _, name = selector.partition(".")
    return element.tag == tag and (not name or name in element.classes)
