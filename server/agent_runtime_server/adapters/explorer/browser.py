"""The browser that explores: found, started without background chatter, and always closed."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Error, HttpCredentials, StorageState, async_playwright

ANSWER_SECONDS = 10.0
"""How long a browser may take to show that it is still there."""

SYSTEM_BROWSERS = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
"""In this order: a headless shell needs a third of the processor time for each new context."""

QUIET_FLAGS = (
    "--disable-background-networking",
    "--disable-domain-reliability",
    "--no-pings",
)


class BrowserMissingError(Exception):
    """No Chromium could be found or started; the message says what was tried."""


class BrowserLostError(Exception):
    """The browser, or what drives it, went away by itself while it was in use."""


TEST_LOCALE = "en-US"
"""The default of Playwright Test, see https://playwright.dev/docs/api/class-testoptions#test-options-locale."""


async def new_context(
    browser: Browser, storage: StorageState | None = None, gate: HttpCredentials | None = None
) -> BrowserContext:
    """A context that an app answers as it will answer those of the tests. ``gate`` is for an app that lets nobody in
    without them."""
    return await browser.new_context(storage_state=storage, http_credentials=gate, locale=TEST_LOCALE)


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A headless Chromium: Playwright's own if it is installed, else one of the system.

    Raises:
        BrowserMissingError: None is there, or it does not start.
        BrowserLostError: It was not there any more when the block ended, however that ended; the block is broken off
            when that is noticed.
    """
    async with async_playwright() as playwright:
        managed = playwright.chromium.executable_path
        is_managed = await asyncio.to_thread(Path(managed).exists)
        executable = None if is_managed else _system_browser()
        if executable is None and not is_managed:
            raise BrowserMissingError(
                f"no browser: neither Playwright's own Chromium nor any of {', '.join(SYSTEM_BROWSERS)} is installed"
            )
        flags = [*QUIET_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET_FLAGS)
        try:
            browser = await playwright.chromium.launch(executable_path=executable, args=flags)
        except Error as error:
            if _was_killed(error.message):
                raise BrowserLostError("the browser ended while it started") from error
            raise BrowserMissingError(
                f"{executable or managed} does not start: {error.message.splitlines()[0]}"
            ) from error
        try:
            async with _attended(browser):
                yield browser
        finally:
            await browser.close()


def _was_killed(message: str) -> bool:
    """Whether a browser that did not start was ended by a signal, or what drives it was; one that cannot work says so
    and exits. A script that has started one which was killed exits with 137."""
    by_signal = "signal=SIG" in message or "exitCode=137," in message
    return by_signal or ("closed" in message and "exitCode=" not in message)


@asynccontextmanager
async def _attended(browser: Browser) -> AsyncIterator[None]:
    """What a block makes of a browser that went away says nothing about the app: it is not believed."""
    work = asyncio.current_task()
    assert work is not None
    lost = False

    def lose(_browser: Browser) -> None:
        nonlocal lost
        lost = True
        work.cancel()

    browser.on("disconnected", lose)
    end: BaseException | None = None
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        end = error
    browser.remove_listener("disconnected", lose)
    if lost:
        work.uncancel()
    elif isinstance(end, asyncio.CancelledError):
        raise end
    if lost or not await _answers(browser):
        raise BrowserLostError("the browser ended while it was in use") from end
    if end is not None:
        raise end


async def _answers(browser: Browser) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await (await browser.new_context()).close()
    except (Error, TimeoutError):
        return False
    return True


def _system_browser() -> str | None:
    return next((path for name in SYSTEM_BROWSERS if (path := shutil.which(name))), None)
