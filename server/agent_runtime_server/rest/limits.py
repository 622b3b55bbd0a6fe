"""Bounds on what a caller may send, and on how long it may take to."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from agent_runtime_server.rest.problems import refusal

MAX_BODY_BYTES = 4 * 1024 * 1024
"""A JSON body; files have the limit of the server."""
BODY_SECONDS = 60.0
"""How long a JSON body may take to come."""


async def body_of(request: Request) -> bytes:
    """The body of a request. Refuses one that is too long or too slow."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise _too_long()
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise _too_long()
                pieces.append(piece)
    except TimeoutError:
        raise refusal(408, f"the body has not come within {BODY_SECONDS:g} s", {"connection": "close"}) from None
    except ClientDisconnect:
        raise refusal(400, "the body ended early") from None
    return b"".join(pieces)


def _too_long() -> Exception:
    # Not with "connection: close": what is still on its way would meet a closed socket, and the caller an error.
    return refusal(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
