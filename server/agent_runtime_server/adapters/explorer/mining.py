"""What every miner works with: hands in fresh contexts, the knowledge of the app, a place for the flows it finds."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from playwright.async_api import Browser, Error, HttpCredentials

from agent_runtime_server.adapters.explorer.contexts import fresh_page
from agent_runtime_server.adapters.explorer.doorkeeper import Doorkeeper
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.findings import check_flow, tell
from agent_runtime_server.adapters.explorer.flow import Flow, Seen
from agent_runtime_server.adapters.explorer.hand import Hand, LostError, SilentError
from agent_runtime_server.adapters.explorer.instructions import Wish
from agent_runtime_server.adapters.explorer.language import Action, Goto, UrlIs
from agent_runtime_server.adapters.explorer.protocol import Activity, Line, Log
from agent_runtime_server.adapters.explorer.settle import SERVER_ERROR, BadResponse
from agent_runtime_server.adapters.explorer.site import Site, Visit
from agent_runtime_server.adapters.explorer.text import new_uid
from agent_runtime_server.adapters.explorer.turns import Turns
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import speaks_of

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
    """On the monotonic clock: when all flows have to be proved."""
    may_change_data: bool
    deliver: Callable[[Mined], None]
    account: asyncio.Lock
    """One flow at a time may change the data of the signed-in user."""
    gate: HttpCredentials | None = None
    """What an app asks for that lets nobody in without."""
    withdraw: Callable[[str], None] = lambda _identity: None
    """Takes back the flow of an id."""
    aside: Callable[[Coroutine[None, None, None]], object] = asyncio.create_task
    """Has something mined beside, as it has to wait."""
    behind: Callable[[], float] = lambda: 0.0
    """Seconds that the flows so far will still take to be proved."""
    doorkeeper: Doorkeeper = field(default_factory=Doorkeeper)
    turns: Turns = field(default_factory=Turns)
    own_things: set[str] = field(default_factory=set)
    """Paths of forms that flows send in accounts of their own."""
    taken: set[str] = field(default_factory=set)
    """Ids of the flows so far."""
    shaken: int = 0
    """How many attempts were lost while the app answered with errors."""
    joining: tuple[Action, ...] | None = None
    """How a flow registers a user of its own; empty where that cannot be done, None until it is tried."""
    _ways: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @asynccontextmanager
    async def hand(
        self, *, signed_in: bool = False, only_reads: bool = False, state: Any = None
    ) -> AsyncIterator[Hand]:
        """A hand in a context of its own; ``signed_in`` acts out the sign-in first, where one may do so often and does
        more than read."""
        prelude: Sequence[Action] = ()
        if signed_in and self.site.sign_in:
            if only_reads or self.doorkeeper.limited:
                state = self.site.sign_in.state
            else:
                prelude = self.site.sign_in.recipe.actions
        values = {"uid": new_uid(), "username": self.username, "password": self.password}
        async with fresh_page(self.browser, state, self.gate) as page:
            session = await page.context.new_cdp_session(page)
            yield Hand(page, session, self.site.app_url, values, prelude, self.doorkeeper, self.turns)

    @asynccontextmanager
    async def attempt(
        self, what: str, *, signed_in: bool = False, only_reads: bool = False, changes_account: bool = False
    ) -> AsyncIterator[Hand]:
        """A hand for one flow. Where the app does not go along, that is logged and the flow is left.

        ``only_reads`` goes on in a session that is there already rather than sign in once more.
        ``changes_account`` waits until no other flow changes the data of the signed-in user.
        """
        if time.monotonic() + self.behind() >= self.until:
            raise OutOfTimeError(what)
        self.emit(Activity(f"Trying: {what}"))
        try:
            async with (
                self.account if changes_account else nullcontext(),
                self.hand(signed_in=signed_in, only_reads=only_reads) as hand,
            ):
                try:
                    yield hand
                except LostError as error:
                    self.emit(Log("info", f"left out “{what}”: {error}"))
                    self.shaken += any(each.status >= SERVER_ERROR for each in hand.traffic.bad)
                    if isinstance(error, SilentError):
                        url = hand.page.url
                        tell(self.site, self.emit, Seen("silent_rejection", "medium", url, str(error), hand.titles))
                await check_flow(self.site, self.emit, hand, lambda: self._act_again(hand, signed_in=signed_in))
        except LostError as error:
            self.emit(Log("info", f"left out “{what}”: {error}"))
        except Error as error:
            self.emit(Log("warning", f"left out “{what}”: the browser says {error.message.splitlines()[0]}"))

    async def way_to(self, visit: Visit) -> tuple[str, ...]:
        """Paths that lead to a page when they are opened one after the other in a fresh context.

        Mostly its own; but a stranger may have to open one first that begins a session, such as a demonstration.

        Raises:
            LostError: It was not reached in any of the ways that were tried.
        """
        if visit.signed_in:
            return (visit.path,)
        if visit.path not in self._ways:
            self._ways[visit.path] = await self._find_way(visit)
        if way := self._ways[visit.path]:
            return way
        raise LostError(f"{visit.path} cannot be opened from the beginning")

    async def _find_way(self, visit: Visit) -> tuple[str, ...]:
        ways: dict[tuple[str, ...], None] = {(visit.asked or visit.path,): None}
        source = self.site.visits.get(visit.source)
        if source is not None and not source.signed_in and source is not visit:
            self._ways[visit.path] = ()  # while it is looked for, it leads nowhere
            with suppress(LostError):
                before = await self.way_to(source)
                # What opened that page may have made what this one shows: whoever comes first finds neither.
                by_source = {(*before, visit.path): None}
                by_itself = before == (source.path,) or source is self.site.start
                ways = ways | by_source if by_itself else by_source | ways
        ways[(visit.path,)] = None
        for way in ways:
            async with self.hand() as hand:
                with suppress(LostError):
                    for path in way:
                        await hand.visit(path)
                    if hand.view.path == visit.path:
                        return way
        return ()

    async def open(self, hand: Hand, visit: Visit) -> View:
        """The steps that open a page, but for those that the hand has taken already. Raises ``LostError``."""
        taken = {action for step in hand.steps for action in step.actions}
        *before, last = await self.way_to(visit)
        for path in [each for each in before if Goto(each) not in taken] + [last]:
            await hand.step(f"Open {path}", Goto(path))
        if hand.view.path != visit.path:
            raise LostError(f"{visit.path} leads to {hand.view.path}")
        return hand.view

    async def _act_again(self, hand: Hand, *, signed_in: bool) -> list[BadResponse]:
        """Act out the steps of a hand with a new one; what was answered badly then."""
        async with self.hand(signed_in=signed_in) as second:
            with suppress(LostError):
                for step in hand.steps:
                    if not step.tidies:
                        await second.act(*step.actions)
            for step in hand.steps:
                if step.tidies:
                    with suppress(LostError):
                        await second.act(*step.actions)
            return [each for each in second.traffic.bad if each.status >= SERVER_ERROR]

    def keep(self, flow: Flow, *concepts: str, changes_account: bool = False) -> None:
        """Deliver a flow."""
        if flow.id in self.taken:
            self.emit(Log("debug", f"{flow.id} is known already"))
            return
        told = f"{flow.title} {' '.join(step.title for step in flow.steps)}"
        if self.wish.only and not self.wants(*concepts, text=told):
            self.emit(Log("debug", f"{flow.id} was not asked for"))
            return
        if refused := [path for path in _pages_of(flow) if self._is_left_out(path)]:
            self.emit(Log("info", f"left out “{flow.title}”: the instructions leave out {refused[0]}"))
            return
        self.taken.add(flow.id)
        if flow.session == "fresh" and self.doorkeeper.limited:
            flow = replace(flow, session="stored")
        if self.doorkeeper.limited:
            steps = (replace(step, limited=self.doorkeeper.door in step.actions) for step in flow.steps)
            flow = replace(flow, steps=tuple(steps))
        self.emit(Log("info", f"learnt “{flow.title}” ({len(flow.steps)} steps)"))
        self.deliver(Mined(flow, frozenset(concepts), changes_account))

    def _is_left_out(self, path: str) -> bool:
        return self.wish.refuses(path) and not speaks_of("sign_in", path)

    def wants(self, *concepts: str, text: str = "") -> bool:
        """The instructions allow flows about this; where nothing is said about it yet, what is kept of it decides."""
        if not text and self.wish.words and self.wish.only:
            return not self.wish.refused.intersection(concepts)
        return self.wish.allows(frozenset(concepts), text)

    def log(self, message: str) -> None:
        """Tell what was decided."""
        self.emit(Log("info", message))


def _pages_of(flow: Flow) -> list[str]:
    """The addresses that a flow opens, or comes to."""
    opened = [action.path for step in flow.steps for action in step.actions if isinstance(action, Goto)]
    checks = [each.check for step in flow.steps for each in step.expectations]
    return [*opened, *(check.pattern for check in checks if isinstance(check, UrlIs))]


def slug(text: str) -> str:
    """Kebab-case for ids."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "page"


def quoted(element: Element) -> str:
    """An element as a plan names it: its role and name."""
    role = {"link": "link", "button": "button"}.get(element.role, "")
    name = element.name or element.attrs.get("placeholder", "") or element.text[:40]
    return f"the {role} “{name}”" if role else f"“{name}”"
