"""Suites that are scored: a sound one notices what it asserts, one that looks at titles does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contract.runner_fixtures import toolchain
from tests.quality import baseline
from tests.quality.changes import PageChange, WireChange
from tests.quality.proxy import Proxy, before
from tests.quality.rates import Rate
from tests.quality.scoring import BENIGN_CHANGES, Examiner, Scores, score
from tests.quality.suites import Suite, SuiteBroken, run
from tests.quality.tables import tables_of
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
    await expect(page.getByRole('status')).toHaveText('milk was added', { timeout: 1000 });
  });
  test('have a style that nobody should ask for', async ({ page }) => {
    await page.goto('/');
    await expect(page.locator('main')).toHaveClass('a', { timeout: 1000 });
  });
});
"""
ADDS, STYLE = "items.spec.ts > Items > are added", "items.spec.ts > Items > have a style that nobody should ask for"
SWALLOWED = WireChange("swallowed", "POST", "/add")
SILENT = PageChange("message_removed", "p", text="milk was added", path="/add")
RETITLED = PageChange("heading_changed", "h1", text="Items", path="/")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy() -> AsyncIterator[Proxy]:
    with serve(PAGES) as url:
        async with before(url) as proxy:
            yield proxy


@pytest.fixture
def titles(tmp_path: Path, proxy: Proxy) -> Suite:
    baseline.write(tmp_path / "titles", proxy.base_url, {"/": "Site"})
    return Suite(tmp_path / "titles")


@pytest.fixture
def adding(tmp_path: Path, titles: Suite) -> Suite:
    suite = titles.copied(tmp_path / "adding")
    (suite.folder / "tests/pages.spec.ts").unlink()
    (suite.folder / "tests/items.spec.ts").write_text(ADDING)
    return suite


def examiner(suite: Suite, proxy: Proxy) -> Examiner:
    return Examiner(suite, toolchain(), proxy, lambda: None, workers=2)


async def test_a_suite_notices_what_it_asserts(adding: Suite, proxy: Proxy) -> None:
    looking = examiner(adding, proxy)
    sound = (await looking.healthy()).passed
    assert sound == {ADDS, STYLE}
    tried = [one async for one in looking.mutation([SWALLOWED, SILENT, RETITLED], sound)]
    assert [(one.mutant, one.caught_by) for one in tried] == [(SWALLOWED, ADDS), (SILENT, ADDS), (RETITLED, "")]
    assert score(tried) == Rate(2, 3)
    assert proxy.change is None


async def test_titles_notice_nothing_of_it(titles: Suite, proxy: Proxy) -> None:
    looking = examiner(titles, proxy)
    sound = (await looking.healthy()).passed
    assert sound == {"pages.spec.ts > opens /"}
    tried = [one async for one in looking.mutation([SWALLOWED, SILENT], sound)]
    assert score(tried) == Rate(0, 2)
    assert await looking.stability(2) == Rate(1, 1)
    alarms = await looking.false_alarms(sound)
    assert alarms == {change.kind: Rate(0, 1) for change in BENIGN_CHANGES}
    told = tables_of("site", [Scores("titles only", 1, Rate(1, 1), tried, alarms)], [SWALLOWED, SILENT], 3.0)
    assert "| titles only | 1 | 0.0% of 2 (0.0% to 65.8%) | 100.0% of 1 (20.7% to 100.0%) |" in told
    assert "| swallowed POST /add | **lives** |" in told


async def test_a_change_that_is_none_is_a_false_alarm(adding: Suite, proxy: Proxy) -> None:
    alarms = await examiner(adding, proxy).false_alarms(frozenset({ADDS, STYLE}))
    assert alarms["names_changed"] == Rate(1, 2)
    assert {kind for kind, rate in alarms.items() if rate.hits} == {"names_changed"}


async def test_a_suite_that_cannot_run_is_told_as_such(adding: Suite, proxy: Proxy) -> None:
    (adding.folder / "playwright.config.ts").write_text("export default {")
    with pytest.raises(SuiteBroken):
        await run(adding, toolchain(), proxy.base_url)
