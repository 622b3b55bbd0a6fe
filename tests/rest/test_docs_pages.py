"""The pages that show the API, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from agent_runtime_server.adapters.explorer.browser import open_browser
from tests.rest.support import door

pytestmark = pytest.mark.timeout(400)

PATIENCE_MS = 60_000
"""How long a page of this size may take, on a machine that does other things too."""


@dataclass
class Shown:
    """A page, where it is from, and what has gone wrong on it."""

    page: Page
    base_url: str
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@asynccontextmanager
async def shown(folder: Path, path: str) -> AsyncIterator[Shown]:
    """Open a page of a running server, and see to it that it loads nothing from elsewhere and complains of nothing."""
    async with door(folder) as at, open_browser() as browser:
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        look = Shown(page, at.base_url)
        page.on("request", lambda request: look.requests.append(request.url))
        page.on("requestfailed", lambda request: look.troubles.append(f"{request.url}: {request.failure}"))
        page.on("response", lambda got: look.troubles.append(got.url) if got.status >= 400 else None)
        page.on("console", lambda said: look.troubles.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: look.troubles.append(str(error)))
        await page.goto(f"{at.base_url}{path}")
        yield look
        inside = ("data:", f"blob:{at.base_url}/", f"{at.base_url}/")
        assert [url for url in look.requests if not url.startswith(inside)] == []
        assert look.troubles == []


async def test_swagger_ui_shows_the_api_and_calls_it(tmp_path: Path) -> None:
    async with shown(tmp_path, "/docs") as look:
        page = look.page
        await expect(page.get_by_role("heading", name="Agent Runtime")).to_be_visible(timeout=PATIENCE_MS)
        operation = page.locator("#operations-Info-GetServerInfo")
        await operation.get_by_role("button").first.click()
        await operation.get_by_role("button", name="Try it out").click()
        await operation.get_by_role("button", name="Execute").click()
        status = operation.locator(".live-responses-table tbody .response-col_status").first
        await expect(status).to_contain_text("200", timeout=PATIENCE_MS)
        create = page.locator("#operations-Tasks-CreateTask")
        await create.get_by_role("button").first.click()
        await expect(create.get_by_text("https://example.com").first).to_be_visible(timeout=PATIENCE_MS)


async def test_redoc_shows_the_api_and_finds_in_it(tmp_path: Path) -> None:
    async with shown(tmp_path, "/redoc") as look:
        page = look.page
        await expect(page.get_by_role("heading", name="Agent Runtime", exact=False).first).to_be_visible(
            timeout=PATIENCE_MS
        )
        await expect(page.get_by_role("heading", name="Admits a task to the queue").first).to_be_visible(
            timeout=PATIENCE_MS
        )
        await page.get_by_role("textbox", name="Search").fill("archive")
        await expect(page.get_by_role("search").get_by_text("Streams the whole session").first).to_be_visible(
            timeout=PATIENCE_MS
        )


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_may_load_from_here_only(path: str, tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        answer = await at.http.get(path)
        assert answer.headers["content-type"].startswith("text/html")
        policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_what_a_page_loads_is_kept_and_names_its_licence(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for name in ("swagger-ui/swagger-ui-bundle.js", "redoc/redoc.standalone.js"):
            asset = await at.http.get(f"/vendor/{name}")
            assert asset.status_code == 200
            assert asset.headers["content-type"].startswith("text/javascript")
            assert b"https://cdn.redoc" not in asset.content
            again = await at.http.get(f"/vendor/{name}", headers={"If-None-Match": asset.headers["etag"]})
            assert again.status_code == 304
            assert (await at.http.get(f"/vendor/{name}.LICENSE.txt")).status_code == 200
        assert (await at.http.get("/docs/assets/..%2F..%2Fopenapi.py")).status_code == 404
