"""Answers and sockets that go on for long: written until they end or the caller leaves, whatever is first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


class Streamed(Response):
    """An answer in pieces. When the caller leaves, the generator of the pieces is closed at once."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.background = None
        self._pieces = pieces
        self.init_headers(headers)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        await unless_left(self._write(send), left_by_caller(receive))

    async def _write(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        async with aclosing(self._pieces) as pieces:
            await send(start)
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def only_headers(headers: Mapping[str, str]) -> Response:
    """The answer to a HEAD, which says nothing of a length that is not known."""
    response = Response(headers=headers)
    if "content-length" not in headers:
        del response.headers["content-length"]
    return response


async def unless_left(work: Coroutine[Any, Any, T], leaving: Coroutine[Any, Any, None]) -> T | None:
    """Work to the end, or until the caller has left, which brings nothing; an error of the work is raised."""
    working, left = asyncio.ensure_future(work), asyncio.ensure_future(leaving)
    try:
        await asyncio.wait((working, left), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, left):
            task.cancel()
        await asyncio.wait((working, left))
    return None if working.cancelled() else working.result()


async def left_by_caller(receive: Receive) -> None:
    """Wait until the caller of an HTTP request leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
