"""Ports: what the orchestrator needs from the outside. Each has an adapter, a fake, and one contract suite for both."""

from agent_runtime_server.ports.clock import Clock
from agent_runtime_server.ports.dispatch import Dispatcher, Expire, Notify, PhaseExecutor
from agent_runtime_server.ports.files import ArchiveFormat, BlobRef, Blobs, Disk, SessionFile, Workspaces
from agent_runtime_server.ports.secrets import Scrub, Secrets
from agent_runtime_server.ports.store import (
    Aging,
    Batch,
    Change,
    EventCodec,
    Fenced,
    IdempotencyKey,
    Page,
    SessionTaken,
    Store,
    TaskOrder,
    TaskQuery,
)
from agent_runtime_server.ports.work import (
    AgentDriver,
    Availability,
    Emit,
    PhaseJob,
    PhaseReport,
    RunJob,
    StopSign,
    TestReport,
    TestRunner,
)

__all__ = [
    "AgentDriver",
    "Aging",
    "ArchiveFormat",
    "Availability",
    "Batch",
    "BlobRef",
    "Blobs",
    "Change",
    "Clock",
    "Disk",
    "Dispatcher",
    "Emit",
    "EventCodec",
    "Expire",
    "Fenced",
    "IdempotencyKey",
    "Notify",
    "Page",
    "PhaseExecutor",
    "PhaseJob",
    "PhaseReport",
    "RunJob",
    "Scrub",
    "Secrets",
    "SessionFile",
    "SessionTaken",
    "StopSign",
    "Store",
    "TaskOrder",
    "TaskQuery",
    "TestReport",
    "TestRunner",
    "Workspaces",
]
