"""The web page with real work: a suite is run from it, and a test that fails is looked into. Makes the pictures of the
guide."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from agent_runtime_server.adapters.explorer.browser import open_browser
from tests.apps.shop.launch import Shop
from tests.e2e.conftest import COMPLETE_SECONDS
from tests.line.support import ROOT, SIGN_IN, Followed, Server
from tests.rest.browser import PHONE, looking, serious_faults

IMAGES = ROOT / "docs/images"
RUN_MS = 600_000
MOST_BYTES = 500_000
FRAME = "video => new Promise((seen) => video.requestVideoFrameCallback(() => seen(video.videoWidth)))"


@pytest.mark.timeout(COMPLETE_SECONDS + 1000)
async def test_a_failing_test_is_looked_into(running: Server, healthy: Followed) -> None:
    base = running.http_address
    with Shop() as shop:
        async with open_browser() as browser, looking(base, browser) as page:
            await create(page, shop.start(["wrong-total"]), healthy.task.session_id)
            async with looking(base, browser, viewport=PHONE, color_scheme="dark", device_scale_factor=2) as phone:
                await phone.goto(page.url)
                await expect(page.locator(".phase.now")).to_contain_text(re.compile(r"of \d+ tests"), timeout=RUN_MS)
                await expect(phone.locator(".cell:not(.ahead)").nth(11)).to_be_visible(timeout=RUN_MS)
                await picture(phone, "page-phone")
            await expect(page.locator(".head .badge")).to_have_text("Tests failed", timeout=RUN_MS)
            await expect(page.locator(".cell.bad")).not_to_have_count(0)
            await look_into_the_failing_test(page)
            await open_the_report(page)
            run = page.url.partition("/tests")[0]
            async with looking(base, browser, color_scheme="dark") as dark:
                await dark.goto(run)
                await dark.get_by_role("tab", name="Tests").click()
                await expect(dark.locator(".media img").first).to_be_visible()
                await dark.locator(".media video").first.evaluate(FRAME.replace("video =>", "video => video.play() &&"))
                await dark.locator(".media-line").first.evaluate("line => line.scrollIntoView({block: 'start'})")
                assert await serious_faults(dark) == []
                await picture(dark, "page-dark")
            await page.goto(f"/#/tasks/{healthy.task.id}")
            await expect(page.locator(".tallies")).to_contain_text("passed")
            assert await serious_faults(page) == []
            await picture(page, "page-light")
            await page.get_by_role("tab", name="Plan").click()
            await expect(page.locator(".document h2")).to_be_visible()

            await create(page, shop.start(), healthy.task.session_id)
            await expect(page.locator(".head .badge")).to_have_text("Running", timeout=RUN_MS)
            await page.get_by_role("button", name="Cancel").click()
            await page.get_by_role("button", name="Cancel the task").click()
            await expect(page.locator(".head .badge")).to_have_text("Cancelled", timeout=RUN_MS)


async def create(page: Page, app_url: str, session_id: str) -> None:
    """Ask for a run of a session's suite, with the form."""
    await page.goto("/#/new")
    await page.get_by_label("Address of the app").fill(app_url)
    await page.get_by_role("radio", name="Run tests").check()
    await page.get_by_role("textbox", name="Session").fill(session_id)
    await page.get_by_label("The app wants a sign-in").check()
    await page.get_by_label("User name").fill(SIGN_IN["username"])
    await page.get_by_label("Password").fill(SIGN_IN["password"])
    await page.get_by_role("button", name="Create the task").click()
    await expect(page.locator(".task")).to_be_visible()


async def look_into_the_failing_test(page: Page) -> None:
    """Its error, its screenshot, its video and its trace."""
    await page.get_by_role("tab", name="Tests").click()
    detail = page.locator(".test-detail")
    await expect(detail.locator(".badge")).to_have_text("Failed")
    await expect(detail.locator(".trouble").first).to_contain_text("expect(")
    shot = detail.locator(".media img").first
    await shot.scroll_into_view_if_needed()
    await page.wait_for_function("image => image.naturalWidth > 0", arg=await shot.element_handle())
    video = detail.locator(".media video").first
    await video.evaluate("video => video.play()")
    assert await video.evaluate(FRAME) > 0
    async with page.context.expect_page() as opened:
        await detail.get_by_role("link", name="Open the trace").first.click()
    viewer = await opened.value
    await expect(viewer).to_have_title(re.compile("Playwright Trace Viewer"))
    await viewer.get_by_role("treeitem", name="Open").first.click()
    snapshot = viewer.frame_locator("iframe.snapshot-visible")
    await expect(snapshot.get_by_role("heading").first).to_be_visible()
    await viewer.close()


async def open_the_report(page: Page) -> None:
    """The HTML report, which is a page of its own that must not reach the door."""
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Report").click()
    report = await opened.value
    await expect(report.get_by_text("Failed", exact=False).first).to_be_visible()
    assert await report.evaluate("origin") == "null"
    await report.close()


async def picture(page: Page, name: str) -> None:
    """A picture for the guide."""
    IMAGES.mkdir(exist_ok=True)
    await page.evaluate("document.fonts.ready")
    await page.screenshot(path=IMAGES / f"{name}.png")
    assert (IMAGES / f"{name}.png").stat().st_size < MOST_BYTES
