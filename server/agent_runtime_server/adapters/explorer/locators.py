"""Finding the words that single an element out, as a person would name it.

``matches`` says what a locator finds in a view, by the rules of Playwright's own locators, so that candidates are
judged without asking the browser. A position in the page is never part of a locator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent_runtime_server.adapters.explorer.currency import currency
from agent_runtime_server.adapters.explorer.element import CHROME, Element, tidy
from agent_runtime_server.adapters.explorer.flow import Locator
from agent_runtime_server.adapters.explorer.matching import TEST_ID, matches
from agent_runtime_server.adapters.explorer.view import View

NAMED_ROLES = frozenset(
    {
        "button", "link", "textbox", "searchbox", "spinbutton", "combobox", "listbox", "checkbox", "radio", "switch",
        "heading", "tab", "menuitem", "option", "img", "dialog", "alertdialog", "form", "region", "navigation", "group",
        "table", "list", "article", "columnheader", "search", "progressbar", "meter", "slider", "tabpanel", "treeitem",
        "banner", "complementary", "main", "contentinfo", "figure",
    }
)  # fmt: skip
_LONELY_ROLES = frozenset(
    {
        "main", "status", "alert", "dialog", "search", "searchbox", "banner", "contentinfo", "table", "spinbutton",
        "combobox", "textbox", "checkbox", "article", "form", "complementary", "strong", "definition", "term", "time",
        "code", "paragraph", "heading", "caption", "list", "listitem", "log", "slider", "cell", "row", "emphasis",
        "navigation",
    }
)  # fmt: skip
_ROWS = ("row", "listitem", "article", "group", "definition", "figure")
_SCOPES = frozenset(
    {
        *_ROWS, "dialog", "alertdialog", "form", "search", "region", "navigation", "table", "list", "complementary",
        "main", "banner", "contentinfo", "heading",
    }
)  # fmt: skip
_LONGEST_TEXT = 80
_TOLD = 4
"""Elements of a landmark by which it may be told from its like."""


def candidates(view: View, element: Element) -> Iterator[Locator]:
    """Locators that find the element, and maybe others, best first; the last ones hang on markup and then on looks."""
    plain = list(_plain(element))
    known = [*plain, *_loose(element)]
    yield from plain
    for scope in _scopes(view, element):
        yield from (within(each, scope) for each in known)
    yield from known[len(plain) :]
    attributes = list(_attributes(element))
    yield from attributes
    for scope in _scopes(view, element):
        yield from (within(each, scope) for each in attributes)
    for form in _forms_around(view, element):
        yield from (within(each, form) for each in known)
    looks = [_css_class(element, name) for name in element.classes]
    yield from looks
    for scope in _scopes(view, element):
        yield from (within(each, scope) for each in looks)
    for mark in _classes_around(view, element):
        yield from (within(each, mark) for each in (*known, *attributes, *looks))


def scopes_around(view: View, element: Element) -> Iterator[Locator]:
    """Locators of what is around an element and stands alone, best first; the last ones hang on markup."""
    yield from _scopes(view, element)
    yield from _forms_around(view, element)
    yield from _classes_around(view, element)


def _forms_around(view: View, element: Element) -> Iterator[Locator]:
    """The form that an element is in, by where it is sent or by a button in it: these change less than looks do."""
    form = next((above for above in element.ancestors() if above.tag == "form"), None)
    if form is None:
        return
    buttons = [each for each in form.controls if each.is_button]
    told = [Locator(by="css", value="form", has=each) for button in buttons[:_TOLD] for each in _plain(button)]
    sent = [_css_attribute(form, "action")] if form.attrs.get("action") else []
    yield from [each for each in (*sent, *told) if matches(view, each) == [form]]


def _classes_around(view: View, element: Element) -> Iterator[Locator]:
    for above in element.ancestors():
        marks = [_css_class(above, name) for name in above.classes]
        yield from [each for each in marks if matches(view, each) == [above]][:1]


def group(view: View, elements: Sequence[Element]) -> Locator | None:
    """A locator that finds just these elements, all of the same kind, or None."""
    first = elements[0]
    kinds: list[Locator] = []
    if first.role:
        kinds.append(Locator(by="role", value=first.role, level=first.level))
        if first.name and len(elements) > 1 and all(each.name == first.name for each in elements):
            kinds.append(Locator(by="role", value=first.role, name=first.name))
    kinds += [_css_class(first, name) for name in first.classes]
    sign = currency(first.text)
    if sign and first.role:
        kinds.append(Locator(by="role", value=first.role, has_text=sign))
    common = [above for above in first.ancestors() if above.role in _SCOPES - {*_ROWS, "heading"}]
    common = [above for above in common if all(each.inside(above) for each in elements)]
    common.sort(key=lambda above: above.role != "main")
    scopes = [None, *(scope for above in common if (scope := _scope(view, above)))]
    inside_row = _row_kinds(elements)
    for kind in (*kinds, *inside_row):
        for scope in scopes:
            locator = within(kind, scope) if scope else kind
            if matches(view, locator) == list(elements):
                return locator
    return None


def _row_kinds(elements: Sequence[Element]) -> list[Locator]:
    """Ways to say "this kind of element inside each row"."""
    rows = [next((above for above in each.ancestors() if above.role in _ROWS), None) for each in elements]
    first = elements[0]
    if rows[0] is None or not first.role or any(row is None or row.role != rows[0].role for row in rows):
        return []
    return [Locator(by="role", value=first.role, level=first.level, within=Locator(by="role", value=rows[0].role))]


def row_of(element: Element) -> Element | None:
    """The repeated row, item or card that the element belongs to."""
    return next((above for above in element.ancestors() if above.role in _ROWS), None)


def row_named(view: View, row: Element, text: str) -> Locator | None:
    """A locator of a row, item or card by a text in it."""
    for locator in (
        Locator(by="role", value=row.role, has_text=text),
        Locator(by="role", value=row.role, has=Locator(by="role", value="link", name=text)),
        Locator(by="role", value=row.role, has=Locator(by="role", value="heading", name=text)),
    ):
        for scope in (None, Locator(by="role", value="main")):
            scoped = within(locator, scope) if scope else locator
            if matches(view, scoped) == [row]:
                return scoped
    return None


def _plain(element: Element) -> Iterator[Locator]:
    if (written := element.written) != element.name and len(written) <= _LONGEST_TEXT:
        if element.is_field:
            yield Locator(by="label", value=written)
        if element.role in NAMED_ROLES:
            yield Locator(by="role", value=element.role, name=written, exact=False)
    if element.role in NAMED_ROLES and element.name and len(element.name) <= _LONGEST_TEXT:
        if element.role == "heading":
            yield Locator(by="role", value="heading", name=element.name)
            yield Locator(by="role", value="heading", name=element.name, level=element.level)
        else:
            yield Locator(by="role", value=element.role, name=element.name)
    if element.is_field and element.name and element.role not in NAMED_ROLES:
        yield Locator(by="label", value=element.name)
    if element.is_field and (placeholder := element.attrs.get("placeholder")):
        yield Locator(by="placeholder", value=placeholder)
    if test_id := element.attrs.get(TEST_ID):
        yield Locator(by="test_id", value=test_id)


def _loose(element: Element) -> Iterator[Locator]:
    """By role alone, or by the words in it that stay while its numbers change."""
    if element.role in _LONELY_ROLES:
        yield Locator(by="role", value=element.role)
    if element.role in _ROWS:
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
        for inner in told[:_TOLD]:
            yield from (Locator(by="role", value=element.role, has=each) for each in _plain(inner))
    if element.role:
        for words in _standing_words(element.text):
            yield Locator(by="role", value=element.role, has_text=words)
    if not element.children and (sign := currency(element.text)):
        yield Locator(by="text", value=sign, exact=False)


def _standing_words(text: str) -> list[str]:
    """Parts of a text without numbers, the first words first, a currency sign last."""
    if len(text) > 2 * _LONGEST_TEXT:
        return []
    words = [tidy(part).strip(" :-\u2013\u2014.,()") for part in re.split(r"[^\s]*\d[^\s]*", text)]
    sign = currency(text)
    return [word for word in words if len(word) > 2 and word != sign][:2] + ([sign] if sign else [])


def _attributes(element: Element) -> Iterator[Locator]:
    """By what people do not see, and scripts and servers rely on."""
    for attribute in ("name", "type", "href"):
        if (element.is_field or element.is_button or attribute == "href") and element.attrs.get(attribute):
            yield _css_attribute(element, attribute)
    if element.is_field and (identity := element.attrs.get("id")) and not any(map(str.isdigit, identity)):
        yield _css_attribute(element, "id")


def _css_attribute(element: Element, name: str) -> Locator:
    escaped = element.attrs[name].replace("\\", "\\\\").replace('"', '\\"')
    return Locator(by="css", value=f'{element.tag}[{name}="{escaped}"]')


def _css_class(element: Element, name: str) -> Locator:
    return Locator(by="css", value=f"{element.tag}.{name}")


def _scopes(view: View, element: Element) -> list[Locator]:
    """Locators of what is around an element and stands alone, nearest first."""
    around = [above for above in element.ancestors() if above.role in _SCOPES]
    return [scope for above in around[:6] if (scope := _scope(view, above))]


def _scope(view: View, element: Element) -> Locator | None:
    if element.role in _ROWS:
        for inner in element.walk():
            if inner is not element and inner.role in ("heading", "link", "rowheader", "columnheader") and inner.name:
                if found := row_named(view, element, inner.name):
                    return found
                break
        cells = [each.text for each in element.walk() if each.role == "cell" and each.text and not each.controls]
        for text in cells[:2]:
            if not any(map(str.isdigit, text)) and (found := row_named(view, element, text)):
                return found
    choices = list(_plain(element))
    if element.role in _LONELY_ROLES or element.role in _SCOPES:
        choices.append(Locator(by="role", value=element.role))
    headings = [each for each in element.walk() if each.role == "heading" and each.name]
    if element.role not in ("main",) and headings:
        inner_heading = Locator(by="role", value="heading", name=headings[0].name)
        choices.append(Locator(by="role", value=element.role, has=inner_heading))
    if element.role in _ROWS:
        choices += [Locator(by="role", value=element.role, has_text=words) for words in _standing_words(element.text)]
    return next((each for each in choices if matches(view, each) == [element]), None)


def within(locator: Locator, scope: Locator) -> Locator:
    """The locator, looked for inside a scope."""
    inner = within(locator.within, scope) if locator.within else scope
    return Locator(
        by=locator.by,
        value=locator.value,
        name=locator.name,
        exact=locator.exact,
        level=locator.level,
        has=locator.has,
        has_text=locator.has_text,
        within=inner,
    )


def has_digits(locator: Locator) -> bool:
    """It names something by a text with digits, which may change from run to run."""
    texts = (locator.name, locator.has_text, locator.value if locator.by in ("text", "label", "placeholder") else "")
    inner = (each for each in (locator.has, locator.within) if each is not None)
    return any(char.isdigit() for text in texts if text for char in text) or any(map(has_digits, inner))
