"""Calls of the server's own methods within its process: what every method does is done, but nothing is transported.

Methods are the wrapped ones that gRPC serves: they take bytes and a context, of which they use what ``_Context`` has.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any, NoReturn

import grpc
from google.rpc import code_pb2, status_pb2

from agent_runtime_server.patience import to_the_end

STATUS_KEY = "grpc-status-details-bin"
"""Trailing metadata that hold a google.rpc.Status, in all languages."""
Handler = Callable[[Any, Any], Awaitable[Any]]


class CallFailed(Exception):
    """A call that did not succeed."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class LocalCalls:
    """Calls by the names of methods, with requests and responses as bytes. Raises CallFailed."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._under_way = 0
        self._changed = asyncio.Event()

    async def unary(self, method: str, request: bytes, deadline: float) -> bytes:
        """The response of a unary method, which is cancelled after ``deadline`` seconds; what it must not break off is
        waited for."""
        context = _Context(asyncio.get_running_loop().time() + deadline)
        with self._counted():
            try:
                async with asyncio.timeout_at(context.deadline):
                    response: bytes = await self._handlers[method](request, context)
            except TimeoutError:
                status = status_pb2.Status(code=code_pb2.DEADLINE_EXCEEDED, message="Deadline Exceeded")
                raise CallFailed(status) from None
        return response

    async def stream(self, method: str, request: bytes) -> AsyncGenerator[bytes, None]:
        """The messages of a stream. Closing the generator cancels the method and waits for its end."""
        messages = _Messages()
        work = asyncio.create_task(messages.fill(self._handlers[method], request))
        work.add_done_callback(messages.ended)
        with self._counted():
            try:
                while not (work.done() and messages.queue.empty()):
                    message = await messages.queue.get()
                    if message is not None:
                        yield message
                if (failure := work.result()) is not None:
                    raise CallFailed(failure)
            finally:
                work.cancel()
                await to_the_end(asyncio.wait({work}))

    async def upload(self, method: str, requests: AsyncGenerator[bytes, None]) -> bytes:
        """The response to a stream of requests, of which no more are asked for when the method has ended. What these
        raise is raised here; to the method it is a caller who has gone."""
        broken: list[Exception] = []
        with self._counted():
            async with aclosing(requests), aclosing(_sent(requests, broken)) as sent:
                with suppress(_BrokenOff):
                    response: bytes = await self._handlers[method](sent, _Context())
                    return response
        raise broken.pop()

    async def settled(self) -> None:
        """Wait until no call is under way."""
        while self._under_way:
            self._changed.clear()
            await self._changed.wait()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._changed.set()


class _Context:
    """What methods use of ``grpc.aio.ServicerContext``."""

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline
        """By the event loop's clock."""
        self._code = 0

    def code(self) -> int:
        """How the call ended, as a number."""
        return self._code

    def time_remaining(self) -> float | None:
        """Seconds until the deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - asyncio.get_running_loop().time())

    async def abort(self, code: grpc.StatusCode, _details: str, trailing: Sequence[tuple[str, bytes]]) -> NoReturn:
        """End the call."""
        self._code = code.value[0]
        raise CallFailed(status_pb2.Status.FromString(dict(trailing)[STATUS_KEY]))

    async def send_initial_metadata(self, _metadata: Sequence[object]) -> None:
        """There is nobody to send it to."""


class _Messages(_Context):
    """The context of a stream. The method is never further ahead of its reader than by one message."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        """None only wakes the reader."""

    async def write(self, message: bytes) -> None:
        """Give the reader a message."""
        await self.queue.put(message)

    async def fill(self, handler: Handler, request: bytes) -> status_pb2.Status | None:
        """Have the method write, to its end; how it failed."""
        try:
            await handler(request, self)
        except CallFailed as failed:
            return failed.status
        return None

    def ended(self, _work: object) -> None:
        """There are no more messages than what is there."""
        if self.queue.empty():
            self.queue.put_nowait(None)


class _BrokenOff(asyncio.CancelledError):
    """The caller's requests have ended with an exception: nothing waits for an answer."""


async def _sent(requests: AsyncIterator[bytes], broken: list[Exception]) -> AsyncGenerator[bytes, None]:
    """Requests; the exception that they end with goes to ``broken``."""
    try:
        async for request in requests:
            yield request
    except Exception as error:
        broken.append(error)
    if broken:
        raise _BrokenOff
