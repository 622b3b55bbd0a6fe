"""Agent Runtime's client: lets AI agents test web apps, and watches them do it.

``async with AgentRuntimeClient("127.0.0.1:50051") as client: ...``, or without an event loop
``with SyncAgentRuntimeClient("127.0.0.1:50051") as client: ...``
"""

from importlib import import_module
from typing import TYPE_CHECKING

import agent_runtime._grpc_core  # noqa: F401 - before anything imports grpc

if TYPE_CHECKING:
    from agent_runtime.backoff import Backoff
    from agent_runtime.channel import DEFAULT_ADDRESS
    from agent_runtime.client import AgentRuntimeClient
    from agent_runtime.errors import (
        AgentRuntimeError,
        ArtifactNotFound,
        BadFilter,
        BadPageToken,
        Conflict,
        DeadlineExceeded,
        Denied,
        DigestMismatch,
        DiskFull,
        Draining,
        DriverUnavailable,
        EtagMismatch,
        Exhausted,
        FieldViolation,
        FileExists,
        FileNotFound,
        InputAlreadyResolved,
        InputNotFound,
        InvalidRequest,
        NotFound,
        NothingToWorkOn,
        PathOutsideSession,
        QueueFull,
        RequestIdReused,
        ResumeTokenExpired,
        SequenceAhead,
        ServerFailed,
        SessionBusy,
        SessionExists,
        SessionNotFound,
        SignInRequired,
        Stalled,
        TaskNotDone,
        TaskNotFound,
        TooManyWatchers,
        TransferCorrupt,
        Unreachable,
    )
    from agent_runtime.paging import pages
    from agent_runtime.sync import SyncAgentRuntimeClient
    from agent_runtime.watch import WatchUpdate
    from agent_runtime.watch_tasks import TasksUpdate

__all__ = [
    "AgentRuntimeClient",
    "AgentRuntimeError",
    "ArtifactNotFound",
    "Backoff",
    "BadFilter",
    "BadPageToken",
    "Conflict",
    "DEFAULT_ADDRESS",
    "DeadlineExceeded",
    "Denied",
    "DigestMismatch",
    "DiskFull",
    "Draining",
    "DriverUnavailable",
    "EtagMismatch",
    "Exhausted",
    "FieldViolation",
    "FileExists",
    "FileNotFound",
    "InputAlreadyResolved",
    "InputNotFound",
    "InvalidRequest",
    "NotFound",
    "NothingToWorkOn",
    "PathOutsideSession",
    "QueueFull",
    "RequestIdReused",
    "ResumeTokenExpired",
    "SequenceAhead",
    "ServerFailed",
    "SessionBusy",
    "SessionExists",
    "SessionNotFound",
    "SignInRequired",
    "Stalled",
    "SyncAgentRuntimeClient",
    "TaskNotDone",
    "TaskNotFound",
    "TasksUpdate",
    "TooManyWatchers",
    "TransferCorrupt",
    "Unreachable",
    "WatchUpdate",
    "pages",
]

_HOMES = {
    "Backoff": "backoff",
    "DEFAULT_ADDRESS": "channel",
    "AgentRuntimeClient": "client",
    "pages": "paging",
    "SyncAgentRuntimeClient": "sync",
    "TasksUpdate": "watch_tasks",
    "WatchUpdate": "watch",
}
"""Modules of names; those of the others, errors, is the default."""


def __getattr__(name: str) -> object:
    # Loaded when asked for: the server needs the contract alone, and starts the sooner.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
