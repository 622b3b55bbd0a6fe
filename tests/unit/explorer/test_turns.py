"""Who has to wait for a turn, and how long a turn lasts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.language import Click, Goto, Locator
from agent_runtime_server.adapters.explorer.player import Player
from agent_runtime_server.adapters.explorer.protocol import Line, Log
from agent_runtime_server.adapters.explorer.turns import Turns
from tests.unit.explorer.site import serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

HOME = """<h1>Home</h1><button onclick="fetch('/work')">Work</button><a href=/work>Go</a>"""
WORK_SECONDS = 0.3


class Counter:
    """How many requests were answered at the same time: each waits a while for another one."""

    def __init__(self) -> None:
        self.begin(30.0)
        self._now = 0
        self._change = threading.Condition()

    def begin(self, patience: float) -> None:
        """Count anew; ``patience`` is how long a request waits for another, in seconds."""
        self.most = 0
        self.answered = 0
        self._patience = patience

    def work(self, _: object) -> str:
        with self._change:
            self._now += 1
            self.most = max(self.most, self._now)
            self._change.notify_all()
            self._change.wait_for(lambda: self.most == 2, self._patience)
            self._now -= 1
            self.answered += 1
        return "<h1>Done</h1>"


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def site(counter: Counter) -> Iterator[str]:
    with serve({"/": HOME, "/work": counter.work}) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


async def both_click(browser: Browser, site: str, counter: Counter, turns: Turns, role: str) -> None:
    players = [Player(await browser.new_page(), site, {}, turns=turns) for _ in range(2)]
    for player in players:
        await player.act(Goto("/"))
    click = Click(Locator(by="role", value=role))
    await asyncio.gather(*(player.act(click, 30_000) for player in players))
    async with asyncio.timeout(60):
        while counter.answered < 2:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("role", ["button", "link"], ids=["script", "page"])
async def test_once_the_app_has_stumbled_it_answers_before_the_next_one_asks(
    browser: Browser, site: str, counter: Counter, role: str
) -> None:
    turns = Turns()
    await both_click(browser, site, counter, turns, role)
    assert counter.most == 2
    counter.begin(WORK_SECONDS)
    turns.stumbled("GET /work")
    await both_click(browser, site, counter, turns, role)
    assert counter.most == 1


async def test_stumbling_is_told_once() -> None:
    told: list[Line] = []
    turns = Turns(told.append)
    assert not turns.single
    turns.suspect("GET /a")
    assert turns.single
    assert not turns.stumbles
    turns.stumbled("GET /a")
    turns.stumbled("GET /b")
    assert turns.stumbles
    messages = [line.message for line in told if isinstance(line, Log)]
    assert ["GET /a" in each for each in messages] == [True, True]
    assert "not alone" in messages[1]
