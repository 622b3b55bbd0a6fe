"""What may open the way to an element that was on a page and is not seen there any more."""

from __future__ import annotations

from collections.abc import Iterator

from agent_runtime_server.adapters.explorer.element import Element, tidy
from agent_runtime_server.adapters.explorer.fingerprints import Hidden, same_family
from agent_runtime_server.adapters.explorer.flow import Fingerprint
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import RISKY

_MARKS = ("aria-haspopup", "aria-expanded", "aria-controls", "data-toggle", "data-bs-toggle", "popovertarget")
_ROLES = {"a": "link", "button": "button", "select": "combobox", "textarea": "textbox"}
_ROLES_OF_INPUTS = {"submit": "button", "button": "button", "image": "button", "checkbox": "checkbox", "radio": "radio"}
_NEVER_SHOWN = frozenset({"option", "optgroup", "#root", "html", "body"})


def put_away(view: View, locator: Locator) -> Element | None:
    """The element that a locator by role means, where the page has it, but does not show it.

    What is not shown has no role and no name yet, so both are guessed from its markup.
    """
    if locator.by != "role" or not locator.name:
        return None
    wanted = tidy(locator.name)
    for each in view.root.walk():
        if not each.visible and same_family(_role(each), locator.value) and wanted in _names(each):
            return each
    return None


def openers(view: View, was: Fingerprint | None, hidden: Hidden, away: Element | None) -> list[Element]:
    """What may show more of a page without doing anything else, the likeliest first.

    Where an element is known that is not shown, that is what stands closest to it; else what says of itself that it
    opens something, then buttons that were not there before.
    """
    marked, new = [], []
    for each in view.elements:
        if each.disabled or RISKY.search(each.name or each.text):
            continue
        if _says_so(each):
            marked.append(each)
        elif _does_nothing_else(each) and (away or (was and hidden(each.name) not in was.others)):
            new.append(each)
    found = [*marked, *new]
    if away is not None:
        around = list(away.ancestors())
        found.sort(key=lambda each: next(at for at, above in enumerate(around) if each.inside(above)))
    return found


def _says_so(element: Element) -> bool:
    return element.tag == "summary" or element.role == "tab" or any(mark in element.attrs for mark in _MARKS)


def _does_nothing_else(element: Element) -> bool:
    """A button that sends no form."""
    in_form = any(above.tag == "form" for above in element.ancestors())
    kind = element.attrs.get("type", "submit" if in_form else "button")
    return element.is_button and kind == "button"


def _role(element: Element) -> str:
    if element.tag in _NEVER_SHOWN or element.attrs.get("type") == "hidden":
        return ""
    known = _ROLES_OF_INPUTS.get(element.kind, "textbox") if element.tag == "input" else _ROLES.get(element.tag, "")
    return element.attrs.get("role", known)


def _names(element: Element) -> Iterator[str]:
    yield tidy(element.attrs.get("aria-label", ""))
    yield element.label
    yield element.text
    if _role(element) == "button":
        yield tidy(element.attrs.get("value", ""))
