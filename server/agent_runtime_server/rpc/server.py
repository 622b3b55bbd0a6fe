"""The gRPC server: one wrapper around every method decodes, validates, answers, maps faults and counts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from agent_runtime_server.domain.faults import RuntimeFault, Stalled
from agent_runtime_server.local_calls import Handler
from agent_runtime_server.rpc.counting import CallCounts, MethodCounts
from agent_runtime_server.rpc.errors import Internal, abort
from agent_runtime_server.rpc.validation import Requests

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
STALL_SECONDS = 600.0
"""How long a peer that is there may take no message of a stream, or send none of an upload."""
_log = logging.getLogger("agent_runtime.rpc")

Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any], Awaitable[Message | bytes]]
Streaming = Callable[[Any], AsyncIterator[Message | bytes]]
Uploading = Callable[[AsyncIterator[Any]], Awaitable[Message]]


class Service(Protocol):
    """A service's methods, under the names that the contract gives them: unary ones answer a message, streaming ones
    are async generators of messages; bytes are messages already. Where the client streams they take an iterator of its
    messages."""

    descriptor: ServiceDescriptor


def create_server() -> grpc.aio.Server:
    """A server without services that refuses to share its port."""
    return grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            # A watcher that has vanished without a word is noticed, and its watch ends.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ]
    )


def add_service(
    server: grpc.aio.Server, service: Service, requests: Requests, calls: CallCounts
) -> Mapping[str, Handler]:
    """Serve a service; its wrapped methods, by name. Bytes go in and out, so that stored events are never parsed on
    their way."""
    handlers: dict[str, Handler] = {}
    served: dict[str, Any] = {}
    for method in service.descriptor.methods:
        name, of_method = method.name, (method, getattr(service, method.name), requests, calls.of(method))
        if method.server_streaming:
            handlers[name] = _streaming(*of_method)
            served[name] = grpc.unary_stream_rpc_method_handler(handlers[name])
        elif method.client_streaming:
            handlers[name] = _uploading(*of_method)
            served[name] = grpc.stream_unary_rpc_method_handler(handlers[name])
        else:
            handlers[name] = _unary(*of_method)
            served[name] = grpc.unary_unary_rpc_method_handler(handlers[name])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.descriptor.full_name, served),))
    return handlers


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """Wait for the peer, but not for ever."""
    try:
        async with asyncio.timeout(STALL_SECONDS):
            yield
    except TimeoutError:
        raise Stalled from None


def _unary(method: MethodDescriptor, call: Unary, requests: Requests, counts: MethodCounts) -> Any:
    request_type = GetMessageClass(method.input_type)

    async def handle(raw: bytes, context: Context) -> bytes:
        with counts.call(context):
            counts.received += 1
            try:
                response = await call(requests.decode(request_type, raw))
                data = response if isinstance(response, bytes) else response.SerializeToString()
            except RuntimeFault as fault:
                await abort(context, fault)
            except Exception:
                _log.exception("call failed", extra={"method": method.full_name})
                await abort(context, Internal())
            counts.sent += 1
            return data

    return handle


def _streaming(method: MethodDescriptor, call: Streaming, requests: Requests, counts: MethodCounts) -> Any:
    request_type = GetMessageClass(method.input_type)

    async def handle(raw: bytes, context: Context) -> None:
        with counts.call(context):
            counts.received += 1
            try:
                messages = call(requests.decode(request_type, raw))
                try:
                    async for message in messages:
                        data = message if isinstance(message, bytes) else message.SerializeToString()
                        async with _in_time():
                            await context.write(data)
                        counts.sent += 1
                        del data, message  # not to be held while an idle stream waits for the next one
                finally:
                    await messages.aclose()  # type: ignore[attr-defined]  # every streaming method is a generator
            except RuntimeFault as fault:
                await abort(context, fault)
            except Exception:
                _log.exception("stream failed", extra={"method": method.full_name})
                await abort(context, Internal())

    return handle


def _uploading(method: MethodDescriptor, call: Uploading, requests: Requests, counts: MethodCounts) -> Any:
    request_type = GetMessageClass(method.input_type)

    async def messages(raws: AsyncIterator[bytes], context: Context) -> AsyncGenerator[Message, None]:
        while True:
            async with _in_time():
                raw = await anext(raws, None)
            if raw is None:
                break
            counts.received += 1
            yield requests.decode(request_type, raw)
        # To grpc.aio a call that is cut off looks like one that has sent all, until its cancellation arrives a moment
        # later. This goes through the transport, which is never before that.
        await context.send_initial_metadata(())

    async def handle(raws: AsyncIterator[bytes], context: Context) -> bytes:
        with counts.call(context):
            try:
                async with aclosing(messages(raws, context)) as received:
                    response = await call(received)
                data = response.SerializeToString()
            except RuntimeFault as fault:
                await abort(context, fault)
            except Exception:
                _log.exception("call failed", extra={"method": method.full_name})
                await abort(context, Internal())
            counts.sent += 1
            return data

    return handle
