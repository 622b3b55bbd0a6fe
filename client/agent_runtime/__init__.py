"""Agent Runtime's client: lets AI agents test web apps, and watches them do it.

``async with AgentRuntimeClient("127.0.0.1:50051") as client: ...``
"""

import agent_runtime._grpc_core  # noqa: F401 - before anything imports grpc
from agent_runtime.backoff import Backoff
from agent_runtime.channel import DEFAULT_ADDRESS
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import (
    AgentRuntimeError,
    ArtifactNotFound,
    BadPageToken,
    Conflict,
    DeadlineExceeded,
    Draining,
    DriverUnavailable,
    Exhausted,
    FieldViolation,
    FileNotFound,
    InvalidRequest,
    NotFound,
    NothingToWorkOn,
    PathOutsideSession,
    QueueFull,
    RequestIdReused,
    SequenceAhead,
    ServerFailed,
    SessionNotFound,
    TaskNotFound,
    TooManyWatchers,
    TransferCorrupt,
    Unreachable,
)
from agent_runtime.paging import pages
from agent_runtime.watch import WatchUpdate

__all__ = [
    "AgentRuntimeClient",
    "AgentRuntimeError",
    "ArtifactNotFound",
    "BadPageToken",
    "Backoff",
    "Conflict",
    "DEFAULT_ADDRESS",
    "DeadlineExceeded",
    "Draining",
    "DriverUnavailable",
    "Exhausted",
    "FieldViolation",
    "FileNotFound",
    "InvalidRequest",
    "NotFound",
    "NothingToWorkOn",
    "PathOutsideSession",
    "QueueFull",
    "RequestIdReused",
    "SequenceAhead",
    "ServerFailed",
    "SessionNotFound",
    "TaskNotFound",
    "TooManyWatchers",
    "TransferCorrupt",
    "Unreachable",
    "WatchUpdate",
    "pages",
]
