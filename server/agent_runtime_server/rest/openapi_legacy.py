"""The old service's routes, as they are described: kept by hand, for their JSON is no message of the contract."""

from __future__ import annotations

from agent_runtime_server.rest.openapi_answers import JSON
from agent_runtime_server.rest.openapi_legacy_schemas import COUNT, MOMENT, TEXT, a_list, an_object
from agent_runtime_server.rest.openapi_rules import Keywords
from agent_runtime_server.rest.openapi_schemas import reference

_TAG = "Old routes"
_FRAMES = """\
Frames are JSON text `{"event_type": "debug" | "status" | "complete" | "error", "data": {...}}`: first a `status`, then
all lines logged so far, then what happens, at last `complete`. Text `ping` is answered by `pong`, `status`
by a `status`.
"""
_EXAMPLE = {
    "task_type": "complete",
    "configuration": {"app_url": "https://example.com", "instructions": "Focus on login and checkout flows"},
}
_PROBLEMS = {
    400: "The request cannot be carried out.",
    404: "There is no such task.",
    409: "It is in use, or exists already.",
    403: "Pages of this origin may not do that.",
    408: "The body did not arrive in time.",
    413: "The body is larger than the server takes.",
    429: "The queue is full.",
    500: "The server met an error of its own.",
    503: "The server is going away.",
    504: "The answer did not come in time.",
}
_USUAL = reference("LegacyDetail")
_SHAPES: dict[int, Keywords] = {
    403: reference("Problem"),
    422: reference("LegacyFaults"),
    500: {"anyOf": [_USUAL, reference("Problem")]},
}
"""What tells a refusal, where it is not the usual: some are refused before the old dialect is known."""


def legacy_paths() -> dict[str, Keywords]:
    """Paths of the old service, with their operations."""
    task, one = reference("LegacyTask"), [_task_id()]
    tasks = an_object({"tasks": a_list(task), "total_tasks": COUNT})
    tasks["properties"]["next_page_token"] = TEXT | {"description": "If the request has page_size or page_token."}
    pages = [
        _query("page_size", COUNT),
        _query("page_token", TEXT),
        _query("filter", TEXT),
    ]
    logs = an_object(
        {
            "task_id": TEXT,
            "logs": a_list(reference("LegacyLogEntry")),
            "debug_logs": a_list(TEXT),
            "total_log_entries": COUNT,
            "total_debug_entries": COUNT,
        }
    )
    root = an_object(dict.fromkeys(("message", "version", "docs", "health"), TEXT))
    health = an_object(
        {"status": TEXT, "timestamp": MOMENT, "version": TEXT, "opencode_available": {"type": "boolean"}}
    )
    config = an_object(
        dict.fromkeys(("provider", "model", "auth_type", "opencode_path"), TEXT)
        | {"opencode_available": {"type": "boolean"}, "session_root": TEXT, "environment": TEXT}
        | {"available_task_types": a_list(TEXT), "description": TEXT}
    )
    create = _operation("legacyCreateTask", "Makes a task", 201, task, (400, 403, 408, 409, 413, 422, 429))
    create["requestBody"] = {
        "required": True,
        "content": {JSON: {"schema": reference("LegacyNewTask"), "example": _EXAMPLE}},
    }
    return {
        "/tasks": {
            "get": _operation("legacyListTasks", "Lists tasks, oldest first", 200, tasks, (400, 422), pages),
            "post": create,
        },
        "/tasks/{task_id}": {"get": _operation("legacyGetTask", "Returns a task", 200, task, (404,), one)},
        "/tasks/{task_id}/logs": {
            "get": _operation("legacyGetLogs", "Returns what a task has logged", 200, logs, (404,), one)
        },
        "/tasks/{task_id}/cancel": {
            "post": _operation("legacyCancelTask", "Stops a task, and waits for its end", 200, task, (403, 404), one)
        },
        "/tasks/{task_id}/session/files": {
            "get": _operation(
                "legacyListFiles",
                "Lists the files of a task's session",
                200,
                a_list(reference("LegacyFile")),
                (404,),
                one,
            )
        },
        "/tasks/{task_id}/stream": {"get": _socket(one)},
        "/": {"get": _operation("legacyRoot", "Tells what this is; browsers get the web page", 200, root)},
        "/health": {"get": _operation("legacyHealth", "Tells whether the server works", 200, health)},
        "/config": {"get": _operation("legacyConfig", "Tells how the server is configured", 200, config)},
    }


def _operation(
    name: str,
    summary: str,
    status: int,
    schema: Keywords,
    refused: tuple[int, ...] = (),
    parameters: list[Keywords] | None = None,
) -> Keywords:
    answers: Keywords = {str(status): {"description": "Carried out.", "content": {JSON: {"schema": schema}}}}
    for code in sorted({*refused, 500, 503, 504}):
        text = _PROBLEMS.get(code, "The request is not as it should be.")
        answers[str(code)] = {"description": text, "content": {JSON: {"schema": _SHAPES.get(code, _USUAL)}}}
    return {
        "operationId": name,
        "tags": [_TAG],
        "summary": summary,
        "parameters": parameters or [],
        "responses": answers,
    }


def _socket(parameters: list[Keywords]) -> Keywords:
    return {
        "operationId": "legacyStream",
        "tags": [_TAG],
        "summary": "Follows a task over a WebSocket",
        "description": _FRAMES,
        "parameters": parameters,
        "responses": {
            "101": {"description": "A WebSocket."},
            "404": {
                "description": "There is no such task, or this is not a request for a WebSocket.",
                "content": {JSON: {"schema": {"type": "object"}}},
            },
        },
    }


def _task_id() -> Keywords:
    return {"name": "task_id", "in": "path", "required": True, "schema": TEXT}


def _query(name: str, schema: Keywords) -> Keywords:
    return {"name": name, "in": "query", "schema": schema}
