"""Pages that show the API: Swagger UI at `/docs`, ReDoc at `/redoc`. All that they load comes from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from os import PathLike, stat_result
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_PAGES = Path(__file__).parent / "static" / "docs"
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
# Both write style elements as they go; ReDoc's search works in a worker that it makes from a blob.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Assets(StaticFiles):
    """Files that are kept as long as they are the same, and are what their type says."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_SAFE)
        return response


def routes() -> list[BaseRoute]:
    """The two pages, and their own scripts; what these use is in ``/vendor``, as for the web page."""
    return [
        Route("/docs", _page("swagger.html")),
        Route("/redoc", _page("redoc.html")),
        Mount("/docs/assets", _Assets(directory=_PAGES)),
    ]


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return FileResponse(_PAGES / name, headers={**_SAFE, "Content-Security-Policy": _POLICY})

    return answer
