"""A server made of canned answers, which breaks its streams on request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from agent_runtime.v1 import service_pb2_grpc
from tests.unit.client.fake_runtime import FakeRuntime
from tests.unit.client.fake_sessions import FakeSessions
from tests.unit.client.fake_state import FakeService, Turn, done_task, log_events, open_question, reason

__all__ = ["FakeService", "Turn", "done_task", "log_events", "open_question", "reason", "serving", "serving_in_thread"]


@asynccontextmanager
async def serving(fake: FakeService, port: int = 0) -> AsyncIterator[str]:
    """The fake on a port of this machine; the address."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    service_pb2_grpc.add_AgentRuntimeServicer_to_server(FakeRuntime(fake), server)
    service_pb2_grpc.add_SessionServiceServicer_to_server(FakeSessions(fake), server)
    state = health.aio.HealthServicer()
    await state.set("readiness", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@contextmanager
def serving_in_thread(fake: FakeService) -> Iterator[str]:
    """The fake on a loop of its own, for callers that run a loop themselves; the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = serving(fake)
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
