"""The door's application: every route, and what stands before them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from agent_runtime_server.rest import calls
from agent_runtime_server.rest.options import DoorOptions
from agent_runtime_server.rest.problems import Refused, on_error, on_http_exception, on_refused
from agent_runtime_server.rest.routing import resources
from agent_runtime_server.rest.upstream import Upstream

_ALL_ORIGINS = "*"
_EXPOSED = ["content-disposition", "content-range", "etag", "retry-after", calls.REPLAYED]
_PREFLIGHT_SECONDS = 600


def build(upstream: Upstream, options: DoorOptions) -> Starlette:
    """The application that answers at the door."""
    routes = resources([*calls.operations(upstream)])
    return Starlette(
        routes=routes,
        middleware=[_cors(options.cors_origins)],
        exception_handlers={Refused: on_refused, HTTPException: on_http_exception, Exception: on_error},
    )


def _cors(origins: tuple[str, ...]) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_credentials=_ALL_ORIGINS not in origins,
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=_EXPOSED,
        max_age=_PREFLIGHT_SECONDS,
    )
