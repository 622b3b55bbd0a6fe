"""A suite is repaired without a model: on a server, with a shop that is not what it was.

All tests but one are a person's, and each opens the shop in a state of its own. The story is played once; each test
looks at one side of what it left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from agent_runtime.v1 import artifact_pb2, task_pb2, test_result_pb2
from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, Model, Step
from agent_runtime_server.adapters.explorer.language import Click, Fill, Goto, HasValue, Locator
from agent_runtime_server.adapters.explorer.plan_text import print_plan
from agent_runtime_server.adapters.explorer.scaffold import suite_files
from agent_runtime_server.adapters.explorer.test_file import print_test
from tests.apps.shop.launch import Shop
from tests.line.support import Followed, Server, artifacts, carry_out, results, server
from tests.quality.changes import Change, PageChange, WireChange
from tests.quality.proxy import before

pytestmark = pytest.mark.timeout(900)

SECONDS = 600
GENERATED = "tests/search/finds.spec.ts"
CONFIG = """import { defineConfig } from '@playwright/test';
export default defineConfig({
  expect: { timeout: 4000 },
  use: {
    actionTimeout: 4000,
    launchOptions: { chromiumSandbox: process.getuid?.() !== 0 && process.env.CHROMIUM_SANDBOX !== 'off' },
  },
});
"""
TEST = """import { expect, test } from '@playwright/test';

test('works', async ({ page }) => {
  await page.goto('$URL');
$LINES
});
"""
BUY = """  await page.getByRole('link', { name: 'Indigo Chopping Board' }).click();
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.getByRole('link', { name: /cart/i }).first().click();
  await expect(page.getByRole('table')).toContainText('Total£13.50');"""
SEARCH = """  await page.getByLabel('Search products').fill('Lamp');
  await page.getByRole('button', { name: "Search" }).click();
  await expect(page.getByRole('searchbox')).toHaveValue('Lamp');"""
SUBSCRIBE = """  await page.getByLabel('Newsletter email').fill('ada@example.com');
  await page.getByRole('button', { name: 'Subscribe' }).click();
  await expect(page.getByRole('status')).toBeVisible();"""
STATES: dict[str, tuple[Change | None, str]] = {
    "reworded": (PageChange("reworded", "button", text="Search"), SEARCH),
    "removed": (PageChange("field_removed", name="email"), SUBSCRIBE),
    "broken": (WireChange("server_error", "GET", "/search"), SEARCH),
    "total": (None, BUY),
}
Verdict = test_result_pb2.RepairVerdict


FLOW = Flow(
    id="finds",
    suite="Search",
    title="Finds lamps",
    steps=(
        Step("Open the shop", (Goto("/"),)),
        Step(
            "Search",
            (
                Fill(Locator(by="role", value="searchbox", name="Search products"), "Lamp"),
                Click(Locator(by="role", value="button", name="Search")),
            ),
            (Expectation(HasValue(Locator(by="role", value="searchbox"), "Lamp"), "the term stays"),),
        ),
    ),
)


@dataclass
class Story:
    """What happened."""

    task: Followed
    repairs: dict[str, test_result_pb2.Repair]
    """By the path of the test."""
    suite: dict[str, str]
    """Sources before."""
    workspace: Path
    diffs: list[str]

    def repair(self, state: str) -> test_result_pb2.Repair:
        """What became of a person's test."""
        return self.repairs[f"tests/{state}.spec.ts"]

    def now(self, path: str) -> str:
        """A source after the repair."""
        return (self.workspace / path).read_text()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("fix")
    with server(folder) as running, Shop() as shop:
        return asyncio.run(_play(running, shop.start(["wrong-total"]), folder / "suite"))


async def _play(running: Server, shop_url: str, folder: Path) -> Story:
    async with AsyncExitStack() as stack, running.client() as client:
        urls = {}
        for state, (change, _) in STATES.items():
            proxy = await stack.enter_async_context(before(shop_url))
            proxy.changes, urls[state] = (change,) if change else (), proxy.base_url
        suite = _suite(urls)
        for path, text in suite.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        session = await client.create_session()
        await client.upload_folder(session.id, folder)
        task = await carry_out(
            client, task_pb2.TASK_TYPE_FIX, urls["reworded"] + "/", SECONDS, session_id=session.id, driver="explorer"
        )
        paths = {test.id: test.location.path for test in await results(client, task.id)}
        kinds = artifact_pb2.ArtifactKind
        diffs = [each for each in await artifacts(client, task.id) if each.kind == kinds.ARTIFACT_KIND_DIFF]
        return Story(
            task,
            {paths[repair.test_id]: repair for repair in task.task.result.repairs},
            suite,
            running.workspaces / session.id,
            [each.path for each in diffs],
        )


def _suite(urls: Mapping[str, str]) -> dict[str, str]:
    model = Model(app_url=urls["reworded"], title="Shop", overview="", flows=(FLOW,))
    tests = {
        f"tests/{state}.spec.ts": TEST.replace("$URL", urls[state]).replace("$LINES", lines)
        for state, (_, lines) in STATES.items()
    }
    return {
        **tests,
        GENERATED: print_test(FLOW),
        "tests/fixtures.ts": suite_files(urls["reworded"], None, "none")["tests/fixtures.ts"],
        "specs/model.json": msgspec.json.encode(model).decode(),
        "specs/plan.md": print_plan(model),
        "playwright.config.ts": CONFIG,
    }


def test_a_locator_of_a_persons_test_is_repaired_and_nothing_else(story: Story) -> None:
    path = "tests/reworded.spec.ts"
    assert story.repair("reworded").verdict == Verdict.REPAIR_VERDICT_REPAIRED, story.task.trouble()
    assert story.repair("reworded").outcome == test_result_pb2.TEST_OUTCOME_EXPECTED
    assert story.now(path) == story.suite[path].replace(
        """getByRole('button', { name: "Search" })""", "getByRole('button', { name: 'find' })"
    )


def test_a_generated_test_is_repaired_with_its_model(story: Story) -> None:
    assert story.repairs[GENERATED].verdict == Verdict.REPAIR_VERDICT_REPAIRED, story.task.trouble()
    assert "2 times" in story.repairs[GENERATED].explanation
    assert "name: 'find', exact: true" in story.now(GENERATED)
    model = msgspec.json.decode(story.now("specs/model.json"), type=Model)
    assert print_test(model.flows[0]) == story.now(GENERATED)


@pytest.mark.parametrize(
    ("state", "verdict", "said"),
    [
        ("removed", Verdict.REPAIR_VERDICT_REFUSED, "Newsletter email"),
        ("broken", Verdict.REPAIR_VERDICT_APP_DEFECT, "GET /search?q=Lamp answers 500"),
        ("total", Verdict.REPAIR_VERDICT_BEHAVIOR_CHANGED, "£14.50"),
    ],
)
def test_what_is_no_locators_fault_is_left_as_it_was(
    story: Story, state: str, verdict: Verdict.ValueType, said: str
) -> None:
    assert Verdict.Name(story.repair(state).verdict) == Verdict.Name(verdict), story.task.trouble()
    assert said in story.repair(state).explanation
    path = f"tests/{state}.spec.ts"
    assert story.now(path) == story.suite[path]


def test_each_change_has_its_diff(story: Story) -> None:
    assert sorted(story.diffs) == [
        f"artifacts/repairs/{story.task.id}/round-1/{path}.diff"
        for path in sorted(("tests/reworded.spec.ts", GENERATED))
    ]
