"""What is wrong, as an HTTP answer: ``{"code": "NOT_FOUND", "status": 404, "message": ..., "details": [...]}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agent_runtime_server.rest.json_out import encode, to_value

DOMAIN = "agent-runtime"
_HTTP = {
    code_pb2.OK: 200,
    code_pb2.CANCELLED: 499,
    code_pb2.UNKNOWN: 500,
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.DEADLINE_EXCEEDED: 504,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.ABORTED: 409,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.INTERNAL: 500,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DATA_LOSS: 500,
}
_CODE = {
    403: code_pb2.PERMISSION_DENIED,
    404: code_pb2.NOT_FOUND,
    405: code_pb2.UNIMPLEMENTED,
    408: code_pb2.DEADLINE_EXCEEDED,
    416: code_pb2.OUT_OF_RANGE,
}
"""Codes of what HTTP alone knows; any other is INVALID_ARGUMENT."""


@dataclass(frozen=True)
class Violation:
    """A bad field of a request, by its path, such as ``task.configuration.app_url``."""

    field: str
    description: str


class Refused(Exception):
    """A call that failed: a google.rpc.Status, of the server or of the door itself, and how HTTP puts it."""

    def __init__(self, status: status_pb2.Status, http: int = 0, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status.message)
        self.status = status
        self.http = http or _HTTP.get(status.code, 500)
        self.headers = dict(headers or {})
        wait = _retry_seconds(status)
        if wait is not None:
            self.headers["retry-after"] = str(wait)

    @property
    def violations(self) -> list[Violation]:
        """The bad fields, if that is the trouble."""
        bad = error_details_pb2.BadRequest()
        return [
            Violation(violation.field, violation.description)
            for detail in self.status.details
            if detail.Unpack(bad)
            for violation in bad.field_violations
        ]


class BadRequest(Refused):
    """A request with bad fields, all of them listed; INVALID_ARGUMENT, as when the server finds them."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        what = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
        status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=f"invalid request: {what}")
        _add(status, error_details_pb2.ErrorInfo(reason="INVALID_FIELD", domain=DOMAIN))
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.description)
            for violation in violations
        ]
        _add(status, error_details_pb2.BadRequest(field_violations=fields))
        super().__init__(status)


def refusal(http: int, message: str, headers: Mapping[str, str] | None = None) -> Refused:
    """A refusal that only HTTP knows, such as 415."""
    code = _CODE.get(http, code_pb2.INVALID_ARGUMENT)
    return Refused(status_pb2.Status(code=code, message=message), http, headers)


def problem_value(refused: Refused) -> dict[str, object]:
    """The JSON of a refusal."""
    status = refused.status
    return {
        "code": code_pb2.Code.Name(status.code) if status.code in code_pb2.Code.values() else "UNKNOWN",
        "status": refused.http,
        "message": status.message,
        "details": [to_value(detail) for detail in status.details],
    }


def problem(refused: Refused) -> Response:
    """The answer that tells a refusal."""
    return Response(encode(problem_value(refused)), refused.http, refused.headers, "application/json")


async def on_refused(_request: Request, refused: Exception) -> Response:
    """Answer a refused call."""
    assert isinstance(refused, Refused)
    return problem(refused)


async def on_http_exception(request: Request, exception: Exception) -> Response:
    """Answer what Starlette refuses: a path or a method that is not there."""
    assert isinstance(exception, HTTPException)
    known = {404: f"there is nothing at {request.url.path}", 405: f"{request.method} is not for {request.url.path}"}
    message = known.get(exception.status_code, exception.detail)
    return problem(refusal(exception.status_code, message, exception.headers))


async def on_error(_request: Request, _error: Exception) -> Response:
    """Answer for a fault of our own; the log has it."""
    status = status_pb2.Status(code=code_pb2.INTERNAL, message="the server met an error of its own; its log tells more")
    _add(status, error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN))
    return problem(Refused(status))


def _add(status: status_pb2.Status, detail: Message) -> None:
    status.details.add().Pack(detail)


def _retry_seconds(status: status_pb2.Status) -> int | None:
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(retry):
            seconds: int = retry.retry_delay.seconds + (retry.retry_delay.nanos > 0)
            return max(1, seconds)
    return None
