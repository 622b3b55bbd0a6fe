"""Endless streams: one iterator over as many streams of the server as it takes."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Generic, TypeVar, cast

import grpc.aio

from agent_runtime.backoff import Backoff
from agent_runtime.errors import AgentRuntimeError, Unreachable, translated
from agent_runtime.v1 import service_pb2

ResponseT = TypeVar("ResponseT", service_pb2.WatchTaskResponse, service_pb2.WatchTasksResponse)
UpdateT = TypeVar("UpdateT")

_LONGEST_ASKED_DELAY = 60.0

_log = logging.getLogger(__name__)


class Stream(abc.ABC, Generic[ResponseT, UpdateT]):
    """One stream of the server and how it ended."""

    def __init__(self, call: grpc.aio.UnaryStreamCall[Any, ResponseT], silence: float) -> None:
        self._call: grpc.aio.UnaryStreamCall[Any, ResponseT] = call
        self._silence = silence
        """How many seconds may pass without a message."""
        self.heard: float | None = None
        """When the last message came, on the monotonic clock."""
        self.moved = False
        """Something came that is more than a greeting."""
        self.closed = False
        """The server ended the stream in order."""
        self.finished = False
        """Nothing is to follow, on this stream or another."""
        self.delay = 0.0
        """Seconds that the server asked to wait before a reconnect."""
        self.error: AgentRuntimeError | None = None
        """Why it broke."""

    @abc.abstractmethod
    def take_in(self, response: ResponseT) -> Iterator[UpdateT]:
        """What a message has that is new, in order; the place to resume from moves past each as it is taken."""

    def survives(self, error: AgentRuntimeError) -> bool:
        """Whether another stream can go on after this error."""
        return error.broken

    async def updates(self) -> AsyncGenerator[UpdateT, None]:
        """Yield what is new up to the end of the stream."""
        while (response := await self._read()) is not None:
            self.heard = time.monotonic()
            for update in self.take_in(response):
                yield update
            if self.closed:
                return
        self.error = Unreachable("the connection broke")

    async def _read(self) -> ResponseT | None:
        """The next message; None when the stream ended without an error."""
        try:
            with translated():
                async with asyncio.timeout(self._silence):
                    response = await self._call.read()
        except TimeoutError:
            raise Unreachable(f"the server was silent for {self._silence:g} s", broken=True) from None
        return None if response is grpc.aio.EOF else cast("ResponseT", response)

    def close(self, closed: service_pb2.WatchClosed) -> None:
        """Note that the server ended the stream in order."""
        self.closed = True
        self.finished = closed.reason == service_pb2.CLOSE_REASON_TASK_DONE
        self.delay = min(closed.reconnect_delay.ToTimedelta().total_seconds(), _LONGEST_ASKED_DELAY)

    def cancel(self) -> None:
        """End it; the server stops sending."""
        self._call.cancel()


async def follow(
    open_stream: Callable[[], Stream[Any, UpdateT]], *, what: str, backoff: Backoff, patience: float
) -> AsyncGenerator[UpdateT, None]:
    """Yield the updates of one stream after another until one is finished.

    ``patience`` is how many seconds the server may stay silent or away before ``Unreachable`` is raised. Errors that
    no stream survives, such as ``TaskNotFound``, are raised at once.
    """
    heard = time.monotonic()
    failures = 0
    while True:
        stream = open_stream()
        try:
            async with contextlib.aclosing(stream.updates()) as updates:
                async for update in updates:
                    yield update
        except AgentRuntimeError as error:
            if not stream.survives(error):
                raise
            stream.error = error
        finally:
            stream.cancel()
        if stream.finished:
            return
        heard = stream.heard or heard
        if stream.closed:
            failures = 0 if stream.moved else failures + 1
        else:
            failures = 1 if stream.moved else failures + 1
            if time.monotonic() - heard > patience:
                raise stream.error or Unreachable("the watch was cut off again and again")
        _log.info("%s resumes: %s", what, stream.error or "closed")
        await asyncio.sleep(max(stream.delay, backoff.delay(failures)))
