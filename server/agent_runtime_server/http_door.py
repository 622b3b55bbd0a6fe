"""The HTTP door as a part of the server: its address is taken before gRPC serves, its modules are loaded after."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from agent_runtime_server.settings import NO_HTTP, Settings

if TYPE_CHECKING:
    from agent_runtime_server.local_calls import LocalCalls
    from agent_runtime_server.measure import Figures
    from agent_runtime_server.rest.options import DoorOptions

_MARGIN_SECONDS = 30.0
"""What a call may take beyond the longest wait that the server allows."""
_SPARE_CONNECTIONS = 1000
"""Connections besides those of watchers."""
_DOOR = "agent_runtime_server.rest.door"


class CannotListen(Exception):
    """The HTTP address cannot be had."""


class HttpDoor:
    """Takes connections from the start, and answers from ``opened`` on until ``closing`` is set."""

    def __init__(self, listener: socket.socket) -> None:
        self.opened = asyncio.Event()
        self.closing = asyncio.Event()
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def run(
        self, settings: Settings, version: str, figures: Callable[[], Awaitable[Figures]], calls: LocalCalls
    ) -> None:
        """Open the door, until it closes."""
        # In a thread, because they are many modules, and calls over gRPC are answered meanwhile.
        await asyncio.to_thread(import_module, _DOOR)
        from agent_runtime_server.loopback import serving
        from agent_runtime_server.rest.door import build
        from agent_runtime_server.rest.heads import Bounded
        from agent_runtime_server.rest.upstream import Upstream

        options = _options(settings, version)
        async with serving(
            build(Upstream(calls, options.deadline_seconds), options, figures),
            self._listener,
            http=Bounded,
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,
            log_level="warning",
            limit_concurrency=settings.max_watchers + _SPARE_CONNECTIONS,
        ):
            self.opened.set()
            await self.closing.wait()


@contextmanager
def bound(settings: Settings) -> Iterator[HttpDoor | None]:
    """A door whose address is taken, if there is to be one. Raises CannotListen."""
    if settings.http_address == NO_HTTP:
        yield None
        return
    host, _, port = settings.http_address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, int(port)), family=family)
    except OSError as problem:
        reason = os.strerror(problem.errno or errno.EIO) if not isinstance(problem, socket.gaierror) else str(problem)
        raise CannotListen(f"cannot listen on {settings.http_address} for HTTP: {reason}") from problem
    with listener:
        yield HttpDoor(listener)


def _options(settings: Settings, version: str) -> DoorOptions:
    from agent_runtime_server.rest.options import DoorOptions, LegacyConfig

    provider, _, model = settings.model.partition("/")
    return DoorOptions(
        version=version,
        cors_origins=tuple(origin.strip() for origin in settings.cors_origins.split(",")),
        legacy=LegacyConfig(
            provider=provider,
            model=model,
            opencode_path=settings.opencode_path,
            session_root=settings.workspace_root,
            environment=settings.environment,
        ),
        trace_viewer=Path(settings.toolchain_dir) / "node_modules/playwright-core/lib/vite/traceViewer",
        deadline_seconds=settings.max_wait_seconds + _MARGIN_SECONDS,
    )
