"""A hand in the browser: acts, looks, and keeps what it did as the steps of a flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from playwright.async_api import CDPSession, Page

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.flow import (
    Action,
    Check,
    Expectation,
    Flow,
    Goto,
    IsVisible,
    Locator,
    Step,
)
from agent_runtime_server.adapters.explorer.locators import candidates, matches
from agent_runtime_server.adapters.explorer.perceive import Element, View, perceive
from agent_runtime_server.adapters.explorer.player import ActionError, Player
from agent_runtime_server.adapters.explorer.settle import Traffic, origin_of

ACTION_MS = 3000
CHECK_MS = 500


class LostError(Exception):
    """A flow cannot go on as the app shows something else than it needs; one line says what."""


class Hand:
    """One page of one browser context, and the steps taken in it."""

    def __init__(
        self,
        page: Page,
        session: CDPSession,
        base_url: str,
        values: Mapping[str, str],
        prelude: Sequence[Action] = (),
    ) -> None:
        """``prelude`` is acted out before the first action and is no step of the flow."""
        self.page = page
        self.traffic = Traffic(page, origin_of(base_url))
        self._session = session
        self._player = Player(page, base_url, values)
        self._view: View | None = None
        self._steps: list[Step] = []
        self._prelude = list(prelude)
        page.on("dialog", lambda dialog: dialog.accept())

    @property
    def view(self) -> View:
        """The page as last seen."""
        if self._view is None:
            raise LostError("no page was opened yet")
        return self._view

    async def look(self, *, first: bool = False) -> View:
        """Wait until the page is at rest and see it anew."""
        await self.traffic.settle(20.0 if first else 5.0, first=first)
        self._view = await perceive(self._session, self.page.url)
        return self._view

    async def act(self, *actions: Action) -> Effect:
        """Do actions without keeping them, and see what they changed.

        Raises:
            LostError: One of them could not be done.
        """
        if self._prelude:
            prelude, self._prelude = self._prelude, []
            await self.act(*prelude)
        before = self._view
        for action in actions:
            try:
                await self._player.act(action, ACTION_MS)
            except ActionError as error:
                raise LostError(str(error)) from error
        after = await self.look()
        return Effect(before or after, after)

    async def visit(self, path: str) -> View:
        """Open a path without keeping it as a step."""
        return (await self.act(Goto(path))).after

    async def step(self, title: str, *actions: Action) -> Effect:
        """Do actions as the next step of the flow."""
        effect = await self.act(*actions)
        self._steps.append(Step(title=title, actions=actions))
        return effect

    async def expect(self, text: str, check: Check, *, outcome: bool = True) -> bool:
        """Add an expectation to the last step if it holds; whether it does."""
        if await self._player.failure(check, CHECK_MS) is not None:
            return False
        last = self._steps[-1]
        added = Expectation(check=check, text=text, outcome=outcome)
        self._steps[-1] = Step(title=last.title, actions=last.actions, expectations=(*last.expectations, added))
        return True

    async def expect_heading(self, effect: Effect, text: str) -> bool:
        """Expect the heading of the page that an action led to, if it is another than before; whether it is."""
        heading, before = effect.after.heading, effect.before.heading
        if heading is None or (before is not None and heading.name == before.name):
            return False
        locator = await self.try_find(heading)
        return locator is not None and await self.expect(f"{text} “{heading.name}”", IsVisible(locator))

    async def holds(self, check: Check) -> bool:
        """The check is true now."""
        return await self._player.failure(check, CHECK_MS) is None

    async def find(self, element: Element) -> Locator:
        """A locator for an element of the present view that the browser too finds once.

        Raises:
            LostError: There is none.
        """
        found = await self.try_find(element)
        if found is None:
            raise LostError(
                f"no locator tells this element from others: {element.role or element.tag} {element.name!r}"
            )
        return found

    async def try_find(self, element: Element) -> Locator | None:
        """Like ``find``, or None."""
        tried = 0
        for locator in candidates(self.view, element):
            if matches(self.view, locator) != [element]:
                continue
            if await self._player.locate(locator).count() == 1:
                return locator
            tried += 1
            if tried == 4:
                break
        return None

    async def count(self, locator: Locator) -> int:
        """How many elements the browser finds."""
        return await self._player.locate(locator).count()

    @property
    def has_outcome(self) -> bool:
        """Some step expects an outcome."""
        return any(expectation.outcome for step in self._steps for expectation in step.expectations)

    def flow(
        self,
        identity: str,
        suite: str,
        title: str,
        *tags: str,
        session: Literal["anonymous", "stored", "fresh"] = "anonymous",
    ) -> Flow:
        """The steps taken so far, as a flow.

        Raises:
            LostError: Nothing was expected in any step, so it would test nothing.
        """
        if not self.has_outcome:
            raise LostError(f"nothing to be expected was seen in {title!r}")
        return Flow(id=identity, suite=suite, title=title, steps=tuple(self._steps), tags=tags, session=session)
