"""What the gateway's tests share: a gateway before a model, and who watches over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from agent_runtime_server.adapters.gateway import GatewayLimits, ModelGateway
from agent_runtime_server.adapters.gateway.access import Access
from agent_runtime_server.adapters.gateway.providers import OWN_KEY
from agent_runtime_server.domain.task import Failure
from agent_runtime_server.domain.usage import ModelUsage, Price
from agent_runtime_server.testing.scripted_model import Scenarios, ScriptedModel

Json = dict[str, Any]

KEY = "sk-key-of-the-provider-5d41402abc4b"
PRICE = Price(3000, 15_000, 300, 3750)
PROVIDERS = {"openai": "some", "anthropic": "anthropic"}
"""By what they speak."""
NEVER = 600.0
PATIENT = GatewayLimits(idle_seconds=60, call_seconds=100, backoff_seconds=0.01)
SHORT = GatewayLimits(idle_seconds=1.0, call_seconds=60, backoff_seconds=0.01)


class Watch:
    """A ``ports.Meter`` that notes what it is told."""

    def __init__(self, refusal: Failure | None = None) -> None:
        self.refusal = refusal
        self.told: list[ModelUsage] = []
        self.asked = asyncio.Event()
        self.allowed = asyncio.Event()
        self.allowed.set()
        self._news = asyncio.Event()

    async def admit(self) -> Failure | None:
        self.asked.set()
        await self.allowed.wait()
        return self.refusal

    def used(self, usage: ModelUsage) -> None:
        self.told.append(usage)
        self._news.set()

    async def first(self) -> ModelUsage:
        await self._news.wait()
        return self.told[0]


class Agent:
    """Calls a model through its access."""

    def __init__(self, access: Access, client: httpx.AsyncClient) -> None:
        self.access = access
        self.client = client
        self.url = f"{access.base_url}/{'messages' if access.wire == 'anthropic' else 'chat/completions'}"
        name = "x-api-key" if access.wire == "anthropic" else "authorization"
        self.headers = {name: access.token if access.wire == "anthropic" else f"Bearer {access.token}"}

    def body(self, *, stream: bool = False, **more: Any) -> Json:
        tool = {"name": "read", "input_schema": {}}
        tools = [tool] if self.access.wire == "anthropic" else [{"type": "function", "function": {"name": "read"}}]
        messages = [{"role": "user", "content": "[[it]] go"}]
        return {"model": "?", "max_tokens": 100, "messages": messages, "tools": tools, "stream": stream, **more}

    async def ask(self, *, stream: bool = False, **more: Any) -> httpx.Response:
        return await self.client.post(self.url, json=self.body(stream=stream, **more), headers=self.headers)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[httpx.Response]:
        """A stream, once it has begun."""
        async with self.client.stream("POST", self.url, json=self.body(stream=True), headers=self.headers) as response:
            yield response


@asynccontextmanager
async def gateway(
    base_url: str, provider: str = "some", *, price: Price | None = PRICE, limits: GatewayLimits = PATIENT
) -> AsyncIterator[ModelGateway]:
    models = ModelGateway(
        {OWN_KEY: KEY}, default_model=f"{provider}/a-model", base_url=base_url, price=price, limits=limits
    )
    try:
        yield models
    finally:
        await models.aclose()


@asynccontextmanager
async def agent_of(models: ModelGateway, watch: Watch | None) -> AsyncIterator[Agent]:
    async with models.open(models.default_model) as access, httpx.AsyncClient(timeout=60, trust_env=False) as client:
        access.meter = watch
        yield Agent(access, client)


@asynccontextmanager
async def scripted(
    steps: list[Json], wire: str = "openai", *, watch: Watch | None = None, limits: GatewayLimits = PATIENT
) -> AsyncIterator[tuple[Agent, ScriptedModel]]:
    """An agent before a model that plays these steps."""
    scenarios: Scenarios = {"it": steps}
    async with (
        ScriptedModel(scenarios) as model,
        gateway(model.base_url, PROVIDERS[wire], limits=limits) as models,
        agent_of(models, watch or Watch()) as agent,
    ):
        yield agent, model


@asynccontextmanager
async def raw_server(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A provider that is only bytes; its base URL. It reads a request's head and body before it answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(lengths[0]))
        await answer(reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()
