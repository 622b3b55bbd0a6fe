"""Clients that vanish in the middle of watches, downloads and uploads: the server lets go of all it held for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import psutil
import pytest

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import TooManyWatchers
from agent_runtime.v1 import task_pb2
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled, read_whole
from tests.e2e.lives import SUITE, GatedPage, reach, says, upload
from tests.line.support import ROOT, RUN, server

MIB = 1 << 20
WATCHES, TRANSFERS, CHANNELS = 200, 20, 20
BIG_BYTES = 64 * MIB
GONE_SECONDS = 20.0
"""How long the server may take to notice."""

CLIENT = f"""
import asyncio, os, sys
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.v1 import artifact_pb2, service_pb2

address, task, session = sys.argv[1:]

async def watch(client):
    async for _ in client.watch(task):
        opened.release()

async def download(client):
    async for _ in client.read_session_file(session, "big.bin"):
        opened.release()
        await asyncio.sleep(600)

async def archive(client):
    call = client._sessions.ArchiveSession(service_pb2.ArchiveSessionRequest(session_id=session))
    await call.read()
    opened.release()
    await asyncio.sleep(600)

async def upload(client):
    call = client._sessions.WriteSessionFile()
    header = service_pb2.WriteSessionFileHeader(session_id=session, path=f"half-{{id(call)}}.bin")
    await call.write(service_pb2.WriteSessionFileRequest(header=header))
    for number in range(8):
        chunk = artifact_pb2.FileChunk(offset=number << 18, data=bytes(1 << 18))
        await call.write(service_pb2.WriteSessionFileRequest(chunk=chunk))
    opened.release()
    await asyncio.sleep(600)

async def main():
    global opened
    opened = asyncio.Semaphore(0)
    clients = [AgentRuntimeClient(address) for _ in range({CHANNELS})]
    work = [watch] * {WATCHES} + [download] * {TRANSFERS} + [archive] * {TRANSFERS} + [upload] * {TRANSFERS}
    tasks = [asyncio.create_task(each(clients[number % {CHANNELS}])) for number, each in enumerate(work)]
    for _ in tasks:
        await opened.acquire()
    print("open", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""

pytestmark = pytest.mark.timeout(300)


async def test_clients_that_vanish(tmp_path: Path, tables: Tables) -> None:
    page = GatedPage()
    with server(tmp_path, slots=1, max_watchers=WATCHES) as running, page.served() as url:
        async with running.client() as client:
            session = await upload(client, SUITE, tmp_path / "suite")
            task = await client.create_task(RUN, url, session_id=session)
            await reach(client, task.id, says("Running the tests"))
            page.shut()
            await asyncio.to_thread(page.knocked.wait, GONE_SECONDS)
            store = await upload(client, {"small.txt": "small"}, tmp_path / "store")
            big = tmp_path / "big.bin"
            big.write_bytes(os.urandom(BIG_BYTES))
            await client.upload_session_file(store, big, "big.bin")
            process = psutil.Process(running.pid)
            await _watch_often(client, task.id)
            before = _sight(process)

            vanishing = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", CLIENT, running.address, task.id, store),
                env={**os.environ, "PYTHONPATH": str(ROOT / "client")},
                stdout=asyncio.subprocess.PIPE,
            )
            assert vanishing.stdout is not None
            assert await asyncio.wait_for(vanishing.stdout.readline(), 60) == b"open\n"
            during = _sight(process)
            with pytest.raises(TooManyWatchers) as refused:
                await _open_watch(client, task.id)
            assert refused.value.reason == "TOO_MANY_WATCHERS"
            vanishing.kill()
            await vanishing.wait()

            scratch = running.workspaces / store / ".agent-runtime/scratch"
            async with asyncio.timeout(GONE_SECONDS):
                while _sight(process)[0] > before[0] or _files(process, store) or any(scratch.iterdir()):
                    await asyncio.sleep(0.1)
            await _watch_often(client, task.id)
            after = _sight(process)
            files = {file.path for file in (await client.list_session_files(session_id=store)).files}
            assert {path for path in files if path.endswith((".bin", ".txt"))} == {"big.bin", "small.txt"}

            page.gate.set()
            assert (await client.wait_task(task.id, timeout=60)).met
            read = await read_whole(running, client, task.id)
            assert read.task.status == task_pb2.TASK_STATUS_COMPLETED
            assert read.failures == [""]
            await client.delete_session(store)
            assert_settled(running)
    rows = [
        (name, connections, f"{memory / MIB:.0f}")
        for name, (connections, memory) in zip(_WHEN, (before, during, after), strict=True)
    ]
    title = f"{WATCHES} watches and {3 * TRANSFERS} transfers of a client that is killed"
    tables.add(title, ["when", "connections of the server", "its memory, MiB"], rows)
    assert during[0] >= before[0] + CHANNELS
    assert after[0] == before[0]
    assert after[1] < before[1] + 64 * MIB


_WHEN = ("before", "during", "after")


def _sight(process: psutil.Process) -> tuple[int, int]:
    """Open connections and resident bytes."""
    return len(process.net_connections("tcp")), process.memory_info().rss


def _files(process: psutil.Process, session: str) -> list[str]:
    """Files of a session that are open."""
    return [file.path for file in process.open_files() if session in file.path]


async def _open_watch(client: AgentRuntimeClient, task_id: str) -> None:
    async with contextlib.aclosing(client.watch(task_id)) as updates:
        await anext(updates)


async def _watch_often(client: AgentRuntimeClient, task_id: str) -> None:
    """As many watches at once as the server takes: nobody else has one. They are closed again."""
    watches = [client.watch(task_id) for _ in range(WATCHES)]
    await asyncio.gather(*(anext(watch) for watch in watches))
    for watch in watches:
        await watch.aclose()
