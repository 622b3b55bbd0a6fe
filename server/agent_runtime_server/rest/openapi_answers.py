"""What is answered besides messages: problems with their statuses, streams of messages, bytes."""

from __future__ import annotations

from collections.abc import Iterable

from google.rpc import code_pb2

from agent_runtime_server.rest.openapi_rules import Keywords
from agent_runtime_server.rest.openapi_schemas import reference

JSON = "application/json"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
_PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: ("BadRequest", "INVALID_ARGUMENT", "The request cannot be carried out; the details name every bad field."),
    403: ("Forbidden", "PERMISSION_DENIED", "Pages of this origin may not do that."),
    404: ("NotFound", "NOT_FOUND", "There is no such task, session, file or question."),
    406: ("NotAcceptable", "INVALID_ARGUMENT", "None of the media types that were asked for can be sent."),
    408: ("TooSlow", "DEADLINE_EXCEEDED", "The body did not arrive in time."),
    409: ("Conflict", "ABORTED", "It exists already, has changed meanwhile, or is in use."),
    413: ("TooLarge", "INVALID_ARGUMENT", "The body is larger than the server takes."),
    415: ("UnsupportedMediaType", "INVALID_ARGUMENT", "The body is not of a media type that the server reads."),
    416: ("RangeNotSatisfiable", "OUT_OF_RANGE", "The range lies outside of the bytes."),
    429: ("TooMany", "RESOURCE_EXHAUSTED", "There is no room for more. `Retry-After` tells when to try again."),
    500: ("ServerError", "INTERNAL", "The server met an error of its own."),
    503: ("Unavailable", "UNAVAILABLE", "The server is going away. `Retry-After` tells when to try again."),
    504: ("TooLate", "DEADLINE_EXCEEDED", "The answer did not come in time."),
}
"""By status: the name of the answer, a code that it often has, and why it is given."""
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
REPLAYED: Keywords = {
    "Idempotency-Replayed": {
        "description": "The answer to an earlier request with this key.",
        "schema": {"type": "string", "const": "true"},
    }
}
_EVENTS_TEXT = """\
Events of a task come one by one, without a name; everything else has its key as its name: `opened`, `task`, `gap`,
`closed`. `id` is where to go on. A fault on the way is an event `fault`. Comments keep the connection alive.
"""
_RANGE: Keywords = {"type": "string", "examples": ["bytes=0-1023"]}
_ANY: Keywords = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_NAMED: Keywords = {"Content-Disposition": {"required": True, "schema": {"type": "string"}}}
_TAGGED: Keywords = _NAMED | {
    "ETag": {"description": "The bytes' SHA-256.", "required": True, "schema": {"type": "string"}},
    "Accept-Ranges": {"required": True, "schema": {"type": "string", "const": "bytes"}},
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
    return {name: _problem(status, code, text) for status, (name, code, text) in _PROBLEMS.items()}


def problems(statuses: Iterable[int]) -> Keywords:
    """References to the answers of these statuses."""
    return {str(status): {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"} for status in sorted(statuses)}


def _problem(status: int, code: str, text: str) -> Keywords:
    example = {"code": code, "status": status, "message": text.partition(".")[0].lower(), "details": []}
    answer: Keywords = {
        "description": text,
        "content": {JSON: {"schema": reference("Problem"), "example": example}},
    }
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
                EVENTS: {"schema": {"type": "string", "description": _EVENTS_TEXT}},
                LINES: {
                    "schema": {
                        **schema,
                        "description": 'One message a line. A fault on the way is a last line `{"error": Problem}`.',
                    }
                },
            },
        },
    }


def content(in_parts: bool) -> Keywords:
    """Bytes, whole or in part; some are made as they are sent, and come whole only."""
    whole: Keywords = {"description": "The bytes.", "headers": _NAMED, "content": _ANY}
    if not in_parts:
        return {"200": whole}
    whole = whole | {"headers": _TAGGED}
    return {
        "200": whole,
        "206": {
            "description": "The part that was asked for.",
            "headers": _TAGGED | {"Content-Range": {"required": True, "schema": {"type": "string"}}},
            "content": _ANY,
        },
        "304": {"description": "The bytes are those of the `ETag` that was sent.", "headers": _TAGGED},
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
