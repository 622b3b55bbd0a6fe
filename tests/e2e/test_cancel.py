"""Cancelling: at whatever moment it comes, the task ends as CANCELLED and nothing that it started is left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import event_pb2, task_pb2
from agent_runtime.watch import WatchUpdate
from tests.apps.shop.launch import Shop
from tests.contract.runner_fixtures import HANGING, served_page
from tests.e2e.conftest import COMPLETE_SECONDS, Tables
from tests.line.support import COMPLETE, RUN, SIGN_IN, Followed, Server, carry_out, dead_app, mute_app, until

CANCEL_SECONDS = 20
"""How long a cancelled task may take to be gone."""
REACH_SECONDS = 300
"""How long a task may take to get to where it is cancelled."""

pytestmark = pytest.mark.timeout(REACH_SECONDS + COMPLETE_SECONDS)


async def _cancel(running: Server, client: AgentRuntimeClient, task_id: str) -> float:
    """Cancel a task that runs; seconds until it reads CANCELLED. Nothing is left in that moment."""
    assert running.started(), "there is something to stop"
    began = time.monotonic()
    await client.cancel_task(task_id, reason="enough")
    await _gone(client, task_id)
    assert running.started() == {}
    return time.monotonic() - began


async def _gone(client: AgentRuntimeClient, task_id: str) -> None:
    done = await client.wait_task(task_id, timeout=CANCEL_SECONDS)
    assert done.met, f"{task_id} is still {task_pb2.TaskStatus.Name(done.task.status)}"
    assert done.task.status == task_pb2.TASK_STATUS_CANCELLED
    assert done.task.cancellation.reason == "enough"


def _says(text: str) -> Callable[[WatchUpdate], bool]:
    """An event with an activity that begins with the text."""

    def look(update: WatchUpdate) -> bool:
        return isinstance(update, event_pb2.TaskEvent) and update.phase_change.activity.startswith(text)

    return look


def _runs_a_test(update: WatchUpdate) -> bool:
    return isinstance(update, event_pb2.TaskEvent) and update.HasField("test")


async def test_while_preparing(running: Server, tables: Tables) -> None:
    async with mute_app() as url, running.client() as client:
        task = await client.create_task(COMPLETE, url)
        await until(client, task.id, _says("Looking whether"), REACH_SECONDS)
        began = time.monotonic()
        await client.cancel_task(task.id, reason="enough")
        await _gone(client, task.id)
        tables.add("Cancel while preparing", ["seconds"], [(f"{time.monotonic() - began:.1f}",)])
    assert running.started() == {}


@pytest.mark.parametrize("saying", ["Exploring ", "Trying: ", "Proving that"])
async def test_while_planning(saying: str, running: Server, tables: Tables) -> None:
    with Shop() as shop:
        async with running.client() as client:
            task = await client.create_task(COMPLETE, shop.start(), instructions="Only sign in", **SIGN_IN)
            await until(client, task.id, _says(saying), REACH_SECONDS)
            seconds = await _cancel(running, client, task.id)
    tables.add(f"Cancel while planning, at “{saying.strip()}”", ["seconds"], [(f"{seconds:.1f}",)])


@pytest.mark.parametrize("saying", ["Compiling and linting", "Checking that the tests are steady"])
async def test_while_generating(saying: str, running: Server, healthy: Followed, tables: Tables) -> None:
    with Shop() as shop:
        async with running.client() as client:
            task = await client.create_task(
                task_pb2.TASK_TYPE_GENERATE, shop.start(), session_id=healthy.task.session_id, **SIGN_IN
            )
            await until(client, task.id, _says(saying), REACH_SECONDS)
            await _something_runs(running)
            seconds = await _cancel(running, client, task.id)
    tables.add(f"Cancel while generating, at “{saying}”", ["seconds"], [(f"{seconds:.1f}",)])


async def _something_runs(running: Server) -> None:
    async with asyncio.timeout(REACH_SECONDS):
        while not running.started():
            await asyncio.sleep(0.02)


async def test_while_running_and_while_queued(running: Server, healthy: Followed, tables: Tables) -> None:
    with Shop() as shop:
        async with running.client() as client:
            url, session = shop.start(), healthy.task.session_id
            task = await client.create_task(RUN, url, session_id=session, **SIGN_IN)
            await until(client, task.id, _runs_a_test, REACH_SECONDS)
            queued = await client.create_task(RUN, url, session_id=session, **SIGN_IN)
            began = time.monotonic()
            await client.cancel_task(queued.id, reason="enough")
            await _gone(client, queued.id)
            waited = time.monotonic() - began
            seconds = await _cancel(running, client, task.id)
    rows = [("queued", f"{waited:.1f}"), ("running", f"{seconds:.1f}")]
    tables.add("Cancel while queued and while running", ["when", "seconds"], rows)


async def test_a_child_that_hides_is_gone_too(running: Server, tables: Tables) -> None:
    with served_page() as url:
        async with running.client() as client:
            # Only to have a session: the app is not there.
            made = await carry_out(client, task_pb2.TASK_TYPE_PLAN, dead_app(), REACH_SECONDS)
            workspace = running.workspaces / made.task.session_id
            for path, text in HANGING.items():
                (workspace / path).write_text(text)
            task = await client.create_task(RUN, url, session_id=workspace.name)
            pid = await _planted(workspace / "stray.pid")
            child = psutil.Process(pid)
            assert child.environ() == {}
            assert child.ppid() != running.pid
            seconds = await _cancel(running, client, task.id)
    assert not psutil.pid_exists(pid)
    tables.add("Cancel with a child that hides", ["seconds"], [(f"{seconds:.1f}",)])


async def _planted(file: Path) -> int:
    async with asyncio.timeout(REACH_SECONDS):
        while not (file.is_file() and (text := file.read_text().strip())):
            await asyncio.sleep(0.05)
    return int(text)
