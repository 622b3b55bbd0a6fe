"""Suites that are scored: a sound one notices what it asserts, one that looks at titles does not."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contract.runner_fixtures import toolchain
from tests.quality import baseline
from tests.quality.cache import Cache
from tests.quality.changes import PageChange, WireChange
from tests.quality.code import looked_at
from tests.quality.proxy import Proxy, before
from tests.quality.rates import Rate
from tests.quality.repairing import Repair, unrepaired
from tests.quality.replay import without_expectations
from tests.quality.scoring import BENIGN_CHANGES, Examiner, OutOfTime, score
from tests.quality.seeded import Defect, noticed
from tests.quality.suites import Suite, SuiteBroken, run
from tests.unit.explorer.site import Page, serve

FORM = "<form method=post action=/add><input name=item><button>Add</button></form>"
PAGES: dict[str, Page] = {
    "/": f"<main class=a><h1>Items</h1>{FORM}</main>",
    "/add": lambda form: f"<main class=a><h1>Items</h1><p role=status>{form.get('item')} was added</p></main>",
}
ADDING = """
import { expect, test } from './fixtures';
test.describe('Items', () => {
  test('are added', async ({ page }) => {
    await page.goto('/');
    await page.getByRole('textbox').fill('milk');
    await page.getByRole('button', { name: 'Add' }).click();
    await expect(page.getByRole('status')).toHaveText('milk was added', { timeout: 3000 });
  });
  test('have a style that nobody should ask for', async ({ page }) => {
    await page.goto('/');
    await expect(page.locator('main')).toHaveClass('a', { timeout: 3000 });
  });
});
"""
ADDS, STYLE = "items.spec.ts > Items > are added", "items.spec.ts > Items > have a style that nobody should ask for"
SWALLOWED = WireChange("swallowed", "POST", "/add")
SILENT = PageChange("message_removed", "p", text="milk was added", path="/add")
ELSEWHERE = PageChange("heading_changed", "h1", path="/other")
RETITLED = PageChange("heading_changed", "h1", text="Items", path="/")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy() -> AsyncIterator[Proxy]:
    with serve(PAGES) as url:
        async with before(url) as proxy:
            yield proxy


def write_suite(folder: Path, source: str) -> Suite:
    """A suite of one file."""
    baseline.write(folder, {})
    (folder / "tests/pages.spec.ts").unlink()
    (folder / "tests/items.spec.ts").write_text(source)
    return Suite(folder)


@pytest.fixture
def titles(tmp_path: Path) -> Suite:
    baseline.write(tmp_path / "titles", {"/": "Site"})
    return Suite(tmp_path / "titles")


@pytest.fixture
def adding(tmp_path: Path) -> Suite:
    return write_suite(tmp_path / "adding", ADDING)


def examiner(suite: Suite, proxy: Proxy, *, deadline: float = math.inf) -> Examiner:
    cache = Cache(suite.folder.parent / "cache.jsonl")
    return Examiner(suite, toolchain(), proxy, lambda: None, workers=2, cache=cache, deadline=deadline)


async def test_a_suite_notices_what_it_asserts(adding: Suite, proxy: Proxy, tmp_path: Path) -> None:
    looking = examiner(adding, proxy)
    survey = await looking.survey(2, tmp_path / "shuffled")
    assert survey.sound == {ADDS, STYLE}
    assert survey.stability == Rate(2, 2)
    assert [f"{each.method} {each.path}" for each in survey.traffic[ADDS]] == ["GET /", "POST /add"]
    assert [f"{each.method} {each.path}" for each in survey.traffic[STYLE]] == ["GET /"]
    tried = [one async for one in looking.mutation([SWALLOWED, SILENT, RETITLED, ELSEWHERE], survey)]
    assert [(one.caught_by, one.met) for one in tried] == [(ADDS, True), (ADDS, True), ("", True), ("", False)]
    assert score(tried) == Rate(2, 4)
    assert proxy.changes == ()

    begin = len(proxy.exchanges)
    again = examiner(adding, proxy, deadline=0)
    assert await again.survey(2, tmp_path / "shuffled") == survey, "what was run is known, and takes no time"
    assert await again.tried(SWALLOWED, [ADDS], survey) == tried[0]
    with pytest.raises(OutOfTime):
        await again.tried(RETITLED, [STYLE], survey)
    assert len(proxy.exchanges) == begin


async def test_titles_notice_nothing_of_it(titles: Suite, proxy: Proxy, tmp_path: Path) -> None:
    looking = examiner(titles, proxy)
    survey = await looking.survey(1, tmp_path / "shuffled")
    assert survey.sound == {"pages.spec.ts > opens /"}
    tried = [one async for one in looking.mutation([RETITLED, SWALLOWED], survey)]
    assert [(one.caught_by, one.met) for one in tried] == [("", True), ("", False)]
    assert await looking.false_alarms(survey) == {change.kind: Rate(0, 1) for change in BENIGN_CHANGES}
    broken = WireChange("server_error", "GET", "/")
    found = await noticed(
        [Defect(broken, "SERVER_ERROR", "/"), Defect(SWALLOWED, "SERVER_ERROR", "/add")], looking, survey
    )
    assert found.defects == {broken.id: "pages.spec.ts > opens /", SWALLOWED.id: ""}
    assert (found.recall, found.precision) == (Rate(1, 2), Rate(1, 1))


async def test_a_replay_without_expectations_notices_only_what_it_cannot_do(
    adding: Suite, proxy: Proxy, tmp_path: Path
) -> None:
    looking = examiner(without_expectations(adding, tmp_path / "replay"), proxy)
    survey = await looking.survey(1, tmp_path / "shuffled")
    assert survey.sound == {ADDS, STYLE}
    no_field = PageChange("field_removed", "input", name="item", path="/")
    tried = [one async for one in looking.mutation([SWALLOWED, SILENT, no_field], survey)]
    assert [one.caught_by for one in tried] == ["", "", ADDS]
    reworded = PageChange("reworded", "button", text="Add", path="/")
    assert await unrepaired([reworded, ELSEWHERE], looking, survey) == [Repair(reworded, ADDS, "refused")]


async def test_a_change_that_is_none_is_a_false_alarm(adding: Suite, proxy: Proxy, tmp_path: Path) -> None:
    looking = examiner(adding, proxy)
    alarms = await looking.false_alarms(await looking.survey(1, tmp_path / "shuffled"))
    assert alarms["names_changed"] == Rate(1, 2)
    assert {kind for kind, rate in alarms.items() if rate.hits} == {"names_changed"}


async def test_a_suite_that_cannot_run_is_told_as_such(adding: Suite, proxy: Proxy) -> None:
    (adding.folder / "playwright.config.ts").write_text("export default {")
    with pytest.raises(SuiteBroken):
        await run(adding, toolchain(), proxy.base_url)


async def test_code_is_compiled_linted_and_counted(adding: Suite, tmp_path: Path) -> None:
    spec = adding.folder / "tests/items.spec.ts"
    spec.write_text(ADDING + "test('waits', async ({ page }) => {\n  await page.waitForTimeout('9');\n});\n")
    found = await looked_at(adding, toolchain(), tmp_path / "linted")
    assert found.compiler == 1
    assert {"playwright/expect-expect": 1, "playwright/no-wait-for-timeout": 1}.items() <= found.linter.items()
    assert found.bad == {"waitForTimeout": 1, "CSS": 1}
    assert found.by_name == Rate(3, 4)
    assert found.asserting == Rate(2, 3)
