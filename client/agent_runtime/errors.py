"""Errors of the client, and the only place that sees ``grpc.RpcError``.

AgentRuntimeError
├── Unreachable                   no server answers, or the connection broke
│   └── Draining                  the server is going away
├── DeadlineExceeded              the server did not answer in time
│   └── Stalled
├── Denied                        the server does not know the caller, or does not let it do this
├── InvalidRequest                the message lists every bad field; also ``violations``
│   ├── BadFilter
│   ├── BadPageToken
│   ├── DigestMismatch
│   └── PathOutsideSession
├── NotFound
│   ├── TaskNotFound
│   ├── SessionNotFound
│   ├── ArtifactNotFound
│   ├── FileNotFound
│   └── InputNotFound
├── Conflict                      the request is right, but not as things stand
│   ├── RequestIdReused
│   ├── SessionExists
│   ├── FileExists
│   ├── SessionBusy
│   ├── TaskNotDone
│   ├── InputAlreadyResolved
│   ├── SignInRequired
│   ├── NothingToWorkOn
│   ├── DriverUnavailable
│   ├── EtagMismatch
│   ├── SequenceAhead
│   └── ResumeTokenExpired
├── Exhausted                     try again after ``retry_after`` seconds
│   ├── QueueFull
│   ├── TooManyWatchers
│   └── DiskFull
├── ServerFailed                  an error of the server's own
└── TransferCorrupt               what was received is not what the server holds
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field of a request; ``field`` is its path, such as ``task.configuration.app_url``."""

    field: str
    description: str


class AgentRuntimeError(Exception):
    """A call failed."""

    def __init__(
        self,
        message: str = "",
        *,
        reason: str = "",
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        broken: bool = False,
    ) -> None:
        """Hold what the server said.

        ``reason`` is the name of an ErrorReason without its prefix, "" when no server of ours answered;
        ``retry_after`` is in seconds; ``broken`` tells that the transport failed under a call, so that asking again
        may help.
        """
        text = message or (type(self).__doc__ or "").strip().splitlines()[0]
        listed = "".join(f"\n  {violation.field}: {violation.description}" for violation in violations)
        super().__init__(text + listed)
        self.reason = reason
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
        self.broken = broken


class Unreachable(AgentRuntimeError):
    """No server answers."""


class Draining(Unreachable):
    """The server is going away."""


class DeadlineExceeded(AgentRuntimeError):
    """The server did not answer in time."""


class Stalled(DeadlineExceeded):
    """This side took nothing of a stream, or sent nothing of an upload, for too long."""


class Denied(AgentRuntimeError):
    """The server does not let this caller do this."""


class InvalidRequest(AgentRuntimeError):
    """The request is not valid."""


class BadFilter(InvalidRequest):
    """The filter cannot be understood."""


class BadPageToken(InvalidRequest):
    """The page token is not one that this call gave."""


class DigestMismatch(InvalidRequest):
    """The bytes that arrived do not have the digest that was announced."""


class PathOutsideSession(InvalidRequest):
    """The path leads out of the session."""


class NotFound(AgentRuntimeError):
    """There is no such thing."""


class TaskNotFound(NotFound):
    """No task has this id."""


class SessionNotFound(NotFound):
    """No session has this id."""


class ArtifactNotFound(NotFound):
    """The task has no artifact with this id."""


class FileNotFound(NotFound):
    """The session has no such file."""


class InputNotFound(NotFound):
    """The task has no such question."""


class Conflict(AgentRuntimeError):
    """The request cannot be carried out as things stand."""


class RequestIdReused(Conflict):
    """This request_id was used with another body."""


class SessionExists(Conflict):
    """A session with this id exists."""


class FileExists(Conflict):
    """The session has such a file, and overwriting was not asked for."""


class SessionBusy(Conflict):
    """A task uses the session."""


class TaskNotDone(Conflict):
    """The task is not done yet."""


class InputAlreadyResolved(Conflict):
    """The question was answered already, and not like this."""


class SignInRequired(Conflict):
    """The task signs in to the app, and its secrets were wiped when it ended: give them again."""


class NothingToWorkOn(Conflict):
    """The session has nothing for this task type to work on."""


class DriverUnavailable(Conflict):
    """This server cannot use the driver asked for."""


class EtagMismatch(Conflict):
    """The task has changed since its etag was read."""


class SequenceAhead(Conflict):
    """The sequence asked for is ahead of the task's newest event."""


class ResumeTokenExpired(Conflict):
    """The server cannot resume from this token."""


class Exhausted(AgentRuntimeError):
    """The server has no room for this now."""


class QueueFull(Exhausted):
    """The queue is full."""


class TooManyWatchers(Exhausted):
    """The server holds as many watches as it may."""


class DiskFull(Exhausted):
    """The server's disk is nearly full."""


class ServerFailed(AgentRuntimeError):
    """The server met an error of its own."""


class TransferCorrupt(AgentRuntimeError):
    """What was received is not what the server holds."""


_BY_REASON: dict[str, type[AgentRuntimeError]] = {
    "TASK_NOT_FOUND": TaskNotFound,
    "SESSION_NOT_FOUND": SessionNotFound,
    "ARTIFACT_NOT_FOUND": ArtifactNotFound,
    "FILE_NOT_FOUND": FileNotFound,
    "INPUT_NOT_FOUND": InputNotFound,
    "INVALID_FIELD": InvalidRequest,
    "BAD_FILTER": BadFilter,
    "BAD_PAGE_TOKEN": BadPageToken,
    "DIGEST_MISMATCH": DigestMismatch,
    "PATH_OUTSIDE_SESSION": PathOutsideSession,
    "REQUEST_ID_REUSED": RequestIdReused,
    "SESSION_EXISTS": SessionExists,
    "FILE_EXISTS": FileExists,
    "SESSION_BUSY": SessionBusy,
    "TASK_NOT_DONE": TaskNotDone,
    "INPUT_ALREADY_RESOLVED": InputAlreadyResolved,
    "SIGN_IN_REQUIRED": SignInRequired,
    "NOTHING_TO_WORK_ON": NothingToWorkOn,
    "DRIVER_UNAVAILABLE": DriverUnavailable,
    "ETAG_MISMATCH": EtagMismatch,
    "SEQUENCE_AHEAD": SequenceAhead,
    "RESUME_TOKEN_EXPIRED": ResumeTokenExpired,
    "QUEUE_FULL": QueueFull,
    "TOO_MANY_WATCHERS": TooManyWatchers,
    "DISK_FULL": DiskFull,
    "STALLED": Stalled,
    "DRAINING": Draining,
    "INTERNAL": ServerFailed,
}
_BY_CODE: dict[grpc.StatusCode, type[AgentRuntimeError]] = {
    grpc.StatusCode.UNAVAILABLE: Unreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNAUTHENTICATED: Denied,
    grpc.StatusCode.PERMISSION_DENIED: Denied,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: Conflict,
    grpc.StatusCode.OUT_OF_RANGE: Conflict,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exhausted,
}
# What a reset connection or a stopped server makes of a running call, when no status of ours came with it.
_BROKEN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED}


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise what gRPC raises as an AgentRuntimeError."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise error_of(error) from error


def error_of(error: grpc.aio.AioRpcError) -> AgentRuntimeError:
    """The error that a failed call means: by its ErrorInfo.reason, else by its code."""
    info, violations, retry_after = _details(error)
    kind = _BY_REASON.get(info.reason) or _BY_CODE.get(error.code(), ServerFailed)
    message = error.details() or ""
    if not info.reason and kind in (Unreachable, ServerFailed):
        message = f"{(kind.__doc__ or '').rstrip('.')} ({error.code().name}: {message})"
    return kind(
        message,
        reason=info.reason,
        violations=violations,
        metadata=info.metadata,
        retry_after=retry_after,
        broken=issubclass(kind, Unreachable) or (not info.reason and error.code() in _BROKEN),
    )


def _details(
    error: grpc.aio.AioRpcError,
) -> tuple[error_details_pb2.ErrorInfo, list[FieldViolation], float | None]:
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                for message in (info, bad, retry):
                    if detail.Is(message.DESCRIPTOR):
                        detail.Unpack(message)
    violations = [FieldViolation(violation.field, violation.description) for violation in bad.field_violations]
    retry_after = retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None
    return info, violations, retry_after
