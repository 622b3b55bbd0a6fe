"""Seeing which pages are of one kind: skeletons of their main part, and the URL patterns that go with them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

from agent_runtime_server.adapters.explorer.perceive import Element, View

_IDENTIFIER = re.compile(r"\d+|[0-9a-f]{8,}(-[0-9a-f]{4,})*|.*[-_]\d+|\d+[-_].*", re.IGNORECASE)
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


def segments(path: str) -> tuple[str, ...]:
    """The parts of a path, without its query."""
    return tuple(part for part in urlsplit(path).path.split("/") if part)


def pattern(path: str) -> str:
    """A first guess from one path: segments that look like identifiers become ``:id``, queries keep their keys."""
    parts = [":id" if _IDENTIFIER.fullmatch(part) else part for part in segments(path)]
    keys = sorted({key for key, _ in parse_qsl(urlsplit(path).query, keep_blank_values=True)})
    tail = f"?{'&'.join(keys)}" if keys else ""
    fragment = urlsplit(path).fragment
    return "/" + "/".join(parts) + tail + (f"#{fragment}" if fragment else "")


@dataclass(frozen=True)
class Page:
    """A page that was seen, as far as templates need it."""

    path: str
    skeleton: str


def learn(pages: Iterable[Page]) -> dict[str, str]:
    """The URL template of each path.

    Pages of the same skeleton and depth form a cluster; a segment that varies within it becomes ``:param``, unless it
    is the only segment: ``/about`` and ``/terms`` may look alike without being of one kind.
    """
    clusters: dict[tuple[str, int, str], list[str]] = defaultdict(list)
    for page in pages:
        guess = pattern(page.path)
        parts = segments(page.path)
        query = guess.partition("?")[2] or guess.partition("#")[2]
        clusters[page.skeleton, len(parts), query].append(page.path)
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
