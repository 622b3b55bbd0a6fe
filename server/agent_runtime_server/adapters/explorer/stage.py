"""Fresh browser contexts in which flows are acted out, signed in as the flow asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.async_api import Browser, HttpCredentials, Page, Response, StorageState
from playwright.async_api import Error as PlaywrightError

from agent_runtime_server.adapters.explorer.contexts import fresh_page
from agent_runtime_server.adapters.explorer.doorkeeper import Doorkeeper
from agent_runtime_server.adapters.explorer.flow import Flow, SignInRecipe
from agent_runtime_server.adapters.explorer.hand import SIGN_IN_MS
from agent_runtime_server.adapters.explorer.language import Goto
from agent_runtime_server.adapters.explorer.player import NAVIGATION_MS, ActionError, Player
from agent_runtime_server.adapters.explorer.settle import SERVER_ERROR, origin_of
from agent_runtime_server.adapters.explorer.text import new_uid
from agent_runtime_server.adapters.explorer.turns import Turns

_FIRST_OTHER_PAGE = """(path) => {
  const other = [...document.links].find(
    (link) =>
      link.origin === location.origin &&
      link.pathname !== location.pathname &&
      link.pathname !== path &&
      !link.search &&
      !link.hasAttribute("download") &&
      !/(log|sign).?(out|off)|delete|remove/i.test(link.href + link.innerText),
  );
  return other ? other.pathname : null;
}"""


class Credentials(NamedTuple):
    """The sign-in data of the app's test user."""

    username: str
    password: str
    gate: HttpCredentials | None = None
    """The same, for an app that lets nobody in without them."""


class Stage:
    """Where one flow is acted out, again and again, each time from the beginning."""

    def __init__(
        self,
        browser: Browser,
        base_url: str,
        flow: Flow,
        sign_in: SignInRecipe | None,
        credentials: Credentials,
        doorkeeper: Doorkeeper | None = None,
        storage: StorageState | None = None,
        turns: Turns | None = None,
    ) -> None:
        """``storage`` is the state of a context that has signed in; without it, the first scene signs in."""
        self._browser = browser
        self._base_url = base_url
        self.flow = flow
        self._sign_in = sign_in
        self._credentials = credentials
        self._doorkeeper = doorkeeper or Doorkeeper()
        self._turns = turns or Turns()
        self._storage = storage if flow.session == "stored" else None
        self.failed = False
        """The app has answered with a server error."""
        self.refused = False
        """It has refused to let anybody in so often."""

    @asynccontextmanager
    async def scene(self) -> AsyncIterator[Scene]:
        """A page as new as one of a new context, with a new ``uid``. Raises ``ActionError`` if it cannot sign in."""
        if self.flow.session == "stored" and self._storage is None:
            async with self._page(None) as page:
                await self._sign_in_with(self._player(page), page)
                self._storage = await page.context.storage_state()
        async with self._page(self._storage) as page:
            player = self._player(page)
            if self.flow.session == "fresh":
                await self._sign_in_with(player, page)
            try:
                yield Scene(page, player, self._base_url, self.flow.bare)
            finally:
                await self._tidy(player)

    async def _tidy(self, player: Player) -> None:
        """Put back what the flow may have changed, where it did not come so far."""
        back = tuple(action for step in self.flow.steps if step.tidies for action in step.actions)
        is_back = tuple(player.done[-len(back) :]) == back
        if back and not is_back and player.knows(back):
            with suppress(ActionError):
                for action in back:
                    await player.act(action)

    @asynccontextmanager
    async def _page(self, storage: StorageState | None) -> AsyncIterator[Page]:
        async with fresh_page(self._browser, storage, self._credentials.gate) as page:
            page.on("dialog", lambda dialog: dialog.accept())
            page.on("response", self._on_response)
            yield page

    def _on_response(self, response: Response) -> None:
        if response.status >= SERVER_ERROR and origin_of(response.url) == origin_of(self._base_url):
            self.failed = True

    def _player(self, page: Page) -> Player:
        known = self._credentials
        values = {"uid": new_uid(), "username": known.username, "password": known.password}
        return Player(page, self._base_url, values, self._doorkeeper, self._turns)

    async def _sign_in_with(self, player: Player, page: Page) -> None:
        if self._sign_in is None:
            raise ActionError("could not sign in: nobody knows how")
        for action in self._sign_in.actions:
            await player.act(action, SIGN_IN_MS)
        failure = await player.failure(self._sign_in.success.check, SIGN_IN_MS)
        if failure is not None:
            self.refused |= self._doorkeeper.heard(await page.locator("body").inner_text())
            raise ActionError(f"could not sign in: {failure}")


class Scene:
    """One acting out of a flow."""

    def __init__(self, page: Page, player: Player, base_url: str, bare: bool) -> None:
        self.player = player
        self.page = page
        self._base_url = base_url
        self._bare = bare

    @property
    def blank(self) -> bool:
        """Nothing was opened yet."""
        return self.page.url == "about:blank"

    async def stand_in(self, left_out: Goto) -> str:
        """Be on another page than the one that is not opened, a blank one as a last resort; its path, in words."""
        if not self.blank:
            return "the page before"
        if self._bare:
            return "a blank page"
        start = urlsplit(self._base_url).path or "/"
        await self.player.act(Goto(start))
        if left_out.path != start:
            return start
        if (other := await self.another(left_out)) is not None:
            return other
        try:
            await self.page.goto("about:blank", timeout=NAVIGATION_MS)
        except PlaywrightError as error:
            raise ActionError(f"could not leave {left_out.path}: {error.message}") from error
        return "a blank page"

    async def another(self, left_out: Goto) -> str | None:
        """Be on a page that the present one leads to, and that is not the one that is left out; its path."""
        try:
            other: str | None = await self.page.evaluate(_FIRST_OTHER_PAGE, urlsplit(left_out.path).path)
        except PlaywrightError as error:
            raise ActionError(f"could not look for a stand-in for {left_out.path}: {error.message}") from error
        if other is None:
            return None
        try:
            await self.player.act(Goto(other))
        except ActionError:  # a file to be kept, or a page that does not come
            return None
        return other
