"""Acts out flows in a page, with the same meaning as the tests that are printed from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never
from urllib.parse import urljoin

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from agent_runtime_server.adapters.explorer import words
from agent_runtime_server.adapters.explorer.doorkeeper import Doorkeeper
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Choose,
    Click,
    Fill,
    Goto,
    Hover,
    Press,
    Reload,
    Remember,
    RememberText,
    SetChecked,
)
from agent_runtime_server.adapters.explorer.looking import NotYetError, first_line, how_many, until_read
from agent_runtime_server.adapters.explorer.onlooker import READ, Onlooker
from agent_runtime_server.adapters.explorer.text import UnknownReferenceError
from agent_runtime_server.adapters.explorer.turns import Turns

NAVIGATION_MS = 20_000
"""How long a page may take to load."""
_CLICKED = "click action done"
"""In the log of a click that was done in time, though the page that it leads to was not there yet."""


class ActionError(Exception):
    """An action could not be done; one line says which and why."""


class Player(Onlooker):
    """Plays actions in one page, and looks at what comes of them."""

    def __init__(
        self,
        page: Page,
        base_url: str,
        values: Mapping[str, str],
        doorkeeper: Doorkeeper | None = None,
        turns: Turns | None = None,
    ) -> None:
        """``doorkeeper`` makes those wait who sign in too often, ``turns`` those whose turn it is not."""
        super().__init__(page, base_url, values)
        self._doorkeeper = doorkeeper or Doorkeeper()
        self._turns = turns or Turns()
        self.done: list[Action] = []
        """The actions that could be done, in their order."""

    async def act(self, action: Action, timeout_ms: float = 5000) -> None:
        """Do an action. Raises ``ActionError`` when it cannot be done within the time."""
        await self._doorkeeper.before(action)
        try:
            async with self._turns.taken(self._page):
                await self._act(action, timeout_ms)
            self.done.append(action)
        except (PlaywrightError, UnknownReferenceError, NotYetError) as error:
            reason = self.redacted(await self._reason(action, error))
            raise ActionError(f"could not {words.action(action)}: {reason}") from error

    async def _reason(self, action: Action, error: Exception) -> str:
        if not isinstance(error, PlaywrightTimeoutError) or isinstance(action, Goto | Reload | Remember):
            return first_line(error)
        try:
            texts = await self.read_all(action.target)
        except (PlaywrightError, NotYetError) as look:
            return first_line(look)
        return how_many(len(texts), "it does not become ready for that")

    async def _act(self, action: Action, timeout_ms: float) -> None:
        match action:
            case Goto():
                await self._page.goto(urljoin(self._base_url, self.filled(action.path)), timeout=NAVIGATION_MS)
            case Click(target, double):
                located = self.locate(target)
                try:
                    await (located.dblclick if double else located.click)(timeout=timeout_ms)
                except PlaywrightTimeoutError as error:
                    if _CLICKED not in error.message:
                        raise
                    await self._page.wait_for_load_state("domcontentloaded", timeout=NAVIGATION_MS)
            case Hover(target):
                await self.locate(target).hover(timeout=timeout_ms)
            case Fill(target, value):
                await self.locate(target).fill(self.filled(value), timeout=timeout_ms)
            case Choose(target, option):
                await self.locate(target).select_option(label=self.filled(option), timeout=timeout_ms)
            case SetChecked(target, checked):
                await self.locate(target).set_checked(checked, timeout=timeout_ms)
            case Press(target, key):
                await self.locate(target).press(key, timeout=timeout_ms)
            case Reload():
                await self._page.reload(timeout=NAVIGATION_MS)
            case Remember(name, number):
                self.numbers[name] = await until_read(lambda: self.number(number), timeout_ms)
            case RememberText(name, target):
                self.texts[name] = await self.locate(target).evaluate(READ, timeout=timeout_ms)
            case _:
                assert_never(action)
