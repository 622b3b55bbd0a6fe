"""Tasks of an LLM agent on the sample shop, in depth. All parts are real, but for the model, which is a script."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from os import kill
from pathlib import Path
from signal import SIGCONT
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import artifact_pb2, input_pb2, task_pb2, test_result_pb2
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.apps.shop.launch import Shop
from tests.e2e.agents import END_SECONDS, bash, call, lines_of, verdict_of, with_model
from tests.e2e.conftest import Tables
from tests.e2e.invariants import Read, assert_settled, read_whole
from tests.e2e.lives import Lives, Seen, attempts, has, once_each, reach, says, stop_in_phase, upload, watched
from tests.line.support import COMPLETE

pytestmark = pytest.mark.timeout(900)

FIX, CUSTOM = task_pb2.TASK_TYPE_FIX, task_pb2.TASK_TYPE_CUSTOM
FIXING = task_pb2.TASK_PHASE_FIXING_TESTS
RUN_NUMBER = 3
"""Of the phase RUNNING_TESTS, among those of a task that does all."""
REPAIRS = task_pb2.RepairOptions(max_rounds=2)
SEARCH, HOME, MAIN = "tests/search/term.spec.ts", "tests/pages/home.spec.ts", "tests/pages/main.spec.ts"
CODE = {
    SEARCH: """\
test('Keeps the term', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('searchbox').fill('zebra');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(page).toHaveURL(/zebra/);
});
""",
    HOME: """\
test('Has a search', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('searchbox')).toBeVisible();
});
test('Has a way around', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('navigation').first()).toBeVisible();
});
""",
    MAIN: """\
test('Has content', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('main')).toBeVisible();
});
""",
}
NAMES = {SEARCH: ["Keeps the term"], HOME: ["Has a search", "Has a way around"], MAIN: ["Has content"]}
"""Tests by file; together they are the plan."""


def planned(path: str) -> list[dict[str, Any]]:
    """Tests of a file, for the plan. Their steps say what the model plays when it writes them."""
    steps = [{"perform": f"Open the shop [[{mark(path)}]]", "expect": ["It is as it should be"]}]
    return [{"name": name, "file": path, "steps": steps} for name in NAMES[path]]


def mark(path: str) -> str:
    """The scenario in which a file is written."""
    return f"writes-{Path(path).name}"


def diagnosis(cause: str) -> dict[str, Any]:
    """A step of the model: it says why the test failed."""
    return {"text": f'```json\n[{{"test": 1, "cause": "{cause}", "explanation": "It has another name now."}}]\n```'}


SUITES = [
    {"name": name, "seedFile": "tests/seed.spec.ts", "tests": [test for path in paths for test in planned(path)]}
    for name, paths in {"Search": [SEARCH], "Pages": [HOME, MAIN]}.items()
]
HEADING = "tests/heading.spec.ts"
WRONG = """\
import { expect, test } from '@playwright/test';

test('The heading', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('searchbox')).toHaveValue('zebra');
});
"""
SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "planner": [
        call("playwright-test_planner_setup_page", seedFile="tests/seed.spec.ts"),
        call(
            "playwright-test_planner_save_plan",
            name="Shop",
            fileName="specs/plan.md",
            overview="A shop.",
            suites=SUITES,
        ),
        {"text": "That is the plan."},
    ],
    **{
        mark(path): [
            call("playwright-test_generator_setup_page", plan="${prompt:(#### .+)}", seedFile="tests/seed.spec.ts"),
            call(
                "playwright-test_generator_write_test",
                fileName=path,
                code=f"import {{ expect, test }} from '../fixtures';\n\n{code}",
            ),
            {"text": "It is written."},
        ]
        for path, code in CODE.items()
    },
    "fixer": [
        call(
            "edit",
            filePath=SEARCH,
            oldString="{ name: 'Search', exact: true }",
            newString="{ name: 'Go', exact: true }",
        ),
        call("playwright-test_test_run", locations=[SEARCH]),
        diagnosis("locator"),
    ],
    "changes-assertion": [
        call("edit", filePath=HEADING, oldString="toHaveValue('zebra')", newString="toHaveValue('')"),
        diagnosis("assertion"),
    ],
    "two-at-once": [
        {"calls": [*bash("touch one")["calls"], *bash("touch two")["calls"]]},
        {"text": "I have seen what became of both."},
    ],
}


@asynccontextmanager
async def lives_of(folder: Path) -> AsyncIterator[tuple[Lives, AgentRuntimeClient, ScriptedModel]]:
    """Servers with agents, a client of whichever runs, and the model."""
    async with ScriptedModel(SCENARIOS) as model:
        with Lives(folder, **with_model(model)) as lives:
            async with lives.client() as client:
                yield lives, client, model
                assert_settled(lives.server)


async def move_shop(lives: Lives, task_id: str, shop: Shop, url: str) -> None:
    """Give the shop another look just before the suite is run: what was called Search is called Go then."""
    await asyncio.to_thread(stop_in_phase, lives.server, task_id, RUN_NUMBER)
    shop.start(look=1, port=urlsplit(url).port or 0)
    kill(lives.server.pid, SIGCONT)


def check_repaired(read: Read) -> None:
    """All tests passed in the end, one of them after a repair."""
    result = read.task.result
    assert verdict_of(read) == "COMPLETED PASSED", lines_of(read)
    assert (result.summary.total, result.summary.expected) == (4, 4)
    assert sorted(result.test_paths) == sorted(CODE)
    (repair,) = result.repairs
    assert (repair.verdict, repair.cause, repair.round) == (
        test_result_pb2.REPAIR_VERDICT_REPAIRED,
        test_result_pb2.REPAIR_CAUSE_LOCATOR,
        1,
    )
    assert not repair.assertion_changed
    kinds = Counter(artifact.kind for artifact in read.artifacts)
    assert kinds[artifact_pb2.ARTIFACT_KIND_PLAN] == 1
    assert kinds[artifact_pb2.ARTIFACT_KIND_DIFF] == 1
    assert kinds[artifact_pb2.ARTIFACT_KIND_TEST_SOURCE] == len(CODE)


async def test_complete_with_a_repair(tmp_path: Path, tables: Tables) -> None:
    with Shop() as shop:
        url = shop.start()
        async with lives_of(tmp_path) as (lives, client, model):
            words = "[[planner]] [[fixer]]"
            task = await client.create_task(COMPLETE, url, instructions=words, repair=REPAIRS, retry_policy=attempts(1))
            await move_shop(lives, task.id, shop, url)
            assert (await wait(client, task.id)).done
            read = await read_whole(lives.server, client, task.id)
    check_repaired(read)
    (usage,) = read.task.usage.models
    assert usage.requests == len(model.requests)
    assert len([one for one in read.artifacts if one.kind == artifact_pb2.ARTIFACT_KIND_TRANSCRIPT]) == 3
    assert Counter(asked.scenario for asked in model.requests) == {name: 3 for name in SCENARIOS if played(name)}
    failed = [test.title_path[-1] for test in read.tests if test.outcome == test_result_pb2.TEST_OUTCOME_UNEXPECTED]
    assert set(failed) == {"Keeps the term"}
    rows = [(verdict_of(read), len(NAMES), 4, len(read.task.result.repairs), len(model.requests))]
    tables.add("A complete task of an LLM agent", ["ends as", "files", "tests", "repairs", "calls of the model"], rows)


def played(scenario: str) -> bool:
    """Whether a complete task plays it."""
    return scenario in ("planner", "fixer") or scenario.startswith("writes-")


async def wait(client: AgentRuntimeClient, task_id: str) -> task_pb2.Task:
    """The task at its end."""
    async with asyncio.timeout(2 * END_SECONDS):
        while not (waited := await client.wait_task(task_id, timeout=60)).met:
            pass
    return waited.task


KILLS: tuple[tuple[str, str, Seen], ...] = (
    ("planning", "planner", has("tool_call")),
    ("generating, at the second file", mark(HOME), says(f"Writing {HOME}")),
    ("fixing, a test half repaired", "fixer", lambda event: event.phase == FIXING and event.HasField("file")),
)
"""When the server is killed: what the model must have been asked for, and what the task must have told."""


def asked_by(model: ScriptedModel, scenario: str) -> bool:
    """Whether the model was asked for a second step of a scenario."""
    return any((asked.scenario, asked.step) == (scenario, 1) for asked in model.requests)


async def test_killed_in_every_phase_of_the_agent(tmp_path: Path, tables: Tables) -> None:
    rows = []
    with Shop() as shop:
        url = shop.start()
        async with lives_of(tmp_path) as (lives, client, model):
            words = "[[planner]] [[fixer]]"
            task = await client.create_task(COMPLETE, url, instructions=words, repair=REPAIRS, retry_policy=attempts(4))
            async with watched(client, task.id) as watcher, asyncio.timeout(2 * END_SECONDS):
                for number, (what, scenario, seen) in enumerate(KILLS, 1):
                    if number == len(KILLS):
                        await move_shop(lives, task.id, shop, url)
                    await reach(client, task.id, seen, number)
                    await model.until(partial(asked_by, model, scenario))
                    ran = len(lives.server.started())
                    lives.kill()
                    gone = await lives.orphans_gone()
                    lives.again()
                    rows.append((what, ran, f"{gone:.1f}"))
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
    assert once_each(followed)
    assert followed.events == read.events
    assert read.failures == ["WORKER_LOST"] * len(KILLS) + [""]
    check_repaired(read)
    begun = Counter(asked.scenario for asked in model.requests if asked.step == 0)
    assert begun[mark(SEARCH)] == 1, "a file that is written is not written again"
    assert begun[mark(HOME)] == 2
    assert begun[mark(MAIN)] == 1
    assert begun["planner"] == begun["fixer"] == 2
    tables.add(
        "kill -9 of the server while an LLM agent works", ["killed while", "processes then", "gone after s"], rows
    )


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "refused"])
async def test_a_changed_assertion_is_put_to_a_person(tmp_path: Path, accepted: bool) -> None:
    decision = task_pb2.INPUT_DECISION_ALLOW_ONCE if accepted else task_pb2.INPUT_DECISION_REJECT
    review = task_pb2.RepairOptions(max_rounds=1, review_assertion_changes=True)
    with Shop() as shop:
        async with lives_of(tmp_path / "server") as (lives, client, _):
            session = await upload(client, {HEADING: WRONG}, tmp_path / "suite")
            task = await client.create_task(
                FIX, shop.start(), session_id=session, instructions="[[changes-assertion]]", repair=review
            )
            asked = (await reach(client, task.id, has("input_requested"))).input_requested
            assert asked.kind == input_pb2.INPUT_KIND_REPAIR_REVIEW
            assert "+  await expect(page.getByRole('searchbox')).toHaveValue('');" in asked.prompt
            assert (await client.get_task(task.id)).status == task_pb2.TASK_STATUS_AWAITING_INPUT
            await client.respond_to_input(task.id, asked.id, decision)
            await wait(client, task.id)
            read = await read_whole(lives.server, client, task.id)
            text = (lives.server.workspaces / session / HEADING).read_text()
    (repair,) = read.task.result.repairs
    assert (repair.assertion_changed, repair.reviewer) == (True, "user")
    assert repair.cause == test_result_pb2.REPAIR_CAUSE_ASSERTION
    if accepted:
        assert verdict_of(read) == "COMPLETED PASSED"
        assert repair.verdict == test_result_pb2.REPAIR_VERDICT_REPAIRED
        assert text == WRONG.replace("'zebra'", "''")
    else:
        assert verdict_of(read) == "COMPLETED FAILED"
        assert repair.verdict == test_result_pb2.REPAIR_VERDICT_REFUSED
        assert text == WRONG


@pytest.mark.parametrize(
    ("decision", "answers", "made"),
    [
        (task_pb2.INPUT_DECISION_ALLOW_ONCE, 2, ["one", "two"]),
        (task_pb2.INPUT_DECISION_ALLOW_FOR_TASK, 1, ["one", "two"]),
        (task_pb2.INPUT_DECISION_REJECT, 1, []),
    ],
    ids=["once", "for-task", "reject"],
)
async def test_two_calls_of_one_step_ask(
    tmp_path: Path, decision: task_pb2.InputDecision.ValueType, answers: int, made: list[str]
) -> None:
    """A custom task; ``answers`` are as many as a person has to give, ``made`` is what it leaves behind."""
    with Shop() as shop:
        async with lives_of(tmp_path) as (lives, client, model):
            session = (await client.create_session()).id
            words = "[[two-at-once]]"
            task = await client.create_task(CUSTOM, shop.start(), session_id=session, instructions=words)
            for _ in range(answers):
                await answer(client, task.id, decision)
            await wait(client, task.id)
            read = await read_whole(lives.server, client, task.id)
            there = sorted(path.name for path in (lives.server.workspaces / session).iterdir())
    assert verdict_of(read) == "COMPLETED NO_TESTS", lines_of(read)
    assert read.task.result.summary_markdown == "I have seen what became of both."
    by_people = [one for one in read.said("input_resolved") if one.resolver == "user"]
    assert [one.decision for one in by_people] == [decision] * answers
    assert [name for name in ("one", "two") if name in there] == made
    ended = [one.state for one in read.said("tool_call") if one.tool == "bash" and one.HasField("duration")]
    expected = input_pb2.TOOL_CALL_STATE_SUCCEEDED if made else input_pb2.TOOL_CALL_STATE_DENIED
    assert ended == [expected] * 2
    assert len(model.requests) == 2


async def answer(client: AgentRuntimeClient, task_id: str, decision: task_pb2.InputDecision.ValueType) -> None:
    """Answer what was asked first of what is open."""
    async with asyncio.timeout(END_SECONDS):
        while not (open_ones := (await client.list_input_requests(task_id)).inputs):
            await asyncio.sleep(0.05)
    await client.respond_to_input(task_id, open_ones[0].id, decision)
