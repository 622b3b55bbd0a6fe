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

MAX_BACKOFF = 30.0
"""Seconds between tries, which double each time and are jittered; a provider's Retry-After counts instead."""
MAX_UNREACHABLE = 5
"""Tries to reach a provider that cannot be reached at all."""
CONNECT_SECONDS = 10.0
MAX_ERROR_BYTES = 64 * 1024
_BUSY = (408, 429)
_OUT_OF_CREDIT = b"insufficient_quota"
"""In a 429 that no wait will change."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a provider, in seconds."""

    idle: float
    """Longest silence, before the answer begins and within it."""
    call: float
    """Longest call, all tries included."""
    backoff: float
    """Before the second try."""


class NoAnswer(Exception):
    """A call got no answer, or not all of one."""


class GaveUp(NoAnswer):
    """The provider is silent, broken or too busy."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class Refused(NoAnswer):
    """The provider's own refusal, which no other try would change."""

    def __init__(self, message: str, status: int, content_type: str, body: bytes) -> None:
        super().__init__(message)
        self.status = status
        self.content_type = content_type
        self.body = body


class Upstream:
    """Calls one provider for one agent."""

    def __init__(self, client: httpx.AsyncClient, route: Route, patience: Patience) -> None:
        self._client = client
        self._route = route
        self._patience = patience
        self._name = f"the provider {route.provider}"

    @asynccontextmanager
    async def call(self, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """The answer to a call, to be read inside the block. Raises NoAnswer, also while it is read."""
        import httpx

        deadline = asyncio.get_running_loop().time() + self._patience.call
        trouble: list[str] = []
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._answer(body, headers, deadline, trouble)
                try:
                    yield response
                except httpx.HTTPError as error:
                    raise GaveUp(f"the answer of {self._name} broke off: {self._words(error)}") from None
                finally:
                    await response.aclose()
        except TimeoutError:
            last = f"; before, {trouble[-1]}" if trouble else ""
            raise GaveUp(f"{self._name} did not complete an answer in {self._patience.call:g} seconds{last}") from None

    async def _answer(
        self, body: bytes, headers: Mapping[str, str], deadline: float, trouble: list[str]
    ) -> httpx.Response:
        """The first answer that is none of trouble, which is noted for each try."""
        import httpx

        unreachable = 0
        while True:
            wait = _backoff(self._patience.backoff, len(trouble))
            try:
                response = await self._send(body, headers)
                if response.is_success:
                    return response
                wait = _asked_wait(response.headers.get("retry-after", "")) or wait
                trouble.append(await self._refusal(response))
            except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
                raise GaveUp(f"no answer from {self._name}: {self._words(error)}") from None
            except httpx.HTTPError as error:
                unreachable += 1
                trouble.append(f"{self._name} cannot be reached: {self._words(error)}")
            ends = asyncio.get_running_loop().time() + wait >= deadline
            if ends or unreachable >= MAX_UNREACHABLE:
                raise GaveUp(f"{trouble[-1]} (tries: {len(trouble)})")
            await asyncio.sleep(wait)

    async def _send(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        import httpx

        idle = self._patience.idle
        timeout = httpx.Timeout(idle, connect=min(CONNECT_SECONDS, idle))
        request = self._client.build_request(
            "POST", self._route.url, content=body, headers={**headers, **self._route.headers()}, timeout=timeout
        )
        return await self._client.send(request, stream=True)

    async def _refusal(self, response: httpx.Response) -> str:
        """What a provider says that refuses a call for now. Raises NoAnswer if it is for good."""
        try:
            body = await _bounded(response)
        finally:
            await response.aclose()
        if self._route.key:
            # Some repeat what they do not accept.
            body = body.replace(self._route.key.encode(), b"...")
        status = response.status_code
        text = f"{self._name} answers {status}: {said_wrong(body)}"
        if _OUT_OF_CREDIT in body:
            raise GaveUp(text, retryable=False)
        if status not in _BUSY and status < 500:
            raise Refused(text, status, response.headers.get("content-type", "application/json"), body)
        return text

    def _words(self, error: httpx.HTTPError) -> str:
        import httpx

        if isinstance(error, httpx.ConnectTimeout):
            return "no connection in time"
        if isinstance(error, httpx.TimeoutException):
            return f"silence for {self._patience.idle:g} seconds"
        # An error's own text may hold what nobody is to read; the kind of error does not.
        return type(error).__name__


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) >= MAX_ERROR_BYTES:
            break
    return bytes(body[:MAX_ERROR_BYTES])


def _backoff(first: float, doublings: int) -> float:
    return min(MAX_BACKOFF, first * float(1 << min(doublings, 10))) * random.uniform(0.5, 1.0)  # noqa: S311


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
