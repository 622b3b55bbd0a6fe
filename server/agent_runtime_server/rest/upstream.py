"""The server's own methods, called as any client calls them: rules, faults and counts are the same for both doors."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from agent_runtime.v1 import service_pb2
from agent_runtime_server.local_calls import CallFailed, LocalCalls
from agent_runtime_server.rest.problems import Refused

METHODS = {
    method.name: method for service in service_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods
}
"""Every method of the contract, by its name."""


class Upstream:
    """Calls by the names of methods. Whatever fails is Refused."""

    def __init__(self, calls: LocalCalls, deadline: float) -> None:
        """``deadline`` is of unary calls that have no other, in seconds."""
        self._calls = calls
        self._deadline = deadline
        self._parse = {name: GetMessageClass(method.output_type).FromString for name, method in METHODS.items()}

    async def call(self, method: str, request: Message, *, deadline: float | None = None) -> Any:
        """The response of a unary method."""
        return self._parse[method](await self.call_raw(method, request, deadline=deadline))

    async def call_raw(self, method: str, request: Message, *, deadline: float | None = None) -> bytes:
        """The response of a unary method, as the bytes that it came in."""
        deadline = self._deadline if deadline is None else deadline
        try:
            return await self._calls.unary(method, request.SerializeToString(), deadline)
        except CallFailed as failed:
            raise Refused(failed.status) from None

    async def stream(self, method: str, request: Message) -> AsyncGenerator[Any, None]:
        """The messages of a stream; closing the generator cancels it."""
        async with aclosing(self.stream_raw(method, request)) as messages:
            async for message in messages:
                yield self._parse[method](message)

    async def stream_raw(self, method: str, request: Message) -> AsyncGenerator[bytes, None]:
        """The messages of a stream, as the bytes that they came in."""
        async with aclosing(self._calls.stream(method, request.SerializeToString())) as messages:
            try:
                async for message in messages:
                    yield message
            except CallFailed as failed:
                raise Refused(failed.status) from None

    async def upload(self, method: str, requests: AsyncGenerator[Message, None]) -> Any:
        """The response to a stream of requests, of which no more are asked for when the call has ended. If these end
        with an exception the call is cancelled."""
        async with aclosing(requests):
            try:
                answer = await self._calls.upload(method, (each.SerializeToString() async for each in requests))
            except CallFailed as failed:
                raise Refused(failed.status) from None
        return self._parse[method](answer)
