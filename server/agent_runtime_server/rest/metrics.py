"""``/metrics``: the server's figures, and those of this door, for Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_runtime_server.measure import Distribution, Figures, Histogram, Labels, Metric

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_GONE = "499"
"""The status of a request whose client left before it was answered."""


class HttpCounts:
    """What has come in by this door."""

    def __init__(self) -> None:
        self.open = 0
        """Requests and WebSockets that are not at their end."""
        self.ended: dict[Labels, float] = {}
        """By method, template of the route and status."""

    def figures(self) -> Figures:
        """The counts under their names."""
        labels = ("method", "route", "status")
        ended = Metric(
            "agent_runtime_http_requests", "HTTP requests at their end.", "counter", labels, dict(self.ended)
        )
        # The scrape itself is not meant.
        still: dict[Labels, float] = {(): self.open - 1}
        return [ended, Metric("agent_runtime_http_requests_open", "Open HTTP requests.", "gauge", (), still)]


class Counted:
    """Counts the requests of the application that it wraps."""

    def __init__(self, app: ASGIApp, counts: HttpCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        status = ""

        async def noting(message: Message) -> None:
            nonlocal status
            status = status or _status(message)
            await send(message)

        counts = self._counts
        counts.open += 1
        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = status or "500"
            raise
        finally:
            counts.open -= 1
            method = scope.get("method", "WEBSOCKET")
            if method != "WEBSOCKET" and method not in _METHODS:
                method = "other"
            key = (method, getattr(scope.get("route"), "path_format", "none"), status or _CLIENT_GONE)
            counts.ended[key] = counts.ended.get(key, 0) + 1


def _status(message: Message) -> str:
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            return str(message["status"])
        case "websocket.accept":
            return "101"
        case "websocket.close":
            return "403"
    return ""


def routes(figures: Callable[[], Awaitable[Figures]], counts: HttpCounts) -> list[BaseRoute]:
    """``GET /metrics``; the figures are asked for at each scrape."""

    async def metrics(request: Request) -> Response:
        found = [*await figures(), *counts.figures()]
        body, content_type = await asyncio.to_thread(_exposition, found, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})

    return [Route("/metrics", metrics)]


def _exposition(figures: Figures, accept: str) -> tuple[bytes, str]:
    """The figures, with those of the process, in the format that is accepted, and its content type."""
    # Only a server that is scraped needs it.
    from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector

    class Given(Collector):
        def collect(self) -> Iterator[Family]:
            return map(_family, figures)

    registry = CollectorRegistry()
    registry.register(Given())
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _family(figure: Metric | Histogram) -> Family:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if isinstance(figure, Histogram):
        histogram = HistogramMetricFamily(figure.name, figure.help, labels=figure.labels)
        for labels, distribution in figure.values.items():
            histogram.add_metric(labels, _buckets(distribution), distribution.total)
        return histogram
    kind = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    family = kind(figure.name, figure.help, labels=figure.labels)
    for labels, value in figure.values.items():
        family.add_metric(labels, value)
    return family


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    """How many values are not above each bound."""
    bounds = [*map(str, distribution.bounds), "+Inf"]
    return list(zip(bounds, map(float, accumulate(distribution.counts)), strict=True))
