"""What may open the way to an element that was on a page and is not seen there any more."""

from __future__ import annotations

from collections.abc import Iterator

from agent_runtime_server.adapters.explorer.element import Element, tidy
from agent_runtime_server.adapters.explorer.fingerprints import Hidden, same_family
from agent_runtime_server.adapters.explorer.flow import Fingerprint
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import RISKY

_MARKS = ("aria-haspopup", "aria-expanded", "aria-controls", "data-toggle", "data-bs-toggle", "popovertarget")
_TYPED = "textbox"
"""The role that is guessed for whatever takes a text."""
_ROLES = {"a": "link", "button": "button", "select": "combobox", "textarea": _TYPED}
_ROLES_OF_INPUTS = {"submit": "button", "button": "button", "image": "button", "checkbox": "checkbox", "radio": "radio"}
_NEVER_SHOWN = frozenset({"option", "optgroup", "#root", "html", "body"})


def put_away(view: View, locator: Locator) -> Element | None:
    """The one element that a locator means, where the page has it, but does not show it.

    What is not shown has no role and no name yet, so both are guessed from its markup.
    """
    around = matches(view, locator.within) if locator.within else [view.root]
    found = [
        each
        for each in view.root.walk()
        if not each.visible and _is_meant(each, locator) and any(each.inside(outer) for outer in around)
    ]
    return found[0] if len(found) == 1 else None


def _is_meant(element: Element, locator: Locator) -> bool:
    if locator.has is not None or (locator.has_text or "") not in element.text:
        return False
    if locator.by == "label":
        return element.is_field and element.label == tidy(locator.value)
    role = _role(element)
    fits = role == locator.value or (role == _TYPED and same_family(role, locator.value))
    named = tidy(locator.name) in _names(element) if locator.name else bool(locator.has_text)
    return locator.by == "role" and fits and named


def openers(view: View, was: Fingerprint | None, hidden: Hidden, away: Element | None) -> list[Element]:
    """What may show more of a page without doing anything else, the likeliest first.

    That is what says of itself that it opens something, and buttons that were not there before. Where an element is
    known that is not shown, what stands closest to it comes first.
    """
    marked, new = [], []
    for each in view.elements:
        if each.disabled or RISKY.search(each.name or each.text):
            continue
        if _says_so(each):
            marked.append(each)
        elif _does_nothing_else(each) and is_new(each, was, hidden):
            new.append(each)
    found = [*marked, *new]
    if away is not None:
        around = list(away.ancestors())
        found.sort(key=lambda each: next(at for at, above in enumerate(around) if each.inside(above)))
    return found


def is_new(element: Element, was: Fingerprint | None, hidden: Hidden) -> bool:
    """It was not there when the other element was seen; nobody knows that of what has no role or no name."""
    return was is not None and bool(element.role and element.name) and hidden(element.name) not in was.others


def _says_so(element: Element) -> bool:
    return element.tag == "summary" or element.role == "tab" or any(mark in element.attrs for mark in _MARKS)


def _does_nothing_else(element: Element) -> bool:
    """A button that sends no form."""
    in_form = "form" in element.attrs or any(above.tag == "form" for above in element.ancestors())
    kind = element.attrs.get("type", "submit" if in_form else "button")
    return element.is_button and kind == "button"


def _role(element: Element) -> str:
    if element.tag in _NEVER_SHOWN or element.attrs.get("type") == "hidden":
        return ""
    known = _ROLES_OF_INPUTS.get(element.kind, _TYPED) if element.tag == "input" else _ROLES.get(element.tag, "")
    return element.attrs.get("role", known)


def _names(element: Element) -> Iterator[str]:
    yield tidy(element.attrs.get("aria-label", ""))
    yield element.label
    yield element.text
    if _role(element) == "button":
        yield tidy(element.attrs.get("value", ""))
