"""An HTTP server within an event loop that is somebody else's, on this machine's loopback interface."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

_SHUTDOWN_SECONDS = 1


@asynccontextmanager
async def served(app: Any, *, port: int = 0, **config: Any) -> AsyncIterator[str]:
    """Serve an ASGI app inside the block, on a free port unless one is given; its address. ``config`` is uvicorn's.

    At the end open answers have a second. Raises OSError when the port is taken.
    """
    listener = socket.create_server(("127.0.0.1", port))
    closing = asyncio.Event()
    serving = asyncio.create_task(_Server(app, closing, config).serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        closing.set()
        await serving


class _Server(uvicorn.Server):
    """Serves until the event; leaves signals to whose process it is."""

    def __init__(self, app: Any, closing: asyncio.Event, config: dict[str, Any]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
                **config,
            )
        )
        self._closing = closing

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._closing.wait()
