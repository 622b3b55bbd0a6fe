"""Keys that make calls safe to repeat."""

from __future__ import annotations

from typing import TypeVar

from agent_runtime.v1 import service_pb2
from agent_runtime_server.orchestrator.tasks import Tasks
from agent_runtime_server.ports import IdempotencyKey

R = TypeVar("R", service_pb2.CreateTaskRequest, service_pb2.RetryTaskRequest, service_pb2.CreateSessionRequest)


def key_of(tasks: Tasks, method: str, request: R) -> IdempotencyKey | None:
    """The key of a request that has a ``request_id``; its body is all the rest."""
    if not request.request_id:
        return None
    body = type(request)()
    body.CopyFrom(request)
    body.ClearField("request_id")
    return tasks.key(method, request.request_id, body.SerializeToString(deterministic=True))
