"""What becomes of suites that people bring: their own configuration, layout and habits, and tests picked from them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.results import ArtifactKind, AttemptStatus, Produced, TestOutcome, Verdict
from agent_runtime_server.domain.task import FailureReason, RunOptions, TestName
from agent_runtime_server.ports import TestReport
from tests.contract.runner_fixtures import IMPORT, run_job, served_page, workspace
from tests.contract.test_runner import real

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


async def run(
    folder: Path, app_url: str = "", options: RunOptions | None = None, *, record: bool = False
) -> tuple[TestReport, list[Fact]]:
    facts: list[Fact] = []
    return await real().run(run_job(folder, app_url, options, record=record), facts.append), facts


def outcomes(report: TestReport) -> dict[tuple[str, str], TestOutcome]:
    return {(case.project, case.title_path[-1]): case.outcome for case in report.tests}


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


# --- what is killed underneath ---------------------------------------------------------------------------------------

KILLS_BROWSER = (
    IMPORT
    + """
import { execSync } from 'node:child_process';
const kill = () => {
  const lines = execSync('ps -eo pid,ppid,args').toString().split('\\n').map((line) => line.trim().split(/\\s+/));
  const mine = new Set([String(process.pid)]);
  for (let round = 0; round < 5; round += 1) for (const [pid, parent] of lines) if (mine.has(parent)) mine.add(pid);
  for (const [pid, , program, ...rest] of lines)
    if (mine.has(pid) && /chrom/.test(program) && !rest.some((each) => each.startsWith('--type')))
      process.kill(Number(pid), 'SIGKILL');
};
"""
)


@pytest.mark.parametrize(
    "body",
    [
        "setTimeout(kill, 100); await page.getByRole('button').click();",
        "setTimeout(kill, 100); await expect(page.getByRole('button')).toBeVisible();",
        "kill(); await new Promise((done) => setTimeout(done, 300)); await page.title();",
    ],
    ids=["acting", "expecting", "computing"],
)
@pytest.mark.parametrize("retries", [0, 1])
async def test_a_killed_browser_says_nothing_about_the_app(body: str, retries: int, page: str, tmp_path: Path) -> None:
    test = f"test('loses it', async ({{ page }}, info) => {{ await page.goto('/'); if (!info.retry) {{ {body} }} }});"
    files = {"a.spec.ts": KILLS_BROWSER + test, "b.spec.ts": IMPORT + "test('other', () => {});"}
    report, _ = await run(workspace(tmp_path, files), page, RunOptions(retries=retries, workers=1), record=True)
    assert report.failure is not None
    assert (report.failure.reason, report.failure.retryable) == (FailureReason.RUNNER_CRASHED, True)
    assert "browser" in report.failure.message
    assert outcomes(report)["", "other"] is TestOutcome.EXPECTED


@pytest.mark.parametrize(
    "body",
    [
        "await page.close(); await page.title();",
        "const click = page.getByRole('button').click(); await Promise.all([click, browser.close()]);",
        "await browser.close(); await page.title();",
        "const own = await chromium.launch(); const it = await own.newPage(); await own.close(); await it.title();",
        "kill(); await new Promise((done) => setTimeout(done, 300)); throw new Error('of its own');",
    ],
    ids=["page", "browser-in-use", "browser", "another-browser", "killed-and-not-used"],
)
async def test_what_a_test_closes_itself_is_its_own_fault(body: str, page: str, tmp_path: Path) -> None:
    """So is what has nothing to do with the browser that was killed."""
    test = f"test('closes', async ({{ page, browser }}) => {{ await page.goto('/'); {body} }});"
    head = KILLS_BROWSER.replace("expect }", "expect, chromium }")
    report, _ = await run(workspace(tmp_path, {"a.spec.ts": head + test}), page)
    assert (report.failure, report.summary.verdict) == (None, Verdict.FAILED)


async def test_a_killed_worker_says_nothing_about_the_app(tmp_path: Path) -> None:
    files = {"a.spec.ts": IMPORT + "test('dies', () => { process.kill(process.pid, 'SIGKILL'); });"}
    report, _ = await run(workspace(tmp_path, files))
    assert report.failure is not None
    assert (report.failure.reason, report.failure.retryable) == (FailureReason.RUNNER_CRASHED, True)


async def test_a_worker_that_exits_by_itself_is_a_failed_test(tmp_path: Path) -> None:
    files = {"a.spec.ts": IMPORT + "test('exits', () => { process.exit(3); });"}
    report, _ = await run(workspace(tmp_path, files))
    assert (report.failure, report.summary.verdict) == (None, Verdict.FAILED)


# --- what tests print ------------------------------------------------------------------------------------------------

FLOODS = {
    "a line of 50 MB": "console.log('y'.repeat(50e6));",
    "a line of 50 MB past Playwright": "execSync('head -c 50000000 /dev/zero', { stdio: 'inherit' });",
    "many lines": "for (let n = 0; n < 200_000; n += 1) console.log(`line ${n}`);",
    "many lines past Playwright": "execSync('timeout 2 yes || true', { stdio: 'inherit' });",
}
MAX_GROWTH = 32 << 20


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("where", ["test", "global set-up"])
async def test_floods_are_counted_and_cost_no_memory(flood: str, where: str, tmp_path: Path) -> None:
    body = IMPORT + "import { execSync } from 'node:child_process';\n"
    files = {"a.spec.ts": body + f"test('floods', () => {{ {FLOODS[flood]} }});"}
    if where != "test":
        files = {
            "playwright.config.ts": "export default { globalSetup: './up.ts' };",
            "up.ts": body + f"export default () => {{ {FLOODS[flood]} }};",
            "a.spec.ts": IMPORT + "test('floods', () => {});",
        }
    before = resident()
    report, facts = await run(workspace(tmp_path, files), record=True)
    assert resident() - before < MAX_GROWTH
    assert (report.failure, report.summary.verdict) == (None, Verdict.PASSED)
    logs = [fact.message for fact in facts if isinstance(fact, LogEntry)]
    assert max(map(len, logs)) < 10_000
    assert len(logs) < 20_000
    if flood.startswith("many"):
        assert any("within a second" in message for message in logs)
    assert (tmp_path / "artifacts/run-1/results.json").stat().st_size < 20 << 20


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


async def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Neither as output nor in a title do they hide a result."""
    files = {
        "a.spec.ts": IMPORT
        + r"""
import fs from 'node:fs';
test('prints \ud83d', () => {
  process.stdout.write(Buffer.from([0x61, 0xff, 0xfe, 0x0a]));
  fs.writeSync(1, Buffer.from([0x62, 0xff, 0xfe, 0x0a]));
  console.log('c \ud83d');
});
"""
    }
    report, facts = await run(workspace(tmp_path, files))
    assert outcomes(report) == {("", "prints \ufffd"): TestOutcome.EXPECTED}
    logs = {fact.message.rpartition(": ")[2] for fact in facts if isinstance(fact, LogEntry)}
    assert logs >= {"a\ufffd\ufffd", "b\ufffd\ufffd", "c \ufffd"}
