"""The ceiling: a bare grpc.aio server on the same loop, without a feature. ``python -m tests.benchmarks.raw``."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import grpc
import uvloop

SERVICE = "bench.Raw"
STREAM_REQUEST = struct.Struct("<IId")
"""How many messages, how large, and the pause between them in seconds."""


async def echo(request: bytes, _context: Any) -> bytes:
    """Answer with the same bytes."""
    return request


async def stream(request: bytes, context: Any) -> None:
    """Write messages as fast as they go out."""
    count, size, pause = STREAM_REQUEST.unpack(request)
    message = b"x" * size
    for _ in range(count):
        await context.write(message)
        if pause:
            await asyncio.sleep(pause)


async def hold(_request: bytes, context: Any) -> None:
    """Write one message, then nothing until the client leaves."""
    await context.write(b"open")
    await asyncio.get_running_loop().create_future()


async def main() -> None:
    """Serve until killed; tells the port on standard output."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Stream": grpc.unary_stream_rpc_method_handler(stream),
        "Hold": grpc.unary_stream_rpc_method_handler(hold),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"READY 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
