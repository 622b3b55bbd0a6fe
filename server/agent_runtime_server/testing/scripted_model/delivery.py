"""How an answer goes over the wire: its silences, its pace, and where it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import Receive, Scope, Send

from agent_runtime_server.testing.scripted_model.scenarios import Step

End = Literal["answered", "dropped", "left", "closed"]
"""Sent whole; broken as the step says; the client has left; the model has closed."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An HTTP response, as an ASGI application."""

    chunks: Sequence[bytes]
    headers: Mapping[str, str]
    step: Step
    """For its silences, its pace and whether it drops."""
    closing: asyncio.Event
    ended: Callable[[End], Awaitable[None]]
    status: int = 200
    streamed: bool = field(default=False, kw_only=True)
    """Of a length that is not told ahead."""

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send it; a response that stays incomplete makes the server break the connection."""
        left = asyncio.create_task(_left(receive))
        closing = asyncio.create_task(self.closing.wait())

        async def broken(seconds: float) -> End | None:
            await asyncio.wait({left, closing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return "left" if left.done() else "closed" if closing.done() else None

        try:
            end = await self._send(send, broken)
        finally:
            for task in (left, closing):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self.ended(end)

    async def _send(self, send: Send, broken: Callable[[float], Awaitable[End | None]]) -> End:
        if end := await broken(self.step.hang_before):
            return end
        length = {} if self.streamed else {"content-length": str(sum(map(len, self.chunks)))}
        headers = [(name.lower().encode(), value.encode()) for name, value in {**self.headers, **length}.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if end := await broken(self.step.hang):
            return end
        for chunk in self.chunks[: len(self.chunks) // 2] if self.step.drop else self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if end := await broken(self.step.slow):
                return end
        if self.step.drop:
            return "dropped"
        await send({"type": "http.response.body", "body": b""})
        return "answered"


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
