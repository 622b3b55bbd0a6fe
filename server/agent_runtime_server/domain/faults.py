"""Faults: what a caller is told when a call cannot be answered. Each has a code and a reason of the contract.

RuntimeFault
├── NotFound: TaskNotFound, SessionNotFound, ArtifactNotFound, FileNotFound, InputNotFound
├── InvalidField (also several fields at once), BadFilter, BadPageToken, PathOutsideSession, DigestMismatch
├── RequestIdReused, SessionExists, FileExists, EtagMismatch
├── NothingToWorkOn, DriverUnavailable, SignInRequired, TaskNotDone, InputAlreadyResolved, SessionBusy: SessionConflict
├── SequenceAhead, ResumeTokenExpired
└── QueueFull, TooManyWatchers, DiskFull, Draining, Stalled
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import ClassVar, Self


class Code(Enum):
    """The google.rpc codes that faults use."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    INTERNAL = 13
    UNAVAILABLE = 14


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field of a request; ``field`` is its path, such as ``task.configuration.app_url``."""

    field: str
    description: str


class RuntimeFault(Exception):
    """A call cannot be answered."""

    code: ClassVar[Code]
    reason: ClassVar[str]
    """Name of an ErrorReason without its prefix."""
    retry_after: ClassVar[timedelta | None] = None

    def __init__(self, message: str = "", *, violations: Sequence[FieldViolation] = (), **metadata: str) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        self.violations = tuple(violations)
        self.metadata = metadata


class TaskNotFound(RuntimeFault):
    """No task has this id."""

    code, reason = Code.NOT_FOUND, "TASK_NOT_FOUND"


class SessionNotFound(RuntimeFault):
    """No session has this id."""

    code, reason = Code.NOT_FOUND, "SESSION_NOT_FOUND"


class ArtifactNotFound(RuntimeFault):
    """The task has no artifact with this id."""

    code, reason = Code.NOT_FOUND, "ARTIFACT_NOT_FOUND"


class FileNotFound(RuntimeFault):
    """The session has no such file."""

    code, reason = Code.NOT_FOUND, "FILE_NOT_FOUND"


class InputNotFound(RuntimeFault):
    """The task has no input request with this id."""

    code, reason = Code.NOT_FOUND, "INPUT_NOT_FOUND"


class InvalidField(RuntimeFault):
    """A field of the request is not valid."""

    code, reason = Code.INVALID_ARGUMENT, "INVALID_FIELD"

    @classmethod
    def of(cls, field: str, description: str) -> Self:
        """What is wrong with one field: ``task.priority``, "is too high"."""
        return cls(f"{field} {description}", violations=[FieldViolation(field, description)])


class BadPageToken(RuntimeFault):
    """The page token is not one that this call gave."""

    code, reason = Code.INVALID_ARGUMENT, "BAD_PAGE_TOKEN"


class BadFilter(RuntimeFault):
    """The filter cannot be understood."""

    code, reason = Code.INVALID_ARGUMENT, "BAD_FILTER"


class DigestMismatch(RuntimeFault):
    """The bytes received do not have the digest that was announced."""

    code, reason = Code.INVALID_ARGUMENT, "DIGEST_MISMATCH"


class PathOutsideSession(RuntimeFault):
    """The path leads out of the session."""

    code, reason = Code.INVALID_ARGUMENT, "PATH_OUTSIDE_SESSION"


class RequestIdReused(RuntimeFault):
    """This request_id was used with another body."""

    code, reason = Code.ALREADY_EXISTS, "REQUEST_ID_REUSED"


class SessionExists(RuntimeFault):
    """A session with this id exists."""

    code, reason = Code.ALREADY_EXISTS, "SESSION_EXISTS"


class FileExists(RuntimeFault):
    """The session has such a file, and overwriting was not asked for."""

    code, reason = Code.ALREADY_EXISTS, "FILE_EXISTS"


class EtagMismatch(RuntimeFault):
    """The task has changed since this etag was read."""

    code, reason = Code.ABORTED, "ETAG_MISMATCH"


class TaskNotDone(RuntimeFault):
    """The task is not done yet."""

    code, reason = Code.FAILED_PRECONDITION, "TASK_NOT_DONE"


class InputAlreadyResolved(RuntimeFault):
    """The question was answered already, and not like this."""

    code, reason = Code.FAILED_PRECONDITION, "INPUT_ALREADY_RESOLVED"


class SignInRequired(RuntimeFault):
    """The task signs in to the app, and its secrets were wiped when it ended: give them again."""

    code, reason = Code.FAILED_PRECONDITION, "SIGN_IN_REQUIRED"


class SessionBusy(RuntimeFault):
    """A task uses the session."""

    code, reason = Code.FAILED_PRECONDITION, "SESSION_BUSY"


class SessionConflict(SessionBusy):
    """Another task holds the session, and the new one was not to wait for it."""

    code = Code.ABORTED


class NothingToWorkOn(RuntimeFault):
    """The session has nothing for this task type to work on."""

    code, reason = Code.FAILED_PRECONDITION, "NOTHING_TO_WORK_ON"


class DriverUnavailable(RuntimeFault):
    """This server cannot use the driver asked for."""

    code, reason = Code.FAILED_PRECONDITION, "DRIVER_UNAVAILABLE"


class SequenceAhead(RuntimeFault):
    """The sequence asked for is ahead of the task's newest event."""

    code, reason = Code.OUT_OF_RANGE, "SEQUENCE_AHEAD"


class ResumeTokenExpired(RuntimeFault):
    """The server cannot resume from this token: start over without one."""

    code, reason = Code.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED"


class QueueFull(RuntimeFault):
    """The queue is full."""

    code, reason = Code.RESOURCE_EXHAUSTED, "QUEUE_FULL"
    retry_after = timedelta(seconds=10)


class TooManyWatchers(RuntimeFault):
    """The server holds as many watches as it may."""

    code, reason = Code.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS"
    retry_after = timedelta(seconds=5)


class DiskFull(RuntimeFault):
    """The server's disk is nearly full: it takes nothing new."""

    code, reason = Code.RESOURCE_EXHAUSTED, "DISK_FULL"
    retry_after = timedelta(seconds=60)


def is_full(error: BaseException) -> bool:
    """Whether an error means that there is no room on the disk, or none that this server may use."""
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))


class Stalled(RuntimeFault):
    """The caller took nothing of the stream, or sent nothing of the upload, for too long."""

    code, reason = Code.DEADLINE_EXCEEDED, "STALLED"


class Draining(RuntimeFault):
    """The server is going away."""

    code, reason = Code.UNAVAILABLE, "DRAINING"
    retry_after = timedelta(seconds=1)
