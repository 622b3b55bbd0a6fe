"""Controls that show more of their page: menus, dialogs, parts that are folded away."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import RISKY, speaks_of

_POPUPS = frozenset({"true", "menu", "dialog", "listbox"})
_TOGGLES = frozenset({"dropdown", "collapse", "modal", "offcanvas"})


def openers(view: View) -> list[Element]:
    """The controls that say that they open something which is closed now, in document order."""
    told = [each for each in view.elements if each.tag == "summary" or each.role == "link" or each.is_button]
    return [each for each in told if _opens(each) and not each.disabled and not RISKY.search(each.name or each.text)]


def _opens(element: Element) -> bool:
    if element.is_field or speaks_of("sign_out", element.name):
        return False
    if element.tag == "summary":
        details = element.parent
        return bool(element.text) and details is not None and details.tag == "details" and "open" not in details.attrs
    attrs = element.attrs
    toggles = attrs.get("data-toggle") or attrs.get("data-bs-toggle")
    closed = attrs.get("aria-expanded") in (None, "false")
    says_so = attrs.get("aria-haspopup") in _POPUPS or attrs.get("aria-expanded") == "false" or toggles in _TOGGLES
    return closed and (says_so or _folds(element)) and attrs.get("href", "#").startswith("#")


def _folds(element: Element) -> bool:
    """A heading or a legend that is a link as a whole, to no other page: what stands below it comes and goes."""
    above = element.parent
    is_title = above is not None and (above.role == "heading" or above.tag == "legend") and above.text == element.text
    return is_title and element.role == "link" and bool(element.text)


def again(view: View, opener: Element) -> Element | None:
    """The same opener in a later view of its page."""
    return next((each for each in openers(view) if _told(each) == _told(opener)), None)


def _told(opener: Element) -> tuple[object, ...]:
    return opener.attrs, opener.name or opener.text


def identity(element: Element, where: str) -> tuple[str, ...]:
    """The same for one opener wherever it is met: what surrounds the pages counts once for the whole app."""
    return (element.role, element.name or element.text, "" if element.in_chrome else where)
