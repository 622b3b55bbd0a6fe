"""What every keeper of artifact bytes does; a folder's care, for the one on disk."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent_runtime_server.adapters.blobs_fs import DirectoryBlobs
from agent_runtime_server.domain.faults import ArtifactNotFound
from agent_runtime_server.ports import BlobRef, Blobs
from agent_runtime_server.testing.blobs import MemoryBlobs

MIB = 1 << 20
MOMENT = timedelta(seconds=0.05)
"""The clocks of file systems tick in steps."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, folder: Path) -> Blobs:
    return DirectoryBlobs(folder) if request.param == "folder" else MemoryBlobs()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(2 * MIB + 17))
    return path


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report"
    (path / "data").mkdir(parents=True)
    (path / "index.html").write_text("<html>")
    (path / "data" / "trace.zip").write_bytes(b"\0\1\2")
    (path / "data" / "empty").touch()
    return path


async def gather(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_a_file_comes_back_under_its_digest(blobs: Blobs, source: Path) -> None:
    ref = await blobs.put(source)
    content = source.read_bytes()
    assert (ref.sha256, ref.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    source.write_bytes(b"changed afterwards")
    assert await gather(blobs.read(ref.sha256, 0, 0)) == content
    assert await blobs.put(source) != ref


@pytest.mark.parametrize(
    ("offset", "limit"),
    [(0, 1), (5, 0), (MIB - 1, 2), (1, MIB + 1), (2 * MIB, 99), (2 * MIB + 17, 0), (3 * MIB, 5), (0, 9 * MIB)],
)
async def test_parts(blobs: Blobs, source: Path, offset: int, limit: int) -> None:
    ref = await blobs.put(source)
    expected = source.read_bytes()[offset : offset + limit if limit else None]
    pieces = [piece async for piece in blobs.read(ref.sha256, offset, limit)]
    assert b"".join(pieces) == expected
    assert all(0 < len(piece) <= MIB for piece in pieces)


@pytest.mark.parametrize("digest", ["0" * 64, "", "../../etc/passwd"])
async def test_unknown_bytes(blobs: Blobs, digest: str) -> None:
    with pytest.raises(ArtifactNotFound):
        await gather(blobs.read(digest, 0, 0))


async def test_an_empty_file(blobs: Blobs, source: Path) -> None:
    source.write_bytes(b"")
    ref = await blobs.put(source)
    assert ref.size_bytes == 0
    assert await gather(blobs.read(ref.sha256, 0, 0)) == b""


async def test_a_folder_is_a_zip(blobs: Blobs, report: Path) -> None:
    ref = await blobs.put(report)
    data = await gather(blobs.read(ref.sha256, 0, 0))
    assert len(data) == ref.size_bytes
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["data/empty", "data/trace.zip", "index.html"]
        assert archive.read("data/trace.zip") == b"\0\1\2"


async def test_the_same_folder_gives_the_same_bytes(blobs: Blobs, report: Path, tmp_path: Path) -> None:
    first = await blobs.put(report)
    again = tmp_path / "again"
    (again / "data").mkdir(parents=True)
    for name in ("index.html", "data/empty", "data/trace.zip"):
        (again / name).write_bytes((report / name).read_bytes())
        os.utime(again / name, (0, 0))
    assert await blobs.put(again) == first


async def test_links_are_not_followed(blobs: Blobs, report: Path, source: Path, tmp_path: Path) -> None:
    (report / "passwd").symlink_to("/etc/passwd")
    (report / "everything").symlink_to("/etc")
    (report / "gone").symlink_to("nowhere")
    ref = await blobs.put(report)
    with zipfile.ZipFile(io.BytesIO(await gather(blobs.read(ref.sha256, 0, 0)))) as archive:
        assert archive.namelist() == ["data/empty", "data/trace.zip", "index.html"]
    for target in (source, report):
        link = tmp_path / f"link-to-{target.name}"
        link.symlink_to(target)
        with pytest.raises(FileNotFoundError):
            await blobs.put(link)


async def test_what_cannot_be_kept(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await blobs.put(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError):
        await asyncio.wait_for(blobs.put(tmp_path / "pipe"), 60)


async def test_the_folder_holds_whole_blobs_only(folder: Path, source: Path, tmp_path: Path) -> None:
    blobs = DirectoryBlobs(folder)
    refs = await asyncio.gather(*(blobs.put(source) for _ in range(4)))
    with pytest.raises(FileNotFoundError):
        await blobs.put(tmp_path / "missing")
    digest = refs[0].sha256
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / digest[:2] / digest[2:4] / digest]


async def test_nothing_half_written_is_seen_or_kept(
    folder: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that dies while it writes: the digest is not there, and the next server clears what was left."""
    blobs = DirectoryBlobs(folder)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", die)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            blobs._put(source)
    assert len(list((folder / "incoming").iterdir())) == 1
    with pytest.raises(ArtifactNotFound):
        await gather(blobs.read(hashlib.sha256(source.read_bytes()).hexdigest(), 0, 0))
    fresh = DirectoryBlobs(folder)
    assert list((folder / "incoming").iterdir()) == []
    assert (await fresh.put(source)).size_bytes == source.stat().st_size


def soon() -> datetime:
    return datetime.now(UTC) + MOMENT


async def held(blobs: Blobs, *refs: BlobRef) -> list[bool]:
    found = []
    for ref in refs:
        try:
            found.append(len(await gather(blobs.read(ref.sha256, 0, 0))) == ref.size_bytes)
        except ArtifactNotFound:
            found.append(False)
    return found


async def test_what_is_old_and_not_in_use_is_swept(blobs: Blobs, source: Path, report: Path) -> None:
    assert await blobs.sweep((), soon()) == 0
    used, unused = await blobs.put(source), await blobs.put(report)
    assert await blobs.sweep({used.sha256, "0" * 64}, soon()) == unused.size_bytes
    assert await held(blobs, used, unused) == [True, False]
    assert await blobs.sweep({used.sha256}, soon()) == 0
    assert await blobs.put(report) == unused
    assert await held(blobs, used, unused) == [True, True]
    assert await blobs.sweep((), soon()) == used.size_bytes + unused.size_bytes
    assert await held(blobs, used, unused) == [False, False]


async def test_what_was_put_lately_stays_though_it_is_not_in_use(blobs: Blobs, source: Path) -> None:
    before = datetime.now(UTC) - MOMENT
    ref = await blobs.put(source)
    assert await blobs.sweep((), before) == 0
    assert await held(blobs, ref) == [True]


async def test_putting_the_same_again_counts_as_putting(blobs: Blobs, source: Path) -> None:
    ref = await blobs.put(source)
    await asyncio.sleep(2 * MOMENT.total_seconds())
    between = datetime.now(UTC) - MOMENT
    await blobs.put(source)
    assert await blobs.sweep((), between) == 0
    assert await held(blobs, ref) == [True]
    assert await blobs.sweep((), soon()) == ref.size_bytes


async def test_whoever_reads_a_blob_reads_it_to_its_end(blobs: Blobs, source: Path) -> None:
    ref = await blobs.put(source)
    pieces = blobs.read(ref.sha256, 0, 0)
    first = await anext(pieces)
    await blobs.sweep((), soon())
    assert first + await gather(pieces) == source.read_bytes()


async def test_sweeping_leaves_no_empty_folders(folder: Path, source: Path) -> None:
    blobs = DirectoryBlobs(folder)
    await blobs.put(source)
    await blobs.sweep((), soon())
    assert [path.name for path in folder.iterdir()] == ["incoming"]
    await blobs.put(source)


async def test_putting_and_sweeping_at_once(folder: Path, source: Path) -> None:
    """A blob that is put again is never swept for its old time."""
    blobs = DirectoryBlobs(folder)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    for _ in range(20):
        ref = await blobs.put(source)
        kept = folder / ref.sha256[:2] / ref.sha256[2:4] / ref.sha256
        os.utime(kept, (old.timestamp() - 1, old.timestamp() - 1))
        await asyncio.gather(blobs.sweep((), old), blobs.put(source))
        assert kept.exists()


@pytest.mark.parametrize("times", [1, 2])
async def test_a_read_that_is_given_up_before_the_file_is_open_leaves_none_open(times: int, folder: Path) -> None:
    """A pipe opens for a reader only when a writer comes: until then the read hangs there."""
    digest = "ab" * 32
    pipe = folder / digest[:2] / digest[2:4] / digest
    blobs = DirectoryBlobs(folder)
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    reading = asyncio.ensure_future(anext(aiter(blobs.read(digest, 0, 0))))
    for _ in range(times):
        for _ in range(3):
            await asyncio.sleep(0)
        reading.cancel()
    await asyncio.sleep(0)
    writer = asyncio.get_running_loop().run_in_executor(None, os.open, pipe, os.O_WRONLY)
    with pytest.raises(asyncio.CancelledError):
        await reading
    descriptor = await writer
    with pytest.raises(BrokenPipeError):
        os.write(descriptor, b"x")
    os.close(descriptor)
