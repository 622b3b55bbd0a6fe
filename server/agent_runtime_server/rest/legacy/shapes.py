"""Tasks and files as the old service showed them: keys are always there, null when there is nothing to tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from agent_runtime.v1 import session_pb2, task_pb2
from agent_runtime_server.rest.json_out import to_value
from agent_runtime_server.rest.legacy.bodies import DEFAULT_RETRIES
from agent_runtime_server.rest.legacy.words import PHASES, SIGN_IN_METHODS, TASK_TYPES, VERDICTS, status_word


def task_shape(
    task: task_pb2.Task, session_root: str, logs: Sequence[dict[str, Any]] = (), debug_logs: Iterable[str] = ()
) -> dict[str, Any]:
    """A task. ``session_root`` is the relative folder that its ``session_path`` is told in."""
    result = task.result
    return {
        "id": task.id,
        "task_id": task.id,
        "task_type": TASK_TYPES.get(task.task_type),
        "status": status_word(task.status, task.current_phase),
        "current_phase": PHASES.get(task.current_phase),
        "current_activity": task.current_activity or None,
        "configuration": _configuration(task),
        "session_path": f"{session_root}/{task.session_id}" if session_root else task.session_id,
        "session_id": task.session_id,
        "created_at": time_text(task, "create_time"),
        "updated_at": time_text(task, "update_time"),
        "completed_at": time_text(task, "end_time"),
        "error": task.error.status.message if task.HasField("error") else None,
        "result": result.summary_markdown or None,
        "logs": list(logs),
        "debug_logs": list(debug_logs),
        "verdict": VERDICTS.get(result.verdict),
        "summary": to_value(result.summary) if result.HasField("summary") else None,
        "usage": to_value(task.usage) if task.HasField("usage") else None,
        "done": task.done,
    }


def _configuration(task: task_pb2.Task) -> dict[str, Any]:
    """What was asked for; passwords are never told."""
    configuration = task.configuration
    attempts = task.retry_policy.max_attempts
    return {
        "app_url": configuration.app_url,
        "sign_in": {
            "method": SIGN_IN_METHODS.get(configuration.sign_in.method, "none"),
            "username": configuration.sign_in.username or None,
        },
        "instructions": configuration.instructions or None,
        "max_retries": attempts - 1 if attempts else DEFAULT_RETRIES,
    }


def file_shape(file: session_pb2.SessionFile) -> dict[str, Any]:
    """A file of a session; its path is relative to the session."""
    return {
        "name": file.name,
        "path": file.path,
        "size": file.size_bytes,
        "modified": time_text(file, "update_time"),
        "type": "directory" if file.directory else "file",
    }


def time_text(message: Message, field: str) -> str | None:
    """A moment in ISO 8601 with its offset, if the message has it."""
    return iso(getattr(message, field)) if message.HasField(field) else None


def iso(moment: Timestamp) -> str:
    """ISO 8601 with microseconds and the offset ``+00:00``."""
    return f"{_second(moment.seconds)}.{moment.nanos // 1000:06}+00:00"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def relative(configured: str) -> str:
    """A configured path as callers may see it: of an absolute one the last name only."""
    path = Path(configured)
    return path.name if path.is_absolute() else path.as_posix()
