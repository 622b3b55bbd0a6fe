"""Sessions and their bounds."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from agent_runtime_server.adapters.clock import SystemClock
from agent_runtime_server.domain.faults import DiskFull, InvalidField, SessionExists, SessionNotFound
from agent_runtime_server.domain.session import Session
from agent_runtime_server.orchestrator.disk import DiskGuard
from agent_runtime_server.orchestrator.sessions import SessionLimits, Sessions
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.disk import NumberedDisk
from agent_runtime_server.testing.store import MemoryStore
from agent_runtime_server.testing.workspaces import PlainWorkspaces


class Folders(PlainWorkspaces):
    """Folders that are slow to go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = root
        self.going = asyncio.Event()
        self.may_go = asyncio.Event()
        self.may_go.set()

    async def delete(self, session_id: str) -> None:
        self.going.set()
        await self.may_go.wait()
        await super().delete(session_id)


class Stage:
    """Sessions over a store in memory and real folders."""

    def __init__(self, root: Path, limits: SessionLimits) -> None:
        self.store = MemoryStore(JsonCodec())
        self.folders = Folders(root)
        self.guard = DiskGuard(NumberedDisk(1 << 30, 0), 1)
        self.sessions = Sessions(self.store, self.folders, self.guard, SystemClock(), limits)

    async def write(self, session_id: str, data: Iterable[bytes]) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in data:
                yield piece

        await self.sessions.write(session_id, "a.txt", pieces(), sha256="", overwrite=False)

    async def paths(self, session_id: str) -> list[str]:
        files = await self.sessions.files(session_id, "", recursive=True)
        return [file.path for file in files if not file.directory]


async def test_a_file_has_a_bound(tmp_path: Path) -> None:
    stage = Stage(tmp_path, SessionLimits(max_file_bytes=10))
    await stage.sessions.create("s", None)
    with pytest.raises(InvalidField, match="10 bytes"):
        await stage.write("s", [b"12345", b"678901"])
    assert await stage.paths("s") == []
    await stage.write("s", [b"12345", b"67890"])
    assert await stage.paths("s") == ["a.txt"]


async def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, SessionLimits())
    await stage.sessions.create("s", None)

    async def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(stage.folders, "write", full)
        with pytest.raises(DiskFull):
            await stage.write("s", [b"a"])
    stage.guard.full = True
    for call in (stage.write("s", [b"a"]), stage.sessions.create("t", None)):
        with pytest.raises(DiskFull):
            await call
    await stage.sessions.delete("s")


async def test_a_session_of_the_same_name_waits_until_the_folder_is_gone(tmp_path: Path) -> None:
    stage = Stage(tmp_path, SessionLimits())
    await stage.sessions.create("s", None)
    await stage.write("s", [b"a"])
    stage.folders.going.clear()
    stage.folders.may_go.clear()
    deleting = asyncio.create_task(stage.sessions.delete("s"))
    await stage.folders.going.wait()
    with pytest.raises(SessionNotFound):
        await stage.sessions.get("s")
    making = asyncio.create_task(stage.sessions.create("s", None))
    writing = asyncio.create_task(stage.write("s", [b"b"]))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not making.done()
    stage.folders.may_go.set()
    await deleting
    await making
    await writing
    assert (tmp_path / "s" / "a.txt").read_bytes() == b"b"


async def test_a_caller_that_gives_up_leaves_no_folder_without_a_session(tmp_path: Path) -> None:
    stage = Stage(tmp_path, SessionLimits())
    await stage.sessions.create("s", None)
    await stage.write("s", [b"a"])
    stage.folders.going.clear()
    stage.folders.may_go.clear()
    deleting = asyncio.create_task(stage.sessions.delete("s"))
    await stage.folders.going.wait()
    deleting.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    stage.folders.may_go.set()
    with pytest.raises(asyncio.CancelledError):
        await deleting
    assert not (tmp_path / "s").exists()


async def test_of_many_that_make_a_session_one_does_and_its_files_stay(tmp_path: Path) -> None:
    stage = Stage(tmp_path, SessionLimits())
    results = await asyncio.gather(*(stage.sessions.create("s", None) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, Session) for result in results) == 1
    assert sum(isinstance(result, SessionExists) for result in results) == 9
    await stage.write("s", [b"a"])
    with pytest.raises(SessionExists):
        await stage.sessions.create("s", None)
    assert await stage.paths("s") == ["a.txt"]


async def test_sessions_that_are_kept_for_ever_do_not_expire(tmp_path: Path) -> None:
    stage = Stage(tmp_path, SessionLimits(retention=timedelta()))
    assert stage.sessions.expiry(await stage.sessions.create("s", None)) is None
    stage = Stage(tmp_path, SessionLimits(retention=timedelta(hours=1)))
    session = await stage.sessions.create("s", None)
    assert stage.sessions.expiry(session) == session.update_time + timedelta(hours=1)
