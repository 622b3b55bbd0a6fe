"""Finding the words that single an element out, as a person would name it.

``matches`` says what a locator finds in a view, by the rules of Playwright's own locators, so that candidates are
judged without asking the browser. A position in the page is never part of a locator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent_runtime_server.adapters.explorer.currency import currency
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.naming import ROWS, attributes, css_class, loose, plain
from agent_runtime_server.adapters.explorer.scopes import (
    SCOPES,
    classes_around,
    form_with_its_controls,
    forms_around,
    scope_of,
    scopes,
    within,
)
from agent_runtime_server.adapters.explorer.view import View


def candidates(view: View, element: Element) -> Iterator[Locator]:
    """Locators that find the element, and maybe others, best first; the last ones hang on markup and then on looks."""
    named = list(plain(element))
    known = [*named, *loose(element)]
    yield from named
    around = scopes(view, element)
    for scope in around:
        yield from (within(each, scope) for each in known)
    yield from known[len(named) :]
    for form in form_with_its_controls(view, element):
        yield from (within(each, form) for each in named)
    marked = list(attributes(element))
    yield from marked
    for scope in around:
        yield from (within(each, scope) for each in marked)
    for form in forms_around(view, element):
        yield from (within(each, form) for each in known)
    looks = [css_class(element, name) for name in element.classes]
    yield from looks
    for scope in around:
        yield from (within(each, scope) for each in looks)
    for mark in classes_around(view, element):
        yield from (within(each, mark) for each in (*known, *marked, *looks))


def group(view: View, elements: Sequence[Element]) -> Locator | None:
    """A locator that finds just these elements, all of the same kind, or None; by their looks as a last resort."""
    first = elements[0]
    kinds: list[Locator] = []
    if first.role:
        kinds.append(Locator(by="role", value=first.role, level=first.level))
        if first.name and len(elements) > 1 and all(each.name == first.name for each in elements):
            kinds.append(Locator(by="role", value=first.role, name=first.name))
    sign = currency(first.text)
    if sign and first.role:
        kinds.append(Locator(by="role", value=first.role, has_text=sign))
    common = [above for above in first.ancestors() if above.role in SCOPES - {*ROWS, "heading"}]
    common = [above for above in common if all(each.inside(above) for each in elements)]
    common.sort(key=lambda above: above.role != "main")
    scopes = [None, *(scope for above in common if (scope := scope_of(view, above)))]
    looks = [css_class(first, name) for name in first.classes]
    for kind in (*kinds, *_row_kinds(elements), *looks):
        for scope in scopes:
            locator = within(kind, scope) if scope else kind
            if matches(view, locator) == list(elements):
                return locator
    return None


def _row_kinds(elements: Sequence[Element]) -> list[Locator]:
    """Ways to say "this kind of element inside each row"."""
    rows = [next((above for above in each.ancestors() if above.role in ROWS), None) for each in elements]
    first = elements[0]
    if rows[0] is None or not first.role or any(row is None or row.role != rows[0].role for row in rows):
        return []
    return [Locator(by="role", value=first.role, level=first.level, within=Locator(by="role", value=rows[0].role))]


def hangs_on_looks(locator: Locator) -> bool:
    """It names something by a class, which may change with the looks of the app alone."""
    inner = (each for each in (locator.has, locator.within) if each is not None)
    return (locator.by == "css" and "." in locator.value and "[" not in locator.value) or any(
        map(hangs_on_looks, inner)
    )


def has_digits(locator: Locator) -> bool:
    """It names something by a text with digits, which may change from run to run."""
    texts = (locator.name, locator.has_text, locator.value if locator.by in ("text", "label", "placeholder") else "")
    inner = (each for each in (locator.has, locator.within) if each is not None)
    return any(char.isdigit() for text in texts if text for char in text) or any(map(has_digits, inner))
