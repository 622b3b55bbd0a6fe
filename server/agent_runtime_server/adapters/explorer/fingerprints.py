"""What an element is known by, besides its locator: learnt while it is seen, so that it can be found again later."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from agent_runtime_server.adapters.explorer.element import LANDMARKS, Element, tidy
from agent_runtime_server.adapters.explorer.flow import Fingerprint
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.view import View

MAX_TEXT = 80
"""Characters of a text that are kept."""
MAX_OTHERS = 40
_HEADINGS = 3
_NEIGHBOURS = 2
"""Controls on each side."""
_SHORTEST_USERNAME = 4
"""A shorter one would be found inside of other words."""
_GROUPS = frozenset({"form", "list", "table", "tablist", "menu", "toolbar", "radiogroup", *LANDMARKS})
_FAMILIES = (
    frozenset({"button", "link", "menuitem", "tab", "switch"}),
    frozenset({"textbox", "searchbox", "combobox", "spinbutton", "listbox", "slider"}),
    frozenset({"checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio"}),
    frozenset({"row", "listitem", "article", "group", "option"}),
    frozenset({"status", "alert", "log"}),
    frozenset({"dialog", "alertdialog"}),
)
_TOKENS_OF = ("id", "name", "type", "href", "data-testid")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def same_family(one: str, other: str) -> bool:
    """Elements of these roles may stand in for each other."""
    return one == other or any(one in family and other in family for family in _FAMILIES)


class Hidden:
    """Takes out of texts what differs between runs, and what nobody is to read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """``values`` are those of ``${uid}``, ``${username}`` and ``${password}``."""
        self._values = [
            (value, name)
            for name, value in values.items()
            if len(value) >= (_SHORTEST_USERNAME if name == "username" else 1)
        ]
        self._values.sort(key=lambda pair: -len(pair[0]))

    def references(self, text: str) -> str:
        """The text with references in the place of values."""
        for value, name in self._values:
            text = text.replace(value, f"${{{name}}}")
        return text

    def __call__(self, text: str) -> str:
        """The text as fingerprints have it."""
        text = self.references(tidy(text))
        if re.search(r"[^\W\d_]", text):
            text = re.sub(r"\d+", "#", text)
        return text[:MAX_TEXT].strip()


def fingerprint(view: View, element: Element, hidden: Hidden) -> Fingerprint:
    """What an element of a view is like now."""
    group = next((above for above in element.ancestors() if above.role in _GROUPS or above.tag == "form"), view.root)
    kin = [each for each in view.elements if each.role and same_family(each.role, element.role)]
    near = [each for each in kin if each is element or each.inside(group)]
    own = hidden(element.name)
    text = hidden(element.text) if not element.is_field else ""
    others = (hidden(each.name or each.text) for each in (*near, *kin) if each is not element)
    landmark = element.landmark
    row = row_of(element)
    return Fingerprint(
        role=element.role or element.tag,
        name=own,
        level=element.level,
        placeholder=hidden(element.attrs.get("placeholder", "")),
        text=text if text != own else "",
        landmark=f"{landmark.role} {hidden(landmark.name)}".strip() if landmark else "",
        headings=tuple(hidden(name) for name in _headings(view, element)),
        around=tuple(above.role for above in element.ancestors() if above.role and above.tag != "#root")[:6],
        row=hidden(_row_name(row, element)) if row else "",
        neighbours=tuple(hidden(name) for name in _neighbours(view, element)),
        others=tuple(list(dict.fromkeys(name for name in others if name and name != own))[:MAX_OTHERS]),
        tokens=tuple(sorted(set(_tokens(element, hidden)))),
        order=near.index(element) if element in near else 0,
    )


def _headings(view: View, element: Element) -> Iterator[str]:
    """The headings that the element stands under: the last one before it within each of its ancestors."""
    before: list[Element] = []
    for each in view.elements:
        if each is element:
            break
        if each.role == "heading" and each.name and not element.inside(each):
            before.append(each)
    found: list[str] = []
    for above in element.ancestors():
        name = next((each.name for each in reversed(before) if each.inside(above)), "")
        if name and name not in found:
            found.append(name)
    return iter(found[:_HEADINGS])


def _row_name(row: Element, element: Element) -> str:
    """What tells a row from others, apart from an element in it."""
    rest = [each for each in row.walk() if each not in (row, element) and not each.inside(element)]
    named = (each.name for each in rest if each.role in ("heading", "rowheader") and each.name)
    cells = (each.text for each in rest if each.role == "cell" and each.text and not each.controls)
    links = (each.name for each in rest if each.role == "link" and each.name)
    labels = (each.text for each in rest if each.tag == "label" and each.text)
    return next((name for names in (named, links, cells, labels) for name in names), row.own_text)


def _neighbours(view: View, element: Element) -> Iterable[str]:
    controls = [each for each in view.elements if each is element or _is_control(each)]
    at = controls.index(element)
    near = controls[max(0, at - _NEIGHBOURS) : at] + controls[at + 1 : at + 1 + _NEIGHBOURS]
    return [each.name or each.attrs.get("placeholder", "") for each in near]


def _is_control(element: Element) -> bool:
    return element.role == "link" or element.is_button or element.is_field


def _tokens(element: Element, hidden: Hidden) -> Iterator[str]:
    """Words of attributes: numbers, and what looks made by a machine, say nothing."""
    for attribute in _TOKENS_OF:
        value = hidden(element.attrs.get(attribute, ""))
        yield from (f"{attribute}:{word.lower()}" for word in _WORD.findall(value.partition("?")[0]) if len(word) > 1)
