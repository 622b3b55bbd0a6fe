"""The gateway's HTTP server, on loopback, and one call that it gets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from agent_runtime_server.adapters.gateway.providers import Wire
from agent_runtime_server.adapters.gateway.wire import error_body
from agent_runtime_server.loopback import served

MAX_REQUEST_BYTES = 32 * 1024 * 1024
_PASSED_ON = ("accept", "anthropic-beta", "anthropic-version", "content-type")

log = logging.getLogger(__name__)


class HttpCall:
    """A request, and the answer to it as it is given. One whose answer is never ended breaks off for the client."""

    def __init__(self, request: Request, send: Send) -> None:
        self.path: str = request.url.path
        self.wire: Wire = "anthropic" if self.path.endswith("/messages") else "openai"
        """What its client speaks."""
        self.begun = False
        """Whether the answer is."""
        self._request = request
        self._send = send

    @property
    def token(self) -> str:
        """What it is to be let in by."""
        bearer: str = self._request.headers.get("authorization", "")
        return self._request.headers.get("x-api-key") or bearer.removeprefix("Bearer ")

    def headers(self) -> dict[str, str]:
        """Those that a provider is to see."""
        return {name: self._request.headers[name] for name in _PASSED_ON if name in self._request.headers}

    async def read(self) -> bytes | None:
        """The body; None for one that is too large."""
        body = bytearray()
        size = 0
        async for piece in self._request.stream():
            size += len(piece)
            # The rest is read and forgotten: a client that still sends would not see the answer.
            body = body + piece if size <= MAX_REQUEST_BYTES else bytearray()
        return bytes(body) if size <= MAX_REQUEST_BYTES else None

    async def while_wanted(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work, unless the client goes away meanwhile: then it is cancelled. The body must have been read."""
        working, gone = asyncio.create_task(work), asyncio.create_task(self._gone())
        try:
            await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            gone.cancel()
            await asyncio.gather(working, gone, return_exceptions=True)
        if not working.cancelled():
            working.result()

    async def begin(self, status: int, content_type: str) -> None:
        """Send the head of the answer."""
        self.begun = True
        headers = [(b"content-type", content_type.encode("latin-1"))]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def more(self, data: bytes) -> None:
        """Send the next bytes."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Tell that the answer is complete."""
        await self._send({"type": "http.response.body", "body": b""})

    async def whole(self, status: int, content_type: str, body: bytes) -> None:
        """Send an answer at once."""
        await self.begin(status, content_type)
        await self.more(body)
        await self.end()

    async def error(self, status: int, message: str) -> None:
        """Send an error of the gateway's own, in the client's format."""
        await self.whole(status, "application/json", error_body(self.wire, message))

    async def _gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


@asynccontextmanager
async def serving(answer: Callable[[HttpCall], Awaitable[None]]) -> AsyncIterator[str]:
    """Answer calls on a free port of this machine inside the block; its address."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        call = HttpCall(Request(scope, receive), send)
        try:
            await answer(call)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("a model call failed inside the gateway")
            if not call.begun:
                await call.error(500, "the gateway failed")

    # An answer that breaks off is an error to uvicorn; what is one here is logged here.
    async with served(app, log_level=logging.CRITICAL) as address:
        yield address
