"""What every miner works with: hands in fresh contexts, the knowledge of the app, a place for the flows it finds."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from playwright.async_api import Browser, Error

from agent_runtime_server.adapters.explorer.flow import Flow
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.instructions import Wish
from agent_runtime_server.adapters.explorer.perceive import Element
from agent_runtime_server.adapters.explorer.protocol import Activity, Line, Log
from agent_runtime_server.adapters.explorer.site import Site, Visit, items_of

Emit = Callable[[Line], None]


class OutOfTimeError(Exception):
    """The safety stop: no further flow may be started."""


@dataclass(frozen=True)
class Mined:
    """A flow that was acted out once, and what it is about."""

    flow: Flow
    concepts: frozenset[str]
    changes_account: bool
    """It changes data of the signed-in user, so no other flow of that user may run beside it."""


@dataclass(eq=False)
class Kit:
    """The means of a miner."""

    browser: Browser
    site: Site
    wish: Wish
    emit: Emit
    username: str
    password: str
    until: float
    """On the monotonic clock: when to stop."""
    may_change_data: bool
    deliver: Callable[[Mined], None]
    account: asyncio.Lock
    """One flow at a time may change the data of the signed-in user."""
    taken: set[str] = field(default_factory=set)
    """Ids of the flows so far."""
    _number: Iterable[int] = field(default_factory=count)

    @asynccontextmanager
    async def hand(self, *, signed_in: bool = False, state: Any = None) -> AsyncIterator[Hand]:
        """A hand in a context of its own; ``signed_in`` acts out the sign-in first."""
        values = {"uid": self._uid(), "username": self.username, "password": self.password}
        context = await self.browser.new_context(storage_state=state)
        try:
            page = await context.new_page()
            prelude = self.site.sign_in.recipe.actions if signed_in and self.site.sign_in else ()
            yield Hand(page, await context.new_cdp_session(page), self.site.app_url, values, prelude)
        finally:
            await context.close()

    @asynccontextmanager
    async def attempt(
        self, what: str, *, signed_in: bool = False, changes_account: bool = False
    ) -> AsyncIterator[Hand]:
        """A hand for one flow. Where the app does not go along, that is logged and the flow is left.

        ``changes_account`` waits until no other flow changes the data of the signed-in user.
        """
        if time.monotonic() >= self.until:
            raise OutOfTimeError(what)
        self.emit(Activity(f"Trying: {what}"))
        try:
            async with self.account if changes_account else nullcontext(), self.hand(signed_in=signed_in) as hand:
                yield hand
        except LostError as error:
            self.emit(Log("info", f"left out “{what}”: {error}"))
        except Error as error:
            self.emit(Log("warning", f"left out “{what}”: the browser says {error.message.splitlines()[0]}"))

    def keep(self, flow: Flow, *concepts: str, changes_account: bool = False) -> None:
        """Deliver a flow."""
        if flow.id in self.taken:
            self.emit(Log("debug", f"{flow.id} is known already"))
            return
        self.taken.add(flow.id)
        self.emit(Log("info", f"learnt “{flow.title}” ({len(flow.steps)} steps)"))
        self.deliver(Mined(flow, frozenset(concepts), changes_account))

    def wants(self, *concepts: str, text: str = "") -> bool:
        """The instructions allow flows about this."""
        return self.wish.allows(frozenset(concepts), text)

    def log(self, message: str) -> None:
        """Tell what was decided."""
        self.emit(Log("info", message))

    def listing(self) -> Visit | None:
        """The page that lists most things with a price, or simply most things; earlier pages win."""
        best: tuple[tuple[int, int], Visit] | None = None
        for visit in self.site.good:
            items = items_of(visit.view, self.site)
            size = (sum(item.price is not None for item in items), len(items))
            if "?" not in visit.path and not visit.signed_in and size[1] >= 2 and (best is None or size > best[0]):
                best = size, visit
        return best[1] if best else None

    def _uid(self) -> str:
        return f"{time.time_ns() // 1_000_000 % 36**7:08x}{next(iter(self._number)) % 1296:02d}"


def slug(text: str) -> str:
    """Kebab-case for ids."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "page"


def quoted(element: Element) -> str:
    """An element as a plan names it: its role and name."""
    role = {"link": "link", "button": "button"}.get(element.role, "")
    name = element.name or element.attrs.get("placeholder", "") or element.text[:40]
    return f"the {role} “{name}”" if role else f"“{name}”"
