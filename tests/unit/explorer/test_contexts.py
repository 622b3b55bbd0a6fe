"""A page knows nothing of what was done in others before it, though scripts are not fetched anew for it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
import pytest_asyncio
from playwright.async_api import Browser, HttpCredentials, Page, StorageState

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.contexts import MOST_IDLE, fresh_page, may_be_kept
from tests.apps.patient_server import serving

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

KEEPS = """<!doctype html><title>Keeps</title><script src=/kept.js></script><script>
document.cookie = 'said=hello'; localStorage.said = 'hello'; sessionStorage.said = 'hello';
addEventListener('pagehide', () => { localStorage.later = 'hello'; navigator.sendBeacon('/bye'); });
indexedDB.open('said');</script>"""
FOUND = """async () => [document.cookie, localStorage.said, localStorage.later, sessionStorage.said,
    ...(await indexedDB.databases()).map(each => each.name)].filter(Boolean)"""
DATE = "Mon, 30 Nov 2026 10:00:00 GMT"
LATER = "Mon, 30 Nov 2026 11:00:00 GMT"


@contextmanager
def site(aged: str) -> Iterator[tuple[str, Counter[str]]]:
    """Its address, and how often each path was asked for; ``aged`` is the Cache-Control header of ``/count``."""
    asked: Counter[str] = Counter()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[self.path] += 1
            if self.path == "/slow":
                over.wait(20)
            control, kind, body = {
                "/kept.js": ("max-age=3600", "text/javascript", "window.kept = true;"),
                "/count": (aged, "text/html", f"<!doctype html><title>{asked[self.path]}</title>"),
            }.get(self.path, ("no-cache", "text/html", KEEPS if self.path == "/" else "<!doctype html>"))
            self.send_response(200)
            self.send_header("Cache-Control", control)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    with serving(Handler) as url:
        try:
            yield url, asked
        finally:
            over.set()


@pytest_asyncio.fixture(loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


async def found(page: Page, url: str) -> list[str]:
    await page.goto(f"{url}/nothing")
    return list(await page.evaluate(FOUND))


async def test_nothing_is_left_of_what_a_page_stored(browser: Browser) -> None:
    with site("no-cache") as (url, asked):
        async with fresh_page(browser) as page:
            await page.goto(url)
            assert sorted(await page.evaluate(FOUND)) == ["hello", "hello", "said", "said=hello"]
            first = page.context
        async with fresh_page(browser) as page:
            assert page.context is first, "else nothing was to be cleared"
            assert await found(page, url) == []
            await page.goto(url)
            assert await page.evaluate("window.kept")
        async with fresh_page(browser) as page:
            assert await found(page, url) == []
    assert asked["/"] == 2
    assert asked["/kept.js"] == 1
    assert asked["/bye"] == 0, "its answer might come when the next page is there"


async def test_a_state_is_begun_with_and_lost_again(browser: Browser) -> None:
    with site("no-cache") as (url, _):
        async with fresh_page(browser) as page:
            await page.goto(url)
            whole = await page.context.storage_state()
        async with fresh_page(browser, StorageState(cookies=whole["cookies"])) as page:
            assert await found(page, url) == ["said=hello"]
        async with fresh_page(browser, whole) as page:
            assert await found(page, url) == ["said=hello", "hello"]
        async with fresh_page(browser) as page:
            assert await found(page, url) == []


@pytest.mark.parametrize(("aged", "again"), [("no-cache", True), ("max-age=60", False)])
async def test_a_page_that_a_browser_may_keep_is_asked_for_anew(browser: Browser, aged: str, again: bool) -> None:
    with site(aged) as (url, asked):
        for number in (1, 2):
            async with fresh_page(browser) as page:
                await page.goto(url)
                await page.goto(f"{url}/count")
                assert await page.title() == str(number)
    assert asked["/kept.js"] == (1 if again else 2)


async def opens_a_window(page: Page, _: str) -> None:
    async with page.expect_popup():
        await page.evaluate("void open('/nothing')")


async def opens_a_window_that_is_closed(page: Page, _: str) -> None:
    async with page.expect_popup() as opened:
        await page.evaluate("void open('/nothing')")
    await (await opened.value).close()


async def shows_another_origin(page: Page, other: str) -> None:
    async with page.expect_event("framenavigated", lambda frame: frame.url.startswith(other)):
        await page.set_content(f"<iframe src={other}/nothing></iframe>")


async def leaves_something_under_way(page: Page, _: str) -> None:
    async with page.expect_request("**/slow"):
        await page.evaluate("void fetch('/slow', {keepalive: true})")


@pytest.mark.parametrize(
    "use",
    [
        opens_a_window,
        opens_a_window_that_is_closed,
        shows_another_origin,
        leaves_something_under_way,
    ],
)
async def test_what_may_have_left_something_is_not_used_again(
    browser: Browser, use: Callable[[Page, str], Awaitable[None]]
) -> None:
    with site("no-cache") as (url, _):
        async with fresh_page(browser) as page:
            await page.goto(url)
            await use(page, url.replace("127.0.0.1", "localhost"))
        assert browser.contexts == []


async def test_who_was_let_in_and_what_was_stored_before_is_not_used_again(browser: Browser) -> None:
    with site("no-cache") as (url, _):
        async with fresh_page(browser, gate=HttpCredentials(username="ann", password="secret")) as page:
            await page.goto(url)
            whole = await page.context.storage_state()
        assert browser.contexts == []
        async with fresh_page(browser, whole) as page:
            await page.goto(url)
        assert browser.contexts == []


async def test_only_a_few_wait_to_be_used_again(browser: Browser) -> None:
    pages = [fresh_page(browser) for _ in range(MOST_IDLE + 2)]
    for each in pages:
        await each.__aenter__()
    for each in pages:
        await each.__aexit__(None, None, None)
    assert len(browser.contexts) == MOST_IDLE
    assert not any(context.pages for context in browser.contexts)


async def test_one_that_is_gone_is_replaced(browser: Browser) -> None:
    async with fresh_page(browser) as page:
        first = page.context
    await first.close()
    async with fresh_page(browser) as page:
        assert page.context is not first


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"cache-control": "max-age=0, stale-while-revalidate=60"}, True),
        ({}, False),
        ({"cache-control": "no-store, max-age=60"}, False),
        ({"cache-control": "no-cache"}, False),
        ({"cache-control": "private, max-age=60"}, True),
        ({"cache-control": "max-age=0", "expires": LATER, "date": DATE}, False),
        ({"expires": LATER, "date": DATE}, True),
        ({"expires": DATE, "date": LATER}, False),
        ({"expires": "0", "date": DATE}, False),
        ({"last-modified": DATE}, True),
        ({"last-modified": DATE, "cache-control": "must-revalidate"}, False),
    ],
)
async def test_what_a_browser_may_show_again_without_asking(headers: dict[str, str], kept: bool) -> None:
    assert may_be_kept(200, headers) is kept


async def test_an_answer_that_holds_for_good_may_be_shown_again() -> None:
    assert may_be_kept(301, {})
    assert not may_be_kept(302, {})
    assert not may_be_kept(301, {"cache-control": "no-store"})
