"""Walking through an app by its links: what was asked for first, each kind of page a few times, nothing dangerous."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

from agent_runtime_server.adapters.explorer import menus
from agent_runtime_server.adapters.explorer.accessibility import Judge
from agent_runtime_server.adapters.explorer.beyond import beyond_reach
from agent_runtime_server.adapters.explorer.disguised import disguised_links
from agent_runtime_server.adapters.explorer.findings import check_page, how_to_get_there
from agent_runtime_server.adapters.explorer.flow import Skipped
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.instructions import Wish
from agent_runtime_server.adapters.explorer.kinds import Kinds
from agent_runtime_server.adapters.explorer.language import Click
from agent_runtime_server.adapters.explorer.protocol import Activity, Line, Log, Progress
from agent_runtime_server.adapters.explorer.site import Offered, Opener, Site, Visit
from agent_runtime_server.adapters.explorer.templates import names_a_page, pattern
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import (
    ALWAYS_RISKY,
    NOT_A_PAGE,
    OTHER_FORMAT,
    RISKY_LINK,
    SETTING,
    concepts_in,
    speaks_of,
)

MOST_UNFOLDED = 20
"""Menus, dialogs and the like that are opened."""
_WORTH_KNOWING = frozenset({"sign_in", "register", "cart", "checkout", "orders", "account", "search", "create"})


@dataclass(frozen=True, order=True)
class _Candidate:
    rank: float
    """Less is sooner."""
    order: int
    path: str
    depth: int
    label: str
    source: str
    """Path of the page with the link; empty where the walk starts."""
    asked: bool
    """The instructions name it."""


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
        self,
        hand: Hand,
        site: Site,
        wish: Wish,
        budget: Budget,
        emit: Callable[[Line], None],
        *,
        signed_in: bool,
        judge: Judge | None = None,
    ) -> None:
        self._hand = hand
        self._site = site
        self._wish = wish
        self._budget = budget
        self._emit = emit
        self._signed_in = signed_in
        self._judge = judge
        self._queue: dict[str, _Candidate] = {}
        self._seen: set[str] = set()
        self._kinds = Kinds(site.home)
        self._unfolded: set[tuple[str, ...]] = set()

    async def run(self, start: str, enough: Callable[[], bool] = lambda: False) -> None:
        """Walk until enough is seen, nothing new is left or the budget is used up."""
        if self._signed_in:
            self._seen.update(path for path in self._site.visits if path not in self._site.private and path != start)
        self._offer(start, 0, "", "")
        opened = 0
        while self._queue and opened < self._budget.states and not enough():
            if self._budget.time_left <= 0:
                self._site.truncated = True
                self._emit(Log("warning", "the time for exploring is over: some pages were not opened"))
                return
            best = min(
                self._queue.values(), key=lambda each: (not each.asked and self._kinds.may_wait(each.path), each)
            )
            del self._queue[best.path]
            if best.path != self._site.home and self._kinds.are_enough(best.path):
                continue
            await self._open(best)
            opened += 1
            self._emit(Progress(len(self._site.visits), 0, "pages"))

    async def _open(self, candidate: _Candidate) -> None:
        self._emit(Activity(f"Exploring {candidate.path}: {candidate.label or candidate.source}"))
        self._site.offered.pop(candidate.path, None)
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
        way = how_to_get_there(candidate.path, candidate.label, candidate.source)
        await check_page(self._hand, self._site, self._emit, bad_before, way)
        if (
            landed != candidate.path
            and not self._signed_in
            and view.forms
            and any(form.of_kind("password") for form in view.forms)
        ):
            self._site.private[candidate.path] = landed
            self._emit(Log("info", f"{candidate.path} asks for a sign-in"))
        if candidate.path == self._site.home and not self._signed_in and candidate.path not in self._site.private:
            self._site.arrival = landed
        visit = self._site.add(
            view,
            signed_in=self._signed_in,
            status=status,
            label=candidate.label if candidate.source else "",
            asked=candidate.path if urljoin(view.url, candidate.path) in self._hand.traffic.sent_on else "",
            source=candidate.source,
        )
        self._kinds.count(landed, visit.skeleton)
        for skipped in beyond_reach(view):
            if self._site.leave_out(skipped):
                self._emit(Log("warning", f"cannot cover {skipped.what}: {skipped.why}"))
        if status < 400:
            if self._judge is not None:
                await self._judge.judge(self._hand.page, visit, way)
            self._offer_links(view, candidate.depth + 1)
            await self._unfold(visit, candidate.depth + 1)

    async def _unfold(self, visit: Visit, depth: int) -> None:
        """Open what is closed in a page, each kind of thing once, for the links and forms in it."""
        for opener in menus.openers(visit.view):
            identity = menus.identity(opener, pattern(visit.path))
            if identity in self._unfolded or len(self._unfolded) >= MOST_UNFOLDED:
                continue
            self._unfolded.add(identity)
            name = opener.name or opener.text
            try:
                if self._hand.view is not visit.view:
                    await self._hand.visit(visit.path)
                found = menus.again(self._hand.view, opener)
                if found is None:
                    continue
                target = await self._hand.find(found)
                effect = await self._hand.act(Click(target))
            except LostError as error:
                self._emit(Log("info", f"“{name}” on {visit.path} does not open: {error}"))
                continue
            if effect.navigated or not effect.appeared:
                continue
            self._emit(Log("info", f"“{name}” on {visit.path} shows more: {len(effect.appeared)} elements"))
            self._offer_links(effect.after, depth)
            self._site.unfold(visit, effect.after, Opener(name, target))

    def _offer_links(self, view: View, depth: int) -> None:
        for link in view.links:
            path = self._site.own(view.target(link))
            label = link.name or link.text
            if path is not None:
                is_file = NOT_A_PAGE.search(path.split("?")[0]) or OTHER_FORMAT.search(path)
                is_page = link.attrs.get("download") is None and not is_file
                self._offer(path, depth, label, view.path, is_page=is_page)
        for label, url in disguised_links(view):
            path = self._site.own(url)
            if path is not None:
                self._offer(path, depth, label, view.path)

    def _offer(self, path: str, depth: int, label: str, source: str, *, is_page: bool = True) -> None:
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
        if SETTING.search(path):
            self._seen.add(path)
            return
        if ALWAYS_RISKY.search(said) or (RISKY_LINK.search(label) and not self._wish.weight(label)):
            self._seen.add(path)
            self._site.skipped.append(Skipped(what=f"{label} ({path})", why="it may change or destroy data"))
            self._emit(Log("info", f"not opening {path}: it may change or destroy data"))
            return
        self._site.offered.setdefault(path, Offered(label, source))
        if not is_page:
            return
        known = concepts_in(said)
        worth = 4 * self._wish.weight(said) + (2 if known & _WORTH_KNOWING else 0)
        visits = self._kinds.seen(path)
        score = worth - 0.5 * depth - 2 * visits - (0 if names_a_page(path) or "?" not in path else 2)
        order = len(self._queue) + len(self._seen)
        asked = self._wish.weight(said) > 0
        self._queue[path] = _Candidate(-score, order, path, depth, label, source, asked)
