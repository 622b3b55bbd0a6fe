"""Calls to providers: bounded in time, tried again where that can help."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from agent_runtime_server.adapters.gateway.providers import Route
from agent_runtime_server.adapters.gateway.wire import said_wrong

if TYPE_CHECKING:
    import httpx

FIRST_BACKOFF = 1.0
MAX_BACKOFF = 30.0
"""Seconds between tries, doubled each time and jittered; a provider's Retry-After counts instead."""
CONNECT_SECONDS = 10.0
MAX_ERROR_BYTES = 64 * 1024
_TOO_BUSY = 429


class GaveUp(Exception):
    """A call that got no answer worth passing on."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Refused:
    """A provider's own answer that no other try would change."""

    status: int
    body: bytes


class Upstream:
    """Calls one provider for one agent."""

    def __init__(self, client: httpx.AsyncClient, route: Route, idle_seconds: float, call_seconds: float) -> None:
        """``idle_seconds`` is the longest silence, before the answer begins and within it; ``call_seconds`` the longest
        time to an answer, all tries included."""
        self._client = client
        self._route = route
        self._idle = idle_seconds
        self._call = call_seconds

    @asynccontextmanager
    async def call(self, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response | Refused]:
        """The answer to a call, to be read inside the block. Raises GaveUp, also while it is read."""
        import httpx

        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._call
        tries = 0
        while True:
            tries += 1
            trouble, wait = "", _backoff(tries)
            try:
                async with asyncio.timeout_at(deadline):
                    response = await self._send(body, headers)
                    if response.status_code != _TOO_BUSY and response.status_code < 500:
                        break
                    said = said_wrong(await _bounded(response))
                    trouble = f"the provider {self._route.provider} answers {response.status_code}: {said}"
                    wait = _asked_wait(response.headers.get("retry-after", "")) or wait
                    await response.aclose()
            except (httpx.HTTPError, TimeoutError) as error:
                trouble = f"the provider {self._route.provider} cannot be reached: {_words(error, self._idle)}"
            if loop.time() + wait >= deadline:
                raise GaveUp(f"{trouble} (tried {tries} times)")
            await asyncio.sleep(wait)
        try:
            if response.is_success:
                yield response
            else:
                yield Refused(response.status_code, await _bounded(response))
        except httpx.HTTPError as error:
            text = f"the answer of the provider {self._route.provider} broke off: {_words(error, self._idle)}"
            raise GaveUp(text) from error
        finally:
            await response.aclose()

    async def _send(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        import httpx

        timeout = httpx.Timeout(self._idle, connect=min(CONNECT_SECONDS, self._idle))
        request = self._client.build_request(
            "POST", self._route.url, content=body, headers={**headers, **self._route.headers()}, timeout=timeout
        )
        return await self._client.send(request, stream=True)


async def _bounded(response: httpx.Response) -> bytes:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) >= MAX_ERROR_BYTES:
            break
    return body[:MAX_ERROR_BYTES]


def _backoff(tries: int) -> float:
    doublings = min(tries - 1, 10)
    return min(MAX_BACKOFF, FIRST_BACKOFF * float(1 << doublings)) * random.uniform(0.5, 1.0)  # noqa: S311


def _asked_wait(retry_after: str) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3); 0 for none."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _words(error: Exception, idle: float) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException):
        return f"silence for {idle:g} seconds"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # A request's text may hold what nobody is to read; the kind of error does not.
    return type(error).__name__
