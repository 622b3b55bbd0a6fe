"""grpc.health.v1: "" and readiness tell whether to send calls here, liveness whether to leave the process alone,
startup whether it has started; each service has a name of its own."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """The health of one server."""

    def __init__(self, server: grpc.aio.Server, services: Sequence[str]) -> None:
        self._servicer = health_aio.HealthServicer()
        self._ready_names = ("", "readiness", *services)
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def serving(self) -> None:
        """The server answers."""
        for name in ("liveness", "startup", *self._ready_names):
            await self._servicer.set(name, _SERVING)

    async def draining(self) -> None:
        """The server goes away: no new calls, but it is alive."""
        for name in self._ready_names:
            await self._servicer.set(name, _NOT_SERVING)
