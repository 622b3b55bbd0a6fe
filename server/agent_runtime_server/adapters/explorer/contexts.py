"""Pages of contexts that know nothing of what was done before, but may know what an app says to keep.

A context is used again for the sake of its cache: scripts and styles need not be fetched and read anew. It begins
without cookies and stored data; one whose app lets the browser keep what pages say (RFC 9111) is not used again, for it
would show what was so before.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from weakref import WeakKeyDictionary

from playwright.async_api import Browser, BrowserContext, Error, Frame, HttpCredentials, Page, Response, StorageState

from agent_runtime_server.adapters.explorer.browser import new_context
from agent_runtime_server.adapters.explorer.settle import origin_of

MOST_IDLE = 4
"""Contexts of a browser that wait to be used again."""
_SAYS_SOMETHING = frozenset({"document", "xhr", "fetch"})
"""What may tell of the state of an app, by the type of the resource."""
_MAX_AGE = re.compile(r"\bmax-age=\"?(\d+)")


@dataclass(eq=False)
class _Used:
    """A context, and what its pages have left behind."""

    context: BrowserContext
    origins: set[str] = field(default_factory=set)
    """Where data may be stored."""
    reusable: bool = True

    def watch(self, page: Page) -> None:
        page.on("framenavigated", self._on_navigation)
        page.on("response", self._on_response)

    def _on_navigation(self, frame: Frame) -> None:
        if frame.url.startswith(("http://", "https://")):
            self.origins.add(origin_of(frame.url))

    def _on_response(self, response: Response) -> None:
        if response.request.resource_type in _SAYS_SOMETHING and may_be_kept(response.headers):
            self.reusable = False


_idle: WeakKeyDictionary[Browser, list[_Used]] = WeakKeyDictionary()


@asynccontextmanager
async def fresh_page(
    browser: Browser, storage: StorageState | None = None, gate: HttpCredentials | None = None
) -> AsyncIterator[Page]:
    """A page that is as new as one of a new context, with the cookies and data of a ``storage`` state.

    For ``gate`` see ``new_context``. Contexts that wait to be used again end with their browser.
    """
    used, page = await _begun(browser, storage, gate)
    used.watch(page)
    try:
        yield page
    finally:
        waiting = _idle.setdefault(browser, [])
        alone = used.context.pages == [page] and not used.context.service_workers
        if used.reusable and alone and gate is None and len(waiting) < MOST_IDLE and await _is_closed(page):
            waiting.append(used)
        else:
            await used.context.close()


async def _begun(browser: Browser, storage: StorageState | None, gate: HttpCredentials | None) -> tuple[_Used, Page]:
    waiting = _idle.get(browser, [])
    cookies = storage.get("cookies", []) if storage else []
    while waiting and gate is None and not (storage and storage.get("origins")):
        used = waiting.pop()
        try:
            page = await used.context.new_page()
            session = await used.context.new_cdp_session(page)
            for origin in used.origins:
                await session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
            await session.detach()
            await used.context.clear_cookies()
            if cookies:
                await used.context.add_cookies([{**cookie} for cookie in cookies])  # type: ignore[typeddict-item]
        except Error:
            with suppress(Error):
                await used.context.close()
        else:
            return used, page
    used = _Used(await new_context(browser, storage, gate))
    return used, await used.context.new_page()


async def _is_closed(page: Page) -> bool:
    with suppress(Error):
        await page.close()
    return page.is_closed()


def may_be_kept(headers: Mapping[str, str]) -> bool:
    """Whether a browser may show an answer again without asking, by RFC 9111, section 4.2; names in small letters."""
    said = headers.get("cache-control", "").lower()
    if "no-store" in said or "no-cache" in said:
        return False
    if age := _MAX_AGE.search(said):
        return int(age[1]) > 0
    if "expires" in headers:
        with suppress(ValueError, TypeError):
            return parsedate_to_datetime(headers["expires"]) > parsedate_to_datetime(headers.get("date", ""))
        return False
    return "last-modified" in headers and "must-revalidate" not in said
