"""The HTTP server in somebody else's loop."""

from __future__ import annotations

import socket
from typing import Any

import httpx

from agent_runtime_server.loopback import serving


async def test_small_answers_do_not_wait_for_the_acknowledgement_of_their_head() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with serving(app, listener, http="h11", ws="none"), httpx.AsyncClient() as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).text == "ok"
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
