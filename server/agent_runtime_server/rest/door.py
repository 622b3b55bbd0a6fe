"""The door's application: every route, and what stands before them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from agent_runtime_server.measure import Figures
from agent_runtime_server.rest import calls, docs_pages, files, legacy, metrics, openapi, page, report, streams
from agent_runtime_server.rest.frames import Frames
from agent_runtime_server.rest.metrics import Counted, HttpCounts
from agent_runtime_server.rest.options import DoorOptions
from agent_runtime_server.rest.origins import guards
from agent_runtime_server.rest.problems import Refused, on_error, on_http_exception, on_refused
from agent_runtime_server.rest.routing import resources
from agent_runtime_server.rest.upstream import Upstream

_EXPOSED = ["content-disposition", "content-range", "etag", "retry-after", calls.REPLAYED]
"""Headers that pages of other origins may read."""


def build(upstream: Upstream, options: DoorOptions, figures: Callable[[], Awaitable[Figures]]) -> Starlette:
    """The application that answers at the door; ``figures`` are those of the server, asked for at each scrape."""
    counts, frames = HttpCounts(), Frames()
    routes = [
        *page.routes(options.trace_viewer),  # first: it takes `/` from browsers only
        *legacy.routes(upstream, options),
        *streams.sockets(upstream, frames),
        *resources([*calls.operations(upstream), *streams.operations(upstream, frames), *files.operations(upstream)]),
        *report.routes(upstream),
        *metrics.routes(figures, counts),
        *openapi.routes(options),
        *docs_pages.routes(),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Counted, counts), *guards(options.cors_origins, _EXPOSED)],
        exception_handlers={Refused: on_refused, HTTPException: on_http_exception, Exception: on_error},
    )
