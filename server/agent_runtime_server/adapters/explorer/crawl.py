"""Walking through an app by its links: what was asked for first, each kind of page a few times, nothing dangerous."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.findings import check_page
from agent_runtime_server.adapters.explorer.flow import Skipped
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.instructions import Wish
from agent_runtime_server.adapters.explorer.perceive import View
from agent_runtime_server.adapters.explorer.protocol import Activity, Found, Line, Log, Progress
from agent_runtime_server.adapters.explorer.site import Site
from agent_runtime_server.adapters.explorer.templates import pattern, segments
from agent_runtime_server.adapters.explorer.vocabulary import ALWAYS_RISKY, RISKY, concepts_in, speaks_of

INSTANCES_OF_A_TEMPLATE = 3
_NOT_PAGES = re.compile(
    r"\.(pdf|zip|gz|csv|xlsx?|docx?|png|jpe?g|gif|svg|ico|mp[34]|xml|rss|atom|json|ics|exe|dmg|js|css|txt)$",
    re.IGNORECASE,
)
_WORTH_KNOWING = frozenset({"sign_in", "register", "cart", "checkout", "orders", "account", "search", "create"})


@dataclass(frozen=True, order=True)
class _Candidate:
    rank: float
    """Less is sooner."""
    order: int
    path: str
    depth: int
    label: str


@dataclass(frozen=True)
class Budget:
    """How far to go."""

    states: int
    until: float
    """On the monotonic clock."""

    @property
    def time_left(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()


class Crawl:
    """A walk through the app with one hand."""

    def __init__(
        self, hand: Hand, site: Site, wish: Wish, budget: Budget, emit: Callable[[Line], None], *, signed_in: bool
    ) -> None:
        self._hand = hand
        self._site = site
        self._wish = wish
        self._budget = budget
        self._emit = emit
        self._signed_in = signed_in
        self._queue: dict[str, _Candidate] = {}
        self._seen: set[str] = set()
        self._kinds: Counter[str] = Counter()
        self._siblings: dict[tuple[object, ...], Counter[str]] = {}

    async def run(self, start: str, enough: Callable[[], bool] = lambda: False) -> None:
        """Walk until enough is seen, nothing new is left or the budget is used up."""
        if self._signed_in:
            self._seen.update(path for path in self._site.visits if path not in self._site.private and path != start)
        self._offer(start, 0, "start page", "")
        opened = 0
        while self._queue and opened < self._budget.states and not enough():
            if self._budget.time_left <= 0:
                self._site.truncated = True
                self._emit(Log("warning", "the time for exploring is over: some pages were not opened"))
                return
            best = min(self._queue.values())
            del self._queue[best.path]
            if self._is_enough(best.path):
                continue
            await self._open(best)
            opened += 1
            self._emit(Progress(len(self._site.visits), 0, "pages"))

    async def _open(self, candidate: _Candidate) -> None:
        self._emit(Activity(f"Exploring {candidate.path}: {candidate.label}"))
        bad_before = len(self._hand.traffic.bad)
        try:
            view = await self._hand.visit(candidate.path)
        except LostError as error:
            self._emit(Log("info", f"{candidate.path}: {error}"))
            return
        landed = self._site.own(view.url)
        if landed is None:
            self._emit(Log("info", f"{candidate.path} leads away from the app"))
            return
        self._seen.update({candidate.path, landed})
        bad = [
            each for each in self._hand.traffic.bad[bad_before:] if each.is_page and self._site.own(each.url) == landed
        ]
        status = bad[-1].status if bad else 200
        for finding in await check_page(self._hand, self._site, view, bad_before, candidate.label):
            if self._site.report(finding):
                self._emit(Found(finding))
                self._emit(Log("warning", f"found: {finding.title} ({finding.url})"))
        if (
            landed != candidate.path
            and not self._signed_in
            and view.forms
            and any(form.of_kind("password") for form in view.forms)
        ):
            self._site.private[candidate.path] = landed
            self._emit(Log("info", f"{candidate.path} asks for a sign-in"))
        visit = self._site.add(view, signed_in=self._signed_in, status=status)
        self._count(landed, visit.skeleton)
        if status < 400:
            self._offer_links(view, candidate.depth + 1)

    def _count(self, path: str, shape: str) -> None:
        self._kinds[pattern(path)] += 1
        self._siblings.setdefault(_family(path), Counter())[shape] += 1

    def _is_enough(self, path: str) -> bool:
        """Enough pages of this kind were seen."""
        if path == self._site.home:
            return False
        kind = pattern(path)
        limit = 2 if "?" in kind else INSTANCES_OF_A_TEMPLATE
        if self._kinds[kind] >= limit and (":" in kind or "?" in kind):
            return True
        family = self._siblings.get(_family(path))
        deep = len(segments(path)) > 1
        return deep and family is not None and max(family.values()) >= INSTANCES_OF_A_TEMPLATE and len(family) == 1

    def _offer_links(self, view: View, depth: int) -> None:
        for link in view.links:
            path = self._site.own(view.target(link))
            label = link.name or link.text
            if path is None or link.attrs.get("download") is not None or _NOT_PAGES.search(path.split("?")[0]):
                continue
            self._offer(path, depth, label, view.path)

    def _offer(self, path: str, depth: int, label: str, source: str) -> None:
        if path in self._seen or path in self._queue or path.startswith("//"):
            return
        said = f"{label} {path}"
        if speaks_of("sign_out", said):
            return
        if self._wish.refuses(said) and not speaks_of("sign_in", said):
            self._seen.add(path)
            self._site.skipped.append(Skipped(what=f"{label} ({path})", why="the instructions leave it out"))
            self._emit(Log("info", f"not opening {path}: the instructions leave it out"))
            return
        if ALWAYS_RISKY.search(said) or (RISKY.search(label) and not self._wish.weight(label)):
            self._seen.add(path)
            self._site.skipped.append(Skipped(what=f"{label} ({path})", why="it may change or destroy data"))
            self._emit(Log("info", f"not opening {path}: it may change or destroy data"))
            return
        known = concepts_in(said)
        worth = 4 * self._wish.weight(said) + (2 if known & _WORTH_KNOWING else 0)
        visits = self._kinds[pattern(path)]
        score = worth - 0.5 * depth - 2 * visits - (2 if "?" in path else 0)
        order = len(self._queue) + len(self._seen)
        self._queue[path] = _Candidate(-score, order, path, depth, label or source)


def _family(path: str) -> tuple[object, ...]:
    parts = segments(path)
    return (len(parts), parts[:-1], "?" in path)
