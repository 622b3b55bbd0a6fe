"""What everything that makes mutants does, and what Playwright's assertions come to in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runtime_server.adapters.playwright.mutations import PREFIX, PlaywrightMutations
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.domain.results import TestOutcome
from agent_runtime_server.domain.task import RunOptions
from agent_runtime_server.ports import Assertion, Mutant, Mutations
from agent_runtime_server.testing.mutations import LineMutations
from tests.contract.runner_fixtures import IMPORT, real, run_job, served_page, toolchain, workspace

pytestmark = pytest.mark.timeout(300)

SPEC = "tests/cart/add.spec.ts"
SOURCE = """import { test, expect } from '@playwright/test';
test('adds', async ({ page }) => {
  await expect(page.locator('h1')).toHaveText('Cart');
  expect(page.locator('h2')).toBeVisible();
});
test('counts', async ({ page }) => {
  await expect(page).toHaveURL('/cart');
  try {
    await expect(page.locator('dialog')).toBeVisible();
  } catch {}
});
test.beforeEach(async ({ page }) => {
  await expect(page).toHaveTitle('Shop');
});
"""
FOUND = [
    Assertion(SPEC, 0, 3, "expect(page.locator('h1')).toHaveText('Cart')", 2, awaited=True, direct=True),
    Assertion(SPEC, 1, 4, "expect(page.locator('h2')).toBeVisible()", 2, awaited=False, direct=True),
    Assertion(SPEC, 2, 7, "expect(page).toHaveURL('/cart')", 6, awaited=True, direct=True),
    Assertion(SPEC, 3, 9, "expect(page.locator('dialog')).toBeVisible()", 6, awaited=True, direct=False),
    Assertion(SPEC, 4, 13, "expect(page).toHaveTitle('Shop')", 0, awaited=True, direct=True),
]


@pytest.fixture(params=["lines", "playwright"])
def mutations(request: pytest.FixtureRequest) -> Mutations:
    return LineMutations() if request.param == "lines" else PlaywrightMutations(toolchain())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return workspace(tmp_path, {SPEC: SOURCE})


async def test_assertions_are_found_with_their_tests(mutations: Mutations, folder: Path) -> None:
    assert await mutations.assertions(folder, [SPEC]) == FOUND
    assert await mutations.assertions(folder, []) == []


async def test_mutants_are_there_for_a_while_beside_their_originals(mutations: Mutations, folder: Path) -> None:
    before = sorted(folder.rglob("*.ts"))
    wanted = [Mutant(SPEC), Mutant(SPEC, (FOUND[0], FOUND[2]))]
    async with mutations.mutants(folder, wanted) as made:
        assert list(made.values()) == wanted
        for path in made:
            assert (folder / path).parent == (folder / SPEC).parent
            assert path.endswith(".spec.ts")
        telling, failing = [(folder / path).read_text().split("\n") for path in made]
    lines = SOURCE.split("\n")[:-1]
    assert {number for number, line in enumerate(lines, start=1) if failing[number - 1] != line} == {3, 7}
    assert {number for number, line in enumerate(lines, start=1) if telling[number - 1] != line} >= {3, 7, 9, 13}
    assert all(each.mark in telling[each.line - 1] for each in FOUND if each.awaited)
    assert sorted(folder.rglob("*.ts")) == before
    assert (folder / SPEC).read_text() == SOURCE


async def test_mutants_go_when_the_work_with_them_fails(mutations: Mutations, folder: Path) -> None:
    before = sorted((folder / "tests").rglob("*"))
    with pytest.raises(RuntimeError, match="broken"):
        async with mutations.mutants(folder, [Mutant(SPEC)]):
            raise RuntimeError("broken")
    assert sorted((folder / "tests").rglob("*")) == before


async def test_a_file_that_is_not_there_is_an_error(mutations: Mutations, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.spec\.ts"):
        await mutations.assertions(folder, ["tests/none.spec.ts"])


# --- Playwright's ----------------------------------------------------------------------------------------------------


NAMES = """import { expect as check, test as scenario } from './fixtures';
const { expect: same } = require('@playwright/test');
scenario.describe('all', () => {
  scenario.beforeEach(async ({ page }) => {
    await check(page).toHaveTitle('x');
  });
  scenario
    .only('one', { tag: '@a' }, async ({ page }) => {
      await scenario.step('step', async () => {
        const text = "expect('a string').toBe(1)"; // expect(a.comment).toBe(1)
        await same.poll(() => page.title(), { timeout: 1 }).not
          .toBe('y');
        check.soft(1 + 1).toBe(2), void check(page).toHaveURL('/');
        check(text).toEqual(check.any(String));
        if (text) check(page).toHaveURL('/'); else await check(async () => { check(text).toBe('z'); }).toPass();
        await Promise.all([check(page).toHaveURL('/a'), check(page).toHaveURL('/b').catch(() => {})]);
      });
      scenario.step('left', () => check(page).toHaveURL('/c'));
      expect(() => expect(1).toBe(page)).toThrow();
      try { expect(page.url()).toBe('1'); } catch { expect(page.url()).toBe('2'); } finally { help(page); }
    });
});
const help = (page) => expect(page.url()).toBe('3');
"""
READ = """\
 5  0 awaited direct  check(page).toHaveTitle('x')
11  8 awaited direct  same.poll(() => page.title(), { timeout: 1 }).not .toBe('y')
13  8         direct  check.soft(1 + 1).toBe(2)
13  8         direct  check(page).toHaveURL('/')
14  8         direct  check(text).toEqual(check.any(String))
15  8         direct  check(page).toHaveURL('/')
15  8 awaited direct  check(async () => { check(text).toBe('z'); }).toPass()
15  8         direct  check(text).toBe('z')
16  8 awaited         check(page).toHaveURL('/a')
16  8 awaited         check(page).toHaveURL('/b')
18  8 awaited         check(page).toHaveURL('/c')
19  8         direct  expect(() => expect(1).toBe(page)).toThrow()
19  8 awaited         expect(1).toBe(page)
20  8                 expect(page.url()).toBe('1')
20  8         direct  expect(page.url()).toBe('2')
23  0 awaited         expect(page.url()).toBe('3')
"""
"""Line, line of the test, and so on."""


async def test_the_source_is_read_as_a_compiler_reads_it(tmp_path: Path) -> None:
    workspace(tmp_path, {"a.spec.ts": NAMES})
    found = await PlaywrightMutations(toolchain()).assertions(tmp_path, ["a.spec.ts"])
    lines = [
        f"{each.line:2} {each.test_line:2} {'awaited' * each.awaited:7} {'direct' * each.direct:6}  {each.text}\n"
        for each in found
    ]
    assert "".join(lines) == READ


async def test_what_was_left_by_a_server_that_was_killed_is_removed(folder: Path) -> None:
    left = folder / "tests/cart" / f"{PREFIX}999.old.spec.ts-snapshots"
    left.mkdir()
    left.with_name(f"{PREFIX}999.old.spec.ts").write_text("//")
    async with PlaywrightMutations(toolchain()).mutants(folder, [Mutant(SPEC)]) as made:
        assert len(list((folder / "tests/cart").iterdir())) == len(made) + 1
    assert [path.name for path in (folder / "tests/cart").iterdir()] == ["add.spec.ts"]


async def test_no_mutant_is_written_outside_of_the_workspace(tmp_path: Path) -> None:
    workspace(tmp_path / "outside", {"a.spec.ts": SOURCE})
    folder = workspace(tmp_path / "inside", {"package.json": "{}"})
    (folder / "tests").symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match="not in the workspace"):
        async with PlaywrightMutations(toolchain()).mutants(folder, [Mutant("tests/a.spec.ts")]):
            pass


async def test_without_a_toolchain_nothing_is_found(folder: Path) -> None:
    with pytest.raises(ValueError, match="Cannot find module"):
        await PlaywrightMutations(Toolchain(folder / "none")).assertions(folder, [SPEC])


ABLE = {
    "awaited": "await expect(page.locator('h1')).toHaveText('Hello');",
    "negated": "await expect(page.locator('h2')).not.toBeVisible();",
    "soft": "await expect.soft(page.locator('h1')).toHaveText('Hello');",
    "polled": "await expect.poll(() => page.title()).toBe('Page');",
    "repeated": "await expect(async () => { await expect(page).toHaveTitle('Page'); }).toPass();",
    "at once": "expect(await page.title()).toBe('Page');",
    "resolved": "await expect(page.title()).resolves.toBe('Page');",
    "late": "setTimeout(() => page.setContent('<b>'), 300); await expect(page.locator('b')).toBeAttached();",
}
UNABLE = {
    "not awaited": "expect(page.locator('h1')).toHaveText('Hello'); await page.waitForTimeout(500);",
    "never reached": "if (await page.locator('h2').isVisible()) expect(page.url()).toBe('');",
    "of a locator": "expect(page.locator('h2')).toBeTruthy();",
    "of a promise": "expect(page.title()).toBeTruthy();",
    "of nothing": "expect(true).toBe(true);",
    "of no row": "for (const row of await page.locator('li').all()) await expect(row).toHaveText('x');",
}
CAUGHT = {
    "swallowed": "try { await expect(page.locator('h1')).toHaveText('Hello'); } catch {}",
    "caught": "await expect(page.locator('h1')).toHaveText('Hello').catch(() => {});",
}
EACH = ABLE | UNABLE | CAUGHT
"""Each stands in a test of its own; all pass."""


async def test_assertions_tell_when_they_are_decided_and_fail_where_they_can(tmp_path: Path) -> None:
    tests = "".join(
        f"\ntest('{name}', async ({{ page }}) => {{ await page.goto('/'); {statement} }});"
        for name, statement in EACH.items()
    )
    config = "export default { expect: { toPass: { timeout: 1000 } } };"
    folder = workspace(tmp_path, {"a.spec.ts": IMPORT + tests, "playwright.config.mjs": config})
    mutations = PlaywrightMutations(toolchain())
    found = await mutations.assertions(folder, ["a.spec.ts"])
    one_of_each = {each.test_line: each for each in reversed(found)}
    wanted = [Mutant("a.spec.ts"), Mutant("a.spec.ts", tuple(one_of_each.values()))]
    with served_page() as url:
        async with mutations.mutants(folder, wanted) as made:
            report = await real().run(run_job(folder, url, RunOptions(test_paths=tuple(made))), lambda _: None)
    assert report.failure is None
    telling, failing = [
        {case.title_path[-1]: case for case in report.tests if case.location.path == path} for path in made
    ]
    assert {name: case.outcome for name, case in telling.items()} == dict.fromkeys(EACH, TestOutcome.EXPECTED)
    assert {name for name, case in failing.items() if case.outcome is not TestOutcome.EXPECTED} == ABLE.keys()
    marks = {each.mark for each in found}
    steps = {name: case.attempts[0].steps for name, case in telling.items()}
    told = {
        name for name, mine in steps.items() if any((s.category, s.title in marks) == ("expect", True) for s in mine)
    }
    assert told == ABLE.keys() | CAUGHT.keys()
