"""What surrounds the pages of an app: banner, navigation, columns and footer.

On the start page all of it is looked at, and on one page of each kind what the pages have in common.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer import mine_pages
from agent_runtime_server.adapters.explorer.element import CHROME, Element
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.language import HasOutline, Locator
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.outline import (
    AROUND,
    PAGE,
    Bounds,
    Part,
    everywhere,
    parts_of,
    shared,
    template,
)
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.view import View

MOST_REGIONS = 6
MOST_PAGES = 8
LEAST_SHARED = 0.5
"""Share of what surrounds a page, or those that it is looked at with, that all of them have to have."""
Key = tuple[str, str, int]
"""What tells a landmark from one page to the next: its role, its name, and which one of these it is, from 1."""
MAIN: Key = ("main", "", 1)
"""Where there are no landmarks, what is on other pages, too, stands among what a page is there for."""
_WORDS = {"banner": "banner", "navigation": "navigation", "complementary": "column beside", "contentinfo": "footer"}


async def mine_surroundings(kit: Kit) -> None:
    """They have their headings, links, fields and buttons: on the start page, and where one is after signing in."""
    if not kit.wants("navigation"):
        return
    if home := kit.site.start:
        await _look_around(kit, home, "surroundings", "Has what surrounds its pages")
    known = kit.site.sign_in
    landing = kit.site.visits.get(known.landing) if known else None
    if landing is not None and landing.signed_in and landing is not home:
        title = "Has what surrounds the pages of who has signed in"
        await _look_around(kit, landing, "surroundings-signed-in", title)
    for signed_in, words in ((False, ""), (True, " for who has signed in")):
        await _look_at_all(kit, signed_in=signed_in, words=words)


async def _look_around(kit: Kit, visit: Visit, identity: str, title: str) -> None:
    async with kit.attempt(
        f"looking at what surrounds {visit.path}", signed_in=visit.signed_in, only_reads=True
    ) as hand:
        view, own = await kit.open(hand, visit), kit.site.own
        found = 0
        before = dict(_by_key(visit.view))
        for key, region in _by_key(view):
            if key in before and (target := await hand.try_find(region)):
                parts = shared(parts_of(visit.view, own, before[key]), parts_of(view, own, region))
                words = f"the {_WORDS[region.role]} has its parts"
                found += await mine_pages.expect_outline(hand, target, parts, words, _bounds(view, key))
        common = everywhere([each.view for each in kit.site.good if each.signed_in == visit.signed_in], own)
        parts = [part for part in shared(parts_of(visit.view, own), parts_of(view, own)) if part in common]
        words = f"{_called(MAIN)} is there"
        found += await mine_pages.expect_outline(hand, _main_of(view), parts, words, _bounds(view, MAIN))
        if found:
            session: Literal["stored", "anonymous"] = "stored" if visit.signed_in else "anonymous"
            flow = hand.flow(identity, "Pages", title, "@smoke", session=session)
            kit.keep(replace(flow, bare=True), "navigation")


async def _look_at_all(kit: Kit, *, signed_in: bool, words: str) -> None:
    around = _Around(kit, signed_in=signed_in)
    if not around.visits:
        return
    async with kit.attempt(f"looking at what surrounds all pages{words}", signed_in=signed_in, only_reads=True) as hand:
        for visit in around.visits:
            try:
                view = await kit.open(hand, visit)
            except LostError as error:
                kit.log(f"left out what surrounds {visit.path}: {error}")
                continue
            for key, region in (*_by_key(view), (MAIN, view.main)):
                if outline := around.outline(visit, key):
                    target = _main_of(view) if key == MAIN else await hand.try_find(region)
                    if target is not None:
                        await hand.expect(f"{_called(key)} is there", HasOutline(target, outline))
        identity = f"surroundings-everywhere{'-signed-in' if signed_in else ''}"
        session: Literal["stored", "anonymous"] = "stored" if signed_in else "anonymous"
        title = f"Has the same around each kind of page{words}"
        flow = hand.flow(identity, "Pages", title, "@smoke", session=session)
        kit.keep(replace(flow, bare=True), "navigation")


@dataclass
class _Common:
    """What a landmark has on each of some pages."""

    parts: Sequence[Part]
    paths: list[str]
    largest: int
    """Lines of the page that has most."""

    def takes(self, path: str, parts: Sequence[Part]) -> bool:
        """Count a page in, if it and the others have enough in common; whether it has."""
        both = shared(self.parts, parts)
        largest = max(self.largest, _size(parts))
        if _size(both) < LEAST_SHARED * largest:
            return False
        self.parts, self.largest = both, largest
        self.paths.append(path)
        return True


class _Around:
    """One page of each kind, and what surrounds several of them, by landmark."""

    def __init__(self, kit: Kit, *, signed_in: bool) -> None:
        pages = [visit for visit in mine_pages.one_of_each(kit) if visit.signed_in == signed_in][:MOST_PAGES]
        own = kit.site.own
        views = {visit.path: visit.view for visit in pages}
        repeated = everywhere([*views.values()], own)
        common: dict[Key, list[_Common]] = defaultdict(list)
        for visit in pages:
            regions = [(key, parts_of(visit.view, own, region)) for key, region in _by_key(visit.view)]
            for key, parts in (*regions, (MAIN, [part for part in parts_of(visit.view, own) if part in repeated])):
                if not any(each.takes(visit.path, parts) for each in common[key]):
                    common[key].append(_Common(parts, [visit.path], _size(parts)))
        self._outlines = {
            (path, key): template(each.parts, _bounds(views[path], key))
            for key, alike in common.items()
            for each in alike
            if len(each.paths) > 1
            for path in each.paths
        }
        told = {path for (path, _), outline in self._outlines.items() if outline}
        self.visits = [visit for visit in pages if visit.path in told]

    def outline(self, visit: Visit, key: Key) -> str:
        """What a landmark has on all pages like this one; empty where there are none, or nothing is to be told."""
        return self._outlines.get((visit.path, key), "")


def _main_of(view: View) -> Locator:
    return Locator(by="role", value=view.main.role)


def _bounds(view: View, key: Key) -> Bounds:
    """Columns beside may list what is new; the main part is more than data where the navigation is part of it."""
    apart = any(not each.inside(view.main) for each in view.by_role("navigation"))
    whole = key[0] != "complementary" and not (key == MAIN and apart)
    return AROUND if whole else AROUND._replace(alike=PAGE.alike)


def _called(key: Key) -> str:
    role, name, turn = key
    if key == MAIN:
        return "what other pages have too"
    named = f" “{name}”" if name else ""
    return f"the {_WORDS[role]}{named}{f' ({turn})' if turn > 1 else ''}"


def _by_key(view: View) -> Iterator[tuple[Key, Element]]:
    turns: Counter[tuple[str, str]] = Counter()
    for region in islice(_regions(view), MOST_REGIONS):
        turns[region.role, region.name] += 1
        yield (region.role, region.name, turns[region.role, region.name]), region


def _size(parts: Sequence[Part]) -> int:
    return sum(part.size for part in parts)


def _regions(view: View) -> Iterator[Element]:
    """The landmarks around the main part, the outermost ones."""
    for each in view.elements:
        if each.role in CHROME and not any(above.role in CHROME for above in each.ancestors()):
            yield each
