"""Answers and refusals in the old service's JSON: ``{"detail": ...}``."""

from __future__ import annotations

from functools import wraps
from typing import Any

from google.rpc import code_pb2, error_details_pb2
from starlette.requests import Request
from starlette.responses import Response

from agent_runtime_server.rest.json_out import encode
from agent_runtime_server.rest.legacy.faults import Unprocessable
from agent_runtime_server.rest.problems import Refused
from agent_runtime_server.rest.routing import Handler

NO_TASK = "Task not found"
_PARAMETERS = {"BAD_FILTER": "filter", "BAD_PAGE_TOKEN": "page_token"}
_PLACES = {
    "task.session_id": ("body", "session_id"),
    "task.task_type": ("body", "task_type"),
    "task.retry_policy.max_attempts": ("body", "configuration", "max_retries"),
}


def answer(value: Any, status: int = 200) -> Response:
    """Plain values as JSON."""
    return json_answer(encode(value), status)


def json_answer(body: bytes, status: int = 200) -> Response:
    """What is JSON already."""
    return Response(body, status, media_type="application/json")


def answering(endpoint: Handler) -> Handler:
    """An endpoint whose refusals are told as the old service told them."""

    @wraps(endpoint)
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Unprocessable as bad:
            return answer({"detail": bad.faults}, 422)
        except Refused as refused:
            return _refusal(refused)

    return answered


def reason_of(refused: Refused) -> str:
    """Why, in the contract's word; empty if it does not tell."""
    info = error_details_pb2.ErrorInfo()
    return next((info.reason for detail in refused.status.details if detail.Unpack(info)), "")


def no_such_task(refused: Refused) -> bool:
    """Whether a call failed because of the id of its task, be it unknown or one that no task can have."""
    return reason_of(refused) == "TASK_NOT_FOUND" or [bad.field for bad in refused.violations] == ["task_id"]


def _refusal(refused: Refused) -> Response:
    if no_such_task(refused):
        return answer({"detail": NO_TASK}, 404)
    if refused.status.code == code_pb2.INVALID_ARGUMENT and (faults := _faults(refused)):
        return answer({"detail": faults}, 422)
    response = answer({"detail": refused.status.message}, refused.http)
    response.headers.update(refused.headers)
    return response


def _faults(refused: Refused) -> list[dict[str, Any]]:
    """What the contract's own rules have found, for the caller to see in its request."""
    if parameter := _PARAMETERS.get(reason_of(refused)):
        return [_fault(("query", parameter), refused.status.message)]
    return [_fault(_place(bad.field), bad.description) for bad in refused.violations]


def _place(field: str) -> tuple[str, ...]:
    if field.startswith("task."):
        return _PLACES.get(field) or ("body", *field.split(".")[1:])
    return ("query", field)


def _fault(loc: tuple[str, ...], description: str) -> dict[str, Any]:
    return {"type": "value_error", "loc": list(loc), "msg": f"Value error, {description}", "input": None}
