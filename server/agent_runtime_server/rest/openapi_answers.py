"""What is answered besides messages: problems with their statuses, streams of messages, bytes."""

from __future__ import annotations

from collections.abc import Iterable

from google.rpc import code_pb2

from agent_runtime_server.rest.openapi_rules import Keywords
from agent_runtime_server.rest.openapi_schemas import reference

JSON = "application/json"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
_PROBLEMS: dict[int, tuple[str, str]] = {
    400: ("BadRequest", "The request cannot be carried out; the details name every bad field."),
    404: ("NotFound", "There is no such task, session, file or question."),
    406: ("NotAcceptable", "None of the media types that were asked for can be sent."),
    408: ("TooSlow", "The body did not arrive in time."),
    409: ("Conflict", "It exists already, has changed meanwhile, or is in use."),
    413: ("TooLarge", "The body is larger than the server takes."),
    415: ("UnsupportedMediaType", "The body is not of a media type that the server reads."),
    416: ("RangeNotSatisfiable", "The range lies outside of the bytes."),
    429: ("TooMany", "The queue, the disk or the number of watchers is full. `Retry-After` tells when to try again."),
    500: ("ServerError", "The server met an error of its own."),
    503: ("Unavailable", "The server is going away. `Retry-After` tells when to try again."),
    504: ("TooLate", "The answer did not come in time."),
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
REPLAYED: Keywords = {
    "Idempotency-Replayed": {
        "description": "The answer to an earlier request with this key.",
        "schema": {"type": "string", "const": "true"},
    }
}
_RANGE: Keywords = {"type": "string", "examples": ["bytes=0-1023"]}
_BYTES_HEADERS: Keywords = {
    "ETag": {"description": "The bytes' SHA-256.", "schema": {"type": "string"}},
    "Accept-Ranges": {"schema": {"type": "string", "const": "bytes"}},
    "Content-Disposition": {"schema": {"type": "string"}},
}
PROBLEM: Keywords = {
    "type": "object",
    "description": "Why a request was not carried out.",
    "properties": {
        "code": {
            "type": "string",
            "enum": [name for name in code_pb2.Code.keys() if name != "OK"],  # noqa: SIM118
            "description": "The `google.rpc.Code`.",
        },
        "status": {"type": "integer", "description": "The HTTP status."},
        "message": {"type": "string", "description": "For people."},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"@type": {"type": "string"}},
                "required": ["@type"],
                "additionalProperties": True,
            },
            "description": "ErrorInfo with a `reason`, BadRequest with `field_violations`, RetryInfo.",
        },
    },
    "required": ["code", "status", "message", "details"],
}


def problem_components() -> Keywords:
    """The answers that `problems` refers to, by name."""
    return {name: _problem(status, text) for status, (name, text) in _PROBLEMS.items()}


def problems(statuses: Iterable[int]) -> Keywords:
    """References to the answers of these statuses."""
    return {str(status): {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"} for status in sorted(statuses)}


def _problem(status: int, text: str) -> Keywords:
    answer: Keywords = {"description": text, "content": {JSON: {"schema": reference("Problem")}}}
    if status in {429, 503}:
        answer["headers"] = _RETRY_AFTER
    return answer


def message(schema: Keywords, text: str) -> Keywords:
    """An answer that is one JSON value."""
    return {"description": text, "content": {JSON: {"schema": schema}}}


def streamed(schema: Keywords) -> Keywords:
    """A stream of messages, in each of its forms."""
    return {
        "101": {"description": "A WebSocket, if the request asks for one: a text frame holds one message as JSON."},
        "200": {
            "description": "The messages as they come.",
            "content": {
                EVENTS: {
                    "schema": {
                        "type": "string",
                        "description": (
                            "Server-sent events. The events of a task come one by one, without a name, with their "
                            "sequence as `id`; whatever else is in a message has its key as the event's name. "
                            "Comments keep the connection alive."
                        ),
                    }
                },
                LINES: {"schema": {"description": "One message a line.", **schema}},
            },
        },
    }


def content(text: str, media_types: Iterable[str]) -> Keywords:
    """Bytes, whole or in part."""
    body: Keywords = {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types}
    part = {"Content-Range": {"required": True, "schema": {"type": "string"}}}
    return {
        "200": {"description": text, "headers": _BYTES_HEADERS, "content": body},
        "206": {"description": "The range that was asked for.", "headers": _BYTES_HEADERS | part, "content": body},
        "304": {"description": "The bytes are those of the `ETag` that was sent.", "headers": _BYTES_HEADERS},
    }


def range_headers() -> list[Keywords]:
    """Headers of a request for bytes."""
    told = {
        "Range": ("Part to send.", _RANGE),
        "If-Range": ("Send the part only if this is still the `ETag`, else all.", {"type": "string"}),
        "If-None-Match": ("Send nothing if this is still the `ETag`.", {"type": "string"}),
    }
    return [header(name, text, schema) for name, (text, schema) in told.items()]


def header(name: str, text: str, schema: Keywords) -> Keywords:
    """A header of a request that may be left out."""
    return {"name": name, "in": "header", "description": text, "schema": schema}
