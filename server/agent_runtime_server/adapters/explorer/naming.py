"""Locators that name an element by what people see and hear of it; and, as a last resort, by its markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent_runtime_server.adapters.explorer.currency import currency
from agent_runtime_server.adapters.explorer.element import CHROME, Element, tidy
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.matching import TEST_ID

NAMED_ROLES = frozenset(
    {
        "button", "link", "textbox", "searchbox", "spinbutton", "combobox", "listbox", "checkbox", "radio", "switch",
        "heading", "tab", "menuitem", "option", "img", "dialog", "alertdialog", "form", "region", "navigation", "group",
        "table", "list", "article", "columnheader", "search", "progressbar", "meter", "slider", "tabpanel", "treeitem",
        "banner", "complementary", "main", "contentinfo", "figure",
    }
)  # fmt: skip
LONELY_ROLES = frozenset(
    {
        "main", "status", "alert", "dialog", "search", "searchbox", "banner", "contentinfo", "table", "spinbutton",
        "combobox", "textbox", "checkbox", "article", "form", "complementary", "strong", "definition", "term", "time",
        "code", "paragraph", "heading", "caption", "list", "listitem", "log", "slider", "cell", "row", "emphasis",
        "navigation",
    }
)  # fmt: skip
ROWS = ("row", "listitem", "article", "group", "definition", "figure")
LONGEST_TEXT = 80
TOLD = 4
"""Elements of a landmark by which it may be told from its like."""


def plain(element: Element) -> Iterator[Locator]:
    """By role and name, label, placeholder or test id, best first."""
    if (written := element.written) != element.name and len(written) <= LONGEST_TEXT:
        if element.is_field:
            yield Locator(by="label", value=written)
        if element.role in NAMED_ROLES:
            yield Locator(by="role", value=element.role, name=written, exact=False)
    if element.role in NAMED_ROLES and element.name and len(element.name) <= LONGEST_TEXT:
        if element.role == "heading":
            yield Locator(by="role", value="heading", name=element.name)
            yield Locator(by="role", value="heading", name=element.name, level=element.level)
        else:
            yield Locator(by="role", value=element.role, name=element.name)
    if element.is_field and element.name and element.role not in NAMED_ROLES:
        yield Locator(by="label", value=element.name)
    if element.is_field and (placeholder := element.attrs.get("placeholder")):
        yield Locator(by="placeholder", value=placeholder)
    if element.tag == "summary" and not element.role and 0 < len(element.text) <= LONGEST_TEXT:
        yield Locator(by="text", value=element.text)
        yield Locator(by="css", value="summary", has_text=element.text)
    if test_id := element.attrs.get(TEST_ID):
        yield Locator(by="test_id", value=test_id)


def loose(element: Element) -> Iterator[Locator]:
    """By role alone, or by the words in it that stay while its numbers change."""
    if element.role in LONELY_ROLES:
        yield Locator(by="role", value=element.role)
    if element.role in ROWS:
        for inner in element.walk():
            if (
                inner.role in ("rowheader", "term", "heading", "link", "cell")
                and inner.name
                and not currency(inner.name)
            ):
                yield Locator(by="role", value=element.role, has=Locator(by="role", value=inner.role, name=inner.name))
                break
    if element.role in CHROME:
        told = [each for each in element.walk() if each.role in ("heading", "link", "button") and each.name]
        for inner in told[:TOLD]:
            yield from (Locator(by="role", value=element.role, has=each) for each in plain(inner))
    if element.role:
        for words in standing_words(element.text):
            yield Locator(by="role", value=element.role, has_text=words)
    if not element.children and (sign := currency(element.text)):
        yield Locator(by="text", value=sign, exact=False)


def standing_words(text: str) -> list[str]:
    """Parts of a text without numbers, the first words first, a currency sign last."""
    if len(text) > 2 * LONGEST_TEXT:
        return []
    words = [tidy(part).strip(" :-\u2013\u2014.,()") for part in re.split(r"[^\s]*\d[^\s]*", text)]
    sign = currency(text)
    return [word for word in words if len(word) > 2 and word != sign][:2] + ([sign] if sign else [])


def attributes(element: Element) -> Iterator[Locator]:
    """By what people do not see, and scripts and servers rely on."""
    for attribute in ("name", "type", "href"):
        if (element.is_field or element.is_button or attribute == "href") and element.attrs.get(attribute):
            yield css_attribute(element, attribute)
    if element.is_field and (identity := element.attrs.get("id")) and not any(map(str.isdigit, identity)):
        yield css_attribute(element, "id")


def css_attribute(element: Element, name: str) -> Locator:
    """By the value of an attribute that it has."""
    escaped = element.attrs[name].replace("\\", "\\\\").replace('"', '\\"')
    return Locator(by="css", value=f'{element.tag}[{name}="{escaped}"]')


def css_class(element: Element, name: str) -> Locator:
    """By a class name."""
    return Locator(by="css", value=f"{element.tag}.{name}")
