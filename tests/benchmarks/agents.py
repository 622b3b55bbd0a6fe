"""Rows 21 and 22: what an LLM agent costs beside driving OpenCode by hand, and how fast it stops."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import event_pb2, task_pb2
from agent_runtime.watch import WatchUpdate
from agent_runtime_server.adapters.opencode.configuration import SWITCHES, read_configuration
from agent_runtime_server.adapters.opencode.home import furnish, home_variables
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.apps.shop.launch import Shop
from tests.benchmarks.sample import Sample
from tests.contract.runner_fixtures import toolchain
from tests.line.support import Server, carry_out, until

SECONDS = 120.0
FOR_EVER = 600
SETUP = {"tool": "playwright-test_planner_setup_page", "args": {"seedFile": "tests/seed.spec.ts"}}
SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "work": [
        *({"calls": [{"tool": "glob", "args": {"pattern": f"*.{number}"}}]} for number in range(10)),
        {"text": "That was all."},
    ],
    "bash": [{"calls": [{"tool": "bash", "args": {"command": f"sleep {FOR_EVER}", "description": "Wait"}}]}],
    "model": [{"hang_before": FOR_EVER}],
    "browser": [
        {"calls": [SETUP]},
        {"calls": [{"tool": "playwright-test_browser_snapshot", "args": {}}]},
        {"calls": [{"tool": "playwright-test_browser_wait_for", "args": {"time": FOR_EVER, "intent": "Wait"}}]},
    ],
}
BUSY = {"bash": "bash", "browser": "playwright-test_browser_wait_for"}
"""Tool calls that are to be cancelled, by scenario."""
ALLOW = task_pb2.InputPolicy(default_decision=task_pb2.INPUT_DECISION_ALLOW_ONCE)


def overhead(quick: bool) -> Sample:
    """Row 22: a custom task of eleven model calls, from its creation to its end, beside the same by hand."""
    del quick
    return asyncio.run(_overhead())


async def _overhead() -> Sample:
    with Shop() as shop, tempfile.TemporaryDirectory() as folder:
        url = shop.start()
        async with ScriptedModel(SCENARIOS) as model:
            by_hand = await _by_hand(model, Path(folder))
            async with _serving(model, Path(folder) / "server") as (_, client):
                task = await _custom(client, url, "work")
    assert task.verdict == "COMPLETED NO_TESTS", task.trouble()
    return Sample(by_hand, task.seconds, task.seconds / by_hand, f"{task.seconds - by_hand:.1f} s more")


def cancel(quick: bool) -> Sample:
    """Row 21: from CancelTask to CANCELLED, which is told when every process is gone."""
    del quick
    return asyncio.run(_cancel())


async def _cancel() -> Sample:
    took: dict[str, float] = {}
    with Shop() as shop, tempfile.TemporaryDirectory() as folder:
        url = shop.start()
        async with ScriptedModel(SCENARIOS) as model, _serving(model, Path(folder)) as (server, client):
            for scenario in ("bash", "model", "browser"):
                took[scenario] = await _cancelled(client, model, url, scenario)
                assert server.started() == {}, server.started()
    note = ", ".join(f"in a {scenario} call {seconds:.1f} s" for scenario, seconds in took.items())
    return Sample(2.0, max(took.values()), max(took.values()) / 2.0, note)


async def _cancelled(client: AgentRuntimeClient, model: ScriptedModel, url: str, scenario: str) -> float:
    """Seconds from the call to the end of a task that an agent is busy with."""
    task = await client.create_task(
        task_pb2.TASK_TYPE_CUSTOM, url, instructions=f"[[{scenario}]]", input_policy=ALLOW, driver="opencode"
    )
    if scenario in BUSY:
        await until(client, task.id, lambda update: _calls(update, BUSY[scenario]), SECONDS)
    else:
        await model.until(lambda: any(asked.scenario == scenario for asked in model.requests))
    begin = time.monotonic()
    await client.cancel_task(task.id)
    await client.wait_task(task.id)
    return time.monotonic() - begin


def _calls(update: WatchUpdate, tool: str) -> bool:
    return isinstance(update, event_pb2.TaskEvent) and update.tool_call.tool == tool


async def _custom(client: AgentRuntimeClient, url: str, scenario: str) -> Any:
    fields = {"instructions": f"[[{scenario}]]", "driver": "opencode"}
    return await carry_out(client, task_pb2.TASK_TYPE_CUSTOM, url, SECONDS, **fields)


@asynccontextmanager
async def _serving(model: ScriptedModel, folder: Path) -> AsyncIterator[tuple[Server, AgentRuntimeClient]]:
    """A server that has looked at what agents need, as one does right after its start."""
    folder.mkdir(exist_ok=True)
    settings = {"model": "scripted/model-a", "model_base_url": model.base_url}
    server = await asyncio.to_thread(lambda: Server(folder, **settings))
    try:
        async with server.client() as client, asyncio.timeout(SECONDS):
            while not (await client.get_server_info()).sandbox:
                await asyncio.sleep(0.1)
            yield server, client
    finally:
        await asyncio.to_thread(server.stop)


async def _by_hand(model: ScriptedModel, folder: Path) -> float:
    """Seconds that the scenario takes with nothing of ours: start, session, prompt, end."""
    import httpx

    program = toolchain().opencode
    assert program is not None
    furnish(folder / "home", "1")
    workspace = folder / "workspace"
    workspace.mkdir()
    toolchain().link(workspace)
    password = secrets.token_urlsafe(16)
    environment = {
        **os.environ,
        **home_variables(folder / "home"),
        **SWITCHES,
        "OPENCODE_SERVER_PASSWORD": password,
        "OPENCODE_CONFIG_CONTENT": json.dumps(_configuration(model)),
    }
    begin = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(str(program), "serve", "--hostname", "127.0.0.1", "--port", "0"),
        cwd=workspace,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            address = ""
            while not (found := re.search(r"listening on (\S+)", address)):
                address = (await process.stdout.readline()).decode()
            async with httpx.AsyncClient(base_url=found[1], auth=("opencode", password), timeout=SECONDS) as api:
                session = (await api.post("/session", json={"title": "work"})).json()["id"]
                parts = [{"type": "text", "text": "[[work]]"}]
                answer = await api.post(f"/session/{session}/message", json={"agent": "custom", "parts": parts})
        assert "That was all." in answer.text, answer.text[:500]
    finally:
        os.killpg(process.pid, 9)
        await process.wait()
    return time.monotonic() - begin


def _configuration(model: ScriptedModel) -> dict[str, Any]:
    read = read_configuration()
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": model.base_url, "apiKey": "none"},
        "models": {"model-a": {"tool_call": True, "limit": {"context": 128_000, "output": 8192}}},
    }
    name = "scripted/model-a"
    return {
        **read,
        "model": name,
        "small_model": name,
        "enabled_providers": ["scripted"],
        "provider": {"scripted": provider},
    }
