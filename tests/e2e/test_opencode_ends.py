"""How a prompt on the real OpenCode ends when its model, its browser, a command or OpenCode itself does not behave.

Each ends within its bound, says why, and leaves no process (``working_agent`` looks for them).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.agent import ToolCall, ToolCallState
from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.line.agents import PATIENT, Place, Told, configuration, tell, working_agent

OVERFLOW = {"error": {"status": 400, "message": "context_length_exceeded"}}
WAIT = "playwright-test_browser_wait_for"
AT_ONCE_SECONDS = 10.0
"""Bound on what has to happen within seconds, on a machine that does other things too."""
GONE_SECONDS = 5.0
"""Bound on a cancellation, to the last process."""


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A step of the model: it calls a tool."""
    return {"calls": [{"tool": tool, "args": arguments}]}


SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "silent": [{"hang_before": 600}],
    "silent-after-headers": [{"hang": 600}],
    "broken": [{"error": {"status": 500}}],
    "cut": [{"text": "It begins and then", "drop": True}],
    "too-long": [OVERFLOW],
    "model-a": [OVERFLOW] * 100,
    "unknown": [call("no_such_tool")] * 100,
    "bash": [call("bash", command="setsid sleep 3600 & sleep 3600", description="Sleeps")],
    "browser": [
        call("playwright-test_planner_setup_page"),
        call("playwright-test_browser_snapshot"),
        call(WAIT, intent="Wait", time=300),
        {"text": "It went on."},
    ],
}
"""``model-a`` is what the model plays when it no longer sees which scenario it is in."""


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(SCENARIOS) as model:
        yield model


def place(tmp_path: Path, model: ScriptedModel, *, browser: bool = False) -> Place:
    return Place(tmp_path, configuration(model.base_url, browser=browser))


async def play(
    tmp_path: Path, model: ScriptedModel, scenario: str, watchdogs: Watchdogs = PATIENT, *, max_turns: int = 20
) -> tuple[Told, Failure]:
    """A scenario without a browser that must end with a failure."""
    async with working_agent(place(tmp_path, model), watchdogs) as agent:
        told = await tell(agent, scenario, max_turns=max_turns)
    assert told.said.failure is not None
    return told, told.said.failure


@pytest.mark.parametrize("scenario", ["silent", "silent-after-headers"])
async def test_a_model_that_says_nothing_is_given_up(tmp_path: Path, model: ScriptedModel, scenario: str) -> None:
    begun = time.monotonic()
    _, failure = await play(tmp_path, model, scenario, replace(PATIENT, silence_seconds=3))
    assert failure == Failure(FailureReason.AGENT_ERROR, "the agent did nothing for 3 seconds", retryable=True)
    assert time.monotonic() - begun < 3 + AT_ONCE_SECONDS


@pytest.mark.parametrize("scenario", ["broken", "cut"])
async def test_a_model_that_always_fails_is_given_up(tmp_path: Path, model: ScriptedModel, scenario: str) -> None:
    told, failure = await play(tmp_path, model, scenario)
    assert (failure.reason, failure.retryable) == (FailureReason.MODEL_PROVIDER, True)
    assert "failed 3 times" in failure.message
    assert len([fact for fact in told.facts if isinstance(fact, LogEntry)]) == 3


async def test_a_conversation_that_stays_too_long_is_given_up(tmp_path: Path, model: ScriptedModel) -> None:
    _, failure = await play(tmp_path, model, "too-long")
    assert (failure.reason, failure.retryable) == (FailureReason.MODEL_PROVIDER, False)
    assert "longer than the model can take" in failure.message


async def test_a_model_that_calls_what_is_not_there_has_a_limit(tmp_path: Path, model: ScriptedModel) -> None:
    told, failure = await play(tmp_path, model, "unknown", max_turns=5)
    assert "limit of 5 model calls" in failure.message
    assert told.said.turns == 5
    assert told.calls[:2] == [("no_such_tool", ToolCallState.STARTED), ("no_such_tool", ToolCallState.FAILED)]


async def test_a_command_that_takes_too_long_is_stopped(tmp_path: Path, model: ScriptedModel) -> None:
    told, failure = await play(tmp_path, model, "bash", replace(PATIENT, tool_seconds=2))
    assert "call of bash took longer than 2 seconds" in failure.message
    assert told.calls == [("bash", ToolCallState.STARTED), ("bash", ToolCallState.FAILED)]


@pytest.mark.parametrize(
    ("part", "message"),
    [("serve", "OpenCode ended in the middle"), ("run-test-mcp-server", "playwright-test: Connection closed")],
)
async def test_death_in_the_middle_is_seen_at_once(
    tmp_path: Path, model: ScriptedModel, part: str, message: str
) -> None:
    where = place(tmp_path, model, browser=True)
    killed: list[float] = []

    def kill(fact: Fact) -> None:
        if isinstance(fact, ToolCall) and fact.tool == WAIT and not killed:
            killed.append(time.monotonic())
            for process in where.processes():
                if part in process.cmdline():
                    process.kill()

    async with working_agent(where) as agent:
        told = await tell(agent, "browser", emit=kill)
        assert time.monotonic() - killed[0] < AT_ONCE_SECONDS
    assert told.said.failure is not None
    assert (told.said.failure.reason, told.said.failure.retryable) == (FailureReason.AGENT_ERROR, True)
    assert message in told.said.failure.message


async def test_one_that_is_frozen_is_given_up(tmp_path: Path, model: ScriptedModel) -> None:
    where = place(tmp_path, model)

    def freeze(fact: Fact) -> None:
        for process in where.processes() if isinstance(fact, ToolCall) else ():
            if "serve" in process.cmdline():
                process.suspend()

    begun = time.monotonic()
    async with working_agent(where, replace(PATIENT, tool_seconds=2)) as agent:
        told = await tell(agent, "bash", emit=freeze)
    assert told.said.failure is not None
    assert told.said.failure.retryable
    assert time.monotonic() - begun < 2 + 2 * AT_ONCE_SECONDS


async def test_after_its_mcp_servers_death_no_prompt_is_begun(tmp_path: Path, model: ScriptedModel) -> None:
    where = place(tmp_path, model, browser=True)
    async with working_agent(where) as agent:
        cut_short = asyncio.create_task(tell(agent, "browser"))
        while not (servers := [one for one in where.processes() if "run-test-mcp-server" in one.cmdline()]):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0)
        for server in servers:
            server.kill()
        assert (await cut_short).said.failure is not None
        again = await tell(agent, "browser")
    assert again.said.failure is not None
    assert "an MCP server of the agent does not work" in again.said.failure.message
    assert again.facts == []


@pytest.mark.parametrize(
    ("scenario", "tool", "running", "count"),
    [
        ("bash", "bash", ("sleep", "3600"), 2),
        ("browser", WAIT, ("--type=renderer",), 1),
        ("silent-after-headers", "", ("serve",), 1),
        ("silent", "", ("serve",), 1),
    ],
)
async def test_cancelling_takes_seconds_and_leaves_nothing(
    tmp_path: Path, model: ScriptedModel, scenario: str, tool: str, running: tuple[str, ...], count: int
) -> None:
    """``running`` are words on the command lines of processes that must be there when it is cancelled."""
    where = place(tmp_path, model, browser=scenario == "browser")
    busy = asyncio.Event()

    def emit(fact: Fact) -> None:
        if isinstance(fact, ToolCall) and fact.tool == tool:
            busy.set()

    async def work() -> None:
        async with working_agent(where) as agent:
            await tell(agent, scenario, emit=emit)

    working = asyncio.create_task(work())
    async with asyncio.timeout(120):
        await (busy.wait() if tool else model.until(lambda: bool(model.requests)))
    while _how_many(before := where.processes(), running) < count:
        await asyncio.sleep(0.05)
    begun = time.monotonic()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    seconds = time.monotonic() - begun
    print(f"cancelled in {scenario}: {seconds:.2f} s, {len(before)} processes")
    assert where.processes() == []
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in before)
    assert seconds < GONE_SECONDS


def _how_many(processes: list[psutil.Process], words: tuple[str, ...]) -> int:
    """How many of the processes have all the words on their command line."""
    found = 0
    for process in processes:
        with suppress(psutil.Error):
            found += set(words) <= set(process.cmdline())
    return found
