"""All six types of task with an LLM agent, through the server: real OpenCode, real browser, a sample shop; the model is
a script. The tasks are carried out once; each test looks at one side of what they left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import artifact_pb2, event_pb2, input_pb2, service_pb2, task_pb2, test_result_pb2
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.apps.shop import CUSTOMER_PASSWORD
from tests.apps.shop.launch import Shop
from tests.line.secrets import places_of
from tests.line.support import SIGN_IN, Followed, Server, artifacts, carry_out

pytestmark = pytest.mark.timeout(1800)

HERE = Path(__file__).parent
SCENARIOS = {
    name: steps
    for file in ("search", "defect")
    for name, steps in json.loads((HERE / f"scenarios/{file}.json").read_text()).items()
}
STEPS = {name: len(steps) for name, steps in SCENARIOS.items()}
SEARCH = "tests/search/finds-a-product.spec.ts"
CART = "tests/cart.spec.ts"
CART_TEST = """\
import { expect, test } from '@playwright/test';

test('the total is the price of what is in the cart', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('link', { name: 'Indigo Chopping Board', exact: true }).click();
  const price = await page.getByRole('main').getByRole('paragraph').filter({ hasText: '£' }).first().innerText();
  await page.getByRole('button', { name: 'Add to cart', exact: true }).click();
  await page.getByRole('navigation', { name: 'Account' }).getByRole('link').filter({ hasText: 'Cart' }).click();
  const total = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'Total', exact: true }) });
  await expect(total).toContainText(/£[\\d.,]+/.exec(price)?.[0] ?? 'no price');
});
"""
PROVIDER_KEY = "key-of-the-provider-77c1d0e5ab"
MODEL = "scripted/model-a"
SECONDS = 480
ALLOW = task_pb2.InputPolicy(
    rules=[task_pb2.InputRule(tool="bash", argument_pattern="printf *", decision=task_pb2.INPUT_DECISION_ALLOW_ONCE)]
)


@dataclass
class Story:
    """What happened."""

    tasks: dict[str, Followed] = field(default_factory=dict)
    artifacts: dict[str, list[artifact_pb2.Artifact]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """Of test files, at the end."""
    diffs: dict[str, str] = field(default_factory=dict)
    info: service_pb2.GetServerInfoResponse = field(default_factory=service_pb2.GetServerInfoResponse)
    left_running: dict[int, str] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)

    def usage(self, name: str) -> task_pb2.ModelUsage:
        """What a task's model used."""
        (usage,) = self.tasks[name].task.usage.models
        return usage

    def kinds(self, name: str) -> set[str]:
        """Kinds of events that there were."""
        return {event.WhichOneof("payload") or "" for event in self.tasks[name].events}

    def kept(self, name: str, kind: artifact_pb2.ArtifactKind.ValueType) -> list[str]:
        """Paths of a task's artifacts of a kind."""
        return [artifact.path for artifact in self.artifacts[name] if artifact.kind == kind]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(_play(tmp_path_factory.mktemp("agent")))


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[tuple[Server, AgentRuntimeClient]]:
    async with ScriptedModel(SCENARIOS) as model:
        server = await asyncio.to_thread(
            Server,
            folder,
            model=MODEL,
            model_base_url=model.base_url,
            model_api_key=PROVIDER_KEY,
            model_price="3,15",
            slots=1,
        )
        try:
            async with server.client() as client:
                yield server, client
        finally:
            await asyncio.to_thread(server.stop)


async def _play(folder: Path) -> Story:
    story = Story()
    with Shop() as shop, Shop() as broken:
        async with _serving(folder) as (server, client):
            await _carry_out_all(story, client, folder, shop.start(), broken.start(fault=["wrong-total"]))
            story.info = await client.get_server_info()
            story.left_running = server.started()
    for folder_of_ours in (server.workspaces, server.state):
        for secret in (PROVIDER_KEY, CUSTOMER_PASSWORD):
            story.leaks += await asyncio.to_thread(places_of, secret, folder_of_ours)
    story.leaks += [secret for secret in (PROVIDER_KEY, CUSTOMER_PASSWORD) if secret in server.log.read_text()]
    return story


async def _carry_out_all(story: Story, client: AgentRuntimeClient, folder: Path, healthy: str, broken: str) -> None:
    async def task(name: str, kind: task_pb2.TaskType.ValueType, app_url: str, marks: str, **fields: object) -> str:
        words = " ".join(f"[[{mark}]]" for mark in marks.split())
        followed = await carry_out(client, kind, app_url, SECONDS, instructions=f"Only the search. {words}", **fields)
        story.tasks[name] = followed
        story.artifacts[name] = await artifacts(client, followed.id)
        return followed.task.session_id

    await task("complete", task_pb2.TASK_TYPE_COMPLETE, healthy, "planner generator", **SIGN_IN)
    session = await task("plan", task_pb2.TASK_TYPE_PLAN, healthy, "planner")
    await task("generate", task_pb2.TASK_TYPE_GENERATE, healthy, "generator", session_id=session)
    test = folder / "test.spec.ts"
    test.write_text(
        (await _read(client, session, SEARCH)).replace("{ name: 'Search' }).click", "{ name: 'Find it' }).click")
    )
    await client.upload_session_file(session, test, SEARCH, overwrite=True)
    await task("run", task_pb2.TASK_TYPE_RUN, healthy, "", session_id=session)
    await task("fix", task_pb2.TASK_TYPE_FIX, healthy, "fixer", session_id=session)
    await task("custom", task_pb2.TASK_TYPE_CUSTOM, healthy, "custom", session_id=session, input_policy=ALLOW)
    story.texts[SEARCH] = await _read(client, session, SEARCH)
    own = (await client.create_session()).id
    test.write_text(CART_TEST)
    await client.upload_session_file(own, test, CART)
    await task("defect", task_pb2.TASK_TYPE_FIX, broken, "defect", session_id=own)
    story.texts[CART] = await _read(client, own, CART)
    for repair in story.tasks["fix"].task.result.repairs:
        pieces = [piece.data async for piece in client.read_artifact(story.tasks["fix"].id, repair.diff_artifact_id)]
        story.diffs[repair.test_id] = b"".join(pieces).decode()


async def _read(client: AgentRuntimeClient, session_id: str, path: str) -> str:
    return b"".join([piece.data async for piece in client.read_session_file(session_id, path)]).decode()


def test_every_task_ends_as_it_should(story: Story) -> None:
    expected = dict.fromkeys(("complete", "fix"), "COMPLETED PASSED") | dict.fromkeys(
        ("run", "defect"), "COMPLETED FAILED"
    )
    expected |= dict.fromkeys(("plan", "generate", "custom"), "COMPLETED NO_TESTS")
    trouble = "\n\n".join(task.trouble() for name, task in story.tasks.items() if task.verdict != expected[name])
    assert {name: task.verdict for name, task in story.tasks.items()} == expected, trouble


def test_a_model_makes_opencode_the_default(story: Story) -> None:
    assert story.info.default_driver == "opencode"
    assert story.info.sandbox == "bubblewrap"
    assert {task.task.configuration.agent.driver for task in story.tasks.values()} == {"opencode"}
    assert story.tasks["plan"].task.configuration.agent.model == MODEL
    (opencode,) = [component for component in story.info.components if component.name == "opencode"]
    assert opencode.available
    assert opencode.version.startswith("1.")


def test_a_complete_task_brings_plan_tests_and_a_run(story: Story) -> None:
    result = story.tasks["complete"].task.result
    assert (result.summary.total, result.summary.expected) == (1, 1)
    assert list(result.test_paths) == [SEARCH]
    assert story.kept("complete", artifact_pb2.ARTIFACT_KIND_PLAN) == ["specs/plan.md"]
    assert SEARCH in story.kept("complete", artifact_pb2.ARTIFACT_KIND_TEST_SOURCE)
    assert len(story.kept("complete", artifact_pb2.ARTIFACT_KIND_TRANSCRIPT)) == 2
    assert result.report_artifact_id


def test_what_the_agent_says_and_does_is_told(story: Story) -> None:
    assert {"agent_message", "tool_call", "usage", "file", "artifact"} <= story.kinds("complete")
    said = "".join(event.agent_message.text for event in story.tasks["plan"].events)
    assert SCENARIOS["planner"][-1]["text"] in said
    calls = [event.tool_call for event in story.tasks["plan"].events if event.HasField("tool_call")]
    ended = [call.tool for call in calls if call.state == input_pb2.TOOL_CALL_STATE_SUCCEEDED]
    assert "playwright-test_planner_save_plan" in ended


def test_usage_is_metered_and_priced(story: Story) -> None:
    assert story.usage("complete").requests == STEPS["planner"] + STEPS["generator"]
    assert story.usage("plan").requests == STEPS["planner"]
    assert not story.tasks["run"].task.usage.models, "running a suite needs no model"
    usage = story.usage("plan")
    assert usage.model == MODEL
    assert usage.cost.nanos == 3000 * usage.input_tokens + 15_000 * usage.output_tokens
    assert story.tasks["plan"].task.usage.cost == usage.cost
    assert story.tasks["plan"].task.usage.cost_estimated


def test_tests_of_an_agent_are_proved_to_be_able_to_fail(story: Story) -> None:
    assert "Checking that the tests can fail" in story.tasks["generate"].activities
    assert any("1 tests kept, 0 set aside" in line for line in story.tasks["generate"].logs)


def test_a_broken_locator_is_repaired(story: Story) -> None:
    (repair,) = story.tasks["fix"].task.result.repairs
    assert repair.verdict == test_result_pb2.REPAIR_VERDICT_REPAIRED
    assert repair.cause == test_result_pb2.REPAIR_CAUSE_LOCATOR
    assert repair.outcome == test_result_pb2.TEST_OUTCOME_EXPECTED
    assert not repair.assertion_changed
    assert "{ name: 'Search' }).click" in story.texts[SEARCH]
    removed, added = (
        [line for line in story.diffs[repair.test_id].splitlines() if line.startswith(sign) and line[1] != sign]
        for sign in "-+"
    )
    assert "'Find it'" in removed[0]
    assert "'Search'" in added[0]
    assert (len(removed), len(added)) == (1, 1)


def test_a_defect_of_the_app_is_told_and_the_test_left_as_it_was(story: Story) -> None:
    (repair,) = story.tasks["defect"].task.result.repairs
    assert repair.verdict == test_result_pb2.REPAIR_VERDICT_APP_DEFECT
    assert repair.cause == test_result_pb2.REPAIR_CAUSE_APP_DEFECT
    assert repair.explanation == "The total is more than the sum of the lines."
    assert not repair.diff_artifact_id
    assert story.texts[CART] == CART_TEST


def test_a_rule_answers_the_agents_question(story: Story) -> None:
    assert story.tasks["custom"].task.result.summary_markdown == "I wrote a note and a test."
    assert not any(event.HasField("input_requested") for event in story.tasks["custom"].events)
    assert any("by a standing answer" in line for line in story.tasks["custom"].logs)
    statuses = {event.status.new_status for event in story.tasks["custom"].events if event.HasField("status")}
    assert task_pb2.TASK_STATUS_AWAITING_INPUT not in statuses


def test_nothing_is_left(story: Story) -> None:
    assert story.left_running == {}
    assert story.leaks == []


def test_all_events_of_agents_have_a_phase(story: Story) -> None:
    for task in story.tasks.values():
        for event in task.events:
            if event.WhichOneof("payload") in ("agent_message", "tool_call", "usage"):
                assert event.phase != task_pb2.TASK_PHASE_UNSPECIFIED, event_pb2.TaskEvent.DESCRIPTOR.name
