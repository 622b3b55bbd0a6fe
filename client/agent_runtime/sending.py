"""Sending a stream of messages: also when the server answers, and refuses, before it has them all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

import grpc

from agent_runtime.errors import Unreachable, error_of, translated
from agent_runtime.v1 import service_pb2

ValueT = TypeVar("ValueT")
WriteCall = grpc.aio.StreamUnaryCall[service_pb2.WriteSessionFileRequest, service_pb2.WriteSessionFileResponse]
Requests = AsyncGenerator[service_pb2.WriteSessionFileRequest, None]


async def send(call: WriteCall, requests: Requests, *, deadline: float) -> service_pb2.WriteSessionFileResponse:
    """The server's answer to some messages; each, and the answer, may take ``deadline`` seconds."""
    refusal = _Refusal(call)
    try:
        async with contextlib.aclosing(requests):
            async for request in requests:
                async with asyncio.timeout(deadline):
                    if not await _write(call, request):
                        break
            else:
                await _end(call, deadline)
        with translated():
            async with asyncio.timeout(deadline):
                return await call
    except TimeoutError:
        raise Unreachable(f"the server was silent for {deadline:g} s", broken=True) from None
    except Exception:
        refusal.raise_if_any()
        raise
    finally:
        call.cancel()


async def _write(call: WriteCall, request: service_pb2.WriteSessionFileRequest) -> bool:
    """Send a message; False if the call has ended. What a write raises does not tell why; the call's answer does."""
    try:
        await call.write(request)
    except Exception:
        return False
    return True


async def _end(call: WriteCall, deadline: float) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(deadline):
            await call.done_writing()


class _Refusal:
    """How the server ended a call: a write that fails then makes grpc forget it, for an INTERNAL of its own."""

    def __init__(self, call: WriteCall) -> None:
        self._error: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._note)

    def _note(self, call: WriteCall) -> None:
        code, metadata = _at_once(call.code()), _at_once(call.trailing_metadata())
        if metadata or code not in (grpc.StatusCode.OK, grpc.StatusCode.INTERNAL):
            details = _at_once(call.details())
            self._error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details)

    def raise_if_any(self) -> None:
        if self._error is not None:
            raise error_of(self._error)


def _at_once(coroutine: Coroutine[Any, Any, ValueT]) -> ValueT:
    """The answer of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as answered:
        value: ValueT = answered.value
        return value
    raise AssertionError("a call that has ended answers at once")
