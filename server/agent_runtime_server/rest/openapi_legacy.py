"""The old service's routes, as they are described: kept by hand, for their JSON is no message of the contract."""

from __future__ import annotations

from typing import Any

from agent_runtime_server.rest.openapi_answers import JSON
from agent_runtime_server.rest.openapi_rules import Keywords
from agent_runtime_server.rest.openapi_schemas import reference

_TAG = "Old routes"
_TEXT: Keywords = {"type": "string"}
_MAYBE: Keywords = {"type": ["string", "null"]}
_MOMENT: Keywords = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Keywords = {"type": "integer", "minimum": 0}
_STATUSES = ["pending", "initializing", "running", "completed", "failed", "cancelled"]
_TYPES = ["complete", "plan", "generate", "run", "fix", "custom"]


def _object(properties: dict[str, Keywords], **more: Any) -> Keywords:
    """An object whose keys are all always there."""
    return {"type": "object", "properties": properties, "required": list(properties)} | more


def _list(items: Keywords) -> Keywords:
    return {"type": "array", "items": items}


_CONFIGURATION = _object(
    {
        "app_url": _TEXT,
        "sign_in": _object({"method": _TEXT, "username": _MAYBE}),
        "instructions": _MAYBE,
        "max_retries": _COUNT,
    }
)
_TASK = _object(
    {
        "id": _TEXT,
        "task_id": _TEXT,
        "task_type": {"enum": _TYPES},
        "status": {"enum": _STATUSES},
        "current_phase": _MAYBE,
        "current_activity": _MAYBE,
        "configuration": _CONFIGURATION,
        "session_path": _TEXT,
        "session_id": _TEXT,
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
        "completed_at": _MOMENT,
        "error": _MAYBE,
        "result": _MAYBE,
        "logs": _list(reference("LegacyLogEntry")),
        "debug_logs": _list(_TEXT),
        "verdict": _MAYBE,
        "summary": {"type": ["object", "null"]},
        "usage": {"type": ["object", "null"]},
        "done": {"type": "boolean"},
    },
    description="A task as the old service showed it; the last four are new.",
)
_ENTRY = _object(
    dict.fromkeys(("agent", "model", "command", "working_directory", "auth_file"), _TEXT)
    | {"exit_code": {"type": "integer"}, "stdout": _TEXT, "stderr": _TEXT},
    description="One run of an agent.",
)
_FILE = _object(
    {"name": _TEXT, "path": _TEXT, "size": _COUNT, "modified": _MOMENT, "type": {"enum": ["file", "directory"]}},
    description="A file of a session; its path is relative.",
)
_NEW_TASK: Keywords = {
    "type": "object",
    "properties": {
        "task_type": {"enum": _TYPES},
        "configuration": {
            "type": "object",
            "properties": {
                "app_url": {"type": "string", "format": "uri", "maxLength": 2048},
                "instructions": {"type": ["string", "null"], "maxLength": 20000},
                "sign_in": {
                    "type": ["object", "null"],
                    "properties": {
                        "method": {"enum": ["none", "username-password"]},
                        "username": _MAYBE,
                        "password": {"type": ["string", "null"], "writeOnly": True},
                    },
                    "required": ["method"],
                },
                "max_retries": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
            },
            "required": ["app_url"],
        },
        "session_id": {"type": ["string", "null"]},
    },
    "required": ["task_type", "configuration"],
    "description": "A new task. Unknown fields are ignored, and numbers in text are taken.",
}
_FAULTS = _object(
    {
        "detail": _list(
            _object({"loc": _list({"type": ["string", "integer"]}), "msg": _TEXT, "type": _TEXT, "input": {}})
        )
    },
    description="All that is wrong with a request.",
)
_DETAIL = _object({"detail": _TEXT}, description="Why a request was not carried out.")
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


def legacy_components() -> dict[str, Keywords]:
    """Schemas that the paths refer to."""
    return {
        "LegacyTask": _TASK,
        "LegacyLogEntry": _ENTRY,
        "LegacyFile": _FILE,
        "LegacyNewTask": _NEW_TASK,
        "LegacyFaults": _FAULTS,
        "LegacyDetail": _DETAIL,
    }


def legacy_paths() -> dict[str, Keywords]:
    """Paths of the old service, with their operations."""
    task, one = reference("LegacyTask"), [_task_id()]
    tasks = _object({"tasks": _list(task), "total_tasks": _COUNT})
    tasks["properties"]["next_page_token"] = _TEXT | {"description": "If the request has page_size or page_token."}
    pages = [
        _query("page_size", _COUNT),
        _query("page_token", _TEXT),
        _query("filter", _TEXT),
    ]
    logs = _object(
        {
            "task_id": _TEXT,
            "logs": _list(reference("LegacyLogEntry")),
            "debug_logs": _list(_TEXT),
            "total_log_entries": _COUNT,
            "total_debug_entries": _COUNT,
        }
    )
    root = _object(dict.fromkeys(("message", "version", "docs", "health"), _TEXT))
    health = _object(
        {"status": _TEXT, "timestamp": _MOMENT, "version": _TEXT, "opencode_available": {"type": "boolean"}}
    )
    config = _object(
        dict.fromkeys(("provider", "model", "auth_type", "opencode_path"), _TEXT)
        | {"opencode_available": {"type": "boolean"}, "session_root": _TEXT, "environment": _TEXT}
        | {"available_task_types": _list(_TEXT), "description": _TEXT}
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
                _list(reference("LegacyFile")),
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
        shape = reference("LegacyFaults" if code == 422 else "LegacyDetail")
        text = _PROBLEMS.get(code, "The request is not as it should be.")
        answers[str(code)] = {"description": text, "content": {JSON: {"schema": shape}}}
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
    return {"name": "task_id", "in": "path", "required": True, "schema": _TEXT}


def _query(name: str, schema: Keywords) -> Keywords:
    return {"name": name, "in": "query", "schema": schema}
