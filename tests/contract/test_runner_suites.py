"""What becomes of suites that people bring: their own configuration, layout and habits, and tests picked from them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.results import ArtifactKind, AttemptStatus, Produced, TestOutcome, Verdict
from agent_runtime_server.domain.task import RunOptions, TestName
from tests.contract.runner_fixtures import IMPORT, outcomes, real, run, run_job, served_page, workspace

pytestmark = pytest.mark.timeout(300)

OWN_SUITE = {
    "package.json": '{"name": "shop-tests", "private": true}',
    "tsconfig.json": json.dumps({"compilerOptions": {"paths": {"@pages/*": ["./e2e/pages/*"]}}}),
    "playwright.config.ts": """
import { defineConfig, devices } from '@playwright/test';
import { retries } from './e2e/settings';
export default defineConfig({
  testDir: './e2e/specs',
  outputDir: './out',
  retries,
  globalSetup: './e2e/global-setup',
  reporter: [['list'], ['./e2e/reporter.ts']],
  use: { baseURL: 'http://127.0.0.1:9', trace: 'off', testIdAttribute: 'data-test' },
  webServer: {
    command: 'node e2e/helper.cjs',
    url: 'http://127.0.0.1:' + process.env.HELPER_PORT,
    reuseExistingServer: false,
  },
  projects: [
    { name: 'desktop', use: { ...devices['Desktop Chrome'] } },
    { name: 'phone', use: { ...devices['Pixel 7'], baseURL: 'http://127.0.0.1:9' }, testIgnore: /desktop/ },
  ],
});
""",
    "e2e/settings.ts": "export const retries: number = 1;",
    "e2e/global-setup.ts": "export default () => { process.env.SET_UP = 'yes'; };",
    "e2e/reporter.ts": "export default class { constructor() { throw new Error('not to be loaded'); } }",
    "e2e/helper.cjs": "require('node:http').createServer((_, to) => to.end('helper')).listen(process.env.HELPER_PORT);",
    "e2e/pages/home.ts": """
import type { Page } from '@playwright/test';
export class Home {
  constructor(readonly page: Page) {}
  open = () => this.page.goto('/');
  get title() { return this.page.getByRole('heading', { name: 'Hello' }); }
  get basket() { return this.page.getByTestId('basket'); }
}
""",
    "e2e/fixtures.ts": """
import { test as base } from '@playwright/test';
import { Home } from '@pages/home';
export { expect } from '@playwright/test';
export const test = base.extend<{ home: Home }>({
  home: async ({ page }, use) => {
    const home = new Home(page);
    await home.open();
    await use(home);
  },
});
""",
    "e2e/specs/home.spec.ts": """
import { test, expect } from '../fixtures';
test('greets', async ({ home, isMobile }, info) => {
  await expect(home.title).toBeVisible();
  expect(isMobile).toBe(info.project.name === 'phone');
  expect(process.env.SET_UP).toBe('yes');
});
""",
    "e2e/specs/desktop/basket.spec.ts": """
import { test, expect } from '../../fixtures';
test('has a basket', async ({ home }) => {
  await expect(home.basket).toHaveText('empty', { timeout: 200 });
});
""",
}
"""A whole project as a person has it; the locator of the basket is broken."""


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with served_page() as url:
        yield url


async def test_a_suite_of_ones_own_with_a_broken_locator(page: str, tmp_path: Path, unused_port: int) -> None:
    facts: list[Fact] = []
    job = run_job(workspace(tmp_path, OWN_SUITE), page, record=True)
    job = replace(job, environment={"HELPER_PORT": str(unused_port)})
    report = await real().run(job, facts.append)
    assert (report.failure, report.summary.verdict) == (None, Verdict.FAILED)
    assert outcomes(report) == {
        ("desktop", "greets"): TestOutcome.EXPECTED,
        ("phone", "greets"): TestOutcome.EXPECTED,
        ("desktop", "has a basket"): TestOutcome.UNEXPECTED,
    }
    broken = next(case for case in report.tests if case.title_path[-1] == "has a basket")
    assert broken.title_path[0] == "e2e/specs/desktop/basket.spec.ts"
    assert [attempt.status for attempt in broken.attempts] == [AttemptStatus.FAILED] * 2
    (error,) = broken.attempts[0].errors
    assert "getByTestId('basket')" in error.message
    assert "toHaveText('empty'" in error.snippet
    assert error.location is not None
    assert (error.location.path, error.location.line) == ("e2e/specs/desktop/basket.spec.ts", 4)
    traces = [fact for fact in facts if isinstance(fact, Produced) and fact.kind is ArtifactKind.TRACE]
    assert {trace.path for trace in traces if trace.test_id == broken.id} <= {
        path for attempt in broken.attempts for path in attempt.artifact_ids
    }
    assert len([trace for trace in traces if trace.test_id == broken.id]) == 2
    assert all((tmp_path / trace.path).stat().st_size for trace in traces)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


COMMON_JS = "module.exports = { testDir: 'mine', projects: [{ name: 'mine', use: {} }] };"
MODULE = "export default { testDir: 'mine', projects: [{ name: 'mine', use: {} }] };"


@pytest.mark.parametrize(
    ("ending", "text", "package"),
    [
        ("ts", MODULE, "{}"),
        ("ts", MODULE, '{"type": "module"}'),
        ("js", COMMON_JS, "{}"),
        ("js", MODULE, "{}"),
        ("js", MODULE, '{"type": "module"}'),
        ("mjs", MODULE, "{}"),
        ("cjs", COMMON_JS, '{"type": "module"}'),
        ("mts", MODULE, "{}"),
        ("cts", COMMON_JS, "{}"),
    ],
)
async def test_configurations_of_every_kind(ending: str, text: str, package: str, page: str, tmp_path: Path) -> None:
    test = "test('opens', async ({ page }) => { await page.goto('/'); });"
    files = {f"playwright.config.{ending}": text, "package.json": package, "mine/a.spec.ts": IMPORT + test}
    report, _ = await run(workspace(tmp_path, files), page)
    assert (report.failure, outcomes(report)) == (None, {("mine", "opens"): TestOutcome.EXPECTED})


async def test_without_an_address_the_suite_keeps_its_own(page: str, tmp_path: Path) -> None:
    files = {
        "playwright.config.ts": f"export default {{ use: {{ baseURL: '{page}' }} }};",
        "a.spec.ts": IMPORT + "test('opens', async ({ page }) => { await page.goto('/'); });",
    }
    report, _ = await run(workspace(tmp_path, files))
    assert report.summary.verdict is Verdict.PASSED


async def test_links_that_somebody_has_planted_lead_nowhere(page: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.ts").write_text("precious")
    folder = workspace(tmp_path / "suite", {"playwright.config.ts": MODULE, "mine/a.spec.ts": IMPORT})
    (folder / ".agent-runtime.config.ts").symlink_to(outside / "precious.ts")
    await run(folder, page)
    (folder / "artifacts").rename(folder / "old")
    (folder / "artifacts").symlink_to(outside)
    report, _ = await run(folder, page)
    assert report.failure is not None
    assert {file.name: file.read_text() for file in outside.iterdir()} == {"precious.ts": "precious"}


# --- tests picked by name --------------------------------------------------------------------------------------------

ODD = 'price > 5 \u203a [sale] 100% (\\w+) \\"quoted\\" 🛒'
PICKED = {
    "playwright.config.ts": """
export default {
  testDir: './specs',
  projects: [
    { name: 'up', testDir: './setup', testMatch: /.*/ },
    { name: 'one', dependencies: ['up'] },
    { name: 'two \u203a three', testDir: './specs/deep' },
  ],
};
""",
    "setup/sign-in.ts": IMPORT + "test('sign in', () => {});",
    "specs/a.spec.ts": IMPORT
    + f"""
test('same', () => {{}});
test.describe('group', () => {{
  test('same', () => {{}});
  test.describe('inner', () => test("{ODD}", () => {{}}));
}});
""",
    "specs/deep/a.spec.ts": IMPORT + "import { shared } from '../../helpers'; test('same', () => {}); shared();",
    "helpers.ts": IMPORT + "export const shared = () => test('from a helper', () => {});",
}


async def test_exactly_the_named_tests_run(tmp_path: Path) -> None:
    folder = workspace(tmp_path, PICKED)
    everything = (await run(folder))[0].tests
    assert len(everything) == 7
    assert sum("🛒" in case.title_path[-1] for case in everything) == 1
    for picked in (everything[:1], everything[1:3], everything[3:5], everything[5:], everything):
        only = tuple(TestName(case.project, case.title_path) for case in picked)
        report, _ = await run(folder, options=RunOptions(only=only))
        assert report.failure is None
        assert {case.id for case in report.tests} == {case.id for case in picked}


async def test_named_tests_come_on_top_of_other_selections(tmp_path: Path) -> None:
    folder = workspace(tmp_path, PICKED)
    only = (
        TestName("one", ("specs/a.spec.ts", "same")),
        TestName("two \u203a three", ("specs/deep/a.spec.ts", "same")),
    )
    report, facts = await run(folder, options=RunOptions(projects=("one",), only=only))
    assert outcomes(report) == {("one", "same"): TestOutcome.EXPECTED}
    assert any(isinstance(fact, LogEntry) and "sign in: started" in fact.message for fact in facts), "what sets up runs"


async def test_names_of_nothing_select_nothing(tmp_path: Path) -> None:
    only = (TestName("one", ("specs/a.spec.ts", "gone")),)
    report, _ = await run(workspace(tmp_path, PICKED), options=RunOptions(only=only))
    assert (report.failure, report.summary.verdict, report.tests) == (None, Verdict.NO_TESTS, ())


async def test_thousands_of_names(tmp_path: Path) -> None:
    """More than fits into an environment variable or an argument."""
    files = {"a.spec.ts": IMPORT + "for (let n = 0; n < 3000; n += 1) test(`${'x'.repeat(90)} ${n}`, () => {});"}
    only = tuple(TestName("", ("a.spec.ts", f"{'x' * 90} {number}")) for number in range(10, 3000))
    report, _ = await run(workspace(tmp_path, files), options=RunOptions(only=only, grep=" (5|15|25)$"))
    assert {case.title_path[-1].split()[-1] for case in report.tests} == {"15", "25"}
