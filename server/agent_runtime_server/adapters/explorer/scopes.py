"""What an element is inside of, by which it is told from its like: a row, a landmark, a form."""

from __future__ import annotations

from collections.abc import Iterator

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.naming import (
    LONELY_ROLES,
    ROWS,
    TOLD,
    css_attribute,
    css_class,
    plain,
    standing_words,
)
from agent_runtime_server.adapters.explorer.view import View

SCOPES = frozenset(
    {
        *ROWS, "dialog", "alertdialog", "form", "search", "region", "navigation", "table", "list", "complementary",
        "main", "banner", "contentinfo", "heading",
    }
)  # fmt: skip


def scopes(view: View, element: Element) -> list[Locator]:
    """Locators of what is around an element and stands alone, nearest first."""
    around = [above for above in element.ancestors() if above.role in SCOPES]
    return [scope for above in around[:6] if (scope := scope_of(view, above))]


def scopes_around(view: View, element: Element) -> Iterator[Locator]:
    """The same, and then the form that it is in; never by how something looks."""
    yield from scopes(view, element)
    yield from forms_around(view, element)


def scope_of(view: View, element: Element) -> Locator | None:
    """A locator that finds just this element, as a place to look for others in; none where nothing tells it."""
    if element.role in ROWS:
        for inner in element.walk():
            if inner is not element and inner.role in ("heading", "link", "rowheader", "columnheader") and inner.name:
                if found := row_named(view, element, inner.name):
                    return found
                break
        cells = [each.text for each in element.walk() if each.role == "cell" and each.text and not each.controls]
        for text in cells[:2]:
            if not any(map(str.isdigit, text)) and (found := row_named(view, element, text)):
                return found
    choices = list(plain(element))
    if element.role in LONELY_ROLES or element.role in SCOPES:
        choices.append(Locator(by="role", value=element.role))
    headings = [each for each in element.walk() if each.role == "heading" and each.name]
    if element.role not in ("main",) and headings:
        inner_heading = Locator(by="role", value="heading", name=headings[0].name)
        choices.append(Locator(by="role", value=element.role, has=inner_heading))
    if element.role in ROWS:
        choices += [Locator(by="role", value=element.role, has_text=words) for words in standing_words(element.text)]
    return next((each for each in choices if matches(view, each) == [element]), None)


def forms_around(view: View, element: Element) -> Iterator[Locator]:
    """The form that an element is in, by where it is sent or by what is in it: these change less than looks do."""
    form = _form_of(element)
    if form is not None and form.attrs.get("action") and matches(view, sent := css_attribute(form, "action")) == [form]:
        yield sent
    yield from form_with_its_controls(view, element)


def form_with_its_controls(view: View, element: Element) -> Iterator[Locator]:
    """The form that an element is in, by a button or a field of it: people tell one without a name by these."""
    form = _form_of(element)
    if form is None:
        return
    buttons = [each for each in form.controls if each.is_button][:TOLD]
    fields = [each for each in form.controls if each.is_field and each is not element][:TOLD]
    told = [Locator(by="css", value="form", has=each) for control in (*buttons, *fields) for each in plain(control)]
    yield from (each for each in told if matches(view, each) == [form])


def _form_of(element: Element) -> Element | None:
    return next((above for above in element.ancestors() if above.tag == "form"), None)


def classes_around(view: View, element: Element) -> Iterator[Locator]:
    """What an element is in, by the class names that only it has, nearest first."""
    for above in element.ancestors():
        marks = [css_class(above, name) for name in above.classes]
        yield from [each for each in marks if matches(view, each) == [above]][:1]


def row_of(element: Element) -> Element | None:
    """The repeated row, item or card that the element belongs to."""
    return next((above for above in element.ancestors() if above.role in ROWS), None)


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
