"""Tasks of an LLM agent on a real server, whose model is a script: what tests of them share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import task_pb2
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.e2e.invariants import Read, assert_settled, read_whole
from tests.e2e.lives import GatedPage, attempts
from tests.line.support import Followed, Server, server

Scenarios = dict[str, list[dict[str, Any]]]
MODEL = "scripted/model-a"
END_SECONDS = 300.0
"""How long a task may take, on a machine that does other things too."""
SLACK = 30.0
"""What such a machine may add to a bound; without the bounds each of these would wait for minutes, or for ever."""
UP = "Following the instructions"
"""The activity with which the agent, started by then, gets its prompt."""
CUSTOM = task_pb2.TASK_TYPE_CUSTOM
ALLOWED = task_pb2.InputPolicy(default_decision=task_pb2.INPUT_DECISION_ALLOW_ONCE)
OTHER = "${prompt:Other page: (\\S+)}"
"""The address of a page that a test opens and shuts, as its scenario finds it."""


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A step of the model: it calls a tool."""
    return {"calls": [{"tool": tool, "args": arguments}]}


def bash(command: str) -> dict[str, Any]:
    """The same, for a command."""
    return call("bash", command=command, description="A command")


@dataclass
class World:
    """What all these tests have in common."""

    model: ScriptedModel
    running: Server
    client: AgentRuntimeClient
    app: str
    rows: list[Sequence[object]] = field(default_factory=list)
    """Of a table, for the record."""

    async def begin(self, scenario: str, other: str = "http://127.0.0.1:9/", **fields: Any) -> str:
        """A custom task in which the model plays a scenario; its id."""
        self.model.requests.clear()
        fields = {"retry_policy": attempts(2), "input_policy": ALLOWED, **fields}
        if "session_id" not in fields:
            fields["session_id"] = (await self.client.create_session()).id
        text = f"[[{scenario}]] Other page: {other}"
        task = await self.client.create_task(CUSTOM, self.app, instructions=text, **fields)
        return task.id

    async def end(self, task_id: str) -> Read:
        """The task at its end, with every invariant kept and nothing left running."""
        async with asyncio.timeout(END_SECONDS):
            while not (await self.client.wait_task(task_id, timeout=60)).met:
                pass
        assert self.running.started() == {}
        return await read_whole(self.running, self.client, task_id)

    def note(self, what: str, read: Read, bound: float) -> None:
        """A row of the table, and whether each attempt kept to its bound."""
        seconds = times_of(read)
        assert max(seconds) < bound + SLACK, seconds
        told = ", ".join(f"{one:.1f}" for one in seconds)
        self.rows.append((what, verdict_of(read), len(read.lives), f"{bound:g}", told))


@asynccontextmanager
async def world_of(folder: Path, scenarios: Scenarios, **settings: Any) -> AsyncIterator[World]:
    """A server with agents, their model and a page as their app; at the end the server has nothing half done."""
    with GatedPage().served() as app:
        async with ScriptedModel(scenarios) as model:
            with server(folder, **with_model(model), **settings) as running:
                async with running.client() as client:
                    yield World(model, running, client, app)
                    assert_settled(running)


def with_model(model: ScriptedModel, key: str = "") -> dict[str, Any]:
    """For a server whose agents have this model: one slot, and no long waits between attempts."""
    settings = {
        "model": MODEL,
        "model_base_url": model.base_url,
        "model_api_key": key,
        "slots": 1,
        "drain_grace_seconds": 0,
        "retry_backoff_seconds": 0.1,
    }
    return {name: value for name, value in settings.items() if value != ""}


def verdict_of(read: Read) -> str:
    """Status and verdict, or status and reason."""
    return Followed(read.task).verdict


def times_of(read: Read) -> list[float]:
    """Seconds from the prompt to the end, of each attempt."""
    begun = [event for event in read.events if event.phase_change.activity == UP]
    ends = {one.number: one.end_time.ToNanoseconds() for one in read.task.attempts}
    assert [event.attempt for event in begun] == sorted(ends), "each attempt had an agent"
    return [(ends[event.attempt] - event.event_time.ToNanoseconds()) / 1e9 for event in begun]


def lines_of(read: Read) -> list[str]:
    """Messages of the log."""
    return [entry.message for chunk in read.said("log") for entry in chunk.entries]


def calls_of(read: Read, tool: str) -> list[int]:
    """States of the calls of a tool, in their order."""
    return [one.state for one in read.said("tool_call") if one.tool == tool]


async def knocked(page: GatedPage) -> None:
    """Wait until somebody stands before the page's gate."""
    assert await asyncio.to_thread(page.knocked.wait, END_SECONDS)


def parts(running: Server, word: str) -> list[psutil.Process]:
    """Processes of an agent that have the word on their command line, but for the sandbox's own."""
    found = [psutil.Process(pid) for pid in running.started()]
    return [one for one in found if word in (line := one.cmdline()) and not line[0].endswith("bwrap")]
