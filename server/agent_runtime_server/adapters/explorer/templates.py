"""Seeing which pages are of one kind: skeletons of their main part, and the URL patterns that go with them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.view import View

_IDENTIFIER = re.compile(r"\d+|[0-9a-f]{8,}(-[0-9a-f]{4,})*|.*[-_]\d+|\d+[-_].*", re.IGNORECASE)
_VIEW_KEYS = frozenset({"action", "view", "mode", "tab", "section", "do", "page", "module", "screen"})
"""Keys of a query that may name a page of its own kind, as a path does elsewhere."""
_WORD = re.compile(r"[a-z][a-z_-]{1,19}", re.IGNORECASE)
_FACTS = frozenset(
    {
        "heading",
        "link",
        "button",
        "form",
        "table",
        "row",
        "cell",
        "list",
        "listitem",
        "article",
        "main",
        "dialog",
        "region",
    }
)
_LISTED = frozenset({"row", "listitem", "article"})


def skeleton(view: View) -> str:
    """A short hash of how the main part of a page is built, whatever its texts and the length of its lists."""
    return sha256(repr(_shape(view.main)).encode()).hexdigest()[:12]


def _shape(element: Element) -> tuple[object, ...]:
    shapes: list[tuple[object, ...]] = []
    for child in element.children:
        if not child.visible or child.in_chrome or child.tag == "option":
            continue
        shape = _shape(child)
        if not child.role and not child.is_field:
            shapes += [each for each in shape[1:] if isinstance(each, tuple)]
        else:
            shapes.append(shape)
    kept: list[tuple[object, ...]] = []
    for shape in shapes:
        if not kept or kept[-1] != shape:
            kept.append(shape)
    own = element.kind if element.is_field else element.role if element.role in _FACTS else "*"
    return (own, *kept)


def is_bare(view: View) -> bool:
    """The main part of a page has neither fields nor things that it lists: pages of many kinds are built so."""
    return not any(
        (each.is_field or each.role in _LISTED) and each.visible and not each.in_chrome for each in view.main.walk()
    )


def segments(path: str) -> tuple[str, ...]:
    """The parts of a path, without its query."""
    return tuple(part for part in urlsplit(path).path.split("/") if part)


def pattern(path: str) -> str:
    """A first guess from one path: segments that look like identifiers become ``:id``, queries keep their keys, and
    the words that name a page."""
    parts = [":id" if _IDENTIFIER.fullmatch(part) else part for part in segments(path)]
    query = parse_qsl(urlsplit(path).query, keep_blank_values=True)
    keys = sorted({f"{key}={value}" if _names_a_page(key, value) else key for key, value in query})
    tail = f"?{'&'.join(keys)}" if keys else ""
    fragment = urlsplit(path).fragment
    return "/" + "/".join(parts) + tail + (f"#{fragment}" if fragment else "")


def names_a_page(path: str) -> bool:
    """It has no query but one that names a page of its own kind, such as ``/guide?action=edit``."""
    query = parse_qsl(urlsplit(path).query, keep_blank_values=True)
    return len(query) < 2 and all(_names_a_page(key, value) for key, value in query)


def _names_a_page(key: str, value: str) -> bool:
    return key.lower() in _VIEW_KEYS and bool(_WORD.fullmatch(value))


@dataclass(frozen=True)
class Page:
    """A page that was seen, as far as templates need it."""

    path: str
    skeleton: str
    apart: bool = False
    """It has a place of its own in a menu and is too bare to tell its kind by its skeleton."""


def learn(pages: Iterable[Page]) -> dict[str, str]:
    """The URL template of each path.

    Pages of the same skeleton and depth form a cluster; a segment that varies within it becomes ``:param``, unless it
    is the only segment: ``/about`` and ``/terms`` may look alike without being of one kind. Pages that are apart stay
    so.
    """
    clusters: dict[tuple[str, int, str], list[str]] = defaultdict(list)
    for page in pages:
        guess = pattern(page.path)
        parts = segments(page.path)
        query = guess.partition("?")[2] or guess.partition("#")[2]
        clusters[page.path if page.apart else page.skeleton, len(parts), query].append(page.path)
    found: dict[str, str] = {}
    for paths in clusters.values():
        for path in paths:
            found[path] = _generalise(path, paths)
    return found


def _generalise(path: str, paths: list[str]) -> str:
    own = segments(path)
    guess = pattern(path)
    if len(own) < 2:
        return guess
    parts = list(segments(guess))
    for index in range(1, len(own)):
        alike = {segments(other)[index] for other in paths if segments(other)[:index] == own[:index]}
        if len(alike) > 1:
            parts[index] = ":param" if parts[index] != ":id" else ":id"
    tail = guess[guess.find("?") :] if "?" in guess else guess[guess.find("#") :] if "#" in guess else ""
    return "/" + "/".join(parts) + tail
