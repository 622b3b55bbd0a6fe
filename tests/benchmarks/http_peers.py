"""What the HTTP door is measured against. ``python -m tests.benchmarks.http_peers bare|fastapi``.

``bare`` is the least that a client of our own gRPC server can cost: Starlette, and an echo behind a unix socket in the
same process. The door does without that transport.
``fastapi`` is the service that this one replaces, as one would write it, with its state in memory and nothing durable.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import grpc
import uvloop
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent_runtime_server.loopback import serving
from tests.benchmarks.raw import SERVICE, echo

EVENTS = "/tasks/{count}/events"


async def bare() -> None:
    """Serve POST, which echoes its body, and GET, which answers with so many bytes, over the detour of our door."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        address = f"unix:{folder}/grpc.sock"
        server = grpc.aio.server()
        handlers: dict[str, Any] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        server.add_insecure_port(address)
        await server.start()
        async with grpc.aio.insecure_channel(address) as channel:
            call: Any = channel.unary_unary(f"/{SERVICE}/Echo")

            async def create(request: Request) -> Response:
                return Response(await call(await request.body()), 201, media_type="application/json")

            async def get(request: Request) -> Response:
                body = b"x" * request.path_params["size"]
                return Response(await call(body), media_type="application/json")

            app = Starlette(
                routes=[Route("/tasks", create, methods=["POST"]), Route("/tasks/{size:int}", get, methods=["GET"])]
            )
            await _serve(app)


class SignIn(BaseModel):
    """As the old service had it."""

    method: str = "none"
    username: str | None = None
    password: str | None = None


class Configuration(BaseModel):
    """As the old service had it."""

    app_url: str
    instructions: str | None = None
    sign_in: SignIn = SignIn()
    max_retries: int = 3


class NewTask(BaseModel):
    """The body of a create."""

    task_type: str
    configuration: Configuration
    session_id: str | None = None


class Task(BaseModel):
    """What is told of a task."""

    id: str
    task_id: str
    task_type: str
    status: str
    current_phase: str | None = None
    current_activity: str | None = None
    configuration: Configuration
    session_path: str
    session_id: str
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    error: str | None = None
    result: str | None = None
    logs: list[dict[str, Any]] = []
    debug_logs: list[str] = []


async def fastapi() -> None:
    """Serve tasks that are kept in memory, and the events of tasks whose ids are their numbers of events."""
    app = FastAPI()
    tasks: dict[str, Task] = {}
    events: list[dict[str, Any]] = []

    @app.post("/tasks", status_code=201)
    async def create(new: NewTask) -> Task:
        now, task_id = datetime.now(UTC), uuid.uuid4().hex
        session = new.session_id or task_id
        task = Task(
            id=task_id,
            task_id=task_id,
            task_type=new.task_type,
            status="pending",
            configuration=new.configuration,
            session_path=f"workspaces/{session}",
            session_id=session,
            created_at=now,
            updated_at=now,
        )
        tasks[task_id] = task
        return task

    @app.get("/tasks/{task_id}")
    async def get(task_id: str) -> Task:
        try:
            return tasks[task_id]
        except KeyError:
            raise HTTPException(404, "Task not found") from None

    @app.get(EVENTS)
    async def replay(count: int) -> StreamingResponse:
        events.extend(map(_event, range(len(events) + 1, count + 1)))

        async def stream() -> AsyncIterator[str]:
            for event in events[:count]:
                yield f"id: {event['sequence']}\ndata: {json.dumps(event)}\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    await _serve(app)


def _event(sequence: int) -> dict[str, Any]:
    """An event that is as large as those of the load driver."""
    now = datetime.now(UTC)
    return {
        "task_id": "0" * 22,
        "sequence": sequence,
        "event_time": now.isoformat(),
        "phase": "planning",
        "attempt": 1,
        "file": {"path": f"{int(now.timestamp() * 1e9)} {'x' * 60}", "change": "", "size_bytes": 0, "sha256": ""},
    }


async def _serve(app: Any) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    async with serving(app, listener, http="httptools", ws="none", log_level="warning"):
        print(f"READY 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run({"bare": bare, "fastapi": fastapi}[sys.argv[1]]())
