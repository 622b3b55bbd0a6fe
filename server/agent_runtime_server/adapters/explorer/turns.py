"""One request after the other, once an app has shown that it cannot take them side by side.

A small database that several write to at once, a counter without a lock: such an app answers now and then with a server
error to what goes well when it is alone. That is told, and no fault of any test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from playwright.async_api import Page, Request

from agent_runtime_server.adapters.explorer.protocol import Line, Log

ANSWER_SECONDS = 20.0
"""How long the next one waits for an answer to the one before."""
ANSWERED = frozenset({"document", "xhr", "fetch"})
"""Kinds of requests that an app works on, other than reading files."""


class Turns:
    """Lets all act at the same time, until the app has stumbled over that; from then on one at a time."""

    def __init__(self, emit: Callable[[Line], None] = lambda _line: None) -> None:
        self._emit = emit
        self._turn = asyncio.Lock()
        self.single = False
        """Requests are sent one after the other."""
        self.stumbles = False
        """The app was seen to fail at what goes well alone."""

    def suspect(self, over: str) -> None:
        """The app has failed at something while other requests were on their way."""
        if not self.single:
            self.single = True
            self._emit(Log("warning", f"{over} failed among other requests: from now on there is one at a time"))

    def stumbled(self, over: str) -> None:
        """What failed among other requests has gone well alone."""
        self.suspect(over)
        if not self.stumbles:
            self.stumbles = True
            self._emit(Log("warning", f"{over} failed among other requests and not alone"))

    @asynccontextmanager
    async def taken(self, page: Page) -> AsyncIterator[None]:
        """A turn in which something is done in a page; it lasts until the app has answered."""
        if not self.single:
            yield
            return
        async with self._turn:
            waiting = _Waiting(page)
            try:
                yield
            finally:
                await waiting.end()


class _Waiting:
    """The requests of a page that were begun since, and are not answered yet."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._open: set[Request] = set()
        self._none = asyncio.Event()
        self._none.set()
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)

    async def end(self) -> None:
        """Wait for the answers."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._none.wait(), ANSWER_SECONDS)
        self._page.remove_listener("request", self._begin)
        self._page.remove_listener("requestfinished", self._end)
        self._page.remove_listener("requestfailed", self._end)

    def _begin(self, request: Request) -> None:
        if request.resource_type in ANSWERED:
            self._open.add(request)
            self._none.clear()

    def _end(self, request: Request) -> None:
        self._open.discard(request)
        if not self._open:
            self._none.set()
