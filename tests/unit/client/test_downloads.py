from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from agent_runtime import AgentRuntimeClient, Backoff, FileNotFound, SessionNotFound, TransferCorrupt, Unreachable
from agent_runtime.v1 import service_pb2, session_pb2
from tests.unit.client.fake_service import FakeService, serving
from tests.unit.client.fake_sessions import ARCHIVE

DATA = Random(1).randbytes(10_500)


@asynccontextmanager
async def client_of(service: FakeService) -> AsyncIterator[AgentRuntimeClient]:
    async with serving(service) as address, AgentRuntimeClient(address, backoff=Backoff(0.001, 0.002)) as client:
        yield client


async def fetch(service: FakeService, target: Path) -> Path:
    async with client_of(service) as client:
        return await client.download_artifact("task-1", "trace", target)


def offsets(service: FakeService) -> list[int]:
    return [request.read_offset for request in service.asked(service_pb2.ReadArtifactRequest)]


async def test_a_download_that_breaks_goes_on_where_it_stopped(tmp_path: Path) -> None:
    service = FakeService(artifacts={"trace": DATA})
    service.read_breaks.extend([4000, 2000])
    target = await fetch(service, tmp_path / "new" / "trace.zip")
    assert target.read_bytes() == DATA
    assert offsets(service) == [0, 4000, 6000]
    assert [path.name for path in target.parent.iterdir()] == ["trace.zip"]


async def test_a_later_call_completes_the_part_file(tmp_path: Path) -> None:
    (tmp_path / "trace.part").write_bytes(DATA[:3000])
    service = FakeService(artifacts={"trace": DATA})
    assert (await fetch(service, tmp_path / "trace")).read_bytes() == DATA
    assert offsets(service) == [3000]


@pytest.mark.parametrize("left", [b"x" * 3000, b"x" * 20_000], ids=["other bytes", "longer than the artifact"])
async def test_a_part_file_of_something_else_is_replaced(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "trace.part").write_bytes(left)
    service = FakeService(artifacts={"trace": DATA})
    assert (await fetch(service, tmp_path / "trace")).read_bytes() == DATA
    assert offsets(service)[-1] == 0


async def test_a_wrong_digest_leaves_nothing(tmp_path: Path) -> None:
    service = FakeService(artifacts={"trace": DATA}, digest="0" * 64)
    with pytest.raises(TransferCorrupt, match=r"trace: .*sha256"):
        await fetch(service, tmp_path / "trace")
    assert not (tmp_path / "trace").exists()
    assert not (tmp_path / "trace.part").exists()


async def test_gives_up_when_nothing_comes_any_more_and_keeps_the_part(tmp_path: Path) -> None:
    service = FakeService(artifacts={"trace": DATA})
    service.read_breaks.extend([3000] + [0] * 40)
    with pytest.raises(Unreachable):
        await fetch(service, tmp_path / "trace")
    assert (tmp_path / "trace.part").read_bytes() == DATA[:3000]


async def test_a_session_file_has_no_digest_and_is_never_joined_to_an_old_part(tmp_path: Path) -> None:
    (tmp_path / "plan.md.part").write_bytes(b"old")
    service = FakeService(files={"specs/plan.md": DATA, "empty": b""})
    async with client_of(service) as client:
        target = await client.download_session_file("s", "specs/plan.md", tmp_path / "plan.md")
        empty = await client.download_session_file("s", "empty", tmp_path / "empty")
        with pytest.raises(FileNotFound):
            await client.download_session_file("s", "other", tmp_path / "other")
    assert target.read_bytes() == DATA
    assert empty.read_bytes() == b""


def with_session() -> FakeService:
    return FakeService(sessions={"s": session_pb2.Session(id="s")})


async def test_an_archive_that_breaks_is_begun_anew(tmp_path: Path) -> None:
    service = with_session()
    service.read_breaks.extend([2000, 1000])
    async with client_of(service) as client:
        target = await client.archive_session("s", tmp_path / "new" / "s.zip", service_pb2.ARCHIVE_FORMAT_TAR_ZSTD)
    assert target.read_bytes() == ARCHIVE
    assert [path.name for path in target.parent.iterdir()] == ["s.zip"]
    asked = service.asked(service_pb2.ArchiveSessionRequest)
    assert [request.format for request in asked] == [service_pb2.ARCHIVE_FORMAT_TAR_ZSTD] * 3


async def test_an_archive_that_never_comes_leaves_nothing(tmp_path: Path) -> None:
    service = with_session()
    service.read_breaks.extend([1000] * 40)
    async with client_of(service) as client:
        with pytest.raises(Unreachable):
            await client.archive_session("s", tmp_path / "s.zip")
        with pytest.raises(SessionNotFound):
            await client.archive_session("other", tmp_path / "s.zip")
    assert list(tmp_path.iterdir()) == []
    assert len(service.asked(service_pb2.ArchiveSessionRequest)) == 6
