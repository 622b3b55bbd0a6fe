"""The ``plan`` job: explore the app, learn its flows, prove them, and write the plan and the model."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
from msgspec import structs
from playwright.async_api import Browser, HttpCredentials

from agent_runtime_server.adapters.explorer import mine_auth
from agent_runtime_server.adapters.explorer.accessibility import Judge
from agent_runtime_server.adapters.explorer.crawl import Budget, Crawl
from agent_runtime_server.adapters.explorer.dead_buttons import find_dead_buttons
from agent_runtime_server.adapters.explorer.desk import Desk
from agent_runtime_server.adapters.explorer.findings import tell_foreign
from agent_runtime_server.adapters.explorer.flow import Flow, Model, Skipped
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.in_browser import work_in_browser
from agent_runtime_server.adapters.explorer.instructions import Wish, read_instructions
from agent_runtime_server.adapters.explorer.links import check_links
from agent_runtime_server.adapters.explorer.miners import MINERS, mine
from agent_runtime_server.adapters.explorer.mining import Emit, Kit
from agent_runtime_server.adapters.explorer.plan_text import print_plan
from agent_runtime_server.adapters.explorer.protocol import Activity, Done, Job, Log, Wrote
from agent_runtime_server.adapters.explorer.site import Site
from agent_runtime_server.adapters.explorer.turns import Turns

PROVERS = 3
"""Flows proved at the same time."""
_FOR_CRAWL = 0.25
_FOR_FLOWS = 0.68
"""Shares of the time when crawling is over, and when all flows are proved; the rest is for repeating some, and for the
runs that show that the tests are steady."""
_FOR_PAGES = 0.15
"""Share of the time for a look at each kind of page, whenever that begins: flows leave it what it needs."""
WORST_FIRST = ("high", "medium", "low")


async def run(job: Job, emit: Emit) -> None:
    """Do the job; the last line is ``Done`` or ``Failed``."""
    await work_in_browser(job, emit, _plan)


async def _plan(job: Job, browser: Browser, emit: Emit, gate: HttpCredentials | None) -> Done:
    started = time.monotonic()
    wish = read_instructions(job.instructions)
    _tell_wish(wish, emit)
    site = Site.at(job.app_url)
    desk = Desk(browser, job, emit, PROVERS, started + job.max_seconds, asyncio.Lock())
    kit = Kit(
        browser=browser,
        site=site,
        wish=wish,
        emit=emit,
        username=job.username,
        password=job.password,
        until=started + job.max_seconds * _FOR_FLOWS,
        may_change_data=job.allow_destructive,
        deliver=desk.take,
        withdraw=desk.withdraw,
        aside=desk.aside,
        behind=desk.behind,
        account=desk.account,
        gate=gate,
        turns=Turns(emit),
    )
    await _explore(job, kit, Budget(job.max_states, started + job.max_seconds * _FOR_CRAWL))
    desk.kit = kit
    for_pages = job.max_seconds * _FOR_PAGES
    async with asyncio.TaskGroup() as tasks:
        desk.tasks = tasks
        shaken = await mine(kit, MINERS, for_pages)
        await find_dead_buttons(kit)
        emit(Activity("Proving that each expectation can fail"))
    if shaken or desk.again:
        emit(Activity("Trying again what the app answered with errors"))
        async with asyncio.TaskGroup() as tasks:
            desk.tasks = tasks
            await desk.judge_again()
            await mine(kit, shaken, max(0.0, kit.until - time.monotonic()))
    proved = desk.in_order(wish)
    model = Model(
        app_url=job.app_url,
        title=_title(site),
        overview=_overview(site, proved),
        flows=tuple(proved),
        sign_in=structs.replace(site.sign_in.recipe, limited=kit.doorkeeper.limited) if site.sign_in else None,
        findings=tuple(sorted(site.findings, key=lambda finding: WORST_FIRST.index(finding.severity))),
        skipped=(*site.skipped, *desk.left_out()),
        pages=tuple(sorted(set(site.templates().values()))),
        truncated=site.truncated,
        one_at_a_time=kit.turns.stumbles,
        http_basic=gate is not None,
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
    judge = await Judge.of(job.axe, site, kit.emit)
    async with kit.hand() as hand:
        await hand.visit(site.home)
        await hand.look(first=True)
        await _walk(hand, kit, budget, site.home, judge, signed_in=False)
    found = mine_auth.sign_in_page(site.good)
    if not job.username or found is None:
        if job.username and kit.gate is None:
            kit.emit(Log("warning", mine_auth.why_not(site.good)))
        elif found is not None:
            site.skipped.append(Skipped("pages for signed-in users", "no credentials were given"))
        return
    kit.emit(Activity(f"Signing in at {found[0].path}"))
    try:
        site.sign_in = await mine_auth.learn_sign_in(kit, found[0])
    except LostError as error:
        raise mine_auth.SignInFailedError(str(error)) from error
    except mine_auth.SignInFailedError as error:
        if kit.gate is None:
            raise
        # The credentials are those of the gate, and may well be of nothing else.
        kit.emit(Log("warning", str(error)))
        site.skipped.append(Skipped("pages for signed-in users", str(error)))
        return
    kit.log(f"signed in; it shows by: {', '.join(site.sign_in.markers) or 'another page'}")
    async with kit.hand(state=site.sign_in.state) as hand:
        left = Budget(job.max_states - len(site.visits), budget.until)
        await _walk(hand, kit, left, site.sign_in.landing, judge, signed_in=True)


async def _walk(hand: Hand, kit: Kit, budget: Budget, start: str, judge: Judge, *, signed_in: bool) -> None:
    await Crawl(hand, kit.site, kit.wish, budget, kit.emit, signed_in=signed_in, judge=judge).run(start)
    await check_links(hand, kit.site, kit.emit, budget.until)
    tell_foreign(hand, kit.emit)


def _title(site: Site) -> str:
    home = site.start
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
