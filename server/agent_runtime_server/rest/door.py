"""The door's application: every route, and what stands before them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from agent_runtime_server.measure import Figures
from agent_runtime_server.rest import calls, docs_pages, legacy, metrics, openapi
from agent_runtime_server.rest.metrics import Counted, HttpCounts
from agent_runtime_server.rest.options import DoorOptions
from agent_runtime_server.rest.problems import Refused, on_error, on_http_exception, on_refused
from agent_runtime_server.rest.routing import resources
from agent_runtime_server.rest.upstream import Upstream

_ALL_ORIGINS = "*"
_EXPOSED = ["content-disposition", "content-range", "etag", "retry-after", calls.REPLAYED]
_PREFLIGHT_SECONDS = 600


def build(upstream: Upstream, options: DoorOptions, figures: Callable[[], Awaitable[Figures]]) -> Starlette:
    """The application that answers at the door; ``figures`` are those of the server, asked for at each scrape."""
    counts = HttpCounts()
    routes = [
        *legacy.routes(upstream, options),
        *resources([*calls.operations(upstream)]),
        *metrics.routes(figures, counts),
        *openapi.routes(options),
        *docs_pages.routes(),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Counted, counts), _cors(options.cors_origins)],
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
