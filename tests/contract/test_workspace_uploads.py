"""Files that callers write into a session: whole or not at all, and nowhere else."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_runtime_server.adapters.workspaces import folders
from agent_runtime_server.adapters.workspaces.uploads import place
from agent_runtime_server.domain.faults import DigestMismatch, FileExists, InvalidField, PathOutsideSession
from agent_runtime_server.ports import SessionFile, Workspaces
from tests.contract.workspace_fixtures import (
    KINDS,
    LEADING_OUT,
    MIB,
    gather,
    lay_traps,
    left_half_done,
    listed,
    open_below,
    put,
    stream,
    untouched,
    workspaces_of,
)

EMPTY = ["artifacts", "specs", "tests"]


@pytest.fixture(params=KINDS)
def workspaces(request: pytest.FixtureRequest, tmp_path: Path) -> Workspaces:
    return workspaces_of(request.param, tmp_path)


async def write(
    workspaces: Workspaces, path: str, *pieces: bytes, sha256: str = "", overwrite: bool = False
) -> SessionFile:
    return await workspaces.write("s1", path, stream(*pieces), sha256=sha256, overwrite=overwrite)


async def content(workspaces: Workspaces, path: str) -> bytes:
    _, pieces = await workspaces.read("s1", path, 0, 0)
    return await gather(pieces)


async def test_a_file_is_written_with_its_folders(workspaces: Workspaces) -> None:
    pieces = [os.urandom(MIB), b"", os.urandom(17)]
    digest = hashlib.sha256(b"".join(pieces)).hexdigest()
    file = await write(workspaces, "e2e/deep//er/ü b.bin", *pieces, sha256=digest.upper())
    assert (file.path, file.size_bytes, file.directory, file.sha256) == (
        "e2e/deep/er/ü b.bin",
        MIB + 17,
        False,
        digest,
    )
    assert abs(datetime.now(UTC) - file.update_time) < timedelta(minutes=1)
    assert await content(workspaces, file.path) == b"".join(pieces)
    assert (await workspaces.read("s1", file.path, 0, 0))[0] == file
    assert await listed(workspaces) == ["artifacts", "e2e", "e2e/deep", "e2e/deep/er", file.path, "specs", "tests"]
    workspace = await workspaces.prepare("s1")
    beside = put(workspace, "made-by-a-suite")
    assert stat.S_IMODE((workspace / file.path).stat().st_mode) == stat.S_IMODE(beside.stat().st_mode)
    assert left_half_done(workspace) == []


@pytest.mark.parametrize("path", ["package.json", "playwright.config.ts", "tests/.env", "specs/plan.md", "artifacts/a"])
async def test_a_persons_own_files(workspaces: Workspaces, path: str) -> None:
    assert (await write(workspaces, path, b"theirs")).path == path
    await workspaces.prepare("s1")
    assert await content(workspaces, path) == b"theirs"


async def test_an_uploaded_suite_is_found_wherever_its_tests_are(workspaces: Workspaces) -> None:
    await write(workspaces, "playwright.config.ts", b"export default { testDir: 'e2e' }")
    assert not await workspaces.has_tests("s1")
    await write(workspaces, "e2e/cart/add.spec.ts", b"test")
    assert await workspaces.has_tests("s1")


async def test_an_empty_file(workspaces: Workspaces) -> None:
    file = await write(workspaces, "empty", sha256=hashlib.sha256().hexdigest())
    assert file.size_bytes == 0
    assert await content(workspaces, "empty") == b""


async def test_a_file_is_replaced_only_on_demand(workspaces: Workspaces) -> None:
    await write(workspaces, "tests/a.spec.ts", b"old")
    with pytest.raises(FileExists):
        await write(workspaces, "tests/a.spec.ts", b"new")
    assert await content(workspaces, "tests/a.spec.ts") == b"old"
    await write(workspaces, "tests/a.spec.ts", b"new", overwrite=True)
    assert await content(workspaces, "tests/a.spec.ts") == b"new"


async def test_whoever_reads_an_old_file_reads_it_to_its_end(workspaces: Workspaces) -> None:
    await write(workspaces, "big", b"a" * 3 * MIB)
    _, pieces = await workspaces.read("s1", "big", 0, 0)
    first = await anext(pieces)
    await write(workspaces, "big", b"b" * 3 * MIB, overwrite=True)
    assert first + await gather(pieces) == b"a" * 3 * MIB


async def test_of_two_that_make_a_file_one_is_refused(workspaces: Workspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    both = asyncio.Barrier(2)

    def slowly(*arguments: Any) -> os.stat_result:
        time.sleep(0.1)
        return place(*arguments)

    monkeypatch.setattr(folders, "place", slowly)

    async def together(piece: bytes) -> AsyncIterator[bytes]:
        yield piece
        await both.wait()

    done = await asyncio.gather(
        *(workspaces.write("s1", "a", together(piece), sha256="", overwrite=False) for piece in (b"1", b"2")),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done) == ["FileExists", "SessionFile"]


@pytest.mark.parametrize("old", [b"old", None])
async def test_a_wrong_digest_changes_nothing(workspaces: Workspaces, old: bytes | None) -> None:
    if old is not None:
        await write(workspaces, "tests/a.spec.ts", old)
    before = await workspaces.files("s1", "", recursive=True)
    with pytest.raises(DigestMismatch, match=hashlib.sha256(b"new").hexdigest()):
        await write(workspaces, "tests/a.spec.ts", b"new", sha256="0" * 64, overwrite=True)
    assert before == (await workspaces.files("s1", "", recursive=True) if old else [])
    assert left_half_done(await workspaces.prepare("s1")) == []


async def test_pieces_that_break_off_leave_nothing(workspaces: Workspaces) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        assert await listed(workspaces) == EMPTY, "nothing is seen before the file is whole"
        raise ConnectionError("the caller is gone")

    with pytest.raises(ConnectionError):
        await workspaces.write("s1", "new/folder/a.spec.ts", broken(), sha256="", overwrite=False)
    assert await listed(workspaces) == EMPTY
    assert left_half_done(await workspaces.prepare("s1")) == []


async def test_a_cancelled_upload_leaves_nothing(workspaces: Workspaces) -> None:
    waiting = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"half"
        waiting.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(workspaces.write("s1", "new/a.spec.ts", slow(), sha256="", overwrite=False))
    await waiting.wait()
    assert len(left_half_done(await workspaces.prepare("s1"))) == 1
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert await listed(workspaces) == EMPTY
    assert left_half_done(await workspaces.prepare("s1")) == []


async def test_whenever_an_upload_is_cancelled_it_is_there_or_nothing_is(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    ends: set[bool] = set()
    turns = 0
    while turns < 60 or ends != {True, False}:
        upload = asyncio.create_task(write(workspaces, "new/a.spec.ts", b"half", b"half", overwrite=True))
        for _ in range(turns):
            await turn()
        upload.cancel()
        await asyncio.wait({upload})
        assert left_half_done(workspace) == []
        assert open_below(workspace) == []
        if (workspace / "new").exists():
            assert (workspace / "new/a.spec.ts").read_text() == "halfhalf"
        ends.add(upload.cancelled())
        turns += 1 if turns < 60 else 20  # a disk may be slower than threads are


async def turn() -> None:
    """Let a thread, or the loop, take a step."""
    await asyncio.to_thread(lambda: None)


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("path", LEADING_OUT)
async def test_no_upload_leads_out(workspaces: Workspaces, tmp_path: Path, path: str, overwrite: bool) -> None:
    other = put(await workspaces.prepare("s2"), "tests/new.txt", "theirs")
    workspace = await workspaces.prepare("s1")
    lay_traps(workspace)
    with pytest.raises(PathOutsideSession):
        await write(workspaces, path, b"new", overwrite=overwrite)
    assert untouched(tmp_path)
    assert other.read_text() == "theirs"
    assert (workspace / ".auth/user.json").read_text() == "cookies"
    assert await listed(workspaces) == EMPTY


async def test_a_link_laid_while_the_bytes_come_leads_nobody_out(workspaces: Workspaces, tmp_path: Path) -> None:
    workspace = await workspaces.prepare("s1")

    async def trap() -> AsyncIterator[bytes]:
        yield b"new"
        (workspace / "e2e").symlink_to(tmp_path / "outside")

    with pytest.raises(PathOutsideSession):
        await workspaces.write("s1", "e2e/secret.txt", trap(), sha256="", overwrite=True)
    assert untouched(tmp_path)


@pytest.mark.parametrize("path", ["artifacts/run-1/x", "artifacts/run-7/x/y", "artifacts/run-x", "artifacts/run-0/x"])
async def test_runs_are_not_written_by_callers(workspaces: Workspaces, path: str) -> None:
    await workspaces.begin_run("s1")
    workspace = await workspaces.prepare("s1")
    (workspace / "latest").symlink_to("artifacts/run-1")
    with pytest.raises(PathOutsideSession):
        await write(workspaces, path, b"new")
    with pytest.raises(PathOutsideSession):
        await write(workspaces, "latest/x", b"new")
    assert [*(workspace / "artifacts").rglob("*")] == [workspace / "artifacts" / "run-1"]


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "./", "tests", "tests/", "tests/new/", "again"),
        *("file/below", "circle", "circle/below", "pipe"),
        *("x" * 256, "ü" * 128, "new/" + "x" * 256, "x" * 256 + "/new", "x/" * 3000 + "x"),
    ],
)
async def test_what_can_be_no_file(workspaces: Workspaces, path: str) -> None:
    workspace = await workspaces.prepare("s1")
    put(workspace, "file")
    os.mkfifo(workspace / "pipe")
    (workspace / "circle").symlink_to("circle")
    (workspace / "again").symlink_to("tests")
    taken = []

    async def pieces() -> AsyncIterator[bytes]:
        taken.append(True)
        yield b"new"

    with pytest.raises(InvalidField) as caught:
        await workspaces.write("s1", path, pieces(), sha256="", overwrite=True)
    assert [violation.field for violation in caught.value.violations] == ["path"]
    assert not taken, "it is refused before a byte is taken"
    assert await listed(workspaces) == ["again", "artifacts", "file", "specs", "tests"]


async def test_links_inside_are_written_through(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    put(workspace, "tests/a.spec.ts", "old")
    (workspace / "latest.ts").symlink_to("tests/a.spec.ts")
    (workspace / "e2e").symlink_to("tests")
    (workspace / "dangling").symlink_to("specs/new.md")
    assert (await write(workspaces, "latest.ts", b"new", overwrite=True)).path == "tests/a.spec.ts"
    assert (await write(workspaces, "e2e/b.spec.ts", b"new")).path == "tests/b.spec.ts"
    assert (await write(workspaces, "dangling", b"new")).path == "specs/new.md"
    assert (workspace / "latest.ts").is_symlink()
    assert (workspace / "tests/a.spec.ts").read_text() == "new"
