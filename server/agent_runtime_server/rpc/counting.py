"""Counts of calls, by method: what the wrapper of every method keeps."""

from __future__ import annotations

import asyncio
from time import perf_counter
from types import TracebackType
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor

from agent_runtime_server.measure import Distribution

_OK = "OK"
_CODE_NAMES = {
    code.value[0]: _OK if code is grpc.StatusCode.OK else code.name.title().replace("_", "") for code in grpc.StatusCode
} | {1: "Canceled"}
"""Codes as Go spells them: dashboards for gRPC servers look for these."""
_CANCELLED = grpc.StatusCode.CANCELLED.value[0]
_DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
_NEAR_SECONDS = 0.2
"""A caller whose time is up says so a little before our own clock does."""
_UNKNOWN = grpc.StatusCode.UNKNOWN.value[0]


class MethodCounts:
    """The calls of one method."""

    __slots__ = ("handled", "kind", "method", "received", "seconds", "sent", "service", "started")

    def __init__(self, method: MethodDescriptor) -> None:
        self.service = method.containing_service.full_name
        self.method = method.name
        self.kind = _kind(method)
        self.started = 0
        self.received = 0
        """Messages of clients."""
        self.sent = 0
        self.handled = {_OK: 0}
        """Ended calls, by the name of their code."""
        self.seconds = Distribution()

    def call(self, context: grpc.aio.ServicerContext[Any, Any]) -> Call:
        """A call that lasts as long as the block it is used for."""
        return Call(self, context)


class Call:
    """Counts one call when it begins and when it ends."""

    __slots__ = ("_begin", "_context", "_counts")

    def __init__(self, counts: MethodCounts, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self._counts = counts
        self._context = context

    def __enter__(self) -> None:
        self._counts.started += 1
        self._begin = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        counts = self._counts
        counts.seconds.add(perf_counter() - self._begin)
        name = _OK if kind is None else _CODE_NAMES[self._code(kind)]
        counts.handled[name] = counts.handled.get(name, 0) + 1

    def _code(self, kind: type[BaseException]) -> int:
        if issubclass(kind, asyncio.CancelledError):
            # grpc.aio cancels for both: that the caller has gone, and that its time is up.
            left = self._context.time_remaining()
            return _CANCELLED if left is None or left > _NEAR_SECONDS else _DEADLINE_EXCEEDED
        code: Any = self._context.code()
        return getattr(code, "value", (code,))[0] or _UNKNOWN


class CallCounts:
    """The counts of every method that is served."""

    def __init__(self) -> None:
        self.methods: list[MethodCounts] = []

    def of(self, method: MethodDescriptor) -> MethodCounts:
        """Begin to count a method."""
        counts = MethodCounts(method)
        self.methods.append(counts)
        return counts


def _kind(method: MethodDescriptor) -> str:
    if method.client_streaming:
        return "bidi_stream" if method.server_streaming else "client_stream"
    return "server_stream" if method.server_streaming else "unary"
