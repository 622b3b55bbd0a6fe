"""An HTTP server within an event loop that is somebody else's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn

_SHUTDOWN_SECONDS = 1
_DATE_SECONDS = 1.0
GIVE_UP_MS = 600_000
"""How long a reader may take nothing until its connection is broken."""


@asynccontextmanager
async def served(app: Any, *, port: int = 0, **config: Any) -> AsyncIterator[str]:
    """Serve an ASGI app on this machine's loopback interface inside the block, on a free port unless one is given; its
    address. Raises OSError when the port is taken."""
    listener = socket.create_server(("127.0.0.1", port))
    async with serving(app, listener, http="h11", ws="none", **config):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(app: Any, listener: socket.socket, **config: Any) -> AsyncIterator[None]:
    """Serve an ASGI app on a socket that listens, which is closed at the end. ``config`` is uvicorn's.

    Calls are answered inside the block. At the end open answers have a second.
    """
    # Connections inherit it. Without it the body of a small answer waits for the ACK of its head, some 40 ms:
    # asyncio sees to it only for sockets that say that they are TCP, which those of create_server do not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # They inherit that, too. To close a connection is not enough: what has been written to it is sent first, and a
    # reader that takes nothing never lets that end. Elsewhere than on Linux there is no such option.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GIVE_UP_MS)
    server = _Server(app, config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    started = asyncio.create_task(server.serving.wait())
    try:
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        started.cancel()
        server.closing.set()
        await running


class _Server(uvicorn.Server):
    """Serves until told to close; leaves signals to whose process it is."""

    def __init__(self, app: Any, config: dict[str, Any]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
                **config,
            )
        )
        self.serving = asyncio.Event()
        self.closing = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end, and keep the time for the answers' headers."""
        self.serving.set()
        while not self.closing.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), _DATE_SECONDS)
