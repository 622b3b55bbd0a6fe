"""A reverse proxy before an app of whatever kind: it passes everything on, makes one change, and notes what passes."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import TypeGuard
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agent_runtime_server.loopback import served
from tests.quality.changes import Change, PageChange, Script, WireChange, fits

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
_SCRIPT = re.compile(rb"""(<script\b[^>]*\bsrc=["']?[^"'?#>\s]+)(?=["'>\s])""", re.IGNORECASE)
"""The opening tag of a script up to the end of its address, which has no version yet."""
_BEGINNING = 1 << 16
_NOT_KEPT = httpx.Limits(max_keepalive_connections=0)
"""The app is started anew between two runs."""
_FORM_FIELD = re.compile(rb'\bname="([^"\r\n]+)"')
IN_PAGE = "".join((Path(__file__).parent / name).read_text() for name in ("in_page_styles.js", "in_page.js"))


@dataclass(frozen=True, slots=True)
class Exchange:
    """What passed once."""

    method: str
    path: str
    status: int
    media_type: str
    fields: frozenset[str] = field(default=frozenset(), compare=False)
    """The names in its query and in the form that it sends; and ``authorization``, if it has such a header."""
    at: float = field(default=0.0, compare=False)
    """When it was answered, in seconds since the epoch."""


class Proxy:
    """A proxy that is serving. Set ``changes`` between two runs of a suite, not within one."""

    def __init__(self, target: str, credentials: Mapping[str, str]) -> None:
        self.base_url = ""
        self._credentials = credentials
        self.changes: tuple[Change, ...] = ()
        self.exchanges: list[Exchange] = []
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(target))
        # Cookies are the browser's alone: a jar in between would make one visitor of all.
        none = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(base_url=self._origin, timeout=SECONDS, cookies=none, limits=_NOT_KEPT)

    async def answer(self, request: Request) -> Response:
        """What the app answers, changed if that is to be."""
        change = next((one for one in self.changes if isinstance(one, WireChange) and _meant(one, request)), None)
        try:
            body = await request.body()
            response = await self._changed(change, request, body)
        except ClientDisconnect:
            return Response(status_code=499)
        except httpx.TransportError:
            # The app is being started anew, and a page that is left behind still asks.
            return Response(status_code=502)
        kind = response.headers.get("content-type", "").partition(";")[0]
        fields = frozenset(_sent(request, body))
        self.exchanges.append(
            Exchange(request.method, request.url.path, response.status_code, kind, fields, time.time())
        )
        return response

    async def _changed(self, change: WireChange | None, request: Request, body: bytes) -> Response:
        headers = dict(request.headers)
        match change.kind if change else None:
            case "swallowed":
                stood_on = request.headers.get("referer", self.base_url)
                return await self._forward("GET", _within(stood_on), headers, b"")
            case "server_error":
                return Response("<h1>Internal Server Error</h1>", 500, media_type="text/html")
            case "sent_home":
                return Response(status_code=303, headers={"location": "/"})
            case "script_blocked":
                return Response(status_code=404)
            case "delayed":
                await asyncio.sleep(DELAY_SECONDS)
            case "query_dropped":
                return await self._forward(request.method, request.url.path, headers, body)
            case "accepts_anything":
                right = self._credentials
                headers |= {name: value for name, value in right.items() if name in headers}
                body = urlencode([(name, right.get(name, value)) for name, value in parse_qsl(body.decode())]).encode()
        return await self._forward(request.method, _within(str(request.url)), headers, body)

    async def _forward(self, method: str, path: str, sent: Mapping[str, str], body: bytes) -> Response:
        headers = {name: self._theirs(value) for name, value in sent.items() if name not in _OWN}
        if not body:
            headers.pop("content-type", None)
        # As it is, so that it can be changed; and whole, for a part of a changed page is none.
        headers |= {"accept-encoding": "identity"}
        for name in ("if-none-match", "if-modified-since", "range"):
            headers.pop(name, None)
        answered = await self._client.request(method, path, headers=headers, content=body)
        content = answered.content
        if _is_page(answered.headers):
            page = path.partition("?")[0]
            if any(one.kind == "scripts_versioned" for one in self.changes):
                content = _SCRIPT.sub(rb"\1?version=2", content)
            content = _with_scripts(content, [one for one in self.changes if _in_page(one, page)])
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
async def before(target: str, credentials: Mapping[str, str] | None = None) -> AsyncIterator[Proxy]:
    """A proxy before the app at an address, inside the block; it forgets nothing between two changes.

    ``credentials`` are the right values of the fields of the app's sign-in form.
    """
    proxy = Proxy(target, credentials or {})
    app = Starlette(routes=[Route("/{path:path}", proxy.answer, methods=_METHODS)])
    try:
        async with served(app) as proxy.base_url:
            yield proxy
    finally:
        await proxy.aclose()


def _meant(change: WireChange, request: Request) -> bool:
    return change.method == request.method and fits(change.path, request.url.path)


def _sent(request: Request, body: bytes) -> Iterator[str]:
    yield from request.query_params
    yield from {"authorization"}.intersection(request.headers)
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        yield from (name for name, _ in parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    elif kind.startswith("multipart/form-data"):
        yield from (name.decode(errors="replace") for name in _FORM_FIELD.findall(body))


def _within(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _is_page(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith(("text/html", "application/xhtml"))


def _in_page(change: Change, path: str) -> TypeGuard[PageChange | Script]:
    """Whether a page has to have its script; that of a PageChange sees for itself whether it is on the right page."""
    if isinstance(change, PageChange):
        return change.kind != "scripts_versioned"
    return isinstance(change, Script) and fits(change.path, path)


def _with_scripts(content: bytes, changes: Sequence[PageChange | Script]) -> bytes:
    """The page with our scripts before any other: after what has to stand first, or at the very beginning."""
    scripts = b"".join(f"<script>(() => {{ {_script(change)} }})();</script>".encode() for change in changes)
    first = [found.end() for found in _FIRST.finditer(content[:_BEGINNING])]
    place = first[-1] if first else 0
    return content[:place] + scripts + content[place:]


def _script(change: PageChange | Script) -> str:
    if isinstance(change, Script):
        return change.script
    return f"const change = {json.dumps(asdict(change))};\n{IN_PAGE}".replace("</", "<\\/")


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
