"""Whose web pages may call: CORS for what they read, and a refusal of what they would do without reading."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from agent_runtime_server.rest.problems import problem, refusal

ALL = "*"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_PREFLIGHT_SECONDS = 600


def guards(origins: tuple[str, ...], exposed: list[str]) -> list[Middleware]:
    """What stands before everything. ``exposed`` are headers of answers that pages may read."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_credentials=ALL not in origins,
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=exposed,
        max_age=_PREFLIGHT_SECONDS,
    )
    return [cors] if ALL in origins else [cors, Middleware(_OnlyKnownPages, origins=frozenset(origins))]


class _OnlyKnownPages:
    """Refuses what a page of another origin would do.

    A browser keeps such a page from reading answers, but not from sending forms and opening WebSockets, which it may
    read.
    """

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" or scope.get("method") not in _SAFE:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and origin not in self._origins and origin.partition("://")[2] != headers.get("host"):
                answer = problem(refusal(403, f"pages of {origin} may not do that: it is none of cors_origins"))
                if scope["type"] == "websocket":
                    await WebSocket(scope, receive, send).send_denial_response(answer)
                else:
                    await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
