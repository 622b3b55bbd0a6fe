"""How a prompt on the real OpenCode ends by the driver's own watchdogs, where no gateway is before it to help.

Each ends within its bound, says why, and leaves no process (``working_agent`` looks for them). Whole tasks are in
``test_agent_ends.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.agent import ToolCall, ToolCallState
from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.line.agents import PATIENT, Place, Told, configuration, tell, working_agent

pytestmark = pytest.mark.timeout(400)

WAIT = "playwright-test_browser_wait_for"
AT_ONCE_SECONDS = 20.0
"""Bound on what has to happen within seconds, on a machine that does other things too."""


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A step of the model: it calls a tool."""
    return {"calls": [{"tool": tool, "args": arguments}]}


SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "silent": [{"hang_before": 600}],
    "silent-after-headers": [{"hang": 600}],
    "broken": [{"error": {"status": 500}}],
    "cut": [{"text": "It begins and then", "drop": True}],
    "bash": [call("bash", command="setsid sleep 3600 & sleep 3600", description="Sleeps")],
    "browser": [
        call("playwright-test_planner_setup_page"),
        call("playwright-test_browser_snapshot"),
        call(WAIT, intent="Wait", time=300),
        {"text": "It went on."},
    ],
}


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
    told, failure = await play(tmp_path, model, scenario, replace(PATIENT, silence_seconds=3))
    assert failure == Failure(FailureReason.AGENT_ERROR, "the agent did nothing for 3 seconds", retryable=True)
    assert told.seconds < 3 + AT_ONCE_SECONDS


@pytest.mark.parametrize("scenario", ["broken", "cut"])
async def test_a_model_that_always_fails_is_given_up(tmp_path: Path, model: ScriptedModel, scenario: str) -> None:
    told, failure = await play(tmp_path, model, scenario)
    assert (failure.reason, failure.retryable) == (FailureReason.MODEL_PROVIDER, True)
    assert "failed 3 times" in failure.message
    assert len([fact for fact in told.facts if isinstance(fact, LogEntry)]) == 3


async def test_a_command_that_takes_too_long_is_stopped(tmp_path: Path, model: ScriptedModel) -> None:
    told, failure = await play(tmp_path, model, "bash", replace(PATIENT, tool_seconds=2))
    assert "call of bash took longer than 2 seconds" in failure.message
    assert told.calls == [("bash", ToolCallState.STARTED), ("bash", ToolCallState.FAILED)]


async def test_one_that_is_frozen_is_given_up(tmp_path: Path, model: ScriptedModel) -> None:
    where = place(tmp_path, model)

    def freeze(fact: Fact) -> None:
        for process in where.processes() if isinstance(fact, ToolCall) else ():
            if "serve" in process.cmdline():
                process.suspend()

    async with working_agent(where, replace(PATIENT, tool_seconds=2)) as agent:
        told = await tell(agent, "bash", emit=freeze)
    assert told.said.failure is not None
    assert told.said.failure.retryable
    assert told.seconds < 2 + 2 * AT_ONCE_SECONDS


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
