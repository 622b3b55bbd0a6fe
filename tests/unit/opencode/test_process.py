"""OpenCode's process: how it starts, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agent_runtime_server.adapters.opencode import turn
from agent_runtime_server.adapters.opencode.failures import AgentNotStarted
from agent_runtime_server.adapters.opencode.process import running_agent
from agent_runtime_server.adapters.opencode.turn import Prompt, Said
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.event import Fact
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.testing.asking import Answers
from tests.unit.opencode.stand_in import CONNECTED, IDLE, Access, StandIn, message, tool

PATIENT = Watchdogs(start_seconds=60, call_seconds=60, silence_seconds=60, tool_seconds=60)
PROMPT = Prompt("custom", "A title", "Do it")


async def start(cell: StandIn, watchdogs: Watchdogs = PATIENT) -> None:
    async with running_agent(cell, Access(), cell.cwd, watchdogs=watchdogs):
        pass


async def played(cell: StandIn, prompt: Prompt = PROMPT, facts: list[Fact] | None = None) -> Said:
    told: list[Fact] = [] if facts is None else facts
    async with running_agent(cell, Access(), cell.cwd, watchdogs=PATIENT) as agent:
        return await agent.prompt(prompt, told.append, Answers())


def none_left(cell: StandIn) -> bool:
    return not any(psutil.pid_exists(int(line.split()[0])) for line in cell.starts)


async def test_it_serves_on_loopback_and_is_gone_afterwards(tmp_path: Path) -> None:
    cell = StandIn(tmp_path)
    async with running_agent(cell, Access(), tmp_path, watchdogs=PATIENT):
        assert not none_left(cell)
    assert [line.partition(" ")[2] for line in cell.starts] == ["serve --hostname 127.0.0.1 --port 0"]
    assert none_left(cell)


async def test_one_that_says_nothing_is_started_once_more(tmp_path: Path) -> None:
    class Silent(StandIn):
        """A shell: it has begun at once, also on a busy machine."""

        @property
        def argv(self) -> list[str]:
            return ["sh", "-c", "echo $$ >>starts; echo a warning >&2; exec sleep 600"]

    cell = Silent(tmp_path, env={"PATH": os.environ["PATH"]})
    with pytest.raises(AgentNotStarted) as caught:
        await start(cell, replace(PATIENT, start_seconds=5))
    assert caught.value.failure.reason is FailureReason.AGENT_ERROR
    assert caught.value.failure.retryable
    assert "did not start within 5 seconds; it said: a warning" in caught.value.failure.message
    assert len(cell.starts) == 2
    assert none_left(cell)


async def test_one_that_ends_at_its_start_says_why(tmp_path: Path) -> None:
    cell = StandIn(tmp_path, start="die")
    with pytest.raises(AgentNotStarted) as caught:
        await start(cell)
    assert "OpenCode ended at its start (exit code 7)" in caught.value.failure.message
    assert len(cell.starts) == 2


async def test_one_that_answers_nothing_has_not_started(tmp_path: Path) -> None:
    cell = StandIn(tmp_path, silent=["/global/health"])
    with pytest.raises(AgentNotStarted):
        await start(cell, replace(PATIENT, start_seconds=15))
    assert len(cell.starts) == 2
    assert none_left(cell)


async def test_a_program_that_is_not_there_is_not_tried_again(tmp_path: Path) -> None:
    class Missing(StandIn):
        @property
        def argv(self) -> list[str]:
            return [str(self.cwd / "opencode")]

    with pytest.raises(AgentNotStarted) as caught:
        await start(Missing(tmp_path))
    assert not caught.value.failure.retryable


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    cell = StandIn(tmp_path, start="silent")
    starting = asyncio.create_task(start(cell))
    while not (tmp_path / "starts").exists():
        await asyncio.sleep(0.02)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert none_left(cell)


async def test_its_password_is_in_nothing_that_it_says(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The stand-in puts it into its output, its errors, its events and its answers."""
    caplog.set_level(logging.DEBUG)
    printed = tool("prt_1", "msg_1", "bash", "completed", input={"command": "$PASSWORD"}, output="$PASSWORD")
    failed = message("msg_1", error={"name": "UnknownError", "data": {"message": "$PASSWORD"}})
    cell = StandIn(
        tmp_path,
        [[CONNECTED, failed, printed, IDLE]],
        {"/session/ses_1/message": [{"info": {"id": "msg_1", "role": "assistant"}, "parts": [{"x": "$PASSWORD"}]}]},
    )
    facts: list[Fact] = []
    said = await played(cell, replace(PROMPT, transcript="transcript.jsonl"), facts)
    broken = await played(replace(cell, broken=["/session"]))
    texts = [str(facts), str(said), str(broken), caplog.text, (tmp_path / "transcript.jsonl").read_text()]
    assert "output='[redacted]'" in texts[0]
    assert "broken [redacted]" in texts[2]
    assert "a warning with [redacted]" in texts[3]
    assert '"x": "[redacted]"' in texts[4]
    assert not any(re.search(r"[\w-]{43}", text) for text in texts), "a password has 43 characters"


async def test_each_process_has_a_password_of_its_own(tmp_path: Path) -> None:
    seen = set()
    for _ in range(2):
        async with running_agent(StandIn(tmp_path), Access(), tmp_path, watchdogs=PATIENT):
            last = int(StandIn(tmp_path).starts[-1].split()[0])
            seen.add(psutil.Process(last).environ()["OPENCODE_SERVER_PASSWORD"])
    assert len(seen) == 2
    assert all(len(password) == 43 for password in seen)


async def test_death_in_the_middle_is_a_failure_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has gone wrong before."""
    monkeypatch.setattr(turn, "DEATH_SECONDS", 30.0)
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_1"), {"die": 3}]])
    access = Access(Failure(FailureReason.MODEL_PROVIDER, "the provider is overloaded"))
    async with running_agent(cell, access, tmp_path, watchdogs=PATIENT) as agent:
        said = await agent.prompt(PROMPT, lambda _: None, Answers())
    assert said.failure == Failure(
        FailureReason.AGENT_ERROR, "OpenCode ended in the middle of its work (exit code 3)", retryable=True
    )
