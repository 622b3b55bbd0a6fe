"""The endpoint itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from agent_runtime_server.loopback import served
from agent_runtime_server.testing.scripted_model.anthropic import Anthropic
from agent_runtime_server.testing.scripted_model.delivery import Delivery, End
from agent_runtime_server.testing.scripted_model.openai import OpenAI
from agent_runtime_server.testing.scripted_model.play import Cue, Play
from agent_runtime_server.testing.scripted_model.scenarios import ScenarioError, Scenarios, read_scenarios
from agent_runtime_server.testing.scripted_model.wire import Json, Request, Wire, answer_of, encoded

KEPT_REQUESTS = 200
MAX_BODY_BYTES = 32 * 1024 * 1024
IDLE_SECONDS = 60
"""For a connection: more than any client keeps one, so that none is closed under a request."""

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


@dataclass(slots=True)
class Asked:
    """A request that has come."""

    path: str
    headers: dict[str, str] = field(repr=False)
    """By their names in lower case."""
    body: Json = field(repr=False)
    scenario: str
    """Empty for a request without tools."""
    step: int
    tools: list[str]
    roles: list[str]
    """Of its messages."""
    end: End | None = None
    """None until then."""


class ScriptedModel:
    """Speaks OpenAI's chat completions and Anthropic's messages on loopback, in the running event loop.

    ``async with ScriptedModel({"default": [{"text": "Hello"}]}) as model`` serves at ``model.base_url`` until the end
    of the block; what still hangs then is broken off.
    """

    def __init__(self, scenarios: Scenarios, *, port: int = 0) -> None:
        """Raise ``ScenarioError`` when the scenarios are wrong; port 0 is a free one."""
        self.base_url = ""
        """For clients, with ``/v1``."""
        self.requests: deque[Asked] = deque(maxlen=KEPT_REQUESTS)
        """The last ones, oldest first."""
        self._play = Play(read_scenarios(scenarios))
        self._port = port
        self._closing = asyncio.Event()
        self._running = AsyncExitStack()
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        address = await self._running.enter_async_context(
            served(self._app(), port=self._port, timeout_keep_alive=IDLE_SECONDS)
        )
        self.base_url = f"{address}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await self._running.aclose()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that requests bring about, such as that one has come or has ended."""
        async with self._news:
            await self._news.wait_for(condition)

    def _app(self) -> Starlette:
        async def chat(request: HttpRequest) -> ASGIApp:
            return await self._answer(request, OpenAI())

        async def messages(request: HttpRequest) -> ASGIApp:
            return await self._answer(request, Anthropic())

        return Starlette(
            routes=[
                Route("/{base:path}/chat/completions", chat, methods=["POST"]),
                Route("/{base:path}/messages", messages, methods=["POST"]),
                Route("/{base:path}/models", self._models),
            ]
        )

    async def _models(self, _: HttpRequest) -> Response:
        """Every scenario is a model; the fields of both formats in one."""
        common = {"object": "model", "type": "model", "created": 0, "created_at": "1970-01-01T00:00:00Z"}
        models = [{"id": name, "display_name": name, "owned_by": "script", **common} for name in self._play.scenarios]
        return JSONResponse({"object": "list", "data": models, "has_more": False})

    async def _answer(self, http: HttpRequest, wire: Wire) -> ASGIApp:
        try:
            body = await _read(http)
            request = wire.read(body)
            cue = self._play.cue(request)
        except (_TooLarge, msgspec.MsgspecError, ScenarioError) as error:
            status = 413 if isinstance(error, _TooLarge) else 400
            return JSONResponse(wire.error(status, str(error)), status)
        asked = Asked(
            http.url.path,
            dict(http.headers),
            msgspec.json.decode(body),
            cue.scenario,
            cue.number,
            request.tools,
            [message.role for message in request.messages],
        )
        self.requests.append(asked)
        await self._tell()
        return self._delivery(asked, request, cue, wire)

    def _delivery(self, asked: Asked, request: Request, cue: Cue, wire: Wire) -> Delivery:
        async def ended(end: End) -> None:
            asked.end = end
            await self._tell()

        def json(body: Json, status: int, headers: Mapping[str, str] = {}) -> Delivery:
            data = encoded(body).encode()
            halves = [data[: len(data) // 2], data[len(data) // 2 :]]
            return Delivery(halves, {**JSON, **headers}, cue.step, self._closing, ended, status)

        if fault := self._play.fault(cue):
            return json(wire.error(fault.status, fault.message), fault.status, fault.headers)
        try:
            step = self._play.line(cue, request)
        except ScenarioError as error:
            return json(wire.error(400, str(error)), 400)
        answer = answer_of(request, step, f"{cue.scenario}/{cue.number}")
        if request.stream:
            return Delivery(list(wire.events(answer)), EVENTS, cue.step, self._closing, ended, streamed=True)
        return json(wire.whole(answer), 200)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


class _TooLarge(Exception):
    """A request's body is."""


async def _read(http: HttpRequest) -> bytes:
    body = bytearray()
    async for chunk in http.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _TooLarge(f"a request can have {MAX_BODY_BYTES} bytes")
    return bytes(body)
