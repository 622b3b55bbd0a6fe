"""One create, asked for a hundred times at once over two lives of the server, makes one task."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import RequestIdReused, Unreachable
from agent_runtime.v1 import task_pb2
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled, read_whole
from tests.e2e.lives import GatedPage, Lives, attempts

CALLS = 100
BEFORE_THE_KILL = 20
"""Answers that have come when the server is killed."""


async def test_a_hundred_times_over_two_lives(tmp_path: Path, tables: Tables) -> None:
    request_id = str(uuid.uuid4())
    answered: list[str] = []
    enough = asyncio.Event()
    broken = 0

    async def create(number: int) -> None:
        """As a caller does: again, until there is an answer."""
        nonlocal broken
        async with AgentRuntimeClient(lives.server.address, deadline=10) as client:
            while True:
                try:
                    task = await _create(client, url, request_id)
                except Unreachable:
                    broken += 1
                    await asyncio.sleep(0.05)
                    continue
                answered.append(task.id)
                if len(answered) == BEFORE_THE_KILL:
                    enough.set()
                return

    page = GatedPage()
    page.shut()
    with Lives(tmp_path) as lives, page.served() as url:
        async with asyncio.timeout(100), asyncio.TaskGroup() as group:
            for number in range(CALLS):
                group.create_task(create(number))
            await enough.wait()
            lives.kill()
            before = len(answered)
            lives.again()
        async with lives.client() as client:
            tasks = await client.list_tasks()
            assert (await _create(client, url, request_id)).id == answered[0], "also later"
            with pytest.raises(RequestIdReused):
                await _create(client, f"{url}other", request_id)
            await client.cancel_task(answered[0], reason="enough")
            assert (await client.wait_task(answered[0], timeout=30)).met
            await read_whole(lives.server, client, answered[0])
            assert_settled(lives.server)
    assert len(answered) == CALLS
    assert set(answered) == {task.id for task in tasks.tasks}
    assert tasks.total_tasks == 1
    assert 0 < before < CALLS, "both lives have answered"
    header = ["calls", "answered by the first server", "calls that broke", "tasks"]
    tables.add("A create with one request_id, over two lives of the server", header, [(CALLS, before, broken, 1)])


async def _create(client: AgentRuntimeClient, url: str, request_id: str) -> task_pb2.Task:
    return await client.create_task(
        task_pb2.TASK_TYPE_PLAN, url, labels={"team": "shop"}, request_id=request_id, retry_policy=attempts(3)
    )
