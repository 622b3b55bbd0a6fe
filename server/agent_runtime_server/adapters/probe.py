"""Asks an app whether it is there."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

_TRIES = 3
_PAUSE_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0


async def reach(url: str) -> str:
    """Why the app cannot be tested, in words; empty when it answers without a server error."""
    trouble = ""
    for number in range(_TRIES):
        if number:
            await asyncio.sleep(_PAUSE_SECONDS)
        trouble = await asyncio.to_thread(_ask, url)
        if not trouble:
            return ""
    return trouble


def _ask(url: str) -> str:
    # Loaded here, for a start needs neither.
    import http.client
    import ssl

    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        if parts.scheme == "https":
            # Test servers often have certificates of their own; the browser decides on those.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, parts.port, timeout=_TIMEOUT_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as problem:
        return f"{type(problem).__name__}: {problem}"
    return f"it answers with HTTP status {status}" if status >= 500 else ""
