"""The ``plan`` job: explore the app, learn its flows, prove them, and write the plan and the model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer import (
    mine_auth,
    mine_cart,
    mine_checkout,
    mine_entries,
    mine_forms,
    mine_pages,
    mine_search,
)
from agent_runtime_server.adapters.explorer.crawl import Budget, Crawl
from agent_runtime_server.adapters.explorer.flow import Flow, Model, Skipped
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.in_browser import work_in_browser
from agent_runtime_server.adapters.explorer.instructions import Wish, read_instructions
from agent_runtime_server.adapters.explorer.mining import Emit, Kit, Mined, OutOfTimeError
from agent_runtime_server.adapters.explorer.plan_text import print_plan
from agent_runtime_server.adapters.explorer.protocol import Activity, Done, Job, Log, Progress, Wrote
from agent_runtime_server.adapters.explorer.proving import Credentials, Rejected, prove
from agent_runtime_server.adapters.explorer.site import Site

PROVERS = 3
"""Flows proved at the same time."""
_FOR_CRAWL = 0.25
_FOR_MINING = 0.75
"""Shares of the time after which crawling and mining stop, so that proving has the rest."""

Miner = Callable[[Kit], Awaitable[None]]
MINERS: tuple[tuple[Miner, frozenset[str]], ...] = (
    (mine_auth.mine_sign_in, frozenset({"sign_in", "sign_out"})),
    (mine_auth.mine_access, frozenset({"sign_in", "account"})),
    (mine_search.mine_search, frozenset({"search"})),
    (mine_cart.mine_cart, frozenset({"cart"})),
    (mine_checkout.mine_checkout, frozenset({"checkout", "orders"})),
    (mine_forms.mine_registration, frozenset({"register"})),
    (mine_entries.mine_entries, frozenset({"create", "form"})),
    (mine_pages.mine_smoke, frozenset({"navigation"})),
    (mine_pages.mine_navigation, frozenset({"navigation"})),
    (mine_forms.mine_choices, frozenset({"filter", "form"})),
    (mine_forms.mine_forms, frozenset({"form"})),
)
"""In the order in which they run when nothing is asked for."""


async def run(job: Job, emit: Emit) -> None:
    """Do the job; the last line is ``Done`` or ``Failed``."""
    await work_in_browser(job, emit, _plan)


async def _plan(job: Job, browser: Browser, emit: Emit) -> Done:
    started = time.monotonic()
    wish = read_instructions(job.instructions)
    _tell_wish(wish, emit)
    site = Site.at(job.app_url)
    desk = _Desk(browser, job, emit, asyncio.Semaphore(PROVERS), asyncio.Lock())
    kit = Kit(
        browser=browser,
        site=site,
        wish=wish,
        emit=emit,
        username=job.username,
        password=job.password,
        until=started + job.max_seconds * _FOR_MINING,
        may_change_data=job.allow_destructive,
        deliver=desk.take,
        account=desk.account,
    )
    await _explore(job, kit, Budget(job.max_states, started + job.max_seconds * _FOR_CRAWL))
    desk.site = site
    async with asyncio.TaskGroup() as tasks:
        desk.tasks = tasks
        await _mine(kit)
        emit(Activity("Proving that each expectation can fail"))
    proved = desk.in_order(wish)
    model = Model(
        app_url=job.app_url,
        title=_title(site),
        overview=_overview(site, proved),
        flows=tuple(proved),
        sign_in=site.sign_in.recipe if site.sign_in else None,
        findings=tuple(site.findings),
        skipped=tuple(site.skipped),
        pages=tuple(sorted(set(site.templates().values()))),
        truncated=site.truncated,
    )
    await asyncio.to_thread(_write, Path(job.workspace), model)
    emit(Wrote("specs/model.json"))
    emit(Wrote("specs/plan.md"))
    seconds = time.monotonic() - started
    emit(Log("info", f"{len(proved)} flows from {len(site.visits)} pages in {seconds:.0f} s"))
    return Done(f"{len(proved)} flows in {len({flow.suite for flow in proved})} suites, {len(site.findings)} findings.")


def _tell_wish(wish: Wish, emit: Emit) -> None:
    if wish.asked or wish.words:
        asked = ", ".join(sorted(wish.asked | wish.words)).replace("_", " ")
        emit(Log("info", f"the instructions ask for: {asked}{' and nothing else' if wish.only else ''}"))
    if wish.refused or wish.refused_words:
        refused = ", ".join(sorted(wish.refused | wish.refused_words)).replace("_", " ")
        emit(Log("info", f"the instructions leave out: {refused}"))


async def _explore(job: Job, kit: Kit, budget: Budget) -> None:
    """Crawl as a stranger, sign in where that is possible, and crawl what that opens."""
    site = kit.site
    async with kit.hand() as hand:
        await hand.visit(site.home)
        await hand.look(first=True)
        await Crawl(hand, site, kit.wish, budget, kit.emit, signed_in=False).run(site.home)
    found = mine_auth.sign_in_page(site.good)
    if not job.username or found is None:
        if job.username:
            kit.emit(Log("warning", "no form to sign in was found: the credentials are not used"))
        elif found is not None:
            site.skipped.append(Skipped("pages for signed-in users", "no credentials were given"))
        return
    kit.emit(Activity(f"Signing in at {found[0].path}"))
    try:
        site.sign_in = await mine_auth.learn_sign_in(kit, found[0])
    except LostError as error:
        raise mine_auth.SignInFailedError(str(error)) from error
    kit.log(f"signed in; it shows by: {', '.join(site.sign_in.markers) or 'another page'}")
    async with kit.hand(state=site.sign_in.state) as hand:
        left = Budget(job.max_states - len(site.visits), budget.until)
        await Crawl(hand, site, kit.wish, left, kit.emit, signed_in=True).run(site.sign_in.landing)


async def _mine(kit: Kit) -> None:
    order = sorted(MINERS, key=lambda miner: kit.wish.rank(miner[1]))
    for mine, concepts in order:
        if not any(kit.wants(concept) for concept in concepts):
            continue
        try:
            await mine(kit)
        except OutOfTimeError as error:
            kit.site.truncated = True
            kit.emit(Log("warning", f"the time is over before: {error}"))
            return


@dataclass(eq=False)
class _Desk:
    """Takes the flows in, has them proved side by side, and keeps the good ones in the order of their coming."""

    browser: Browser
    job: Job
    emit: Emit
    free: asyncio.Semaphore
    account: asyncio.Lock
    """One flow at a time may change the data of the signed-in user."""
    site: Site | None = None
    tasks: asyncio.TaskGroup | None = None
    taken: list[Mined] = field(default_factory=list)
    proved: dict[str, Flow] = field(default_factory=dict)

    def take(self, mined: Mined) -> None:
        """Have a flow proved."""
        assert self.tasks is not None
        self.taken.append(mined)
        self.tasks.create_task(self._prove(mined))

    async def _prove(self, mined: Mined) -> None:
        if mined.changes_account:
            async with self.account, self.free:
                await self._judge(mined.flow)
        else:
            async with self.free:
                await self._judge(mined.flow)

    async def _judge(self, flow: Flow) -> None:
        assert self.site is not None
        recipe = self.site.sign_in.recipe if self.site.sign_in else None
        credentials = Credentials(self.job.username, self.job.password)
        result = await prove(self.browser, self.job.app_url, flow, recipe, credentials, self.emit)
        if isinstance(result, Rejected):
            self.site.skipped.append(Skipped(flow.title, result.reason))
            self.emit(Log("warning", f"dropped “{flow.title}”: {result.reason}"))
        else:
            self.proved[flow.id] = result
        self.emit(Progress(len(self.proved), 0, "flows"))

    def in_order(self, wish: Wish) -> list[Flow]:
        """The proved flows: asked ones first, each suite together, else as they came."""
        kept = [mined for mined in self.taken if mined.flow.id in self.proved]
        suites: dict[str, int] = {}
        for mined in sorted(kept, key=lambda each: wish.rank(each.concepts, each.flow.title)):
            suites.setdefault(mined.flow.suite, len(suites))
        return [self.proved[mined.flow.id] for mined in sorted(kept, key=lambda each: suites[each.flow.suite])]


def _title(site: Site) -> str:
    home = site.visits.get(site.home)
    return (home.view.title if home else "") or site.app_url


def _overview(site: Site, flows: list[Flow]) -> str:
    headings = [visit.view.heading.name for visit in site.good if visit.view.heading]
    shown = ", ".join(f"“{name}”" for name in dict.fromkeys(headings[:12]))
    signed = "One can sign in. " if site.sign_in else ""
    suites = ", ".join(dict.fromkeys(flow.suite for flow in flows))
    return f"{len(site.visits)} pages were opened, among them {shown}. {signed}This plan covers: {suites}."


def _write(workspace: Path, model: Model) -> None:
    folder = workspace / "specs"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("model.json", msgspec.json.format(msgspec.json.encode(model), indent=2)),
        ("plan.md", print_plan(model).encode()),
    ):
        part = folder / f".{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)
