"""A watcher that is killed again and again, and goes on after the last event it had, sees each event exactly once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent_runtime.paging import pages
from agent_runtime.v1 import task_pb2
from tests.apps.shop.launch import Shop
from tests.e2e.conftest import COMPLETE_SECONDS, Tables
from tests.line.support import ROOT, SIGN_IN, Server

KILLS = 20
MOST_EVENTS = 6
"""Events that a watcher sees before it is killed, at most; then more may be on their way to it."""


@dataclass
class Watching:
    """A watcher's life, from start to SIGKILL or to the end of the task."""

    sequences: list[int] = field(default_factory=list)
    final: dict[str, Any] | None = None


async def _watch(address: str, task_id: str, after: int, events: int | None) -> Watching:
    """Run `agent-runtime watch` until it has printed so many events, then kill it; None lets it end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent_runtime.cli.main", "watch", task_id, "--after", str(after), "-o", "json"),
        env={**os.environ, "PYTHONPATH": str(ROOT / "client"), "AGENT_RUNTIME_SERVER": address},
        stdout=asyncio.subprocess.PIPE,
        limit=16 * 2**20,
    )
    assert process.stdout is not None
    seen = Watching()
    # What is in the pipe when it dies was seen; a line that it did not finish was not.
    while (line := await process.stdout.readline()).endswith(b"\n"):
        update = json.loads(line)
        assert "gap" not in update
        if "task" in update:
            seen.final = update["task"]
        else:
            seen.sequences.append(int(update["sequence"]))
        if events is not None and len(seen.sequences) == events:
            process.kill()
    await process.wait()
    return seen


@pytest.mark.timeout(COMPLETE_SECONDS + 100)
async def test_a_killed_watcher_goes_on(running: Server, tables: Tables) -> None:
    chance = random.Random(20)
    seen: list[int] = []
    with Shop() as shop:
        async with running.client() as client, asyncio.timeout(COMPLETE_SECONDS):
            task = await client.create_task(
                task_pb2.TASK_TYPE_COMPLETE,
                shop.start(),
                instructions="Only sign in",
                explore=task_pb2.ExploreOptions(max_states=10),
                **SIGN_IN,
            )
            for _ in range(KILLS):
                life = await _watch(running.address, task.id, seen[-1] if seen else 0, chance.randint(1, MOST_EVENTS))
                assert life.final is None, "the task ended before the watcher was killed often enough"
                seen += life.sequences
            last = await _watch(running.address, task.id, seen[-1], None)
            seen += last.sequences
            kept = [
                event.sequence
                async for page in pages(lambda token: client.list_task_events(task.id, page_token=token))
                for event in page.events
            ]
    assert last.final is not None
    rows = [(KILLS, len(seen) - len(last.sequences), len(seen))]
    tables.add("A watcher killed by SIGKILL", ["times", "events seen until then", "events in all"], rows)
    assert seen == list(range(1, int(last.final["sequence"]) + 1))
    assert seen == kept
