"""In which order miners work, and what they do when there is no more time."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer import desk as desk_module
from agent_runtime_server.adapters.explorer import miners, mining, own_account
from agent_runtime_server.adapters.explorer.desk import Desk
from agent_runtime_server.adapters.explorer.flow import Flow
from agent_runtime_server.adapters.explorer.instructions import read_instructions
from agent_runtime_server.adapters.explorer.language import Action, Goto
from agent_runtime_server.adapters.explorer.mining import Kit, Mined, OutOfTimeError
from agent_runtime_server.adapters.explorer.own_account import may_join
from agent_runtime_server.adapters.explorer.protocol import Job
from agent_runtime_server.adapters.explorer.proving import Rejected
from tests.unit.explorer.kits import NO_BROWSER, kit_for


@pytest.fixture
def kit() -> Kit:
    kit = kit_for(NO_BROWSER, "http://app.test", [])
    kit.until = 10.0
    return kit


async def test_pages_are_looked_at_though_the_time_for_other_flows_is_over(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[tuple[str, float]] = []

    async def endless(kit: Kit) -> None:
        raise OutOfTimeError("a flow")

    async def other(kit: Kit) -> None:
        worked.append(("other", kit.until))

    async def pages(kit: Kit) -> None:
        worked.append(("pages", kit.until))

    async def endless_pages(kit: Kit) -> None:
        raise OutOfTimeError("a page")

    monkeypatch.setattr(miners, "OF_PAGES", {pages, endless_pages})
    monkeypatch.setattr(miners, "time", SimpleNamespace(monotonic=lambda: 50.0))
    concepts = frozenset({"form"})
    early = await miners.mine(kit, [(pages, concepts), (other, concepts)], 20.0)
    assert (early, worked) == ([], [("pages", 70.0), ("other", 10.0)])
    worked.clear()
    await miners.mine(kit, [(endless, concepts), (other, concepts), (pages, concepts)], 20.0)
    assert worked == [("other", -10.0), ("pages", 70.0)]
    assert kit.site.truncated
    worked.clear()
    await miners.mine(kit, [(endless_pages, concepts), (other, concepts)], 20.0)
    assert worked == [("other", 10.0)]
    worked.clear()
    kit.until = 100.0
    await miners.mine(kit, [(other, concepts), (pages, concepts), (other, concepts)], 20.0)
    assert worked == [("other", 80.0), ("pages", 70.0), ("other", 100.0)]
    worked.clear()
    await miners.mine(kit, [(other, concepts)], 20.0)
    assert (worked, kit.until) == ([("other", 100.0)], 100.0)


async def test_pages_are_gone_on_with_in_the_time_that_flows_leave(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[float] = []

    async def pages(kit: Kit) -> None:
        worked.append(kit.until)
        if kit.until < 100.0:
            raise OutOfTimeError("a page")

    monkeypatch.setattr(miners, "OF_PAGES", {pages})
    monkeypatch.setattr(miners, "time", SimpleNamespace(monotonic=lambda: 50.0))
    kit.until = 100.0
    assert await miners.mine(kit, [(pages, frozenset({"form"}))], 20.0) == []
    assert worked == [70.0, 100.0]
    assert not kit.site.truncated
    kit.until = 90.0
    await miners.mine(kit, [(pages, frozenset({"form"}))], 20.0)
    assert worked == [70.0, 100.0, 70.0, 90.0]
    assert kit.site.truncated


async def test_no_flow_is_begun_that_could_not_be_proved_in_time(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "time", SimpleNamespace(monotonic=lambda: 4.0))
    kit.behind = lambda: 6.0
    with pytest.raises(OutOfTimeError, match="a flow"):
        async with kit.attempt("a flow"):
            raise AssertionError


def flow(identity: str) -> Mined:
    made = cast("Flow", SimpleNamespace(id=identity, title=identity, session="anonymous"))
    return Mined(made, frozenset(), changes_account=False)


async def test_what_is_left_to_prove_takes_as_long_as_it_took_so_far(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    begun: list[asyncio.Event] = []

    async def prove(_browser: Browser, _url: str, flow: Flow, *_: object) -> Flow:
        begun.append(asyncio.Event())
        await begun[-1].wait()
        return flow

    monkeypatch.setattr(desk_module, "prove", prove)
    monkeypatch.setattr(desk_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    job = Job(kind="plan", app_url="http://app.test/", workspace="")
    desk = Desk(NO_BROWSER, job, lambda _: None, 3, 200.0, asyncio.Lock(), kit)
    async with asyncio.TaskGroup() as tasks:
        desk.tasks = tasks
        for number in range(3):
            desk.take(flow(str(number)))
        assert desk.behind() == 0.0
        while len(begun) < 3:
            await asyncio.sleep(0)
        now[0] = 112.0
        begun[0].set()
        while not desk.proved:
            await asyncio.sleep(0)
        assert desk.behind() == 2 * 12.0 / 3
        begun[1].set()
        begun[2].set()
    assert desk.behind() == 0.0
    now[0] = 200.0
    async with asyncio.TaskGroup() as tasks:
        desk.tasks = tasks
        desk.take(flow("late"))
    assert [each.why for each in desk.left_out()] == ["there was no time left to prove it"]


@pytest.mark.parametrize(("limited", "seconds", "left"), [(False, 300.0, 0.0), (True, 300.0, 30.0), (True, 60.0, 6.0)])
async def test_where_signing_in_is_limited_tests_are_left_their_waiting(
    kit: Kit, limited: bool, seconds: float, left: float
) -> None:
    assert kit.doorkeeper.heard("Too many attempts, wait a minute" if limited else "Welcome") == limited
    job = Job(kind="plan", app_url="http://app.test/", workspace="", max_seconds=seconds)
    desk = Desk(NO_BROWSER, job, lambda _: None, 3, time.monotonic() + 60, asyncio.Lock(), kit)
    assert desk.behind() == left


@pytest.mark.parametrize(
    ("failed", "again", "stumbles"), [(True, True, True), (True, False, False), (False, True, False)]
)
async def test_only_what_goes_well_alone_shows_that_an_app_takes_one_request_at_a_time(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, failed: bool, again: bool, stumbles: bool
) -> None:
    verdicts = [
        Rejected("an error", by_chance=True, failed=failed),
        None if again else Rejected("an error", True, True),
    ]

    async def prove(_browser: Browser, _url: str, flow: Flow, *_: object) -> Flow | Rejected:
        return verdicts.pop(0) or flow

    monkeypatch.setattr(desk_module, "prove", prove)
    job = Job(kind="plan", app_url="http://app.test/", workspace="")
    desk = Desk(NO_BROWSER, job, lambda _: None, 3, time.monotonic() + 60, asyncio.Lock(), kit)
    async with asyncio.TaskGroup() as tasks:
        desk.tasks = tasks
        desk.take(flow("a flow"))
    assert kit.turns.single == failed
    await desk.judge_again()
    assert kit.turns.stumbles == stumbles
    assert bool(desk.proved) == again


async def test_registering_is_tried_again_where_the_app_has_failed(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[tuple[Action, ...]] = [(), (Goto("/join"),)]

    async def learn(kit: Any) -> tuple[Action, ...]:
        found = tries.pop(0)
        kit.shaken += not found
        return found

    monkeypatch.setattr(own_account, "_learn", learn)
    assert not await may_join(kit)
    assert await may_join(kit)
    assert await may_join(kit)


async def test_words_that_name_no_concept_reach_those_who_look_for_words(kit: Kit) -> None:
    worked: list[str] = []

    async def forms(kit: Kit) -> None:
        worked.append("forms")

    async def carts(kit: Kit) -> None:
        worked.append("carts")

    kit.wish = read_instructions("Test only the reviews")
    await miners.mine(kit, [(carts, frozenset({"cart"})), (forms, frozenset({"form"}))], 20.0)
    assert worked == ["forms"]


def test_where_only_words_are_asked_for_what_a_flow_is_called_decides(kit: Kit) -> None:
    kit.wish = read_instructions("Test only the reviews, and no checkout")
    assert kit.wants("create")
    assert not kit.wants("checkout")
    assert not kit.wants("create", text="Makes an entry")
    assert kit.wants("create", text="A review is shown")
