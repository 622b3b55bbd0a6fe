"""The web page, as people use it, in a real Chromium."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from agent_runtime_server.domain.agent import ToolCall, ToolCallState
from agent_runtime_server.domain.event import FileChanged, LogLevel
from agent_runtime_server.domain.inputs import InputDecision, InputKind, Question
from agent_runtime_server.domain.task import Progress
from tests.rest.browser import PHONE, WATCH_SHIFTS, looking, serious_faults
from tests.rest.relay import Relay
from tests.rest.story import FAILING, TITLES, Storyteller, Suite, log
from tests.rest.support import PATIENCE, Door, door

pytestmark = pytest.mark.timeout(400)

NO_SHIFT = 0.001
"""What right-aligned numbers that get longer may make; a hundred times as much is still called good."""
WHY = Question(InputKind.QUESTION, "Why is the total different?")
COUPON = Question(InputKind.QUESTION, "Which coupon?", choices=("SPRING", "AUTUMN"))
DELETE = ToolCall("c9", "bash", ToolCallState.STARTED, "Remove", {"command": "rm -r old"})
MAY = Question(InputKind.PERMISSION, "May it remove the folder?", DELETE, "rm -r old")


async def shown(page: Page, task_id: str, pane: str = "") -> None:
    """Go to a pane of a task."""
    await page.goto(f"/#/tasks/{task_id}/{pane}")
    await expect(page.locator(".task")).to_be_visible()


def badge(page: Page) -> Any:
    """What the task's head says of how it stands."""
    return page.locator(".head .badge")


async def test_a_task_is_made_and_watched_to_its_end(tmp_path: Path) -> None:
    teller = Storyteller()
    teller.go_on.clear()
    async with door(tmp_path, teller, Suite()) as served, looking(served.base_url, refusals=True) as page:
        await page.goto("/")
        await expect(page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
        await page.keyboard.press("n")
        address = page.get_by_label("Address of the app")
        await expect(address).to_be_focused()
        await address.fill("shop")
        await page.get_by_label("Labels").evaluate("element => element.closest('details').open = true")
        await page.get_by_label("Labels").fill("-=1")
        await page.get_by_role("button", name="Create the task").click()
        await expect(address).to_have_attribute("aria-invalid", "true")
        await expect(address).to_be_focused()
        await expect(page.locator("#app_url-fault")).to_contain_text("http or https URL")
        await expect(page.locator("#labels-fault")).not_to_be_empty()
        await address.fill("http://app.test/")
        await page.get_by_label("Labels").fill("team=shop")
        await page.get_by_role("textbox", name="Instructions").fill("Focus on the cart")
        await page.keyboard.press("Tab")
        await page.get_by_role("button", name="Create the task").click()

        await expect(badge(page)).to_have_text("Running")
        await expect(page.locator(".phase.now")).to_contain_text("7 of 12 states")
        await expect(page.locator(".activity")).to_contain_text("exploring /cart")
        await expect(page.locator(".row[aria-current]")).to_contain_text("Plan 7/12")
        await expect(page.locator(".recent")).to_contain_text("a control without a name on /cart")
        await expect(page.locator(".facts")).to_contain_text("team=shop")
        await expect(page.locator(".head .connection")).to_contain_text("Live")
        teller.go_on.set()
        await expect(badge(page)).to_have_text("Tests failed")
        await expect(page.locator(".tallies")).to_contain_text("3passed1failed")
        await expect(page.locator(".cell")).to_have_count(4)
        await expect(page.locator(".row[aria-current]")).to_contain_text("Tests failed · 3/4")
        await expect(page.locator(".card", has_text="Models")).to_contain_text("2 calls · 5,200 tokens in · 310 out")
    assert teller.jobs[0].spec.instructions == "Focus on the cart"


async def test_a_finished_task_shows_all_that_it_has(tmp_path: Path) -> None:
    async with door(tmp_path, Storyteller(), Suite()) as served, looking(served.base_url) as page:
        task = await served.create("complete")
        await served.done(task["id"])
        await shown(page, task["id"], "tests")
        await expect(page.locator(".test-row").first).to_contain_text(FAILING)
        await expect(page.locator(".test-row")).to_have_count(len(TITLES))
        detail = page.locator(".test-detail")
        await expect(detail.get_by_role("heading", name=FAILING)).to_be_visible()
        await expect(detail.locator(".attempt")).to_have_text(["Attempt 1: Failed 3.7 s", "Attempt 2: Failed 3.7 s"])
        await expect(detail.locator(".trouble")).to_contain_text('Received: "29.90"')
        picture = detail.get_by_role("img", name="The page when the attempt ended")
        await picture.scroll_into_view_if_needed()
        await page.wait_for_function("element => element.naturalWidth === 640", arg=await picture.element_handle())
        await expect(detail.locator(".step.bad")).to_have_count(1)
        await page.get_by_role("button", name="Passed 3").click()
        await page.get_by_role("link", name=TITLES[0]).click()
        await expect(detail.get_by_role("heading", name=TITLES[0])).to_be_visible()

        await page.get_by_role("tab", name="Plan").click()
        plan = page.locator(".document")
        await expect(plan.get_by_role("heading", name="Plan for the shop")).to_be_visible()
        await expect(plan).to_contain_text('<script>document.title = "taken over"</script>')
        await expect(plan.get_by_role("link")).to_have_count(1)
        await expect(plan.get_by_role("row")).to_have_count(3)
        assert await plan.locator("script, img, iframe").count() == 0

        await page.get_by_role("tab", name="Findings").click()
        await expect(page.locator(".finding").first).to_contain_text("A receipt answers 500")
        await page.get_by_role("tab", name="Agent").click()
        await expect(page.locator(".said")).to_contain_text("The cart keeps its lines; I look at the totals next.")
        await page.locator(".call summary").click()
        await expect(page.locator(".call")).to_contain_text('- heading "Checkout"')
        await page.get_by_role("tab", name="Log").click()
        await expect(page.locator(".log-lines .line")).to_have_count(8)
        await page.get_by_label("Level").select_option("error")
        await expect(page.locator(".log-lines .line")).to_have_text(re.compile("GET /receipts/9 500"))
        await page.get_by_role("tab", name="Files").click()
        await page.get_by_role("link", name="tests/cart.spec.ts").click()
        await expect(page.locator(".file .code")).to_contain_text("import { test }")
        await page.get_by_role("tab", name="Artifacts").click()
        await expect(page.locator(".artifacts tbody tr")).to_have_count(3)
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Download specs/plan.md").click()
        assert (await (await download.value).path()).read_text().startswith("# Plan for the shop")
        assert await page.title() == "Tests failed · app.test"


async def test_questions_are_answered(tmp_path: Path) -> None:
    teller = Storyteller(COUPON)
    async with door(tmp_path, teller, Suite()) as served, looking(served.base_url) as page:
        chooses = await served.create()
        await shown(page, chooses["id"])
        await expect(badge(page)).to_have_text("Needs an answer")
        question = page.locator(".question")
        await expect(question).to_contain_text("Which coupon?")
        await question.get_by_role("button", name="AUTUMN").click()
        await expect(question).to_have_count(0)
        await expect(badge(page)).to_have_text("Completed")

        teller.question = WHY
        writes = await served.create()
        await shown(page, writes["id"])
        await question.get_by_label("Your answer").fill("none at all")
        await page.keyboard.press("Enter")
        await expect(badge(page)).to_have_text("Completed")

        teller.question = MAY
        asks = await served.create()
        await shown(page, asks["id"])
        await expect(question.locator(".code")).to_contain_text("rm -r old")
        await question.get_by_label("A reason").fill("it is in use")
        await question.get_by_role("button", name="Reject", exact=True).click()
        await expect(badge(page)).to_have_text("Completed")
    answers = [(answer.decision, answer.text) for answer in teller.answers]
    assert answers == [
        (InputDecision.ANSWER, "AUTUMN"),
        (InputDecision.ANSWER, "none at all"),
        (InputDecision.REJECT, "it is in use"),
    ]


async def test_a_task_is_cancelled_and_another_is_retried(tmp_path: Path) -> None:
    teller = Storyteller()
    async with door(tmp_path, teller, Suite()) as served, looking(served.base_url) as page:
        first = await served.create("complete")
        await served.done(first["id"])
        teller.go_on.clear()
        task = await served.create()
        await shown(page, task["id"])
        await page.get_by_role("button", name="Cancel").click()
        await page.get_by_label("Reason, if you like").fill("wrong shop")
        await page.get_by_role("button", name="Cancel the task").click()
        await expect(badge(page)).to_have_text("Cancelled")
        await expect(page.locator(".activity")).to_have_text("wrong shop")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert (await served.done(task["id"]))["cancellation"]["reason"] == "wrong shop"

        await shown(page, first["id"])
        await page.get_by_role("button", name="Retry").click()
        await page.get_by_label("Start from").select_option("running_tests")
        await page.get_by_role("dialog").get_by_role("button", name="Retry").click()
        await expect(page.locator(".facts")).to_contain_text(f"Retry of{first['id']}")
        await expect(badge(page)).to_have_text("Tests failed")


async def test_a_flood_moves_nothing_and_is_bounded(tmp_path: Path) -> None:
    teller = Storyteller()
    teller.go_on.clear()
    async with door(tmp_path, teller, Suite()) as served, looking(served.base_url) as page:
        task = await served.create("complete")
        for pane in ("", "log"):
            await shown(page, task["id"], pane)
            await expect(page.locator(".head .connection")).to_contain_text("Live")
            await expect(page.locator(".line").first).to_be_attached()
            await page.evaluate("document.fonts.ready")
            await page.evaluate(WATCH_SHIFTS)
            await flood(teller, 1500)
            await expect(page.locator(".phase.now")).to_contain_text("1,499 of 1,500 states")
            moved = await page.evaluate("shifts")
            assert sum(value for value, *_ in moved) < NO_SHIFT, moved
        await expect(page.locator(".log-lines .line").last).to_contain_text("flooded 1,500")
        assert await page.locator(".log-lines .line").count() < 100
        await page.locator(".virtual-box").hover()
        await page.mouse.wheel(0, -100_000)
        await expect(page.locator(".log-lines .line").first).to_contain_text("GET / 200")
        assert await page.locator(".log-lines .line").count() < 100
        await page.get_by_role("button", name="Newest").click()
        await expect(page.locator(".log-lines .line").last).to_be_in_viewport()
        teller.go_on.set()
        await expect(badge(page)).to_have_text("Tests failed")


async def flood(teller: Storyteller, count: int) -> None:
    """So many events, about 500 a second."""
    assert teller.emit is not None
    began = asyncio.get_running_loop().time()
    for number in range(1, count + 1):
        if number % 3:
            teller.emit(Progress(number, count, "state"))
        else:
            teller.emit(ToolCall(f"f{number % 30}", "browser_click", ToolCallState.SUCCEEDED, f"Click {number}"))
        if number % 10 == 0:
            teller.emit(log(f"flooded {number:,}", LogLevel.DEBUG))
            await asyncio.sleep(max(0.0, began + number / 500 - asyncio.get_running_loop().time()))


async def test_a_broken_stream_goes_on_after_the_last_event(tmp_path: Path) -> None:
    teller = Storyteller()
    teller.go_on.clear()
    async with (
        door(tmp_path, teller, Suite()) as served,
        Relay(served.base_url) as relay,
        looking(relay.base_url, refusals=True) as page,
    ):
        task = await served.create()
        await shown(page, task["id"], "log")
        connection = page.locator(".head .connection")
        await expect(connection).to_contain_text("Live")
        await expect(page.locator(".log-lines .line")).to_have_count(3)
        seen = (await served.http.get(f"/v1/tasks/{task['id']}")).json()["sequence"]
        await expect(connection).to_contain_text(f"event {seen}")
        await relay.break_off()
        await expect(connection).to_have_text(f"Reconnecting after event {seen}")
        assert teller.emit is not None
        teller.emit(log("said while nobody listened"))
        await served.line.until(task["id"], lambda now: now.sequence > seen)
        relay.mend()
        await expect(page.locator(".log-lines .line")).to_have_count(4)
        await expect(connection).to_contain_text("Live")
        asked = [head for head in relay.heads if f"/v1/tasks/{task['id']}:watch" in head.partition("\n")[0]]
        assert f"last-event-id: {seen}" in asked[-1].lower()
        await expect(page.locator(".list .connection")).to_have_text("Live")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out(tmp_path: Path, scheme: Any) -> None:
    teller = Storyteller()
    async with (
        door(tmp_path, teller, Suite()) as served,
        looking(served.base_url, color_scheme=scheme, refusals=True) as page,
    ):
        task = await served.create("complete")
        await served.done(task["id"])
        found: dict[str, list[str]] = {}
        for pane in ("", "tests", "log", "agent", "plan", "findings", "files/specs%2Fplan.md", "artifacts"):
            await shown(page, task["id"], pane)
            await expect(page.locator(".loading")).to_have_count(0)
            found[pane] = await serious_faults(page)
        await page.get_by_role("button", name="Retry").click()
        found["retry"] = await serious_faults(page)
        await page.keyboard.press("Escape")
        teller.question = MAY
        asks = await served.create()
        await shown(page, asks["id"])
        await expect(page.locator(".question")).to_be_visible()
        found["question"] = await serious_faults(page)
        await page.goto("/#/new")
        await page.get_by_label("The app wants a sign-in").check()
        await page.get_by_role("button", name="Create the task").click()
        await expect(page.locator("#app_url-fault")).to_be_visible()
        found["form"] = await serious_faults(page)
        await page.goto("/#/")
        await expect(page.locator(".row").first).to_be_visible()
        found["list"] = await serious_faults(page)
        await page.keyboard.press("?")
        found["keys"] = await serious_faults(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


async def test_the_theme_is_kept(tmp_path: Path) -> None:
    async with door(tmp_path) as served, looking(served.base_url, color_scheme="dark") as page:
        await page.goto("/")
        paper = "getComputedStyle(document.documentElement).backgroundColor"
        dark = await page.evaluate(paper)
        button = page.get_by_role("button", name="Theme")
        await button.click()
        await expect(button).to_have_text("light")
        light = await page.evaluate(paper)
        await page.reload()
        await expect(button).to_have_text("light")
        assert await page.evaluate(paper) == light != dark
        await button.click()
        assert await page.evaluate(paper) == dark


async def test_a_keyboard_is_enough(tmp_path: Path) -> None:
    async with door(tmp_path, Storyteller(), Suite()) as served, looking(served.base_url) as page:
        older, newer = [await served.create("complete") for _ in range(2)]
        await served.done(older["id"])
        await served.done(newer["id"])
        await page.goto("/")
        await expect(page.locator(".row")).to_have_count(2)
        await page.keyboard.press("j")
        await expect(page).to_have_url(re.compile(newer["id"]))
        await page.keyboard.press("j")
        await expect(page).to_have_url(re.compile(older["id"]))
        await page.keyboard.press("Escape")
        twice = (
            "for (const key of 'jj') document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"
        )
        await page.evaluate(twice)
        await expect(page).to_have_url(re.compile(older["id"]))
        await expect(page.locator(".task")).to_be_visible()
        await page.keyboard.press("2")
        tests = page.get_by_role("tab", name="Tests")
        await expect(tests).to_have_attribute("aria-selected", "true")
        await tests.focus()
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tab", name="Log")).to_be_focused()
        await expect(page.locator(".log-lines")).to_be_visible()
        await page.keyboard.press("k")
        await expect(page).to_have_url(re.compile(f"{newer['id']}/log"))
        await page.keyboard.press("/")
        await expect(page.get_by_label("Filter the tasks")).to_be_focused()
        await page.keyboard.type(older["id"])
        await expect(page.locator(".row")).to_have_count(1)
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await expect(page).to_have_url(re.compile("#/$"))


async def test_it_fits_a_phone(tmp_path: Path) -> None:
    teller = Storyteller()
    async with door(tmp_path, teller, Suite()) as served, looking(served.base_url, viewport=PHONE) as page:
        task = await served.create("complete")
        await served.done(task["id"])
        await page.goto("/")
        await page.locator(".row").click()
        for pane in ("", "tests", "log", "agent", "plan", "findings", "files", "artifacts"):
            await shown(page, task["id"], pane)
            await expect(page.locator(".loading")).to_have_count(0)
            assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], pane
            assert await page.evaluate("document.documentElement.scrollHeight") == PHONE["height"], pane
            for box in await page.locator(".app, main, .head, .pane").all():
                assert await box.evaluate("element => element.scrollWidth <= element.clientWidth + 1"), pane
        await page.get_by_role("tab", name="Tests").click()
        await expect(page.locator(".test-detail")).to_be_hidden()
        await page.locator(".test-row").first.click()
        await expect(page.locator(".test-detail")).to_be_visible()
        await expect(page.locator(".test-row").first).to_be_hidden()
        await page.get_by_role("link", name="All tasks").click()
        await expect(page.locator(".row")).to_be_visible()


async def test_a_task_that_is_not_there(tmp_path: Path) -> None:
    async with door(tmp_path) as served, looking(served.base_url, refusals=True) as page:
        await page.goto("/#/tasks/nothing")
        await expect(page.get_by_text("There is no such task")).to_be_visible()


async def test_new_tasks_and_those_of_other_callers_come_by_themselves(tmp_path: Path) -> None:
    async with door(tmp_path, Storyteller(), Suite()) as served, looking(served.base_url) as page:
        await page.goto("/")
        await expect(page.locator(".list .connection")).to_have_text("Live")
        async with asyncio.timeout(PATIENCE):
            first = await served.create("complete")
            await served.done(first["id"])
        await expect(page.locator(".row-state")).to_contain_text("Tests failed · 3/4")
        await expect(page.locator(".list-count")).to_have_text("1")


async def test_what_is_no_longer_kept_is_told_and_read_elsewhere(tmp_path: Path) -> None:
    teller = Storyteller()
    teller.go_on.clear()
    async with door(tmp_path, teller, Suite(), max_log_bytes=1 << 20) as served, looking(served.base_url) as page:
        task = await served.create("complete")
        await served.line.until(task["id"], lambda now: now.progress.total > 0)
        assert teller.emit is not None
        for number in range(40):
            teller.emit(FileChanged(f"{number}{'x' * 60_000}"))
        teller.go_on.set()
        await served.done(task["id"])
        await shown(page, task["id"], "log")
        await expect(page.locator(".line.gap")).to_have_text(re.compile(r"Events 1 to \d+ are no longer kept"))
        await page.get_by_role("tab", name="Tests").click()
        await expect(page.locator(".test-row")).to_have_count(len(TITLES))
        await expect(badge(page)).to_have_text("Tests failed")


HIDE = """
(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


async def test_a_hidden_tab_lets_go_and_comes_back(tmp_path: Path) -> None:
    teller = Storyteller()
    teller.go_on.clear()
    async with door(tmp_path, teller, Suite()) as served, looking(served.base_url) as page:
        task = await served.create()
        await shown(page, task["id"], "log")
        await expect(page.locator(".log-lines .line")).to_have_count(3)
        await expect(page.locator(".list .connection")).to_have_text("Live")
        await watchers(served, 2)
        await page.evaluate(HIDE, True)
        await watchers(served, 0)
        assert teller.emit is not None
        teller.emit(log("said to a hidden tab"))
        await page.evaluate(HIDE, False)
        await expect(page.locator(".log-lines .line")).to_have_count(4)
        await expect(page.locator(".head .connection")).to_contain_text("Live")
        await watchers(served, 2)


async def watchers(served: Door, count: int) -> None:
    """Wait until the server has so many watchers."""
    async with asyncio.timeout(PATIENCE):
        while f"agent_runtime_watchers {count}.0" not in (await served.http.get("/metrics")).text:
            await asyncio.sleep(0.05)
