"""What the page's form asks for is what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Request, expect

from tests.rest.browser import looking
from tests.rest.story import Storyteller, Suite
from tests.rest.support import door

pytestmark = pytest.mark.timeout(400)

ALWAYS = {"app_url", "task_type", "instructions", "max_tokens", "units", "nanos", "team"}
RUNS = {"retries", "workers", "grep"}
ASKED_FOR = {
    "complete": ALWAYS | RUNS | {"model", "max_rounds", "review_assertion_changes", "allow_destructive"},
    "plan": ALWAYS | {"model", "allow_destructive"},
    "generate": ALWAYS | {"session_id", "model"},
    "run": ALWAYS | {"session_id"} | RUNS,
    "fix": ALWAYS | {"session_id", "model"} | RUNS | {"max_rounds", "review_assertion_changes"},
    "custom": ALWAYS | {"session_id", "model"},
}
TEXTS = {
    "app_url": "http://app.test/",
    "instructions": "Focus on the cart",
    "session_id": "nothing",
    "model": "scripted/large",
    "max_tokens": "1000",
    "max_cost": "1.5",
    "labels": "team=shop",
    "retries": "1",
    "workers": "2",
    "grep": "cart",
    "rounds": "2",
    "username": "ada",
    "password": "secret",
}
CHECKS = ("destructive", "review")


def leaves(value: dict[str, Any]) -> set[str]:
    """Names of all fields that have a value."""
    return {
        name
        for key, each in value.items()
        for name in (leaves(each) if isinstance(each, dict) else {key})
        if each != {}
    }


async def choose(page: Page, task_type: str) -> None:
    """What to do."""
    await page.locator(f"[name=task_type][value={task_type}]").check()


async def fill_in_all(page: Page) -> None:
    """Each field while it is shown; the sign-in is taken back."""
    signs_in = page.get_by_label("The app wants a sign-in")
    await signs_in.check()
    await page.locator("details.more-options").evaluate("element => element.open = true")
    filled = set()
    for task_type in ("run", "complete"):
        await choose(page, task_type)
        for name, text in TEXTS.items():
            field = page.locator(f"#field-{name}")
            if await field.count():
                await field.fill(text)
                filled.add(name)
    for name in CHECKS:
        await page.locator(f"[name={name}]").check()
    await signs_in.uncheck()
    assert filled == set(TEXTS)


async def sent(page: Page) -> Any:
    """The task that the form asks for."""

    def creates(request: Request) -> bool:
        return request.method == "POST" and request.url.endswith("/v1/tasks")

    async with page.expect_request(creates) as request:
        await page.get_by_role("button", name="Create the task").click()
    return (await request.value).post_data_json


async def test_what_is_not_shown_is_not_asked_for(tmp_path: Path) -> None:
    asked: dict[str, set[str]] = {}
    async with door(tmp_path, Storyteller(), Suite()) as served, looking(served.base_url, refusals=True) as page:
        for task_type in ASKED_FOR:
            await page.goto("/#/new")
            await page.reload()
            await fill_in_all(page)
            await choose(page, task_type)
            asked[task_type] = leaves(await sent(page))
    assert asked == ASKED_FOR


async def test_a_label_may_have_an_equals_sign_in_it(tmp_path: Path) -> None:
    async with door(tmp_path, Storyteller(), Suite()) as served, looking(served.base_url) as page:
        await page.goto("/#/new")
        await page.get_by_label("Address of the app").fill("http://app.test/")
        await page.locator("details.more-options").evaluate("element => element.open = true")
        await page.get_by_label("Labels").fill("query = a=b=c , team=shop, alone")
        await page.get_by_role("button", name="Create the task").click()
        await expect(page.locator(".task")).to_be_visible()
        [task] = (await served.http.get("/v1/tasks?view=full")).json()["tasks"]
    assert task["labels"] == {"query": "a=b=c", "team": "shop", "alone": ""}
