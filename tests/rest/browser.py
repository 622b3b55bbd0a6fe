"""The page in a real Chromium: nothing may fail in its console, and nothing may be asked for elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, Request, expect

from agent_runtime_server.adapters.explorer.browser import open_browser

PATIENCE_MS = 30_000
WIDE = {"width": 1360, "height": 860}
PHONE = {"width": 390, "height": 844}
_AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text()
_SERIOUS = ("serious", "critical")
_SETTLED = """
Promise.all(document.getAnimations().filter((each) => each.effect.getTiming().iterations === 1)
  .map((each) => each.finished))
"""


@asynccontextmanager
async def looking(
    base_url: str, browser: Browser | None = None, *, refusals: bool = False, **context: Any
) -> AsyncIterator[Page]:
    """A tab at the page; console errors, scripts that fail and requests to elsewhere are told at the end.

    With ``refusals`` requests may fail, which a browser tells in the console, too.
    """
    if browser is None:
        async with open_browser() as own, looking(base_url, own, refusals=refusals, **context) as page:
            yield page
        return
    expect.set_options(timeout=PATIENCE_MS)
    opened = await browser.new_context(base_url=base_url, **{"viewport": WIDE} | context)
    opened.set_default_timeout(PATIENCE_MS)
    page = await opened.new_page()
    troubles: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error" and not (refusals and message.text.startswith("Failed to load resource")):
            troubles.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((base_url, "data:", "blob:")):
            troubles.append(f"request: {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
    page.on("request", on_request)
    try:
        yield page
    finally:
        await opened.close()
    assert not troubles, troubles


async def serious_faults(page: Page) -> list[str]:
    """What axe-core finds that keeps people out: rule, and where."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_AXE)
    # Colours are judged as they are at rest.
    await page.evaluate(_SETTLED)
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    faults = [violation for violation in found["violations"] if violation["impact"] in _SERIOUS]
    return [f"{fault['id']} {node['target']}: {node['failureSummary']}" for fault in faults for node in fault["nodes"]]


WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const moved = entry.sources.map(({ node }) => node?.className ?? String(node));
    if (!entry.hadRecentInput) shifts.push([entry.value, ...moved]);
  }
}).observe({ type: "layout-shift", buffered: false });
"""
"""Notes everything that jumps from now on, and what it was."""
