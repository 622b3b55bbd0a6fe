"""A hand in the browser: acts, looks, and keeps what it did as the steps of a flow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace
from playwright.async_api import CDPSession, Page
from playwright.async_api import Locator as PageLocator

from agent_runtime_server.adapters.explorer.doorkeeper import Doorkeeper
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fingerprints import Hidden, fingerprint
from agent_runtime_server.adapters.explorer.flow import Expectation, Fingerprint, Flow, Located, Step
from agent_runtime_server.adapters.explorer.language import Action, Check, Goto, IsVisible, Locator
from agent_runtime_server.adapters.explorer.locators import candidates
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.perceive import perceive
from agent_runtime_server.adapters.explorer.player import ActionError, Player
from agent_runtime_server.adapters.explorer.settle import SERVER_ERROR, Traffic, origin_of
from agent_runtime_server.adapters.explorer.text import locators_in, names_in
from agent_runtime_server.adapters.explorer.turns import Turns
from agent_runtime_server.adapters.explorer.view import View

ACTION_MS = 3000
SIGN_IN_MS = 15_000
"""What stands before everything else may take longer: checking a password is slow on purpose."""
CHECK_MS = 500
_MOST_IN_VAIN = 4


class LostError(Exception):
    """A flow cannot go on as the app shows something else than it needs; one line says what."""


class SilentError(LostError):
    """What was sent changed nothing, and nothing was said about it."""


async def locators_of(player: Player, view: View, element: Element) -> AsyncIterator[Locator]:
    """Locators for an element of the present view that the browser too finds once, best first; few are tried in
    vain."""
    in_vain = 0
    for locator in candidates(view, element):
        if matches(view, locator) != [element]:
            continue
        if await player.locate(locator).count() == 1:
            yield locator
        else:
            in_vain += 1
            if in_vain == _MOST_IN_VAIN:
                return


class Hand:
    """One page of one browser context, and the steps taken in it."""

    def __init__(
        self,
        page: Page,
        session: CDPSession,
        base_url: str,
        values: Mapping[str, str],
        prelude: Sequence[Action] = (),
        doorkeeper: Doorkeeper | None = None,
        turns: Turns | None = None,
    ) -> None:
        """``prelude`` is acted out before the first action and is no step of the flow."""
        self.page = page
        self.values = dict(values)
        """What ``${uid}`` and the like stand for."""
        self.traffic = Traffic(page, origin_of(base_url))
        self._session = session
        self._doorkeeper = doorkeeper or Doorkeeper()
        self.turns = turns or Turns()
        """When one may ask the app for something."""
        self._player = Player(page, base_url, values, self._doorkeeper, self.turns)
        self._view: View | None = None
        self._steps: list[Step] = []
        self._known: dict[Locator, Fingerprint] = {}
        self._hidden = Hidden(values)
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
            await self._do(prelude, SIGN_IN_MS)
            await self.look()
        before = self._view
        await self._do(actions, ACTION_MS)
        after = await self.look()
        if self._doorkeeper.door in actions and self._doorkeeper.heard(after.root.text):
            raise LostError("the app limits how often one may sign in")
        return Effect(before or after, after)

    async def _do(self, actions: Sequence[Action], timeout_ms: float) -> None:
        for action in actions:
            try:
                await self._player.act(action, timeout_ms)
            except ActionError as error:
                raise LostError(str(error)) from error

    async def visit(self, path: str) -> View:
        """Open a path without keeping it as a step."""
        return (await self.act(Goto(path))).after

    async def step(self, title: str, *actions: Action, tidies: bool = False) -> Effect:
        """Do actions as the next step of the flow; one that ``tidies`` stands at its end."""
        effect = await self.act(*actions)
        for view in (effect.before, effect.after):
            self._learn(view, actions)
        self._steps.append(Step(title=title, actions=actions, tidies=tidies))
        return effect

    async def expect(self, text: str, check: Check, *, outcome: bool = True) -> bool:
        """Add an expectation to the last step if it holds; whether it does."""
        if await self._player.failure(check, CHECK_MS) is not None:
            return False
        self._learn(self.view, check)
        last = self._steps[-1]
        added = Expectation(check=check, text=text, outcome=outcome)
        self._steps[-1] = replace(last, expectations=(*last.expectations, added))
        return True

    async def expect_heading(self, effect: Effect, text: str) -> bool:
        """Expect the heading of the page that an action led to, if it is another than before; whether it is."""
        heading, before = effect.after.heading, effect.before.heading
        if heading is None or (before is not None and heading.name == before.name):
            return False
        locator = await self.try_find(heading)
        return locator is not None and await self.expect(f"{text} “{heading.name}”", IsVisible(locator))

    def _learn(self, view: View, data: object) -> None:
        """Keep what the elements are like that actions or checks are about and that a view shows."""
        for locator in locators_in(data):
            if locator not in self._known and names_in(locator) <= self._player.texts.keys():
                found = matches(view, self._player.resolved(locator))
                if len(found) == 1:
                    self._known[locator] = fingerprint(view, found[0], self._hidden)

    async def holds(self, check: Check, timeout_ms: float = CHECK_MS) -> bool:
        """The check is true now."""
        return await self._player.failure(check, timeout_ms) is None

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
        return await anext(locators_of(self._player, self.view, element), None)

    def in_page(self, locator: Locator) -> PageLocator:
        """The browser's own view of a locator, for what is no step of a flow."""
        return self._player.locate(locator)

    async def count(self, locator: Locator) -> int:
        """How many elements the browser finds."""
        return await self._player.locate(locator).count()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps taken so far."""
        return tuple(self._steps)

    @property
    def titles(self) -> tuple[str, ...]:
        """The same in words."""
        return tuple(step.title for step in self._steps)

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
            LostError: Nothing was expected in any step, so it would test nothing; or the app failed on the way, so
                what was seen is not what it should do.
        """
        if failures := [each for each in self.traffic.bad if each.status >= SERVER_ERROR]:
            raise LostError(f"the app failed: {failures[0].method} {failures[0].url} answered {failures[0].status}")
        if not self.has_outcome:
            raise LostError(f"nothing to be expected was seen in {title!r}")
        known = tuple(Located(locator, known) for locator, known in self._known.items())
        return Flow(
            id=identity,
            suite=suite,
            title=title,
            steps=tuple(self._steps),
            tags=tags,
            session=session,
            elements=known,
        )
