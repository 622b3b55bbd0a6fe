"""What becomes of runs that something befalls: kills, silence, and floods of output."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent_runtime_server.adapters.playwright import PlaywrightRunner
from agent_runtime_server.adapters.processes import Owner
from agent_runtime_server.domain.event import LinesLost, LogEntry
from agent_runtime_server.domain.results import TestOutcome, Verdict
from agent_runtime_server.domain.task import FailureReason, RunOptions
from tests.contract.runner_fixtures import (
    IMPORT,
    PASSING,
    Heard,
    assert_nothing_runs_in,
    outcomes,
    run,
    run_job,
    served_page,
    toolchain,
    workspace,
)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with served_page() as url:
        yield url


@pytest.mark.parametrize(
    ("signal", "silence", "said"),
    [
        ("SIGKILL", 60.0, "signal 9"),
        ("SIGSTOP", 8.0, "said nothing for 8 seconds"),
        ("SIGINT", 60.0, "interrupted"),
    ],
)
async def test_a_runner_that_is_hit_may_well_live_the_next_time(
    signal: str, silence: float, said: str, tmp_path: Path
) -> None:
    body = f"process.kill(process.ppid, '{signal}'); return new Promise(() => {{}});"
    files = {"tests/hits.spec.ts": IMPORT + f"test('hits', () => {{ {body} }});"}
    runner = PlaywrightRunner(toolchain(), silence_seconds=silence)
    report = await runner.run(run_job(workspace(tmp_path, files)), lambda _: None)
    assert report.failure is not None
    assert (report.failure.reason, report.failure.retryable) == (FailureReason.RUNNER_CRASHED, True)
    assert said in report.failure.message
    assert_nothing_runs_in(tmp_path)


async def test_a_runner_that_ends_by_itself_would_do_so_again(tmp_path: Path) -> None:
    files = {
        "playwright.config.mjs": "export default { globalSetup: './up.mjs' };",
        "up.mjs": "export default () => { console.error('enough'); process.exit(7); };",
        **PASSING,
    }
    report, _ = await run(workspace(tmp_path, files))
    assert report.failure is not None
    assert (report.failure.reason, report.failure.retryable) == (FailureReason.RUNNER_CRASHED, False)
    assert "exit code 7" in report.failure.message
    assert "enough" in report.failure.message


async def test_a_long_test_is_no_silence(tmp_path: Path) -> None:
    """The reporter says that it lives."""
    body = "test.setTimeout(100_000); return new Promise((done) => setTimeout(done, 25_000));"
    files = {"a.spec.ts": IMPORT + f"test('long', () => {{ {body} }});"}
    runner = PlaywrightRunner(toolchain(), silence_seconds=20.0)
    report = await runner.run(run_job(workspace(tmp_path, files)), lambda _: None)
    assert (report.failure, report.summary.verdict) == (None, Verdict.PASSED)


async def test_temporary_files_are_the_runs_own(tmp_path: Path) -> None:
    owner = Owner.of(tmp_path / "owner", tmp_path)
    head = "import fs from 'node:fs'; import os from 'node:os';\n"
    text = "test('writes', () => { fs.writeFileSync(os.tmpdir() + '/left', ''); console.log(os.tmpdir()); });"
    heard = Heard()
    folder = workspace(tmp_path / "workspace", {"a.spec.ts": IMPORT + head + text})
    report = await PlaywrightRunner(toolchain(), owner=owner).run(run_job(folder), heard.emit)
    assert report.summary.verdict is Verdict.PASSED
    assert any(isinstance(fact, LogEntry) and f": {tmp_path}/agent-runtime-" in fact.message for fact in heard.facts)
    assert list(owner.folders()) == []


# --- what is killed underneath ---------------------------------------------------------------------------------------

KILLS_BROWSER = (
    IMPORT
    + """
import { execSync } from 'node:child_process';
test.setTimeout(100_000);
const kill = () => {
  const all = execSync('ps -eo pid,ppid,args', { maxBuffer: 1 << 28 }).toString();
  const lines = all.split('\\n').map((line) => line.trim().split(/\\s+/));
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
        "setTimeout(kill, 100); await expect(page.getByRole('button')).toBeVisible({ timeout: 60_000 });",
        "kill(); await new Promise((done) => setTimeout(done, 300)); await page.title();",
    ],
    ids=["acting", "expecting", "computing"],
)
@pytest.mark.parametrize("retries", [0, 1])
async def test_a_killed_browser_says_nothing_about_the_app(body: str, retries: int, page: str, tmp_path: Path) -> None:
    test = f"test('loses it', async ({{ page }}, info) => {{ await page.goto('/'); if (!info.retry) {{ {body} }} }});"
    files = {"a.spec.ts": KILLS_BROWSER + test, "b.spec.ts": IMPORT + "test('other', () => {});"}
    report, _ = await run(workspace(tmp_path, files), page, RunOptions(retries=retries, workers=1), record=True)
    assert report.failure is not None, [attempt.errors for test in report.tests for attempt in test.attempts]
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
MAX_GROWTH = 40 << 20


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
    gc.collect()
    before = resident()
    report, facts = await run(workspace(tmp_path, files), record=True)
    assert resident() - before < MAX_GROWTH
    assert (report.failure, report.summary.verdict) == (None, Verdict.PASSED)
    logs = [fact.message for fact in facts if isinstance(fact, LogEntry)]
    assert max(map(len, logs)) < 10_000
    assert len(logs) < 20_000
    if flood.startswith("many"):
        assert sum(fact.count for fact in facts if isinstance(fact, LinesLost)) > 1000
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
