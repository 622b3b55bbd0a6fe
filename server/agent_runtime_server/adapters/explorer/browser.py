"""The browser that explores: found, started without background chatter, and always closed."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Error, async_playwright

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


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A headless Chromium: Playwright's own if it is installed, else one of the system.

    Raises:
        BrowserMissingError: None is there, or it does not start.
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
            raise BrowserMissingError(
                f"{executable or managed} does not start: {error.message.splitlines()[0]}"
            ) from error
        try:
            yield browser
        finally:
            await browser.close()


def _system_browser() -> str | None:
    return next((path for name in SYSTEM_BROWSERS if (path := shutil.which(name))), None)
