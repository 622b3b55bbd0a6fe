"""What the old service's clients are promised, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
Shape = type | Check | tuple[Any, ...] | Mapping[str, Any] | list[Any] | str | None

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
_LINE = re.compile(r"\[\d\d:\d\d:\d\d\] .*", re.DOTALL)
STATUSES = ("pending", "initializing", "running", "completed", "failed", "cancelled")
TYPES = ("complete", "plan", "generate", "run", "fix", "custom")
PHASES = ("preparing", "planning", "generating_tests", "running_tests", "fixing_tests", "collecting", "custom")


def moment(value: Any) -> bool:
    """ISO 8601 with its offset."""
    return isinstance(value, str) and bool(_MOMENT.fullmatch(value))


def relative(value: Any) -> bool:
    """A path that tells nothing of the server."""
    return isinstance(value, str) and not value.startswith("/")


def line(value: Any) -> bool:
    """A line of ``debug_logs``."""
    return isinstance(value, str) and bool(_LINE.fullmatch(value))


def count(value: Any) -> bool:
    """A number of things."""
    return type(value) is int and value >= 0


LOG_ENTRY: Shape = {
    "agent": str,
    "model": str,
    "command": str,
    "working_directory": "",
    "auth_file": "",
    "exit_code": int,
    "stdout": str,
    "stderr": str,
}
TASK: Mapping[str, Any] = {
    "id": str,
    "task_id": str,
    "task_type": TYPES,
    "status": STATUSES,
    "current_phase": (*PHASES, None),
    "current_activity": (str, None),
    "configuration": {
        "app_url": str,
        "sign_in": {"method": ("none", "username-password"), "username": (str, None)},
        "instructions": (str, None),
        "max_retries": count,
    },
    "session_path": relative,
    "session_id": str,
    "created_at": moment,
    "updated_at": moment,
    "completed_at": (moment, None),
    "error": (str, None),
    "result": (str, None),
    "logs": [LOG_ENTRY],
    "debug_logs": [line],
    "verdict": ("passed", "failed", "flaky", "no_tests", None),
    "summary": (dict, None),
    "usage": (dict, None),
    "done": bool,
}
LISTED: Shape = {**TASK, "logs": (), "debug_logs": ()}
"""A task of a list."""
LIST: Shape = {"tasks": [LISTED], "total_tasks": count}
LOGS: Shape = {
    "task_id": str,
    "logs": [LOG_ENTRY],
    "debug_logs": [line],
    "total_log_entries": count,
    "total_debug_entries": count,
}
FILE: Shape = {"name": str, "path": relative, "size": count, "modified": moment, "type": ("file",)}
HEALTH: Shape = {"status": "healthy", "timestamp": moment, "version": str, "opencode_available": bool}
CONFIG: Shape = {
    "provider": str,
    "model": str,
    "auth_type": str,
    "opencode_path": relative,
    "opencode_available": bool,
    "session_root": relative,
    "environment": str,
    "available_task_types": [TYPES],
    "description": str,
}
ROOT: Shape = {"message": str, "version": str, "docs": "/docs", "health": "/health"}
_STATUS: Shape = {"task_id": str, "status": STATUSES, "phase": str, "message": str, "timestamp": moment}
_DEBUG: Shape = {
    "timestamp": moment,
    "level": ("DEBUG", "INFO", "WARNING", "ERROR"),
    "message": str,
    "task_id": str,
    "agent": ("planner", "generator", "fixer", "custom", None),
}
_COMPLETE: Shape = {"task_id": str, "success": bool, "error": (str, None), "timestamp": moment}
FRAMES: dict[str, Shape] = {
    name: {"event_type": name, "data": data}
    for name, data in (("status", _STATUS), ("debug", _DEBUG), ("complete", _COMPLETE))
}


def check(value: Any, shape: Shape, where: str = "$") -> None:
    """Assert that a value has a shape: no key too few and none too many, and every value of its kind."""
    match shape:
        case dict():
            assert isinstance(value, dict), where
            assert set(value) == set(shape), where
            for key, part in shape.items():
                check(value[key], part, f"{where}.{key}")
        case list():
            assert isinstance(value, list), where
            for number, item in enumerate(value):
                check(item, shape[0], f"{where}[{number}]")
        case ():
            assert value == [], where
        case tuple():
            assert any(_fits(value, part) for part in shape), f"{where} is {value!r}"
        case _:
            assert _fits(value, shape), f"{where} is {value!r}"


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, type):
        return type(value) is shape
    if callable(shape):
        return bool(shape(value))
    if isinstance(shape, tuple):
        return any(_fits(value, part) for part in shape)
    return type(value) is type(shape) and bool(value == shape)
