"""Archives: all that is to be seen of a session and nothing else, made while it is taken."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
import zstandard

from agent_runtime_server.ports import ArchiveFormat, Workspaces
from tests.contract.workspace_fixtures import (
    KINDS,
    MIB,
    gather,
    lay_traps,
    listed,
    open_below,
    put,
    untouched,
    workspaces_of,
)

FORMATS = list(ArchiveFormat)


@pytest.fixture(params=KINDS)
def workspaces(request: pytest.FixtureRequest, tmp_path: Path) -> Workspaces:
    return workspaces_of(request.param, tmp_path)


def unpacked(form: ArchiveFormat, data: bytes) -> dict[str, bytes | None]:
    """Contents by path, None for folders; the archive is found sound."""
    if form is ArchiveFormat.ZIP:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            return {
                entry.filename.rstrip("/"): None if entry.is_dir() else archive.read(entry)
                for entry in archive.infolist()
            }
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    found: dict[str, bytes | None] = {}
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        for member in tar:
            assert member.isreg() or member.isdir()
            content = tar.extractfile(member)
            found[member.name] = content.read() if content else None
    return found


async def archive(workspaces: Workspaces, form: ArchiveFormat) -> bytes:
    return await gather(await workspaces.archive("s1", form))


@pytest.mark.parametrize("form", FORMATS)
async def test_everything_that_is_listed_is_archived(workspaces: Workspaces, form: ArchiveFormat) -> None:
    workspace = await workspaces.prepare("s1")
    big = os.urandom(3 * MIB + 11)
    (workspace / "specs" / "big.bin").write_bytes(big)
    for path in ("tests/ü b.spec.ts", ".env", "long/" * 40 + "x" * 200, "artifacts/run-1/report/index.html"):
        put(workspace, path, path)
    (workspace / "empty").touch()
    (workspace / "latest").symlink_to("tests/ü b.spec.ts")
    (workspace / "again").symlink_to("tests")
    found = unpacked(form, await archive(workspaces, form))
    assert sorted(found) == await listed(workspaces)
    assert found["specs/big.bin"] == big
    assert found["latest"] == "tests/ü b.spec.ts".encode()
    assert found["empty"] == b""
    assert found["again"] is None


@pytest.mark.parametrize("form", FORMATS)
async def test_nothing_else_is_archived(workspaces: Workspaces, tmp_path: Path, form: ArchiveFormat) -> None:
    await workspaces.begin_run("s1")
    workspace = await workspaces.prepare("s1")
    lay_traps(workspace)
    put(workspace, "tests/node_modules/package/index.js")
    put(workspace, "artifacts/run-0/trace.zip")
    put(workspace, "artifacts/run-1/trace.zip")
    os.mkfifo(workspace / "pipe")
    (workspace / os.fsdecode(b"no-text-\xff")).touch()
    assert unpacked(form, await archive(workspaces, form)) == dict.fromkeys(["artifacts", "specs", "tests"])
    assert untouched(tmp_path)


@pytest.mark.parametrize("form", FORMATS)
async def test_a_session_without_a_folder_is_an_empty_archive(workspaces: Workspaces, form: ArchiveFormat) -> None:
    assert unpacked(form, await archive(workspaces, form)) == {}


@pytest.mark.parametrize("form", FORMATS)
async def test_pieces_are_full_but_the_last(workspaces: Workspaces, form: ArchiveFormat) -> None:
    (await workspaces.prepare("s1") / "big").write_bytes(os.urandom(5 * MIB + 1))
    pieces = [piece async for piece in await workspaces.archive("s1", form)]
    assert [len(piece) for piece in pieces[:-1]] == [MIB] * 5
    assert 0 < len(pieces[-1]) <= MIB


@pytest.mark.parametrize("form", FORMATS)
async def test_times_and_modes_are_kept(workspaces: Workspaces, form: ArchiveFormat, tmp_path: Path) -> None:
    script = put(await workspaces.prepare("s1"), "start.sh")
    script.chmod(0o700)
    when = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    os.utime(script, (when.timestamp(), when.timestamp()))
    ancient = put(await workspaces.prepare("s1"), "ancient")
    os.utime(ancient, (0, 0))
    data = await archive(workspaces, form)
    if form is ArchiveFormat.ZIP:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            assert opened.getinfo("start.sh").date_time == (2031, 2, 3, 4, 5, 6)
            assert opened.getinfo("start.sh").external_attr >> 16 == 0o100755
            assert opened.getinfo("ancient").date_time == (1980, 1, 1, 0, 0, 0)
            assert opened.getinfo("ancient").external_attr >> 16 == 0o100644
    else:
        plain = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
            assert (tar.getmember("start.sh").mtime, tar.getmember("start.sh").mode) == (when.timestamp(), 0o755)
            assert (tar.getmember("ancient").mtime, tar.getmember("ancient").mode) == (0, 0o644)


async def test_what_goes_meanwhile_is_left_out(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    (workspace / "a").write_bytes(os.urandom(3 * MIB))
    put(workspace, "b")
    pieces = await workspaces.archive("s1", ArchiveFormat.ZIP)
    first = await anext(pieces)
    (workspace / "b").unlink()
    found = unpacked(ArchiveFormat.ZIP, first + await gather(pieces))
    assert set(found) == {"a", "artifacts", "specs", "tests"}


@pytest.mark.parametrize("form", FORMATS)
async def test_a_link_laid_meanwhile_leads_nobody_out(
    workspaces: Workspaces, tmp_path: Path, form: ArchiveFormat
) -> None:
    workspace = await workspaces.prepare("s1")
    (workspace / "a").write_bytes(os.urandom(3 * MIB))
    put(workspace, "b/secret.txt", "mine")
    pieces = await workspaces.archive("s1", form)
    first = await anext(pieces)
    shutil.rmtree(workspace / "b")
    (workspace / "b").symlink_to(tmp_path / "outside")
    found = unpacked(form, first + await gather(pieces))
    assert "b/secret.txt" not in found


@pytest.mark.parametrize("form", FORMATS)
async def test_a_file_that_gets_shorter_breaks_the_archive(workspaces: Workspaces, form: ArchiveFormat) -> None:
    workspace = await workspaces.prepare("s1")
    (workspace / "a").write_bytes(os.urandom(3 * MIB))
    pieces = await workspaces.archive("s1", form)
    await anext(pieces)
    os.truncate(workspace / "a", 2 * MIB)
    with pytest.raises(OSError, match="a got shorter"):
        await gather(pieces)
    assert open_below(workspace) == []


@pytest.mark.parametrize("form", FORMATS)
async def test_a_reader_that_goes_away_leaves_nothing_open(workspaces: Workspaces, form: ArchiveFormat) -> None:
    workspace = await workspaces.prepare("s1")
    (workspace / "a").write_bytes(os.urandom(5 * MIB))
    pieces = await workspaces.archive("s1", form)
    async with aclosing(pieces):
        await anext(pieces)
        assert open_below(workspace) == [str(workspace / "a")]
    assert open_below(workspace) == []


@pytest.mark.parametrize("form", FORMATS)
async def test_a_cancelled_reader_leaves_nothing_open(workspaces: Workspaces, form: ArchiveFormat) -> None:
    """However the cancellation falls: while a piece is made, or between two."""
    workspace = await workspaces.prepare("s1")
    (workspace / "a").write_bytes(os.urandom(20 * MIB))

    async def take(pieces: AsyncIterator[bytes], begun: asyncio.Event) -> None:
        async with aclosing(cast("AsyncGenerator[bytes, None]", pieces)):
            async for _ in pieces:
                begun.set()

    for turns in range(5):
        begun = asyncio.Event()
        reader = asyncio.create_task(take(await workspaces.archive("s1", form), begun))
        await begun.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert open_below(workspace) == []
