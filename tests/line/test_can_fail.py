"""The can-fail proof with a real compiler, runner and browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime_server.adapters.playwright.mutations import PlaywrightMutations
from agent_runtime_server.domain.task import RunOptions
from agent_runtime_server.orchestrator.can_fail import CanFail
from tests.contract.runner_fixtures import IMPORT, real, run_job, served_page, toolchain, workspace
from tests.orchestrator.support import SPEC

pytestmark = pytest.mark.timeout(400)

SOURCE = """
test.beforeEach(async ({ page }) => {
  await page.goto('/');
  await expect(page).toHaveTitle('Page');
});
test.describe('page', () => {
  test('greets', async ({ page }) => {
    const heading = page.getByRole('heading');
    await expect(heading).toHaveText('Hello');
    expect(heading).toHaveText('Hello');
    await expect.soft(heading).toBeVisible();
    await expect(async () => {
      expect(await heading.textContent()).toBe('Hello');
    }).toPass();
    if (await page.getByRole('dialog').isVisible()) await expect(heading).toBeHidden();
    await expect(page.getByRole('dialog')).not.toBeVisible();
  });
});
for (const word of ['Hello', 'Hel'])
  test(`says ${word}`, async ({ page }) => {
    await expect(page.getByRole('heading')).toContainText(word);
  });
"""
POINTLESS = """
test('looks at it', async ({ page }) => {
  await page.goto('/');
  await test.step('look', async () => {
    expect(page.getByRole('heading')).toBeTruthy();
    await expect(page.getByRole('heading')).toHaveText('Hello').catch(() => {});
  });
});
"""
CONFIG = """
export default { testDir: 'tests', expect: { toPass: { timeout: 1000 } } };
"""
FILES = {
    "playwright.config.ts": CONFIG,
    "tests/page.spec.ts": IMPORT + SOURCE,
    "tests/deep/pointless.spec.ts": IMPORT + POINTLESS,
}


async def test_what_cannot_fail_is_found_in_real_tests(tmp_path: Path) -> None:
    folder = workspace(tmp_path, FILES)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    paths = tuple(path for path in FILES if "spec" in path)
    with served_page() as url:
        steady = await real().run(run_job(folder, url, RunOptions(test_paths=paths), round_number=0), lambda _: None)
        assert steady.summary.expected == steady.summary.total == 4
        prover = CanFail(real(), PlaywrightMutations(toolchain()))
        spec = replace(SPEC, app_url=url)
        proof = await prover.prove(folder, spec, {}, steady.tests, lambda _: None)
    assert [(each.line, each.awaited) for each in proof.cannot_fail if each.path == "tests/page.spec.ts"] == [
        (11, False),
        (16, True),
    ]
    assert proof.pointless == {"tests/deep/pointless.spec.ts": "no assertion of “looks at it” can fail"}
    assert (proof.unproved, proof.trouble) == ((), "")
    assert before == {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "artifacts" not in path.parts
    }
