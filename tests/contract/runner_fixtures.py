"""Small suites, and the page that they test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil

from agent_runtime_server.adapters.playwright import PlaywrightRunner
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.results import TestCase, TestOutcome
from agent_runtime_server.domain.task import RunOptions
from agent_runtime_server.ports import RunJob, StopSign, TestReport
from agent_runtime_server.testing.script import STRAY
from tests.apps.patient_server import serving

IMPORT = "import { test, expect } from '@playwright/test';\n"

SUITE = {
    "package.json": '{"type": "module"}',
    "playwright.config.ts": """
import { defineConfig, devices } from '@playwright/test';
export default defineConfig({
  testDir: './tests',
  retries: 1,
  use: { video: 'off' },
  projects: [
    { name: 'setup', testMatch: /.*\\.setup\\.ts/ },
    { name: 'desktop', dependencies: ['setup'], use: { ...devices['Desktop Chrome'], trace: 'off' } },
  ],
});
""",
    "tests/sign-in.setup.ts": IMPORT + "test('sign in', async () => {});",
    "tests/seed.spec.ts": IMPORT + "test('seed', async () => {});",
    "tests/page.spec.ts": IMPORT
    + """
test.describe('page', () => {
  test('passes', { tag: '@smoke' }, async ({ page }) => {
    console.log('hello from the test');
    console.log('{"type":"end","status":"passed","duration_ms":1}');
    await test.step('open the page', async () => {
      await page.goto('/');
    });
    await expect(page.getByRole('heading')).toHaveText('Hello');
    expect(process.env.SIGN_IN_PASSWORD).toBe('hunter2');
    expect(process.env.SERVER_KEY).toBeUndefined();
    expect(process.env.BASE_URL).toContain('127.0.0.1');
  });
});
test('fails', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading')).toHaveText('Goodbye', { timeout: 100 });
});
test('flaky', async ({ page }, info) => {
  await page.goto('/');
  expect(info.retry).toBe(1);
});
test.skip('skipped', async () => {});
""",
}
"""One test of each outcome; its configuration wants no videos and no traces."""

HANGING = {
    "tests/hangs.spec.ts": IMPORT
    + f"""
import {{ spawn }} from 'node:child_process';
import fs from 'node:fs';

test('hangs', async ({{ page }}) => {{
  test.setTimeout(600_000);
  await page.goto('/');
  const stray = spawn('python3', ['-c', {STRAY!r}], {{ detached: true }});
  fs.writeFileSync('stray.pid', String(await new Promise((told) => stray.stdout.once('data', told))));
  console.log('blocked');
  await new Promise(() => setTimeout(() => {{}}, 600_000));
}});
""",
}
"""A test that starts a process which leaves its session, prints ``blocked``, and never ends."""


ENDLESS = {
    "tests/ends.spec.ts": IMPORT
    + """
test.afterEach(() => {
  console.log('ending');
  return new Promise(() => {});
});
test('hangs', async ({ page }) => {
  test.setTimeout(600_000);
  await page.goto('/');
  console.log('blocked');
  await new Promise(() => {});
});
""",
}
"""A test that prints ``blocked`` and never ends; stopped, it prints ``ending`` and does not end either."""


PASSING = {"tests/a/page.spec.ts": IMPORT + "test('opens', () => {});"}


def toolchain() -> Toolchain:
    """The toolchain of this clone, or the one that the environment names."""
    return Toolchain(Path(os.environ.get("AGENT_RUNTIME_TOOLCHAIN_DIR") or Path(__file__).parents[2] / ".toolchain"))


def workspace(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with these files and the toolchain's link."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    toolchain().link(folder)
    return folder


def run_job(
    folder: Path, app_url: str = "", options: RunOptions | None = None, *, record: bool = False, round_number: int = 1
) -> RunJob:
    """A run of the suite in a folder."""
    return RunJob(
        folder,
        app_url,
        options or RunOptions(),
        {"SIGN_IN_PASSWORD": "hunter2"},
        round=round_number,
        stop=StopSign(),
        record=record,
    )


def real() -> PlaywrightRunner:
    """The runner of the toolchain, in a server whose environment has a secret."""
    return PlaywrightRunner(toolchain(), {**os.environ, "SERVER_KEY": "secret"})


async def run(
    folder: Path, app_url: str = "", options: RunOptions | None = None, *, record: bool = False
) -> tuple[TestReport, list[Fact]]:
    """Run the suite in a folder: the report, and the facts that were told."""
    facts: list[Fact] = []
    return await real().run(run_job(folder, app_url, options, record=record), facts.append), facts


def outcomes(report: TestReport) -> dict[tuple[str, str], TestOutcome]:
    """Outcomes by project and title."""
    return {(case.project, case.title_path[-1]): case.outcome for case in report.tests}


class Heard:
    """Facts that a run tells, and the moments in which it says something."""

    def __init__(self, *texts: str) -> None:
        self.facts: list[Fact] = []
        self._said = {text: asyncio.Event() for text in texts}

    def emit(self, fact: Fact) -> None:
        """Take a fact."""
        self.facts.append(fact)
        for text, said in self._said.items():
            if isinstance(fact, LogEntry) and fact.message.endswith(text):
                said.set()

    async def until(self, text: str) -> None:
        """Wait until a log line ends with one of the texts."""
        await asyncio.wait_for(self._said[text].wait(), 60)

    @property
    def cases(self) -> dict[str, TestCase]:
        """Test cases by title, in their latest state."""
        return {fact.title_path[-1]: fact for fact in self.facts if isinstance(fact, TestCase)}


def assert_nothing_runs_in(folder: Path) -> None:
    """Neither a process nor what a run puts there for itself is left."""
    assert not [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)]
    assert not (folder / ".agent-runtime.config.mjs").exists()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Page</title><h1>Hello</h1>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
        pass


@contextmanager
def served_page() -> Iterator[str]:
    """The URL of a page with one heading."""
    with serving(_Page) as url:
        yield url
