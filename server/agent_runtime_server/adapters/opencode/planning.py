"""PLAN: the planner explores the app and saves a plan."""

from __future__ import annotations

import asyncio

from agent_runtime_server.adapters.opencode import beneath
from agent_runtime_server.adapters.opencode.before import Before
from agent_runtime_server.adapters.opencode.failures import failed
from agent_runtime_server.adapters.opencode.phase import MAX_LISTED, PhaseWork, last_words, summary
from agent_runtime_server.adapters.opencode.plan_file import (
    MAX_BYTES,
    MODEL_PATH,
    PLAN_PATH,
    SEED,
    Plan,
    is_test,
    read_plan,
)
from agent_runtime_server.adapters.opencode.prompts import planning_prompt
from agent_runtime_server.domain.event import LogLevel
from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.domain.task import FailureReason
from agent_runtime_server.ports import PhaseReport


async def plan(work: PhaseWork) -> PhaseReport:
    """Have a plan written; afterwards there is one with tests, or a failure. Raises OSError."""
    workspace = work.job.workspace
    before = await asyncio.to_thread(Before.look, workspace)
    existing = [path for path in before.paths if is_test(path) and path != SEED][:MAX_LISTED]
    work.tell("Exploring the app and planning tests")
    has_model = await asyncio.to_thread(beneath.exists, workspace, MODEL_PATH)
    prompt = planning_prompt(work.job, await work.seed(), existing, has_model=has_model)
    said = await work.prompt("planner", "Plan", prompt)
    saved = await asyncio.to_thread(_saved, before)
    if said.failure is not None:
        return PhaseReport(said.failure)
    if not saved:
        return failed(FailureReason.NOTHING_GENERATED, f"the planner has saved no plan{last_words(said)}")
    read = read_plan((await asyncio.to_thread(beneath.read, workspace, PLAN_PATH, MAX_BYTES)).decode(errors="replace"))
    for problem in read.problems:
        work.log(LogLevel.WARNING, f"the plan: {problem}")
    await work.tell_written([PLAN_PATH])
    work.emit(Produced(ArtifactKind.PLAN, PLAN_PATH, "text/markdown"))
    if not read.tests:
        return failed(FailureReason.NOTHING_GENERATED, f"{PLAN_PATH} has no test that could be written")
    return PhaseReport(summary_markdown="\n\n".join(filter(None, (_account(read), summary(said)))))


def _saved(before: Before) -> bool:
    """Whether a plan was saved. One that the planner has given another name gets its own; tests are as they were."""
    changes = before.changes()
    before.put_back([path for path in changes.all if path.startswith("tests/") and path != SEED])
    if PLAN_PATH in changes.written:
        return True
    others = [path for path in changes.added if path.endswith(".md")]
    if len(others) == 1:
        beneath.move(before.workspace, others[0], PLAN_PATH)
    return len(others) == 1


def _account(plan: Plan) -> str:
    suites = len({test.suite for test in plan.tests})
    expectations = sum(test.expectations for test in plan.tests)
    return f"{len(plan.tests)} tests planned in {suites} suites, with {expectations} expectations."
