"""The old service's JSON as schemas."""

from __future__ import annotations

from typing import Any

from agent_runtime_server.rest.openapi_rules import Keywords
from agent_runtime_server.rest.openapi_schemas import reference

TEXT: Keywords = {"type": "string"}
_MAYBE: Keywords = {"type": ["string", "null"]}
MOMENT: Keywords = {"type": ["string", "null"], "format": "date-time"}
COUNT: Keywords = {"type": "integer", "minimum": 0}
_STATUSES = ["pending", "initializing", "running", "completed", "failed", "cancelled"]
_TYPES = ["complete", "plan", "generate", "run", "fix", "custom"]


def an_object(properties: dict[str, Keywords], **more: Any) -> Keywords:
    """An object whose keys are all always there."""
    return {"type": "object", "properties": properties, "required": list(properties)} | more


def a_list(items: Keywords) -> Keywords:
    """An array of these."""
    return {"type": "array", "items": items}


_CONFIGURATION = an_object(
    {
        "app_url": TEXT,
        "sign_in": an_object({"method": TEXT, "username": _MAYBE}),
        "instructions": _MAYBE,
        "max_retries": COUNT,
    }
)
_TASK = an_object(
    {
        "id": TEXT,
        "task_id": TEXT,
        "task_type": {"enum": _TYPES},
        "status": {"enum": _STATUSES},
        "current_phase": _MAYBE,
        "current_activity": _MAYBE,
        "configuration": _CONFIGURATION,
        "session_path": TEXT,
        "session_id": TEXT,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "completed_at": MOMENT,
        "error": _MAYBE,
        "result": _MAYBE,
        "logs": a_list(reference("LegacyLogEntry")),
        "debug_logs": a_list(TEXT),
        "verdict": _MAYBE,
        "summary": {"type": ["object", "null"]},
        "usage": {"type": ["object", "null"]},
        "done": {"type": "boolean"},
    },
    description="A task as the old service showed it; the last four are new.",
)
_ENTRY = an_object(
    dict.fromkeys(("agent", "model", "command", "working_directory", "auth_file"), TEXT)
    | {"exit_code": {"type": "integer"}, "stdout": TEXT, "stderr": TEXT},
    description="One run of an agent.",
)
_FILE = an_object(
    {"name": TEXT, "path": TEXT, "size": COUNT, "modified": MOMENT, "type": {"enum": ["file", "directory"]}},
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
_FAULTS = an_object(
    {
        "detail": a_list(
            an_object({"loc": a_list({"type": ["string", "integer"]}), "msg": TEXT, "type": TEXT, "input": {}})
        )
    },
    description="All that is wrong with a request.",
)
_DETAIL = an_object({"detail": TEXT}, description="Why a request was not carried out.")


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
