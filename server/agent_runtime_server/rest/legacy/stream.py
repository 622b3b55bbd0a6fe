"""``/tasks/{id}/stream``: a task told live over a WebSocket.

The watch is ahead of its reader by one message only: a slow client gets frames as fast as it takes them, and one that
takes none for a minute is dropped. A client that goes away cancels the watch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing, suppress

from google.rpc import code_pb2
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent_runtime.v1 import service_pb2
from agent_runtime_server.rest.legacy.answers import NO_TASK, no_such_task
from agent_runtime_server.rest.legacy.frames import KINDS, Narrator
from agent_runtime_server.rest.problems import Refused
from agent_runtime_server.rest.upstream import Upstream

_UNKNOWN_TASK = 4004
_ENDED, _BROKEN, _RESTARTING, _FULL = 1000, 1011, 1012, 1013
_GRACE_SECONDS = 0.5
"""From the last frame to the close: clients of the old service were never closed on."""
_STALL_SECONDS = 60.0
_CLOSE_CODES = {code_pb2.UNAVAILABLE: _RESTARTING, code_pb2.RESOURCE_EXHAUSTED: _FULL}


class StreamRoute:
    """Serves the WebSocket."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def stream(self, websocket: WebSocket) -> None:
        """One client, to the end of its task or its own."""
        await websocket.accept()
        client = _Client(self._upstream, websocket, websocket.path_params["task_id"])
        both = [asyncio.ensure_future(client.tell()), asyncio.ensure_future(client.listen())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            ends = await asyncio.gather(*both, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, WebSocketDisconnect | TimeoutError):
                raise end


class _Client:
    def __init__(self, upstream: Upstream, websocket: WebSocket, task_id: str) -> None:
        self._upstream = upstream
        self._websocket = websocket
        self._task_id = task_id
        self._narrator = Narrator(task_id)
        self._begun = asyncio.Event()

    async def listen(self) -> None:
        """Answer what the client says, until it goes away."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") == "ping":
                await self._send("pong")
            elif message.get("text") == "status":
                await self._begun.wait()
                await self._send(self._narrator.status())

    async def tell(self) -> None:
        """Send frames to the end of the task, then close."""
        try:
            code = await self._follow()
        except Refused as refused:
            unknown = no_such_task(refused)
            code = _UNKNOWN_TASK if unknown else _CLOSE_CODES.get(refused.status.code, _BROKEN)
            if not unknown:
                await self._send(self._narrator.error(refused.status.message))
        with suppress(RuntimeError):  # the client has closed first
            await self._websocket.close(code, NO_TASK if code == _UNKNOWN_TASK else None)

    async def _follow(self) -> int:
        """Follow the task, through as many watches as it takes; the code to close with. Raises Refused."""
        after: int | None = 0
        closed = service_pb2.WatchClosed()
        while after is not None:
            closed = await self._watch(after)
            after = closed.sequence if closed.reason == service_pb2.CLOSE_REASON_MAX_AGE else None
        match closed.reason:
            case service_pb2.CLOSE_REASON_TASK_DONE:
                await self._send(self._narrator.complete(closed.task))
                await asyncio.sleep(_GRACE_SECONDS)
                return _ENDED
            case service_pb2.CLOSE_REASON_TASK_DELETED:
                await self._send(self._narrator.error("The task was deleted"))
                return _UNKNOWN_TASK
            case service_pb2.CLOSE_REASON_DRAINING:
                await self._send(self._narrator.error("The server is going away: connect again"))
                return _RESTARTING
        return _BROKEN

    async def _watch(self, after: int) -> service_pb2.WatchClosed:
        """Tell the updates of one watch; how it closed, with no reason if it broke off."""
        request = service_pb2.WatchTaskRequest(task_id=self._task_id, after_sequence=after, kinds=KINDS)
        async with aclosing(self._upstream.stream("WatchTask", request)) as updates:
            async for update in updates:
                match update.WhichOneof("update"):
                    case "opened" if not self._begun.is_set():
                        first = self._narrator.opened(update.opened)
                        self._begun.set()
                        await self._send(first)
                    case "events":
                        for event in update.events.events:
                            await self._send_all(self._narrator.happened(event))
                    case "gap":
                        await self._send_all(self._narrator.missed(update.gap))
                    case "closed":
                        closed: service_pb2.WatchClosed = update.closed
                        return closed
        return service_pb2.WatchClosed()

    async def _send_all(self, frames: Iterable[str]) -> None:
        for frame in frames:
            await self._send(frame)

    async def _send(self, frame: str) -> None:
        async with asyncio.timeout(_STALL_SECONDS):
            await self._websocket.send_text(frame)
