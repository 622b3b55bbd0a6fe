"""What pages list: products, posts, bills, and whatever else there are several of."""

from __future__ import annotations

from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.site import Site, Visit
from agent_runtime_server.adapters.explorer.templates import pattern, segments
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import NOT_A_PAGE, ROW_CONTROL


@dataclass(frozen=True, eq=False)
class Item:
    """One of several things that a page lists: a product, a post, a bill."""

    link: Element
    row: Element | None
    """What holds its other facts."""

    @property
    def name(self) -> str:
        """How the page calls it."""
        return self.link.name

    @property
    def price(self) -> float | None:
        """The first amount of money in its row."""
        found = amounts(self.row.text) if self.row else []
        return found[0] if found else None


def largest_list(site: Site) -> Visit | None:
    """The page that lists most things with a price, or simply most things; earlier pages win."""
    best: tuple[tuple[int, int], Visit] | None = None
    for visit in site.good:
        items = items_of(visit.view, site)
        size = (sum(item.price is not None for item in items), len(items))
        if "?" not in visit.path and not visit.signed_in and size[1] >= 2 and (best is None or size > best[0]):
            best = size, visit
    return best[1] if best else None


def items_of(view: View, site: Site) -> list[Item]:
    """The largest group of like links in the main part of a page: what the page lists."""
    groups: dict[tuple[object, ...], list[Item]] = {}
    targets: dict[Item, str] = {}
    for link in view.links:
        path = site.own(view.target(link))
        if path is None or not link.name or link.in_chrome or not link.inside(view.main) or path == view.path:
            continue
        if ROW_CONTROL.fullmatch(link.name) or NOT_A_PAGE.search(path.split("?")[0]):
            continue
        row = row_of(link) or _card_of(link)
        parts = segments(path)
        family = (
            (pattern(path) if ":id" in pattern(path) else (*parts[:-1], len(parts))),
            row.role if row else "",
            "?" in path,
        )
        members = groups.setdefault(family, [])
        same = next((item for item in members if (item.row is row and row is not None) or targets[item] == path), None)
        if same is None:
            item = Item(link, row)
            members.append(item)
            targets[item] = path
        elif targets[same] == path and _in_heading(link) and not _in_heading(same.link):
            better = Item(link, same.row)
            members[members.index(same)] = better
            targets[better] = path
    listed = [group for group in groups.values() if len(group) >= 2]
    return max(listed, key=lambda group: (sum(item.price is not None for item in group), len(group)), default=[])


def _in_heading(link: Element) -> bool:
    return any(above.role == "heading" for above in link.ancestors())


def _card_of(link: Element) -> Element | None:
    """The element around a link that has siblings of the same build."""
    child = link
    for above in link.ancestors():
        alike = [each for each in above.children if each.tag == child.tag and each.classes == child.classes]
        if len(alike) > 1 and child is not link:
            return child
        if above.role == "main":
            return None
        child = above
    return None
