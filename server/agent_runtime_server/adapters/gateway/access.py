"""One agent's way to one model: who may call, how much at once, and what became of the calls."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agent_runtime_server.adapters.gateway.providers import Route
from agent_runtime_server.adapters.gateway.upstream import GaveUp, NoAnswer, Refused, Upstream
from agent_runtime_server.adapters.gateway.wire import Counter, request_body
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.domain.usage import Price
from agent_runtime_server.ports import Meter, ModelLimits

if TYPE_CHECKING:
    from agent_runtime_server.adapters.gateway.http_server import HttpCall

CALLS_AT_ONCE = 8
"""More wait, before their requests are read."""
_REFUSED = 403
"""Of the gateway's own: clients do not try again after it."""
_ENDED = "the runtime ends this call, and its log says why"
"""With it, instead of the reason: OpenCode does try again after any answer with the words of an overload in it, or only
the digits of its status, such as a budget of 1500 tokens."""
_OF_THE_REQUEST = (400, 413, 422)
"""A provider's answers that blame one request, such as a conversation that is too long: another may do."""


class Access:
    """Implements ``ports.ModelAccess``."""

    def __init__(
        self, base_url: str, token: str, route: Route, upstream: Upstream, limits: ModelLimits, price: Price | None
    ) -> None:
        self.base_url = base_url
        self.token = token
        self.wire: str = route.wire
        self.model = route.model
        self.limits = limits
        self.meter: Meter | None = None
        self.failure: Failure | None = None
        self._route = route
        self._upstream = upstream
        self._price = price
        self._closed = False
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._calls: set[asyncio.Task[Any]] = set()

    def opens_to(self, token: str) -> bool:
        """Whether it is this access's token."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    async def answer(self, call: HttpCall) -> None:
        """Answer one call; leaves it without an end if the model's answer broke off."""
        task = asyncio.current_task()
        assert task is not None, "a call is answered by a task"
        self._calls.add(task)
        try:
            async with self._slots:
                await self._answer(call)
        except asyncio.CancelledError:
            if not self._closed:
                raise
            if not call.begun:
                await call.error(401, "this access is closed")
        finally:
            self._calls.discard(task)

    async def close(self) -> None:
        """Cut off calls that are under way, and wait for their end."""
        self._closed = True
        for task in self._calls:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls)

    async def _answer(self, call: HttpCall) -> None:
        content = await call.read()
        if content is None:
            await call.error(413, "the request is too large")
            return
        try:
            body = request_body(content, self._route)
        except ValueError as bad:
            await call.error(400, f"the request cannot be read: {bad}")
            return
        await call.while_wanted(self._admitted(call, body))

    async def _admitted(self, call: HttpCall, body: bytes) -> None:
        meter = self.meter
        if meter is None:
            await call.error(_REFUSED, "no phase of the task is under way")
            return
        if (failure := await meter.admit()) is not None:
            self.failure = failure
            await call.error(_REFUSED, _ENDED)
            return
        try:
            await self._metered(call, meter, body, call.headers())
        except GaveUp as error:
            self.failure = Failure(FailureReason.MODEL_PROVIDER, str(error), retryable=error.retryable)
            if not call.begun:
                await call.error(_REFUSED, _ENDED)
        except Refused as refused:
            blamed = refused.status in _OF_THE_REQUEST
            self.failure = None if blamed else Failure(FailureReason.MODEL_PROVIDER, str(refused))
            await call.whole(refused.status, refused.content_type, refused.body)
        else:
            # After the meter has been told: who sees the end may call again.
            await call.end()

    async def _metered(self, call: HttpCall, meter: Meter, body: bytes, headers: Mapping[str, str]) -> None:
        counter = Counter(self._route, body)
        try:
            async with self._upstream.call(body, headers) as answer:
                self.failure = None
                kind = answer.headers.get("content-type", "application/json")
                counter.begin(kind)
                await call.begin(answer.status_code, kind)
                async for piece in answer.aiter_bytes():
                    counter.take(piece)
                    await call.more(piece)
        except NoAnswer:
            if not call.begun:
                counter.unanswered()
            raise
        finally:
            used = counter.usage()
            meter.used(used.priced(self._price) if self._price else used)
