"""Connections as uvicorn has them, with bounds on the heads of requests: how long they are, and how late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from agent_runtime_server.rest.problems import problem, refusal

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

MAX_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 60.0
"""How long the head of a request may take, from the start of the connection or from the last answer."""
_LINGER_SECONDS = 5.0
"""How long a caller may go on sending what is not read any more: who is cut off in that may not read the answer."""
_SPARE_CONNECTIONS = 1000
"""Connections beyond the bound that are told so; further ones are closed."""


class Bounded(HttpToolsProtocol):
    """A connection whose requests have heads of some length, in some time."""

    _passed = 0
    """Bytes that have been parsed since there was something to show for it."""
    _refused = False
    _late: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first head, unless there are too many connections."""
        super().connection_made(transport)
        if self.limit_concurrency and len(self.connections) > self.limit_concurrency + _SPARE_CONNECTIONS:
            transport.abort()
        else:
            self._close_in(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more, and tell the call that is under way, which uvicorn tells the last one only."""
        self._stay()
        self.pipeline.clear()
        if self._answering is not None:
            self._answering.disconnected = not self._answering.response_complete
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as far as a head may go. What comes beside the body (trailers, say) is bounded too."""
        start = 0
        while start < len(data) and not self._refused:
            piece = data[start : start + MAX_HEAD_BYTES - self._passed]
            start += len(piece)
            self._passed += len(piece)
            super().data_received(piece)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._passed >= MAX_HEAD_BYTES:
                self._refuse()

    def on_headers_complete(self) -> None:
        """Take the head."""
        self._passed = 0
        self._stay()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._passed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Count anew: what follows is another head."""
        self._passed = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next head, unless it has come."""
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self._close_in(HEAD_SECONDS)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _refuse(self) -> None:
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()
            return
        closing = {"connection": "close"}
        answer = problem(refusal(431, f"the head of a request is longer than {MAX_HEAD_BYTES} bytes", closing))
        lines = [b"%b: %b\r\n" % header for header in answer.raw_headers]
        self.transport.write(b"".join([STATUS_LINE[431], *lines, b"\r\n", bytes(answer.body)]))
        self.transport.write_eof()
        self._close_in(_LINGER_SECONDS)

    def _close_in(self, seconds: float) -> None:
        self._stay()
        self._late = self.loop.call_later(seconds, self.transport.close)

    def _stay(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
