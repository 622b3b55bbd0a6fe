"""``/report/{session_id}/{path}``: files of a session as the pages that they are, such as Playwright's report.

They are made by the tests of somebody, of an app of somebody: they may run, but not as one of us. So they live in a
sandbox without an origin, read nothing but their own session, and have a storage that forgets: with none the report
does not run.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent_runtime.v1 import service_pb2
from agent_runtime_server.rest.calls import fill
from agent_runtime_server.rest.files import File, answer
from agent_runtime_server.rest.sending import Streamed, only_headers
from agent_runtime_server.rest.upstream import Upstream

_POLICY = (
    "sandbox allow-scripts allow-popups; default-src 'self' data: blob: 'unsafe-inline'; connect-src {folder}; "
    "form-action 'none'; frame-ancestors 'self'"
)
_HEAD = re.compile(rb"<head[^>]*>", re.IGNORECASE)
_STORAGE = b"""<script>
for (const name of ['localStorage', 'sessionStorage']) {
  const kept = new Map();
  Object.defineProperty(window, name, { value: {
    getItem: (key) => kept.get(String(key)) ?? null,
    setItem: (key, value) => { kept.set(String(key), String(value)); },
    removeItem: (key) => { kept.delete(String(key)); },
    clear: () => kept.clear(),
  } });
}
</script>"""


def routes(upstream: Upstream) -> list[BaseRoute]:
    """The route of reports."""
    return [Route("/report/{session_id}/{path:path}", partial(_report, upstream))]


async def _report(upstream: Upstream, request: Request) -> Response:
    message = service_pb2.ReadSessionFileRequest()
    fill(message, request, ("session_id", "path"))
    folder = f"{request.base_url}report/{quote(message.session_id, safe='')}/"
    file = File(upstream, "ReadSessionFile", message, "", _POLICY.format(folder=folder))
    if not message.path.endswith((".html", ".htm")):
        return await answer(file, request)
    about, pieces = await file.open()
    # What is sent is not what the digest is of, and has another length.
    headers = {name: text for name, text in file.headers(about).items() if name not in {"etag", "accept-ranges"}}
    if request.method == "HEAD":
        await pieces.aclose()
        return only_headers(headers)
    return Streamed(_with_storage(pieces), 200, headers)


async def _with_storage(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        first = await anext(pieces, b"")
        yield _HEAD.sub(lambda head: head[0] + _STORAGE, first, count=1)
        async for piece in pieces:
            yield piece
