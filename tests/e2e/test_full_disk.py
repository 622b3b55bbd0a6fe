"""A disk that gets full to the last byte: what runs fails while that can still be written, and the server serves on."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_runtime.errors import DiskFull
from agent_runtime.v1 import task_pb2
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled, read_whole
from tests.e2e.lives import SUITE, GatedPage, Lives, reach, says, upload
from tests.line.support import RUN, artifacts, carry_out

END_SECONDS = 300.0
MIB = 1 << 20

pytestmark = pytest.mark.timeout(600)


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system in memory, of so many bytes."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert mounted.returncode == 0, f"this test needs the right to mount a file system: {mounted.stderr}"
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> int:
    """Write until nothing more goes; the bytes that went."""
    written = 0
    with file.open("wb", buffering=0) as target:
        with contextlib.suppress(OSError):
            while True:
                written += target.write(bytes(MIB))
        with contextlib.suppress(OSError):
            while True:
                written += target.write(bytes(512))
    return written


async def test_a_full_disk(tmp_path: Path, tables: Tables) -> None:
    """To the last byte, in the middle of a run; and then there is room again."""
    page = GatedPage()
    with (
        small_disk(tmp_path / "disk", 256 * MIB) as disk,
        Lives(disk, min_free_bytes=24 * MIB) as lives,
        page.served() as url,
    ):
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, SUITE, tmp_path / "suite")
            good = await carry_out(client, RUN, url, END_SECONDS, session_id=session)
            assert good.verdict == "COMPLETED PASSED", good.trouble()
            task = await client.create_task(RUN, url, session_id=session)
            queued = await client.create_task(RUN, url, session_id=session)
            await reach(client, task.id, says("Running the tests"))
            page.shut()
            await asyncio.to_thread(page.knocked.wait, END_SECONDS)
            filler = disk / "filler"
            filled = await asyncio.to_thread(fill, filler)
            began = time.monotonic()
            assert (await client.wait_task(task.id, timeout=30)).met
            seconds = time.monotonic() - began
            page.gate.set()

            # Whatever does not need room goes on.
            await client.get_task(task.id)
            assert (await client.list_tasks()).total_tasks == 3
            for artifact in await artifacts(client, good.id):
                assert sum([len(chunk.data) async for chunk in client.read_artifact(good.id, artifact.id)])
            for refused in (
                client.create_task(RUN, url, session_id=session),
                client.create_session(),
                client.upload_session_file(session, tmp_path / "suite/tests/page.spec.ts", "tests/more.spec.ts"),
            ):
                with pytest.raises(DiskFull) as full:
                    await refused
                assert full.value.reason == "DISK_FULL"
                assert full.value.retry_after
            assert (await client.get_task(queued.id)).status == task_pb2.TASK_STATUS_PENDING, "it waits for room"
            filler.unlink()

            while True:
                try:
                    again = await carry_out(client, RUN, url, END_SECONDS, session_id=session)
                    break
                except DiskFull:
                    await asyncio.sleep(0.2)
            assert again.verdict == "COMPLETED PASSED", again.trouble()
            assert (await client.get_task(queued.id)).done, "what has waited for room goes first"
            reads = [await read_whole(lives.server, client, id_) for id_ in (good.id, task.id, queued.id, again.id)]
            assert_settled(lives.server)
    assert [read.failures for read in reads] == [[""], ["DISK_FULL"], [""], [""]]
    header = ["bytes that filled it", "seconds to DISK_FULL", "after it was emptied"]
    tables.add("A full disk", header, [(filled, f"{seconds:.1f}", again.verdict)])


async def test_killed_on_a_full_disk(tmp_path: Path, tables: Tables) -> None:
    """What was acknowledged is there when there is room again."""
    page = GatedPage()
    with (
        small_disk(tmp_path / "disk", 256 * MIB) as disk,
        Lives(disk, min_free_bytes=24 * MIB) as lives,
        page.served() as url,
    ):
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, SUITE, tmp_path / "suite")
            task = await client.create_task(RUN, url, session_id=session)
            await reach(client, task.id, says("Running the tests"))
            page.shut()
            await asyncio.to_thread(page.knocked.wait, END_SECONDS)
            filler = disk / "filler"
            await asyncio.to_thread(fill, filler)
            lives.kill()
            await lives.orphans_gone()
            page.gate.set()
            filler.unlink()
            lives.again()
            assert (await client.wait_task(task.id, timeout=60)).met
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    assert read.failures in (["WORKER_LOST", ""], ["DISK_FULL"]), "as it was killed before or after it was told"
    tables.add("kill -9 of the server on a full disk", ["attempts"], [(", ".join(read.failures),)])
