"""Pages of contexts that know nothing of what was done before, but may know what an app says to keep.

A context is used again for the sake of its cache: scripts and styles need not be fetched and read anew. That is done
only where nothing can be left of what was done in it: it had one page of one origin, whose answers no browser may keep,
and nothing was under way any more when it was left. What that origin has stored is cleared before it is used again.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import parsedate_to_datetime

from playwright.async_api import (
    Browser,
    BrowserContext,
    Error,
    Frame,
    HttpCredentials,
    Page,
    Request,
    Response,
    StorageState,
)

from agent_runtime_server.adapters.explorer.browser import new_context
from agent_runtime_server.adapters.explorer.settle import origin_of

MOST_IDLE = 4
"""Contexts of a browser that wait to be used again."""
_ONLY_LOOKS = frozenset({"stylesheet", "script", "image", "font", "media", "manifest"})
"""Types of resources that tell nothing of the state of an app."""
_MAX_AGE = re.compile(r"\bmax-age=\"?(\d+)")
_FOR_GOOD = frozenset({300, 301, 308, 404, 405, 410, 414, 501})
"""Answers that may be kept where nothing is said, by RFC 9110, section 15.1; others need a time for that."""


class _Context:
    """A context that is watched for what may be left of its use."""

    def __init__(self, context: BrowserContext, *, may_be_clean: bool) -> None:
        self.context = context
        self._clean = may_be_clean
        self._origins: set[str] = set()
        self._under_way: set[Request] = set()
        context.on("page", self._on_page)
        context.on("request", self._on_request)
        context.on("requestfinished", self._on_end)
        context.on("requestfailed", self._on_end)
        context.on("response", self._on_response)

    @property
    def reusable(self) -> bool:
        """It can be begun with as if it were new."""
        quiet = not self._under_way and not self.context.pages and not self.context.service_workers
        return self._clean and quiet and len(self._origins) <= 1

    async def page(self, storage: StorageState | None) -> Page:
        """Its next page, without what the one before has stored. Raises Playwright's ``Error``."""
        await self.context.set_offline(False)
        page = await self.context.new_page()
        session = await self.context.new_cdp_session(page)
        for origin in self._origins:
            await session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        await session.detach()
        await self.context.clear_cookies()
        if cookies := storage and storage.get("cookies"):
            await self.context.add_cookies([{**cookie} for cookie in cookies])  # type: ignore[typeddict-item]
        return page

    def _on_page(self, page: Page) -> None:
        self._clean &= len(self.context.pages) == 1
        page.on("framenavigated", self._on_navigation)

    def _on_navigation(self, frame: Frame) -> None:
        if frame.url.startswith(("http://", "https://")):
            self._origins.add(origin_of(frame.url))

    def _on_request(self, request: Request) -> None:
        self._under_way.add(request)
        self._clean &= request.resource_type != "ping"

    def _on_end(self, request: Request) -> None:
        self._under_way.discard(request)

    def _on_response(self, response: Response) -> None:
        tells = response.request.resource_type not in _ONLY_LOOKS
        self._clean &= not (tells and may_be_kept(response.status, response.headers))


_idle: dict[Browser, list[_Context]] = {}


@asynccontextmanager
async def fresh_page(
    browser: Browser, storage: StorageState | None = None, gate: HttpCredentials | None = None
) -> AsyncIterator[Page]:
    """A page that is as new as one of a new context, with the cookies and data of a ``storage`` state.

    For ``gate`` see ``new_context``. Contexts that wait to be used again end with their browser.
    """
    known, page = await _begun(browser, storage, gate)
    kept = False
    try:
        yield page
        kept = await _keep(browser, known, page)
    finally:
        if not kept:
            await known.context.close()


async def _begun(browser: Browser, storage: StorageState | None, gate: HttpCredentials | None) -> tuple[_Context, Page]:
    waiting = _idle.get(browser, [])
    plain = gate is None and not (storage and storage.get("origins"))
    while waiting and plain:
        known = waiting.pop()
        try:
            if known.reusable:
                return known, await known.page(storage)
        except Error:
            pass  # it is gone, or does not answer: the next one, or a new one, will do
        except BaseException:
            await known.context.close()
            raise
        with suppress(Error):
            await known.context.close()
    context = await new_context(browser, storage, gate)
    try:
        return _Context(context, may_be_clean=plain), await context.new_page()
    except BaseException:
        await context.close()
        raise


async def _keep(browser: Browser, known: _Context, page: Page) -> bool:
    """Leave the page, and keep its context if nothing is left of that."""
    try:
        await known.context.set_offline(True)  # what is sent on leaving would outlive the page
        await page.close()
    except Error:
        return False
    if browser not in _idle:
        _idle[browser] = []
        browser.once("disconnected", _forget)
    waiting = _idle[browser]
    if not known.reusable or len(waiting) >= MOST_IDLE:
        return False
    waiting.append(known)
    return True


def _forget(browser: Browser) -> None:
    _idle.pop(browser, None)


def may_be_kept(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a browser may show an answer again without asking, by RFC 9111, section 4.2; names in small letters."""
    said = headers.get("cache-control", "").lower()
    if "no-store" in said or "no-cache" in said:
        return False
    if age := _MAX_AGE.search(said):
        return int(age[1]) > 0 or "stale-while-revalidate" in said
    if "expires" in headers:
        with suppress(ValueError, TypeError):
            return parsedate_to_datetime(headers["expires"]) > parsedate_to_datetime(headers.get("date", ""))
        return False
    return "must-revalidate" not in said and (status in _FOR_GOOD or "last-modified" in headers)
