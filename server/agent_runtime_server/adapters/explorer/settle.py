"""Knowing when a page has come to rest: no request under way, and no change of its DOM for a moment."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import Error, Page, Request, Response

QUIET_MS = 60
_FOR_NOW = frozenset({302, 303, 307})
SERVER_ERROR = 500
_USUAL_PORTS = {"http": ":80", "https": ":443"}
"""From this status on the app itself has failed."""
_SCRIPT = re.compile(r"https?://[^\s)]+")
_BROKEN_OFF = re.compile(r"\bAbortError\b|Failed to fetch|NetworkError|Load failed")
"""What a script says when the page is left while it waits for an answer."""
_WAITED_FOR = frozenset({"document", "xhr", "fetch", "script", "stylesheet"})
_QUIET = """([quiet, limit]) => new Promise(resolve => {
  const end = () => { observer.disconnect(); clearTimeout(calm); clearTimeout(stop); resolve(); };
  let calm = setTimeout(end, quiet);
  const stop = setTimeout(end, limit);
  const observer = new MutationObserver(() => { clearTimeout(calm); calm = setTimeout(end, quiet); });
  observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
})"""
_HAS_CONTROLS = "() => !!document.querySelector('a[href], button, input, select, textarea, [role=button]')"


@dataclass(frozen=True)
class BadResponse:
    """A request of the app's own origin that was answered with an error."""

    url: str
    method: str
    status: int
    is_page: bool


class Traffic:
    """Watches the requests and script errors of one page."""

    def __init__(self, page: Page, origin: str) -> None:
        self._page = page
        self._origin = origin
        self._pending: set[Request] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.bad: list[BadResponse] = []
        self.sent_on: set[str] = set()
        """URLs of pages that answered with another address for this time: opening them does something."""
        self.exceptions: list[tuple[str, str]] = []
        """The page's URL and the error's first line."""
        self.foreign: Counter[str] = Counter()
        """How often something of another host failed, by its origin. That is no fault of the app."""
        page.on("request", self._on_request)
        page.on("requestfinished", self._on_end)
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)
        page.on("pageerror", self._on_exception)

    def _on_request(self, request: Request) -> None:
        if request.resource_type in _WAITED_FOR:
            self._pending.add(request)
            self._idle.clear()

    def _on_end(self, request: Request) -> None:
        self._pending.discard(request)
        if not self._pending:
            self._idle.set()

    def _on_failure(self, request: Request) -> None:
        self._on_end(request)
        if (origin := origin_of(request.url)) != self._origin:
            self.foreign[origin] += 1

    def _on_response(self, response: Response) -> None:
        request = response.request
        if response.status in _FOR_NOW and request.resource_type == "document":
            self.sent_on.add(request.url)
        if response.status < 400:
            return
        if (origin := origin_of(response.url)) != self._origin:
            self.foreign[origin] += 1
            return
        is_page = request.resource_type == "document"
        self.bad.append(BadResponse(response.url, request.method, response.status, is_page))

    def _on_exception(self, error: Error) -> None:
        thrown_at = _SCRIPT.search(error.stack or "")
        if thrown_at and (origin := origin_of(thrown_at[0])) != self._origin:
            self.foreign[origin] += 1
        elif not _BROKEN_OFF.search(error.message):
            self.exceptions.append((self._page.url, error.message.splitlines()[0][:200]))

    async def settle(self, limit: float = 5.0, *, first: bool = False) -> None:
        """Wait for rest, at most ``limit`` seconds; on the ``first`` page also until it has controls."""
        deadline = time.monotonic() + limit
        while (left := deadline - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._idle.wait(), left)
                await self._page.wait_for_load_state("domcontentloaded", timeout=left * 1000)
                await self._page.evaluate(_QUIET, [QUIET_MS, left * 1000])
                if self._idle.is_set() and (not first or await self._page.evaluate(_HAS_CONTROLS)):
                    return
            except TimeoutError:
                self._pending.clear()
                return
            except Error as error:
                if self._page.is_closed() or "Timeout" in error.message:
                    return


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, as browsers write it: without the port that the scheme has anyway."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{host.removesuffix(_USUAL_PORTS.get(parts.scheme, ' '))}"
