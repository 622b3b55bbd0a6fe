"""A reverse proxy before an app of whatever kind: it passes everything on, makes one change, and notes what passes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agent_runtime_server.loopback import served
from tests.quality.changes import Change, PageChange, WireChange

DELAY_SECONDS = 0.15
SECONDS = 60.0
"""What the app may take for an answer."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OWN = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length", "host"}
)
"""Headers of one connection."""
_FORBIDDING = frozenset({"content-security-policy", "content-security-policy-report-only"})
"""They would keep our script out of a page."""
_FIRST = re.compile(rb"<(?:!doctype|html|head)\b[^>]*>", re.IGNORECASE)
"""What has to stand before a script."""
_BEGINNING = 1 << 16
IN_PAGE = (Path(__file__).parent / "in_page.js").read_text()


@dataclass(frozen=True, slots=True)
class Exchange:
    """What passed once."""

    method: str
    path: str
    status: int
    media_type: str


class Proxy:
    """A proxy that is serving. Change ``change`` between two runs of a suite, not within one."""

    def __init__(self, target: str) -> None:
        self.base_url = ""
        self.change: Change | None = None
        self.exchanges: list[Exchange] = []
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(target))
        # Cookies are the browser's alone: a jar in between would make one visitor of all.
        none = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(base_url=self._origin, timeout=SECONDS, cookies=none)

    async def answer(self, request: Request) -> Response:
        """What the app answers, changed if that is to be."""
        change = self.change if isinstance(self.change, WireChange) and _meant(self.change, request) else None
        try:
            response = await self._changed(change, request)
        except ClientDisconnect:
            return Response(status_code=499)
        kind = response.headers.get("content-type", "").partition(";")[0]
        self.exchanges.append(Exchange(request.method, request.url.path, response.status_code, kind))
        return response

    async def _changed(self, change: WireChange | None, request: Request) -> Response:
        match change.kind if change else None:
            case "swallowed":
                stood_on = request.headers.get("referer", self.base_url)
                return await self._forward(request, "GET", _within(stood_on), b"")
            case "server_error":
                return Response("<h1>Internal Server Error</h1>", 500, media_type="text/html")
            case "sent_home":
                return Response(status_code=303, headers={"location": "/"})
            case "script_blocked":
                return Response(status_code=404)
            case "delayed":
                await asyncio.sleep(DELAY_SECONDS)
        return await self._forward(request, request.method, _within(str(request.url)), await request.body())

    async def _forward(self, request: Request, method: str, path: str, body: bytes) -> Response:
        headers = {name: self._theirs(value) for name, value in request.headers.items() if name not in _OWN}
        if method != request.method:
            headers.pop("content-type", None)
        # As it is, so that it can be changed; and whole, for a part of a changed page is none.
        headers |= {"accept-encoding": "identity"}
        for name in ("if-none-match", "if-modified-since", "range"):
            headers.pop(name, None)
        answered = await self._client.request(method, path, headers=headers, content=body)
        content = answered.content
        if isinstance(self.change, PageChange) and _is_page(answered.headers):
            content = _with_script(content, self.change)
        response = Response(content, answered.status_code)
        del response.headers["content-length"]
        for name, value in answered.headers.multi_items():
            if name not in _OWN | _FORBIDDING | {"content-encoding"}:
                response.headers.append(name, self._ours(value) if name == "location" else value)
        response.headers["content-length"] = str(len(content))
        return response

    def _theirs(self, value: str) -> str:
        """A header as if the app itself had been asked: it may check where a form comes from."""
        return value.replace(self.base_url, self._origin)

    def _ours(self, value: str) -> str:
        return value.replace(self._origin, self.base_url, 1)

    async def aclose(self) -> None:
        """Let go of the app."""
        await self._client.aclose()


@asynccontextmanager
async def before(target: str) -> AsyncIterator[Proxy]:
    """A proxy before the app at an address, inside the block; it forgets nothing between two changes."""
    proxy = Proxy(target)
    app = Starlette(routes=[Route("/{path:path}", proxy.answer, methods=_METHODS)])
    try:
        async with served(app) as proxy.base_url:
            yield proxy
    finally:
        await proxy.aclose()


def _meant(change: WireChange, request: Request) -> bool:
    return change.method == request.method and change.path in ("*", request.url.path)


def _within(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _is_page(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith(("text/html", "application/xhtml"))


def _with_script(content: bytes, change: PageChange) -> bytes:
    """The page with our script before any other: after what has to stand first, or at the very beginning."""
    said = json.dumps(asdict(change)).replace("</", "<\\/")
    script = f"<script>(() => {{ const change = {said};\n{IN_PAGE}}})();</script>".encode()
    first = [found.end() for found in _FIRST.finditer(content[:_BEGINNING])]
    place = first[-1] if first else 0
    return content[:place] + script + content[place:]


def mutable(exchanges: Sequence[Exchange]) -> list[WireChange]:
    """The faults on the wire that this traffic can meet, in a fixed order."""
    found: set[tuple[str, str, str]] = set()
    for each in exchanges:
        if each.status >= 400:
            continue
        if each.method != "GET":
            found |= {(kind, each.method, each.path) for kind in ("swallowed", "server_error", "sent_home")}
        elif each.media_type == "text/html":
            found.add(("server_error", "GET", each.path))
            if each.path != "/":
                found.add(("sent_home", "GET", each.path))
        elif "javascript" in each.media_type:
            found.add(("script_blocked", "GET", each.path))
    return [WireChange(kind, method, path) for kind, method, path in sorted(found)]  # type: ignore[arg-type]
