"""The gateway: a loopback HTTP server that lets agents call models, each by a token of its own."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent_runtime_server.adapters.gateway.providers import Route, route
from agent_runtime_server.domain.usage import Price
from agent_runtime_server.ports import Availability, ModelLimits

if TYPE_CHECKING:
    import httpx

    from agent_runtime_server.adapters.gateway.access import Access
    from agent_runtime_server.adapters.gateway.http_server import HttpCall

_PATH = re.compile(r"/(\w+)/v1/(?:chat/completions|messages)")
_NANOS_A_TOKEN = 1000
"""In a price of one USD a million tokens."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """Bounds of calls, and what is known of the default model."""

    idle_seconds: float = 60.0
    """A model that sends nothing for so long is given up."""
    call_seconds: float = 600.0
    """Longest call, all tries included, without the wait for a person whom the budget asks."""
    context_tokens: int = 128_000
    output_tokens: int = 8192
    backoff_seconds: float = 1.0
    """Before the second try; it doubles."""


def price_of(text: str) -> Price | None:
    """The price that a setting names, None for an empty one: USD a million tokens of input, output and, if they differ
    from input, cache reads and writes. Raises ValueError."""
    if not text.strip():
        return None
    try:
        numbers = [round(float(part) * _NANOS_A_TOKEN) for part in text.split(",")]
    except (ValueError, OverflowError):
        numbers = []
    if not 2 <= len(numbers) <= 4 or min(numbers) < 0:
        raise ValueError(f"model_price {text!r} is not of the form input,output[,cache reads[,cache writes]]")
    numbers += [numbers[0]] * (4 - len(numbers))
    return Price(*numbers)


class ModelGateway:
    """Implements ``ports.Models``. Its server starts with the first access; ``aclose`` ends it."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        default_model: str = "",
        base_url: str = "",
        price: Price | None = None,
        limits: GatewayLimits | None = None,
    ) -> None:
        """``base_url`` is where the default model's provider is served instead of at its usual place, ``price`` is what
        the default model costs."""
        self.default_model = default_model
        self._environment = environment
        self._base_url = base_url
        self._price = price
        self._limits = limits or GatewayLimits()
        self._accesses: dict[str, Access] = {}
        self._running = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None
        self._address = ""

    def availability(self, model: str) -> Availability:
        """Whether there is a way to a model; what to set if not."""
        way = self._route(model)
        return Availability(False, message=way) if isinstance(way, str) else Availability(True)

    def has_price(self, model: str) -> bool:
        """Whether it is the default model, and that has a price."""
        return self._price is not None and model == self.default_model

    @asynccontextmanager
    async def open(self, model: str) -> AsyncIterator[Access]:
        """Access to a model inside the block. Raises ValueError for one that is not available."""
        from agent_runtime_server.adapters.gateway.access import Access
        from agent_runtime_server.adapters.gateway.upstream import Patience, Upstream

        way = self._route(model)
        if isinstance(way, str):
            raise ValueError(way)
        client = await self._start()
        name, token = secrets.token_hex(8), secrets.token_urlsafe(32)
        bounds = self._limits
        patience = Patience(bounds.idle_seconds, bounds.call_seconds, bounds.backoff_seconds)
        access = Access(
            f"{self._address}/{name}/v1",
            token,
            way,
            Upstream(client, way, patience),
            ModelLimits(bounds.context_tokens, bounds.output_tokens),
            self._price if self.has_price(model) else None,
        )
        self._accesses[name] = access
        try:
            yield access
        finally:
            del self._accesses[name]
            await access.close()

    async def aclose(self) -> None:
        """End the server, and calls that are under way."""
        async with self._starting:
            for access in list(self._accesses.values()):
                await access.close()
            await self._running.aclose()
            self._client = None

    def _route(self, model: str) -> Route | str:
        of_default = model.partition("/")[0] == self.default_model.partition("/")[0]
        return route(model, self._base_url if of_default else "", self._environment)

    async def _start(self) -> httpx.AsyncClient:
        async with self._starting:
            if self._client is None:
                import httpx

                from agent_runtime_server.adapters.gateway.http_server import serving

                client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None))
                self._client = await self._running.enter_async_context(client)
                self._address = await self._running.enter_async_context(serving(self._answer))
            return self._client

    async def _answer(self, call: HttpCall) -> None:
        path = _PATH.fullmatch(call.path)
        if path is None:
            await call.error(404, "there is no such call")
            return
        access = self._accesses.get(path[1])
        if access is None or not access.opens_to(call.token):
            await call.error(401, "this access is closed")
        elif call.wire != access.wire:
            await call.error(404, f"this model is called in the format {access.wire}")
        else:
            await access.answer(call)
