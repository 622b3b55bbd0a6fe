"""The server's own gRPC door, called as any client calls it: rules, faults and counts are the same for both doors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

from agent_runtime.v1 import service_pb2
from agent_runtime_server.rest.problems import Refused

METHODS = {
    method.name: method for service in service_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods
}
"""Every method of the contract, by its name."""
_DETAILS_KEY = "grpc-status-details-bin"


def open_channel(address: str) -> grpc.aio.Channel:
    """A channel to the server of this process."""
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
        # Nothing is lost on the way within a process, and what is not needed takes a tenth of a call.
        ("grpc.enable_retries", 0),
        ("grpc.minimal_stack", 1),
    ]
    return grpc.aio.insecure_channel(address, options=options)


class Upstream:
    """Calls by the names of methods. Whatever fails is Refused."""

    def __init__(self, channel: grpc.aio.Channel, deadline: float) -> None:
        """``deadline`` is of unary calls that have no other, in seconds."""
        self._deadline = deadline
        self._calls: dict[str, Any] = {}
        self._raw: dict[str, Any] = {}
        for name, method in METHODS.items():
            ways = ("stream" if streams else "unary" for streams in (method.client_streaming, method.server_streaming))
            path = f"/{method.containing_service.full_name}/{name}"
            serialize = GetMessageClass(method.input_type).SerializeToString
            parse = GetMessageClass(method.output_type).FromString
            open_call = getattr(channel, "_".join(ways))
            self._calls[name] = open_call(path, request_serializer=serialize, response_deserializer=parse)
            self._raw[name] = open_call(path, request_serializer=serialize)

    async def call(self, method: str, request: Message, *, deadline: float | None = None) -> Any:
        """The response of a unary method."""
        try:
            return await self._calls[method](request, timeout=self._deadline if deadline is None else deadline)
        except grpc.aio.AioRpcError as error:
            raise refused_of(error) from error

    async def call_raw(self, method: str, request: Message) -> bytes:
        """The response of a unary method, as the bytes that it came in."""
        try:
            response: bytes = await self._raw[method](request, timeout=self._deadline)
        except grpc.aio.AioRpcError as error:
            raise refused_of(error) from error
        return response

    def stream(self, method: str, request: Message) -> AsyncGenerator[Any, None]:
        """The messages of a stream; closing the generator cancels it."""
        return _messages(self._calls[method], request)

    def stream_raw(self, method: str, request: Message) -> AsyncGenerator[bytes, None]:
        """The messages of a stream, as the bytes that they came in."""
        return _messages(self._raw[method], request)

    async def upload(self, method: str, requests: AsyncIterator[Message]) -> Any:
        """The response to a stream of requests, of which no more are asked for when the call has ended. If these end
        with an exception the call is cancelled."""
        call = self._calls[method]()
        end = _End(call)
        sending = asyncio.ensure_future(_send(call, requests))
        try:
            await asyncio.wait((sending, end.reached), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            return await call
        except grpc.aio.AioRpcError as error:
            raise refused_of(end.error or error if error.code() is grpc.StatusCode.INTERNAL else error) from error
        finally:
            call.cancel()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(call: Any, requests: AsyncIterator[Message]) -> None:
    async for request in requests:
        try:
            await call.write(request)
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
            return  # the answer says why
    await call.done_writing()


class _End:
    """How a call has ended. A write that fails in the same moment makes grpc.aio tell of an INTERNAL error of its own,
    and forget what the server has said."""

    def __init__(self, call: Any) -> None:
        self.error: grpc.aio.AioRpcError | None = None
        self.reached = asyncio.get_running_loop().create_future()
        call.add_done_callback(self._note)

    def _note(self, call: Any) -> None:
        code, said, details = (_known(each()) for each in (call.code, call.trailing_metadata, call.details))
        if code is not grpc.StatusCode.OK:
            self.error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), said, details)
        self.reached.set_result(None)


def _known(answer: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        answer.send(None)
    except StopIteration as result:
        return result.value
    raise AssertionError("the call has not ended")


async def _messages(open_call: Any, request: Message) -> AsyncGenerator[Any, None]:
    call = open_call(request)
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise refused_of(error) from error
    finally:
        call.cancel()


def refused_of(error: grpc.aio.AioRpcError) -> Refused:
    """A failed call, with the status that the server has sent."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return Refused(status_pb2.Status.FromString(value))
            except DecodeError:
                break
    return Refused(status_pb2.Status(code=error.code().value[0], message=error.details() or ""))
