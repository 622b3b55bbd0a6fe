"""The web page, its scripts and styles, and Playwright's trace viewer beside it.

All that the page is made of is in ``static``, as it is sent: no build step. The strict policy allows its own scripts
and styles only, so that text from a task cannot become a program.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

STATIC = Path(__file__).parent / "static"
_OWN = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE_POLICY = (
    f"{_OWN}; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src 'self'; media-src 'self'"
)
_VIEWER_SOURCES = (
    "script-src 'self' {script}; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'self' blob:; "
    "manifest-src 'self'"
)
_VIEWER_POLICY = f"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; {_VIEWER_SOURCES}"
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_NO_VIEWER = "The trace viewer is part of Playwright, which is not installed here: run bin/bootstrap.\n"


def routes(viewer: Path) -> list[BaseRoute]:
    """``/`` for browsers, ``/ui`` and ``/vendor`` for what the page is made of, ``/trace`` for the viewer.

    ``viewer`` is the folder with the viewer's files; it may come to be later, or never.
    """
    return [
        _BrowserRoute("/", _page, methods=["GET", "HEAD"], include_in_schema=False),
        Mount("/ui", _Assets(STATIC / "ui", _PAGE_POLICY)),
        Mount("/vendor", _Assets(STATIC / "vendor", _PAGE_POLICY)),
        Route("/trace", _to_viewer, include_in_schema=False),
        Mount("/trace", _Viewer(viewer)),
    ]


class _BrowserRoute(Route):
    """A route for those who read HTML; everybody else is served by whatever comes after it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As a route does, if the caller accepts HTML by name."""
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        return super().matches(scope)


async def _page(_request: Request) -> Response:
    return _guarded(FileResponse(STATIC / "ui" / "index.html", headers={"vary": "accept"}), _PAGE_POLICY)


async def _to_viewer(request: Request) -> Response:
    return RedirectResponse(request.url.replace(path="/trace/"))


class _Assets(StaticFiles):
    """Files that are asked for again each time, and sent again when they have changed."""

    def __init__(self, directory: Path, policy: str) -> None:
        super().__init__(directory=directory, html=True)
        self._policy = policy

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with the headers that guard it."""
        return _guarded(await super().get_response(path, scope), self._policy)


class _Viewer:
    """Playwright's own page, if it is there; its one inline script is let through by its digest."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._assets: _Assets | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._assets is None:
            self._assets = await asyncio.to_thread(_viewer_in, self._directory)
        missing = _guarded(PlainTextResponse(_NO_VIEWER, status_code=404), _PAGE_POLICY)
        await (self._assets or missing)(scope, receive, send)


def _viewer_in(directory: Path) -> _Assets | None:
    try:
        found = _INLINE_SCRIPT.search((directory / "index.html").read_bytes())
    except FileNotFoundError:
        return None
    digest = base64.b64encode(hashlib.sha256(found[1]).digest()).decode() if found else ""
    return _Assets(directory, _VIEWER_POLICY.format(script=f"'sha256-{digest}'" if digest else ""))


def _guarded(response: Response, policy: str) -> Response:
    response.headers["cache-control"] = "no-cache"
    response.headers["content-security-policy"] = policy
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["referrer-policy"] = "no-referrer"
    return response
