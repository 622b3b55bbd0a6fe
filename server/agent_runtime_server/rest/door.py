"""The door's application: every route, and what stands before them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from agent_runtime_server.rest import calls, files, streams
from agent_runtime_server.rest.frames import Frames
from agent_runtime_server.rest.options import DoorOptions
from agent_runtime_server.rest.origins import guards
from agent_runtime_server.rest.problems import Refused, on_error, on_http_exception, on_refused
from agent_runtime_server.rest.routing import resources
from agent_runtime_server.rest.upstream import Upstream

_EXPOSED = ["content-disposition", "content-range", "etag", "retry-after", calls.REPLAYED]
"""Headers that pages of other origins may read."""


def build(upstream: Upstream, options: DoorOptions) -> Starlette:
    """The application that answers at the door."""
    frames = Frames()
    routes = [
        *streams.sockets(upstream, frames),
        *resources([*calls.operations(upstream), *streams.operations(upstream, frames), *files.operations(upstream)]),
        *files.routes(upstream),
    ]
    return Starlette(
        routes=routes,
        middleware=guards(options.cors_origins, _EXPOSED),
        exception_handlers={Refused: on_refused, HTTPException: on_http_exception, Exception: on_error},
    )
