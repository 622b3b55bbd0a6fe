"""The gateway: a loopback HTTP server that lets agents call models, each by a token of its own."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent_runtime_server.adapters.gateway.providers import Route, route
from agent_runtime_server.adapters.gateway.upstream import GaveUp, Refused, Upstream
from agent_runtime_server.adapters.gateway.wire import Counter, error_body, request_body, said_wrong
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.domain.usage import Price
from agent_runtime_server.ports import Availability, Meter, ModelLimits

if TYPE_CHECKING:
    import httpx
    from starlette.requests import Request
    from starlette.responses import Response

MAX_REQUEST_BYTES = 64 * 1024 * 1024
CALLS_AT_ONCE = 8
"""Of one agent; more wait."""
_REFUSED = 403
"""Of the gateway's own: clients do not try again after it."""
_PASSED_ON = ("accept", "anthropic-beta", "anthropic-version", "content-type")
_NANOS_A_TOKEN = 1000
"""In a price of one USD a million tokens."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """Bounds of calls, and what is known of the default model."""

    idle_seconds: float = 60.0
    """A model that sends nothing for so long is given up."""
    call_seconds: float = 600.0
    """Longest time to an answer, all tries included."""
    context_tokens: int = 128_000
    output_tokens: int = 8192


def price_of(text: str) -> Price | None:
    """The price that a setting names, None for an empty one: USD a million tokens of input, output and, if they differ
    from input, cache reads and writes. Raises ValueError."""
    if not text.strip():
        return None
    numbers = [round(float(part) * _NANOS_A_TOKEN) for part in text.split(",")]
    if not 2 <= len(numbers) <= 4 or min(numbers) < 0:
        raise ValueError(f"model_price {text!r} is not of the form input,output[,cache reads[,cache writes]]")
    numbers += [numbers[0]] * (4 - len(numbers))
    return Price(*numbers)


class Access:
    """One agent's way to one model. Implements ``ports.ModelAccess``."""

    def __init__(self, base_url: str, token: str, way: Route, limits: ModelLimits) -> None:
        self.base_url = base_url
        self.token = token
        self.wire: str = way.wire
        self.model = way.model
        self.limits = limits
        self.meter: Meter | None = None
        self.failure: Failure | None = None
        self.route = way
        self.slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self.calls: set[asyncio.Task[Any]] = set()


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
        self._held = AsyncExitStack()
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
        way = self._route(model)
        if isinstance(way, str):
            raise ValueError(way)
        await self._start()
        name, token = secrets.token_hex(8), secrets.token_urlsafe(32)
        limits = ModelLimits(self._limits.context_tokens, self._limits.output_tokens)
        access = self._accesses[name] = Access(f"{self._address}/{name}/v1", token, way, limits)
        try:
            yield access
        finally:
            del self._accesses[name]
            for call in access.calls:
                call.cancel()

    async def aclose(self) -> None:
        """End the server, and calls that are under way."""
        await self._held.aclose()

    def _route(self, model: str) -> Route | str:
        of_default = model.partition("/")[0] == self.default_model.partition("/")[0]
        return route(model, self._base_url if of_default else "", self._environment)

    async def _start(self) -> None:
        async with self._starting:
            if self._address:
                return
            import httpx

            self._client = await self._held.enter_async_context(
                httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None))  # noqa: S113 - each call has its own
            )
            self._address = await self._held.enter_async_context(_served(self._answer))

    async def _answer(self, request: Request) -> Response:
        from starlette.responses import Response

        access = self._accesses.get(request.path_params["access"])
        if access is None or not hmac.compare_digest(_token_of(request).encode(), access.token.encode()):
            return Response(error_body("openai", "this access is closed"), 401, media_type="application/json")
        if request.path_params["call"] != ("messages" if access.wire == "anthropic" else "chat/completions"):
            return Response(error_body(access.route.wire, "there is no such call"), 404, media_type="application/json")
        call = asyncio.current_task()
        assert call is not None, "a request is answered by a task"
        access.calls.add(call)
        try:
            return await self._forward(access, request)
        finally:
            # A streamed answer goes on, in the same task.
            call.add_done_callback(access.calls.discard)

    async def _forward(self, access: Access, request: Request) -> Response:
        try:
            body = await _read(request)
        except ValueError as bad:
            return _refusal(access, 400, str(bad))
        if access.meter is None:
            return _refusal(access, _REFUSED, "no phase of the task is under way")
        meter = access.meter
        if (failure := await meter.admit()) is not None:
            access.failure = failure
            return _refusal(access, _REFUSED, failure.message)
        return await _while_wanted(request, self._call(access, meter, request, body))

    async def _call(self, access: Access, meter: Meter, request: Request, body: dict[str, Any]) -> Response:
        from starlette.responses import Response, StreamingResponse

        assert self._client is not None, "the server runs"
        content = request_body(body, access.route)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        upstream = Upstream(self._client, access.route, self._limits.idle_seconds, self._limits.call_seconds)
        counter = Counter(access.route, content, streams=bool(body.get("stream")))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(access.slots)
            stack.enter_context(self._metered(meter, counter))
            try:
                answer = await stack.enter_async_context(upstream.call(content, headers))
            except GaveUp as error:
                access.failure = Failure(FailureReason.MODEL_PROVIDER, str(error), retryable=error.retryable)
                return _refusal(access, _REFUSED, str(error))
            if isinstance(answer, Refused):
                text = f"the provider {access.route.provider} answers {answer.status}: {said_wrong(answer.body)}"
                access.failure = Failure(FailureReason.MODEL_PROVIDER, text)
                return Response(answer.body, answer.status, media_type="application/json")
            kind = answer.headers.get("content-type", "application/json")
            return StreamingResponse(self._pass_on(access, answer, counter, stack.pop_all()), media_type=kind)

    async def _pass_on(
        self, access: Access, answer: httpx.Response, counter: Counter, held: AsyncExitStack
    ) -> AsyncIterator[bytes]:
        """The bytes of an answer as they come. A broken one breaks off here, too: clients know what to do then."""
        try:
            async with held, asyncio.timeout(self._limits.call_seconds):
                async for piece in answer.aiter_bytes():
                    counter.take(piece)
                    yield piece
        except (GaveUp, TimeoutError) as error:
            text = str(error) or f"an answer took longer than {self._limits.call_seconds:g} seconds"
            access.failure = Failure(FailureReason.MODEL_PROVIDER, text, retryable=True)
            raise
        access.failure = None

    @contextmanager
    def _metered(self, meter: Meter, counter: Counter) -> Iterator[None]:
        try:
            yield
        finally:
            used = counter.usage()
            meter.used(used.priced(self._price) if self._price else used)


def _refusal(access: Access, status: int, message: str) -> Response:
    from starlette.responses import Response

    return Response(error_body(access.route.wire, message), status, media_type="application/json")


def _token_of(request: Request) -> str:
    bearer: str = request.headers.get("authorization", "")
    return request.headers.get("x-api-key") or bearer.removeprefix("Bearer ")


async def _read(request: Request) -> dict[str, Any]:
    """The JSON object that a request holds. Raises ValueError."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_REQUEST_BYTES:
            raise ValueError(f"the request is larger than {MAX_REQUEST_BYTES} bytes")
    body = json.loads(bytes(content))
    if not isinstance(body, dict):
        raise ValueError("the request is not a JSON object")
    return body


async def _while_wanted(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """What work brings, unless the client goes away meanwhile: then it is cancelled."""
    from starlette.responses import Response

    working = asyncio.create_task(work)
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else Response(status_code=499)
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.wait({working, gone})


@asynccontextmanager
async def _served(answer: Any) -> AsyncIterator[str]:
    """Serve on a free port of this machine; the address."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route as Path

    class Server(uvicorn.Server):
        """Leaves signals to whom they belong."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    app = Starlette(routes=[Path("/{access}/v1/{call:path}", answer, methods=["POST"])])
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if serving.done():
                serving.result()
                raise OSError("the model gateway could not start")
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
