"""The wrapper around every method."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import grpc
import pytest

from agent_runtime.v1 import service_pb2, service_pb2_grpc
from agent_runtime_server.rpc.counting import CallCounts
from agent_runtime_server.rpc.server import add_service, create_server
from agent_runtime_server.rpc.validation import Requests
from tests.rpc.support import chunks_of, details

HEADER = service_pb2.WriteSessionFileRequest(header=service_pb2.WriteSessionFileHeader(session_id="s", path="p"))


class Uploads:
    """A service that counts what it gets."""

    descriptor = service_pb2.DESCRIPTOR.services_by_name["SessionService"]

    def __init__(self) -> None:
        self.begun = self.whole = self.left = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._upload

    async def _upload(self, requests: AsyncIterator[Any]) -> service_pb2.WriteSessionFileResponse:
        self.begun += 1
        try:
            async for request in requests:
                if request.chunk.data == b"break":
                    raise RuntimeError("broken")
            self.whole += 1
        finally:
            self.left += 1
        return service_pb2.WriteSessionFileResponse()


async def test_a_stream_that_is_cut_off_never_looks_whole() -> None:
    uploads, server = Uploads(), create_server()
    add_service(server, uploads, Requests(), CallCounts())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        stub: Any = service_pb2_grpc.SessionServiceStub(channel)
        await stub.WriteSessionFile(iter([HEADER]))
        assert uploads.whole == 1

        async def cut_off(number: int) -> None:
            call = stub.WriteSessionFile(timeout=0.05 if number % 2 else None)
            with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):  # over already
                for request in (HEADER, *chunks_of(b"x" * 100_000, 50_000)):
                    await call.write(request)
            if number % 2 == 0:
                call.cancel()
            with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                await call

        await asyncio.gather(*(cut_off(number) for number in range(100)))
        async with asyncio.timeout(60):
            while uploads.left < uploads.begun:
                await asyncio.sleep(0.01)
        assert uploads.begun > 1
        assert uploads.whole == 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.WriteSessionFile(iter([HEADER, *chunks_of(b"break")]))
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert details(caught.value)[0].reason == "INTERNAL"
        assert "broken" not in (caught.value.details() or "")


async def test_a_peer_that_stalls_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_runtime_server.rpc.server.STALL_SECONDS", 1.0)
    uploads, server = Uploads(), create_server()
    add_service(server, uploads, Requests(), CallCounts())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        stub: Any = service_pb2_grpc.SessionServiceStub(channel)
        call = stub.WriteSessionFile(timeout=60)
        await call.write(HEADER)
        with pytest.raises(grpc.aio.AioRpcError) as stalled:
            await call
        assert details(stalled.value)[0].reason == "STALLED"
        assert (uploads.begun, uploads.whole, uploads.left) == (1, 0, 1)
