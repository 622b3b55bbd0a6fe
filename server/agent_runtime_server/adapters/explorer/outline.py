"""The outline of a page's main part, as ``toMatchAriaSnapshot`` takes it: what it is there for, without what varies.

A template matches if what it has is there, in this order, below the same roles; what else is there does not matter.
See https://playwright.dev/docs/aria-snapshots.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.lasting import ANY_NUMBER, in_snapshot, lasting_name
from agent_runtime_server.adapters.explorer.view import View

_FEW = 4
_FIELDS = frozenset({"textbox", "searchbox", "combobox", "spinbutton"})
_NAMED = _FIELDS | frozenset(
    {
        "heading", "link", "button", "listbox", "checkbox", "radio", "switch", "slider", "tab", "columnheader",
        "menuitem",
    }
)  # fmt: skip
_LEFT_OUT = frozenset({"option", "listbox", "menu", "status", "alert", "log", "img", "document"})

_LASTING = re.compile(r"[^\d?#]+")
_TABLES = frozenset({"table", "grid", "treegrid"})
_GROUPS = frozenset({"thead", "tbody", "tfoot"})
"""Groups of rows, which tests know as such also where the browser passes them over."""
_NEIGHBOUR = re.compile(r"\W*(?:prev|previous|next|older|newer|earlier|later)\b", re.IGNORECASE)


class Bounds(NamedTuple):
    """How much of a region is told."""

    lines: int
    alike: int
    """Of things of the same build in a row."""


PAGE = Bounds(lines=40, alike=3)
"""Of the results in a list, three show how one looks."""
AROUND = Bounds(lines=60, alike=12)
"""The links of a banner, a navigation or a footer are no data."""


class Part(NamedTuple):
    """A line of the template, and what is below it; without a name and parts, one of the things of a list or table."""

    role: str
    name: str
    """Of headings and heads of columns, with ``ANY_NUMBER`` for each number."""
    url: str
    parts: tuple[Part, ...]
    marked: bool = False
    """The name is part of what is seen: a style sheet adds a mark to it."""
    enabled: bool = False
    """It is a button that can be pressed: a template that does not say so would fit one that cannot."""

    @property
    def shape(self) -> tuple[object, ...]:
        """What is alike in things of the same kind; fields of other names are not."""
        return (self.role, self.name if self.role in _FIELDS else "", *(part.shape for part in self.parts))

    @property
    def line(self) -> str:
        """The part alone, as a template."""
        return "\n".join(_lines(self, 0))

    @property
    def size(self) -> int:
        """How many lines it takes."""
        return 1 + bool(self.url) + sum(part.size for part in self.parts)


def parts_of(view: View, own: Callable[[str], str | None], region: Element | None = None) -> list[Part]:
    """What a region has that stays; the main part, without what surrounds it, where none is given.

    ``own`` gives the path of a URL of the app.
    """
    return _parts(view, view.main if region is None else region, own, chrome=region is not None)


def everywhere(views: Sequence[View], own: Callable[[str], str | None]) -> frozenset[Part]:
    """Parts that more than half of some pages have: what surrounds the pages of an app without landmarks."""
    if len(views) < _FEW:
        return frozenset()
    counts = Counter(part for view in views for part in set(parts_of(view, own)) if _says_something(part))
    return frozenset(part for part, times in counts.items() if times > len(views) / 2)


def _says_something(part: Part) -> bool:
    return bool(part.name) or any(map(_says_something, part.parts))


def shared(some: Sequence[Part], others: Sequence[Part]) -> list[Part]:
    """What both have, in the order of both, and of their parts what both have."""
    kept: list[Part] = []
    left = list(others)
    for part in some:
        for at, other in enumerate(left):
            inner = shared(part.parts, other.parts) if other[:3] == part[:3] else []
            if other[:3] == part[:3] and (inner or part.name or not (part.parts or other.parts)):
                kept.append(part._replace(parts=tuple(inner), enabled=part.enabled and other.enabled))
                del left[: at + 1]
                break
    return kept


def of_any_thing(parts: Sequence[Part]) -> list[Part]:
    """What the page of a thing has for any thing of its kind: nothing of its name, and nothing of those beside it."""
    kept = [part._replace(parts=tuple(of_any_thing(part.parts))) for part in parts if not _is_of_one(part)]
    return [part for part in kept if part.name or part.parts]


def _is_of_one(part: Part) -> bool:
    leads_to_the_next = part.role == "link" and _NEIGHBOUR.match(part.name)
    return ANY_NUMBER in part.name or bool(leads_to_the_next)


def cut(parts: Sequence[Part], bounds: Bounds) -> list[Part]:
    """As much of the parts as is to be told."""
    return _shortened(_without_repeats(parts, bounds.alike), bounds.lines)


def template(parts: Sequence[Part], bounds: Bounds = PAGE) -> str:
    """The parts as a template, as many as it should have; empty where little is to be told."""
    kept = cut(parts, bounds)
    told = sum(part.size for part in kept) > 1
    return "\n".join(line for part in kept for line in _lines(part, 0)) if told else ""


def _parts(view: View, element: Element, own: Callable[[str], str | None], *, chrome: bool) -> list[Part]:
    found: list[Part] = []
    for child in element.children:
        if not child.visible or child.role in _LEFT_OUT or child.tag == "option" or (child.in_chrome and not chrome):
            continue
        inner = _parts(view, child, own, chrome=chrome)
        if child.role in _NAMED:
            if name := lasting_name(child):
                nested = inner if child.role == "heading" else []
                url = _url(view, child, own)
                enabled = child.role == "button" and not any(each.disabled for each in (child, *child.ancestors()))
                found.append(Part(child.role, name, url, tuple(nested), child.written != child.name, enabled))
        elif (role := child.role or (child.tag in _GROUPS and element.role in _TABLES and "rowgroup")) == "row":
            found.append(Part("row", "", "", tuple(_told_of_a_row(inner))))
        elif role:
            if not inner and role == "list" and any(each.role == "listitem" for each in child.children):
                inner = [Part("listitem", "", "", ())]
            if any(map(_has_field, inner)):
                inner = [part for part in inner if part.name or part.parts]
            if inner:
                found.append(Part(role, "", "", tuple(inner)))
        else:
            found += inner
    return _without_repeats(found, AROUND.alike)


def _told_of_a_row(parts: Sequence[Part]) -> list[Part]:
    """What is no data: the heads of columns, or the fields of a form that is laid out as a table."""
    if any(part.role == "columnheader" for part in parts):
        return list(parts)
    told = [part._replace(parts=tuple(_told_of_a_row(part.parts))) for part in parts if _has_field(part)]
    return [part for part in told if part.name or part.parts]


def _has_field(part: Part) -> bool:
    return part.role in _FIELDS or any(map(_has_field, part.parts))


def _url(view: View, element: Element, own: Callable[[str], str | None]) -> str:
    """The target of a link, as it is written, if it looks lasting."""
    href = element.attrs.get("href", "")
    if element.role != "link" or not _LASTING.fullmatch(href):
        return ""
    # Where the app is, is not for its tests to say; nor is another scheme a page.
    elsewhere = href.startswith(("http://", "https://")) and own(href) is None
    return href if elsewhere or (":" not in href and not href.startswith("//") and own(view.target(element))) else ""


def _without_repeats(parts: Sequence[Part], most: int) -> list[Part]:
    kept: list[Part] = []
    run = 0
    for part in parts:
        within = max(most, AROUND.alike) if part.role == "navigation" else most
        part = part._replace(parts=tuple(_without_repeats(part.parts, within)))
        alike = bool(kept) and kept[-1].shape == part.shape and bool(part.parts or not part.name)
        run = run + 1 if alike else 0
        if run < (most if part.parts else 1) and not (ANY_NUMBER in part.name and part in kept[-1:]):
            kept.append(part)
    return kept


def _shortened(parts: Sequence[Part], left: int) -> list[Part]:
    kept: list[Part] = []
    for part in parts:
        if part.size > left:
            part = part._replace(parts=tuple(_fitting(part.parts, left - 1)))
            if not (part.name or part.parts):
                continue
        if part.size <= left:
            kept.append(part)
            left -= part.size
    return kept


def _fitting(parts: Sequence[Part], left: int) -> Iterator[Part]:
    for part in parts:
        if part.size <= left:
            left -= part.size
            yield part


def _lines(part: Part, depth: int) -> Iterator[str]:
    key = f"{part.role} {in_snapshot(part.name, marked=part.marked)}" if part.name else part.role
    key += " [disabled=false]" if part.enabled else ""
    if ": " in key or " #" in key or key.endswith(":"):
        key = "'" + key.replace("'", "''") + "'"
    indent = "  " * depth
    yield f"{indent}- {key}{':' if part.parts or part.url else ''}"
    if part.url:
        yield f"{indent}  - /url: {part.url}"
    for inner in part.parts:
        yield from _lines(inner, depth + 1)
