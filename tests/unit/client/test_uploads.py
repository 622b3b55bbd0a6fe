import contextlib
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from random import Random

import grpc
import pytest

from agent_runtime import AgentRuntimeClient, Backoff, DigestMismatch, FileExists, SessionBusy, Unreachable
from agent_runtime.uploads import CHUNK_BYTES
from agent_runtime.v1 import service_pb2
from tests.unit.client.fake_service import FakeService, reason, serving

DATA = Random(2).randbytes(3 * CHUNK_BYTES + 17)


@contextlib.asynccontextmanager
async def client_of(service: FakeService) -> AsyncIterator[AgentRuntimeClient]:
    async with serving(service) as address, AgentRuntimeClient(address, backoff=Backoff(0.001, 0.002)) as client:
        yield client


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "cart.spec.ts"
    path.write_bytes(DATA)
    return path


def headers(service: FakeService) -> list[service_pb2.WriteSessionFileHeader]:
    return service.asked(service_pb2.WriteSessionFileHeader)


@pytest.mark.parametrize("data", [DATA, b"", DATA[: 2 * CHUNK_BYTES]], ids=["odd", "empty", "whole chunks"])
async def test_a_file_arrives_with_its_digest(source: Path, data: bytes) -> None:
    service = FakeService()
    source.write_bytes(data)
    async with client_of(service) as client:
        file = await client.upload_session_file("s", source, "tests/cart.spec.ts")
    assert service.files == {"tests/cart.spec.ts": data}
    (header,) = headers(service)
    assert (header.session_id, header.overwrite) == ("s", False)
    assert file.sha256 == header.sha256 == sha256(data).hexdigest()


async def test_an_upload_that_breaks_is_begun_again(source: Path) -> None:
    service = FakeService()
    service.write_breaks.extend([0, 2 * CHUNK_BYTES])
    async with client_of(service) as client:
        await client.upload_session_file("s", source, "a")
    assert service.files == {"a": DATA}
    assert len(headers(service)) == 3


async def test_a_lost_answer_to_an_upload_that_was_made_is_no_error(source: Path) -> None:
    service = FakeService(file_digests=True)
    service.write_breaks.append(None)
    async with client_of(service) as client:
        file = await client.upload_session_file("s", source, "a")
    assert (file.path, file.size_bytes, file.sha256) == ("a", len(DATA), sha256(DATA).hexdigest())
    assert service.asked(service_pb2.ReadSessionFileRequest)[0].read_limit == 1


async def test_what_another_has_put_there_meanwhile_is_an_error(source: Path) -> None:
    service = FakeService(files={"a": b"of another"}, file_digests=True)
    service.failures.append((grpc.StatusCode.UNAVAILABLE, "Socket closed", ()))
    async with client_of(service) as client:
        with pytest.raises(FileExists):
            await client.upload_session_file("s", source, "a")
    assert service.files == {"a": b"of another"}


async def test_a_file_that_is_there_is_replaced_only_if_asked(source: Path) -> None:
    service = FakeService(files={"a": DATA}, file_digests=True)
    async with client_of(service) as client:
        with pytest.raises(FileExists):
            await client.upload_session_file("s", source, "a")
        source.write_bytes(b"new")
        await client.upload_session_file("s", source, "a", overwrite=True)
    assert service.files == {"a": b"new"}


@pytest.mark.parametrize(("name", "kind"), [("SESSION_BUSY", SessionBusy), ("DIGEST_MISMATCH", DigestMismatch)])
async def test_a_refusal_is_not_tried_again(source: Path, name: str, kind: type[Exception]) -> None:
    """However much was sent when it came: grpc may then tell of an error of its own instead."""
    service = FakeService()
    tries = 30
    async with client_of(service) as client:
        for _ in range(tries):
            service.failures.append((grpc.StatusCode.FAILED_PRECONDITION, "no", (reason(name),)))
            with pytest.raises(kind, match="no"):
                await client.upload_session_file("s", source, "a")
    assert len(headers(service)) == tries


async def test_gives_up_after_some_tries(source: Path) -> None:
    service = FakeService()
    service.write_breaks.extend([0] * 40)
    async with client_of(service) as client:
        with pytest.raises(Unreachable):
            await client.upload_session_file("s", source, "a")
    assert len(headers(service)) == 5
    assert service.files == {}


def make_suite(folder: Path) -> None:
    for path, text in {
        "playwright.config.ts": "export default {}",
        "tests/cart.spec.ts": "test('cart')",
        "tests/deep/pay.spec.ts": "test('pay')",
        "node_modules/left-pad/index.js": "pad",
        ".git/config": "[core]",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


async def test_a_folder_arrives_without_dependencies(tmp_path: Path) -> None:
    make_suite(tmp_path)
    service = FakeService()
    async with client_of(service) as client:
        sent = await client.upload_folder("s", tmp_path, "mine")
    assert sorted(service.files) == [
        "mine/playwright.config.ts",
        "mine/tests/cart.spec.ts",
        "mine/tests/deep/pay.spec.ts",
    ]
    assert [file.path for file in sent] == [
        "mine/playwright.config.ts",
        "mine/tests/cart.spec.ts",
        "mine/tests/deep/pay.spec.ts",
    ]


async def test_a_repeated_folder_sends_only_what_is_not_there(tmp_path: Path) -> None:
    make_suite(tmp_path)
    service = FakeService(file_digests=True)
    async with client_of(service) as client:
        service.write_breaks.extend([10**9, None, *[0] * 5])
        with pytest.raises(Unreachable):
            await client.upload_folder("s", tmp_path)
        service.write_breaks.clear()
        (tmp_path / "tests/cart.spec.ts").write_text("test('wish')")
        sent = await client.upload_folder("s", tmp_path, overwrite=True)
    assert [file.path for file in sent] == ["tests/cart.spec.ts", "tests/deep/pay.spec.ts"]
    assert service.files["tests/cart.spec.ts"] == b"test('wish')"


async def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    async with client_of(FakeService()) as client:
        with pytest.raises(FileNotFoundError):
            await client.upload_folder("s", tmp_path / "nothing")
