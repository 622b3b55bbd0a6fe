"""How tasks of an LLM agent end when its model, its browser, its commands, people or OpenCode itself do not behave.

Real parts throughout: server, gateway, sandbox, OpenCode, Playwright's tools, Chromium. Each ends as is said here, for
the reason and after the attempts that are said here, within a bound that is counted from when the agent is up, and
leaves no process. ``test_opencode_ends.py`` looks at the driver alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from agent_runtime.v1 import input_pb2, task_pb2
from tests.e2e.agents import (
    END_SECONDS,
    OTHER,
    SLACK,
    Scenarios,
    World,
    bash,
    call,
    calls_of,
    knocked,
    lines_of,
    parts,
    verdict_of,
    with_model,
    world_of,
)
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled
from tests.e2e.lives import GatedPage, has, reach
from tests.line.support import server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

IDLE, CALL, START = 2.0, 5.0, 3.0
BOUNDS: dict[str, Any] = {"model_idle_seconds": IDLE, "model_call_seconds": CALL, "agent_silence_seconds": 20}
CANCEL_SECONDS = 20.0
RETRIED = "the model's call failed, attempt"
"""The line of the log that tells of OpenCode's own tries."""
REJECT, ABORT = task_pb2.INPUT_DECISION_REJECT, task_pb2.INPUT_DECISION_ABORT
OVERFLOW = {"error": {"status": 400, "message": "This model's maximum context length is 1000 tokens"}}
USED = {"usage": {"input": 600, "output": 100}}
CHOICE = {"question": "Which one?", "header": "Pick", "options": [{"label": "A", "description": "the first"}]}
GOES_ON = {"text": "It goes on."}
SCENARIOS: Scenarios = {
    "silent": [{"hang_before": 600}],
    "silent-after-headers": [{"hang": 600}],
    "broken": [{"error": {"status": 500}}],
    "bad-key": [{"error": {"status": 401, "message": "no such key"}}],
    "busy": [{**GOES_ON, "error": {"status": 429, "headers": {"retry-after": "1"}, "times": 2}}],
    "too-busy": [{"error": {"status": 429, "headers": {"retry-after": "60"}}}],
    "cut": [{"text": "It begins and then", "drop": True}],
    "too-long": [OVERFLOW],
    "model-a": [OVERFLOW] * 100,
    "too-long-once": [OVERFLOW],
    "model-b": [GOES_ON],
    "unknown": [call("no_such_tool"), GOES_ON],
    "unknown-for-ever": [call("no_such_tool")] * 100,
    "question": [call("question", questions=[CHOICE]), GOES_ON],
    "permission": [bash("touch made-by-the-agent"), GOES_ON],
    "spends": [{**call("glob", pattern="*"), **USED}, {**call("glob", pattern="*"), **USED}, {**GOES_ON, **USED}],
    "bash": [bash(f"setsid sleep 3600 >/dev/null 2>&1 & node -e \"fetch('{OTHER}')\""), GOES_ON],
    "browser": [
        call("playwright-test_planner_setup_page"),
        call("playwright-test_browser_navigate", url=OTHER, intent="Go there"),
        GOES_ON,
    ],
}
"""``model-a`` and ``model-b`` are played when the conversation no longer shows which scenario it is in."""


@dataclass(frozen=True)
class End:
    """How a scenario has to end."""

    scenario: str
    verdict: str
    bound: float
    """Seconds from the prompt to the end of the attempt, on a machine without other work."""
    failures: tuple[str, ...] = ("",)
    """Reason of each attempt's failure."""
    says: str = ""
    """The failure, in part."""
    requests: int = 0
    """Of the model, in all; 0 for what depends on time."""
    tried_by_agent: bool = False
    """Whether OpenCode itself has tried again."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Of the task."""
    name: str = ""
    """Of the case, where the scenario has several."""


TWICE = ("MODEL_PROVIDER", "MODEL_PROVIDER")
DONE, REFUSED = "COMPLETED NO_TESTS", "FAILED MODEL_PROVIDER"
ENDS = (
    End("silent", REFUSED, IDLE, TWICE, "silence for 2 seconds", 2),
    End("silent-after-headers", REFUSED, IDLE, TWICE, "silence for 2 seconds", 2, tried_by_agent=True),
    End("broken", REFUSED, CALL, TWICE, "answers 500"),
    End("bad-key", REFUSED, 0, ("MODEL_PROVIDER",), "401", 1),
    End("too-busy", REFUSED, 0, TWICE, "answers 429", 2),
    End("cut", REFUSED, 0, TWICE, "broke off", 2, tried_by_agent=True),
    End("too-long", REFUSED, 0, ("MODEL_PROVIDER",), "longer than the model can take"),
    End("too-long-once", DONE, 0, fields={"model": "scripted/model-b"}),
    End("unknown", DONE, 0, requests=2),
    End(
        "unknown-for-ever", "FAILED AGENT_ERROR", 0, ("AGENT_ERROR",), "limit of 3 model calls", fields={"max_turns": 3}
    ),
    End(
        "spends",
        "FAILED BUDGET_EXCEEDED",
        0,
        ("BUDGET_EXCEEDED",),
        "budget is 500",
        1,
        fields={"budget": task_pb2.Budget(max_tokens=500)},
        name="spends-at-once",
    ),
    End(
        "spends",
        "FAILED BUDGET_EXCEEDED",
        0,
        ("BUDGET_EXCEEDED",),
        "1400",
        2,
        fields={"budget": task_pb2.Budget(max_tokens=1000)},
    ),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, tables: Tables) -> AsyncIterator[World]:
    async with world_of(tmp_path_factory.mktemp("ends"), SCENARIOS, **BOUNDS) as world:
        yield world
        header = ["what happens", "ends as", "attempts", "bound, seconds", "seconds from prompt to end, by attempt"]
        tables.add("Tasks of an LLM agent that do not go well", header, world.rows)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name or end.scenario)
async def test_a_model_that_does_not_behave(world: World, end: End) -> None:
    read = await world.end(await world.begin(end.scenario, **end.fields))
    assert (verdict_of(read), tuple(read.failures)) == (end.verdict, end.failures), lines_of(read)
    assert end.says in read.task.error.status.message
    assert any(RETRIED in line for line in lines_of(read)) == end.tried_by_agent, lines_of(read)
    assert end.requests in (0, len(world.model.requests))
    world.note(f"the model: {end.name or end.scenario}", read, end.bound)


async def test_a_retry_after_is_waited_for(world: World) -> None:
    task_id = await world.begin("busy")
    requests = world.model.requests
    seen: list[float] = []
    for number in (1, 2, 3):
        await world.model.until(partial(_has, requests, number))
        seen.append(time.monotonic())
    read = await world.end(task_id)
    assert (verdict_of(read), read.failures) == (DONE, [""])
    assert [later - earlier > 0.9 for earlier, later in itertools.pairwise(seen)] == [True, True], seen
    assert len(requests) == 3, "by the gateway, which the agent does not see"
    assert not any(RETRIED in line for line in lines_of(read))
    world.note("the model: 429 twice, each with retry-after 1", read, 2)


def _has(requests: Collection[object], number: int) -> bool:
    return len(requests) >= number


@pytest.mark.parametrize("scenario", ["question", "permission"])
@pytest.mark.parametrize("on_timeout", [REJECT, ABORT], ids=["reject", "abort"])
async def test_nobody_answers(world: World, scenario: str, on_timeout: task_pb2.InputDecision.ValueType) -> None:
    policy = task_pb2.InputPolicy(answer_timeout=Duration(seconds=1), on_timeout=on_timeout)
    read = await world.end(await world.begin(scenario, input_policy=policy))
    expected = (DONE, [""]) if on_timeout == REJECT else ("FAILED INPUT_EXPIRED", ["INPUT_EXPIRED"])
    assert (verdict_of(read), read.failures) == expected
    (answer,) = read.said("input_resolved")
    assert (answer.resolver, answer.decision) == ("timeout", on_timeout)
    workspace = world.running.workspaces / read.task.session_id
    assert not (workspace / "made-by-the-agent").exists()
    if scenario == "permission":
        assert calls_of(read, "bash")[-1] == input_pb2.TOOL_CALL_STATE_DENIED
    what = "goes on" if on_timeout == REJECT else "stops"
    world.note(f"a {scenario} that nobody answers, and {what}", read, 1)


@pytest.mark.parametrize(
    ("decision", "verdict"),
    [
        (task_pb2.INPUT_DECISION_ALLOW_ONCE, DONE),
        (REJECT, "FAILED BUDGET_EXCEEDED"),
        (ABORT, "FAILED INPUT_REFUSED"),
        (None, "FAILED BUDGET_EXCEEDED"),
    ],
    ids=["more", "no", "stop", "nobody"],
)
async def test_a_budget_that_is_asked_for(
    world: World, decision: task_pb2.InputDecision.ValueType | None, verdict: str
) -> None:
    timeout = Duration(seconds=1 if decision is None else round(END_SECONDS))
    task_id = await world.begin(
        "spends",
        budget=task_pb2.Budget(max_tokens=1000, ask_at_limit=True),
        input_policy=task_pb2.InputPolicy(answer_timeout=timeout),
    )
    asked = await reach(world.client, task_id, has("input_requested"))
    assert asked.input_requested.kind == input_pb2.INPUT_KIND_BUDGET
    if decision is not None:
        await world.client.respond_to_input(task_id, asked.input_requested.id, decision)
    read = await world.end(task_id)
    assert verdict_of(read) == verdict
    assert len(read.lives) == 1
    assert len(world.model.requests) == (3 if verdict == DONE else 2)
    assert not any(RETRIED in line for line in lines_of(read)), "a 403 is not tried again"
    name = "nobody answers" if decision is None else task_pb2.InputDecision.Name(decision).rpartition("DECISION_")[2]
    world.note(f"the budget is spent, and the answer is: {name}", read, 1)


@pytest.mark.parametrize(
    ("scenario", "program", "says"),
    [
        ("browser", "run-test-mcp-server", "MCP server"),
        ("browser", "serve", "OpenCode ended in the middle"),
        ("bash", "serve", "OpenCode ended in the middle"),
    ],
    ids=["mcp", "opencode-browser", "opencode-bash"],
)
async def test_a_part_that_is_killed(world: World, scenario: str, program: str, says: str) -> None:
    """The next attempt goes through."""
    page = GatedPage()
    page.shut()
    with page.served() as other:
        task_id = await world.begin(scenario, other)
        await knocked(page)
        for process in parts(world.running, program):
            process.kill()
        await reach(world.client, task_id, lambda event: event.attempt_change.HasField("end_time"))
        page.gate.set()
        read = await world.end(task_id)
    assert (verdict_of(read), read.failures) == (DONE, ["AGENT_ERROR", ""]), lines_of(read)
    assert says in read.task.attempts[0].error.status.message
    world.note(f"SIGKILL of {program} in a call of {scenario}", read, 0)


@pytest.mark.parametrize("scenario", ["bash", "browser", "silent", "silent-after-headers"])
async def test_cancel(world: World, scenario: str) -> None:
    page = GatedPage()
    page.shut()
    with page.served() as other:
        task_id = await world.begin(scenario, other)
        if scenario in ("bash", "browser"):
            await knocked(page)
        else:
            await world.model.until(lambda: bool(world.model.requests))
        before = world.running.started()
        assert parts(world.running, "serve"), before
        began = time.monotonic()
        await world.client.cancel_task(task_id, reason="enough")
        done = await world.client.wait_task(task_id, timeout=CANCEL_SECONDS)
        seconds = time.monotonic() - began
        assert world.running.started() == {}
    assert done.met
    read = await world.end(task_id)
    assert (verdict_of(read).split()[0], read.failures) == ("CANCELLED", [""])
    assert read.task.cancellation.reason == "enough"
    world.rows.append((f"cancelled in {scenario}, {len(before)} processes", "CANCELLED", 1, "", f"{seconds:.1f}"))


async def test_opencode_is_stuck_at_its_start(tmp_path: Path, world: World) -> None:
    """It answers what version it is, and then nothing."""
    program = tmp_path / "bin" / "opencode"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo 1.18.33 && exit\nsleep 3600\n')
    program.chmod(0o755)
    bounds: dict[str, Any] = {"opencode_path": program, "agent_start_seconds": START}
    with server(tmp_path / "server", **with_model(world.model), **bounds) as running:
        async with running.client() as client:
            there = World(world.model, running, client, world.app)
            read = await there.end(await there.begin("unknown"))
            assert_settled(running)
    assert (verdict_of(read), read.failures) == ("FAILED AGENT_ERROR", ["AGENT_ERROR"] * 2)
    assert "did not start within 3 seconds" in read.task.error.status.message
    assert not world.model.requests
    seconds = [(one.end_time.ToNanoseconds() - one.start_time.ToNanoseconds()) / 1e9 for one in read.task.attempts]
    assert max(seconds) < 2 * START + SLACK, "each attempt starts it twice"
    told = ", ".join(f"{one:.1f}" for one in seconds)
    world.rows.append(("OpenCode is stuck at its start", verdict_of(read), 2, f"{2 * START:g}", f"{told} in all"))
