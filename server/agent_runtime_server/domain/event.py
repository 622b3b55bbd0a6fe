"""Events: immutable facts about a task, and how they fold into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import assert_never

from agent_runtime_server.domain.agent import AgentMessage, ToolCall
from agent_runtime_server.domain.inputs import InputRequest, InputResolution
from agent_runtime_server.domain.results import Artifact, Finding, Produced, TestCase
from agent_runtime_server.domain.task import Attempt, Failure, Phase, Progress, Status, Task, TaskResult
from agent_runtime_server.domain.usage import ModelUsage


class LogLevel(Enum):
    """Log severity, lowest first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogSource(Enum):
    """Where a log line came from."""

    RUNTIME = "runtime"
    AGENT = "agent"
    TEST_RUNNER = "test_runner"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One log line."""

    log_time: datetime
    level: LogLevel
    source: LogSource
    message: str


@dataclass(frozen=True, slots=True)
class LinesLost:
    """Log lines that their source has left out because they came too fast."""

    count: int


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Log lines that were written close together; ``dropped`` counts lines lost before them in a flood."""

    entries: tuple[LogEntry, ...]
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The task moved to another status; the first event has no ``old``."""

    old: Status | None
    new: Status
    message: str = ""
    failure: Failure | None = None
    result: TaskResult | None = None
    """With a final status only."""


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """The task moved to another phase, or does something else in the same one."""

    old: Phase | None
    new: Phase
    activity: str = ""


@dataclass(frozen=True, slots=True)
class QueueState:
    """Place in the queue; 1 is next."""

    position: int
    length: int
    waiting_for: str = ""


@dataclass(frozen=True, slots=True)
class FileChanged:
    """A session file appeared, changed or went."""

    path: str
    size_bytes: int = 0
    sha256: str = ""
    removed: bool = False


Payload = (
    StatusChanged
    | PhaseChanged
    | QueueState
    | Progress
    | Attempt
    | LogChunk
    | TestCase
    | Artifact
    | FileChanged
    | Finding
    | AgentMessage
    | ToolCall
    | ModelUsage
    | InputRequest
    | InputResolution
)

Fact = (
    PhaseChanged
    | Progress
    | LogEntry
    | LinesLost
    | TestCase
    | FileChanged
    | Finding
    | Produced
    | AgentMessage
    | ToolCall
    | ModelUsage
)
"""What drivers and runners tell: log lines are still single, files not stored yet."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about a task. Its sequence is given when it is stored."""

    task_id: str
    event_time: datetime
    payload: Payload
    phase: Phase | None = None
    attempt: int = 0
    """Number of the attempt it belongs to; 0 before the first."""


def fold(task: Task, event: Event) -> Task:
    """The task after an event: what it shows of where it stands. The sequence is the store's to set."""
    payload = event.payload
    match payload:
        case StatusChanged():
            changed = replace(task, status=payload.new, update_time=event.event_time)
            if payload.result is not None:
                changed = replace(changed, result=payload.result)
            return replace(changed, failure=payload.failure) if payload.failure else changed
        case PhaseChanged():
            progress = task.progress if payload.new is task.phase else None
            return replace(
                task, phase=payload.new, activity=payload.activity, progress=progress, update_time=event.event_time
            )
        case Progress():
            return replace(task, progress=payload, update_time=event.event_time)
        case Attempt():
            others = tuple(attempt for attempt in task.attempts if attempt.number != payload.number)
            return replace(task, attempts=(*others, payload), update_time=event.event_time)
        case Finding():
            findings = (*task.result.findings, payload)
            return replace(task, result=replace(task.result, findings=findings), update_time=event.event_time)
        case ModelUsage():
            return replace(task, usage=task.usage.plus(payload), update_time=event.event_time)
        case InputRequest():
            pending = (*task.pending_inputs, payload.id)
            return replace(task, pending_inputs=pending, update_time=event.event_time)
        case InputResolution():
            pending = tuple(waiting for waiting in task.pending_inputs if waiting != payload.input_id)
            return replace(task, pending_inputs=pending, update_time=event.event_time)
        case QueueState() | LogChunk() | TestCase() | Artifact() | FileChanged() | AgentMessage() | ToolCall():
            return task
        case _:
            assert_never(payload)


def told(task: Task, *events: Event) -> tuple[Task, Sequence[Event]]:
    """A change of a task by events alone: the task with them folded in, and the events."""
    for event in events:
        task = fold(task, event)
    return task, events


FOLDING = (StatusChanged, PhaseChanged, Progress, Attempt, Finding, ModelUsage, InputRequest, InputResolution)
"""Payloads that change the task they fold into; after others only its sequence grows."""
