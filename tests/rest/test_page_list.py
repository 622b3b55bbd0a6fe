"""The page's list of tasks is right when it says that it is live, whatever nobody told it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.ports import port_to_come_back_to
from tests.rest.browser import looking
from tests.rest.relay import Relay
from tests.rest.story import Storyteller, Suite
from tests.rest.support import door

pytestmark = pytest.mark.timeout(400)


def waiting() -> Storyteller:
    """One whose tasks do not end."""
    teller = Storyteller()
    teller.go_on.clear()
    return teller


def row(page: Page, task: dict[str, Any]) -> Locator:
    """What the list has of a task."""
    return page.locator(f".row[href*='{task['id']}']")


async def test_after_a_restart_the_list_says_what_ended_and_what_was_deleted(tmp_path: Path) -> None:
    address = f"127.0.0.1:{port_to_come_back_to()}"
    async with AsyncExitStack() as life:
        before = await life.enter_async_context(door(tmp_path, waiting(), Suite(), slots=3, http_address=address))
        async with Relay(before.base_url) as relay, looking(relay.base_url, refusals=True) as page:
            deleted, older, newer = tasks = [await before.create() for _ in range(3)]
            await page.goto("/")
            connection = page.locator(".list .connection")
            await expect(connection).to_have_text("Live")
            for task in tasks:
                await expect(row(page, task)).to_contain_text("Plan 7/12")
            await relay.break_off()
            await expect(connection).to_have_text("Reconnecting")
            await life.aclose()
            async with door(tmp_path, Storyteller(), Suite(), slots=3, http_address=address) as after:
                assert after.base_url == before.base_url
                for task in tasks:
                    assert (await after.done(task["id"]))["status"] == "completed"
                assert (await after.http.delete(f"/v1/tasks/{deleted['id']}")).status_code == 200
                relay.mend()
                await expect(connection).to_have_text("Live")
                for task in (older, newer):
                    assert "Completed" in await row(page, task).inner_text()
                assert await row(page, deleted).count() == 0
                assert await page.locator(".list-count").inner_text() == "2"


async def test_what_ended_before_the_stream_opened_is_not_shown_as_running(tmp_path: Path) -> None:
    teller = waiting()
    async with door(tmp_path, teller, Suite()) as served, looking(served.base_url) as page:
        tasks = [await served.create() for _ in range(2)]
        for task in tasks:
            await served.line.until(task["id"], lambda now: now.progress.total > 0)

        async def end_them(route: Route) -> None:
            read = await route.fetch()
            teller.go_on.set()
            for task in tasks:
                await served.done(task["id"])
            await route.fulfill(response=read)

        await page.route("**/v1/tasks?*", end_them, times=1)
        await page.goto("/")
        await expect(page.locator(".list .connection")).to_have_text("Live")
        for task in tasks:
            assert "Completed" in await row(page, task).inner_text()


async def test_older_tasks_that_ended_untold_are_read_one_by_one(tmp_path: Path) -> None:
    """Those that the first page no longer has."""
    teller = waiting()
    async with door(tmp_path, teller, Suite()) as served, looking(served.base_url, refusals=True) as page:
        ended, deleted = [await served.create() for _ in range(2)]
        for task in (ended, deleted):
            await served.line.until(task["id"], lambda now: now.progress.total > 0)

        async def end_them(route: Route) -> None:
            read = await route.fetch()
            teller.go_on.set()
            await served.done(ended["id"])
            await served.done(deleted["id"])
            for _ in range(50):
                last = await served.create()
            await served.done(last["id"])
            assert (await served.http.delete(f"/v1/tasks/{deleted['id']}")).status_code == 200
            await route.fulfill(response=read)

        await page.route("**/v1/tasks?*", end_them, times=1)
        await page.goto("/")
        await expect(page.locator(".list .connection")).to_have_text("Live", timeout=100_000)  # 52 tasks end before
        assert "Completed" in await row(page, ended).inner_text()
        assert await row(page, deleted).count() == 0
