"""A thousand readers of server-sent events and a thousand of WebSockets come and go: nothing is held for them."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest

from agent_runtime.v1 import task_pb2
from tests.e2e.conftest import Tables
from tests.rest.crowd import NO_BEAT, Crowd, held, let_go
from tests.rest.support import door
from tests.rpc.support import BLOCKING, driver_of

EACH = 1000
SECONDS = 240.0

pytestmark = pytest.mark.timeout(600)


async def test_a_crowd_that_drops(tmp_path: Path, tables: Tables) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # both ends of each connection are in this process
    async with door(tmp_path, driver_of(plan=BLOCKING), default_heartbeat_seconds=NO_BEAT) as at:
        task = await at.create()
        await at.line.until(task["id"], lambda seen: bool(seen.current_phase))
        before = await held(at)
        crowd = Crowd(at, task["id"], EACH, seed=11)
        rows = [("before", *before)]
        for when, appear in (("after a stampede", crowd.stampede), ("after all were there", crowd.gather_and_leave)):
            async with asyncio.timeout(SECONDS):
                await appear()
                await let_go(at, before)
            rows.append((when, *await held(at)))
        assert (await at.line.get(task["id"])).status == task_pb2.TASK_STATUS_RUNNING
    tables.add(
        f"{EACH} readers of server-sent events and {EACH} of WebSockets that drop at random",
        ["when", "open watches", "tasks of the event loop", "sockets"],
        rows,
    )
