"""Calls within the server's process: the same methods as over gRPC, their faults, their bounds and their ends."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, status_pb2

from agent_runtime.v1 import artifact_pb2, service_pb2
from agent_runtime_server.local_calls import STATUS_KEY, CallFailed, LocalCalls
from agent_runtime_server.rest.problems import Refused
from agent_runtime_server.rest.upstream import METHODS, Upstream
from tests.rest.support import PATIENCE, door

GET = service_pb2.GetTaskRequest
UPLOAD = "WriteSessionFile"


class Piece:
    """Something large that a method holds."""


async def test_every_method_of_the_contract_can_be_called(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        assert set(at.line.app.calls._handlers) == set(METHODS)
        raw = await at.line.app.calls.unary("GetServerInfo", b"", PATIENCE)
    assert service_pb2.GetServerInfoResponse.FromString(raw).status == "healthy"


async def test_a_fault_comes_with_its_whole_status(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        with pytest.raises(CallFailed) as caught:
            await at.line.app.calls.unary("GetTask", GET(task_id="nothing").SerializeToString(), PATIENCE)
        with pytest.raises(CallFailed) as invalid:
            await at.line.app.calls.unary("GetTask", b"", PATIENCE)
    assert caught.value.status.code == code_pb2.NOT_FOUND
    assert len(caught.value.status.details) > 0
    assert "task_id" in str(invalid.value)


async def test_a_call_ends_at_its_deadline() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(_request: bytes, _context: Any) -> bytes:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()
        return b""

    with pytest.raises(CallFailed) as caught:
        await LocalCalls({"Endless": endless}).unary("Endless", b"", 0.01)
    assert caught.value.status.code == code_pb2.DEADLINE_EXCEEDED
    assert begun.is_set()
    assert ended.is_set()


async def test_a_stream_is_never_further_ahead_than_one_message_and_ends_with_its_reader() -> None:
    written: list[int] = []
    ended = asyncio.Event()

    async def numbers(_request: bytes, context: Any) -> None:
        try:
            for number in range(1000):
                await context.write(bytes([number % 256]))
                written.append(number)
        finally:
            ended.set()

    async with aclosing(LocalCalls({"Numbers": numbers}).stream("Numbers", b"")) as messages:
        assert [await anext(messages) for _ in range(3)] == [b"\0", b"\1", b"\2"]
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(written) == 4
        assert not ended.is_set()
    assert ended.is_set()


async def test_what_was_written_is_read_before_the_fault() -> None:
    status = status_pb2.Status(code=code_pb2.ABORTED, message="broken")

    async def breaking(_request: bytes, context: Any) -> None:
        await context.write(b"one")
        await context.write(b"two")
        await context.abort(grpc.StatusCode.ABORTED, "", ((STATUS_KEY, status.SerializeToString()),))

    messages = LocalCalls({"Breaking": breaking}).stream("Breaking", b"")
    assert [await anext(messages), await anext(messages)] == [b"one", b"two"]
    with pytest.raises(CallFailed, match="broken") as caught:
        await anext(messages)
    assert caught.value.status == status


async def test_a_method_that_gives_up_by_itself_ends_its_stream() -> None:
    async def giving_up(_request: bytes, context: Any) -> None:
        await context.write(b"one")
        raise asyncio.CancelledError

    async with asyncio.timeout(PATIENCE):
        messages = LocalCalls({"GivingUp": giving_up}).stream("GivingUp", b"")
        assert await anext(messages) == b"one"
        with pytest.raises(asyncio.CancelledError):
            await anext(messages)


async def test_calls_are_settled_when_none_is_under_way() -> None:
    go_on = asyncio.Event()

    async def waiting(_request: bytes, _context: Any) -> bytes:
        await go_on.wait()
        return b""

    calls = LocalCalls({"Waiting": waiting})
    call = asyncio.create_task(calls.unary("Waiting", b"", PATIENCE))
    await asyncio.sleep(0)
    settled = asyncio.create_task(calls.settled())
    await asyncio.sleep(0)
    assert not settled.done()
    go_on.set()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(call, settled)


async def test_a_broken_upload_holds_nothing_of_its_method() -> None:
    held: list[weakref.ref[Piece]] = []

    async def receiving(requests: Any, _context: Any) -> bytes:
        piece = Piece()
        held.append(weakref.ref(piece))
        async for _ in requests:
            pass
        return b""

    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"one"
        raise ConnectionResetError("the caller has gone")

    gc.disable()
    try:
        with pytest.raises(ConnectionResetError, match="has gone"):
            await LocalCalls({"Receiving": receiving}).upload("Receiving", broken())
        assert held[0]() is None
    finally:
        gc.enable()


async def test_a_watch_is_told_to_its_end_and_a_fault_as_http_puts_it(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        task = await at.create()
        await at.done(task["id"])
        upstream = Upstream(at.line.app.calls, PATIENCE)
        request = service_pb2.WatchTaskRequest(task_id=task["id"], after_sequence=0)
        kinds = [update.WhichOneof("update") async for update in upstream.stream("WatchTask", request)]
        assert kinds[0] == "opened"
        assert kinds[-1] == "closed"
        with pytest.raises(Refused) as caught:
            await anext(upstream.stream("WatchTask", service_pb2.WatchTaskRequest(task_id="nothing")))
    assert caught.value.http == 404


async def test_an_upload_that_is_refused_is_asked_for_nothing_more(tmp_path: Path) -> None:
    asked = 0

    async def endless() -> AsyncGenerator[service_pb2.WriteSessionFileRequest, None]:
        nonlocal asked
        header = service_pb2.WriteSessionFileHeader(session_id="nowhere", path="a.txt")
        yield service_pb2.WriteSessionFileRequest(header=header)
        while True:
            asked += 1
            yield service_pb2.WriteSessionFileRequest(chunk=artifact_pb2.FileChunk(data=b"more"))

    async with door(tmp_path) as at:
        with pytest.raises(Refused) as caught:
            await Upstream(at.line.app.calls, PATIENCE).upload(UPLOAD, endless())
    assert caught.value.http == 404
    assert len(caught.value.status.details) > 0
    assert asked <= 1


async def test_an_upload_whose_caller_has_gone_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    async def broken() -> AsyncGenerator[service_pb2.WriteSessionFileRequest, None]:
        header = service_pb2.WriteSessionFileHeader(session_id="there", path="a.txt")
        yield service_pb2.WriteSessionFileRequest(header=header)
        yield service_pb2.WriteSessionFileRequest(chunk=artifact_pb2.FileChunk(data=b"half"))
        raise ConnectionResetError("the caller has gone")

    async with door(tmp_path) as at:
        upstream = Upstream(at.line.app.calls, PATIENCE)
        await upstream.call("CreateSession", service_pb2.CreateSessionRequest(session_id="there"))
        with pytest.raises(ConnectionResetError, match="has gone"):
            await upstream.upload(UPLOAD, broken())
        files = await upstream.call("ListSessionFiles", service_pb2.ListSessionFilesRequest(session_id="there"))
    assert [file.path for file in files.files if file.path.endswith(".txt")] == []
