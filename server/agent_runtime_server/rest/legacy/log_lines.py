"""What a task has logged, as the old service told it: debug lines with their time, entries for the runs of agents."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agent_runtime.v1 import event_pb2, task_pb2
from agent_runtime_server.rest.legacy.words import AGENTS

KINDS = (
    event_pb2.TASK_EVENT_KIND_PHASE,
    event_pb2.TASK_EVENT_KIND_ATTEMPT,
    event_pb2.TASK_EVENT_KIND_LOG,
    event_pb2.TASK_EVENT_KIND_AGENT_MESSAGE,
)
"""Events that lines and entries are made of."""
_MOST_CHARACTERS = 64 * 1024
"""Of what an agent said in one run, and of its complaints; the newest are kept."""
_MOST_RUNS = 100


def debug_line(entry: event_pb2.LogEntry) -> str:
    """``[HH:MM:SS] text``, in UTC."""
    return f"[{datetime.fromtimestamp(entry.log_time.seconds, UTC):%H:%M:%S}] {entry.message}"


class _Output:
    """The newest part of a text that grows."""

    def __init__(self) -> None:
        self._pieces: deque[str] = deque()
        self.size = 0

    def add(self, text: str) -> None:
        self._pieces.append(text[-_MOST_CHARACTERS:])
        self.size += len(self._pieces[-1])
        while self.size > _MOST_CHARACTERS:
            self.size -= len(self._pieces.popleft())

    def __str__(self) -> str:
        return "".join(self._pieces)


@dataclass
class _Run:
    """An agent's work in one phase of one attempt."""

    attempt: int
    phase: int
    exit_code: int | None = None
    said: _Output = field(default_factory=_Output)
    complained: _Output = field(default_factory=_Output)


class AgentRuns:
    """The runs of agents, as a task's events tell of them, oldest first."""

    def __init__(self) -> None:
        self._runs: deque[_Run] = deque(maxlen=_MOST_RUNS)

    @property
    def size(self) -> int:
        """Characters that are held."""
        return sum(run.said.size + run.complained.size for run in self._runs)

    @property
    def _open(self) -> _Run | None:
        return self._runs[-1] if self._runs and self._runs[-1].exit_code is None else None

    def take(self, event: event_pb2.TaskEvent) -> None:
        """Take the next event."""
        payload = event.WhichOneof("payload")
        if payload == "phase_change":
            self._enter(event.attempt, event.phase_change.new_phase)
        elif payload == "attempt_change":
            self._end_of_attempt(event.attempt_change)
        elif (run := self._open) is None:
            return
        elif payload == "log":
            _hear(run, event.log)
        elif payload == "agent_message" and not event.agent_message.reasoning:
            run.said.add(event.agent_message.text + "\n" * event.agent_message.final)

    def _enter(self, attempt: int, phase: int) -> None:
        run = self._open
        if run is not None and run.phase == phase:
            return
        if run is not None:
            run.exit_code = 0
        if phase in AGENTS:
            self._runs.append(_Run(attempt, phase))

    def _end_of_attempt(self, attempt: task_pb2.TaskAttempt) -> None:
        """Work that was cut off failed, and so did that which the attempt failed for, though it has ended in order."""
        if not attempt.HasField("end_time"):
            return
        if (run := self._open) is not None:
            run.exit_code = 1
        if attempt.HasField("error"):
            for run in reversed(self._runs):
                if (run.attempt, run.phase) == (attempt.number, attempt.error.phase):
                    run.exit_code = 1
                    run.complained.add(attempt.error.status.message + "\n")
                    break

    def shapes(self, task: task_pb2.Task) -> list[dict[str, Any]]:
        """An entry for each run that has ended. What would tell of the server's own files is empty."""
        agent = task.configuration.agent
        return [
            {
                "agent": AGENTS[run.phase],
                "model": agent.model,
                "command": agent.driver,
                "working_directory": "",
                "auth_file": "",
                "exit_code": run.exit_code,
                "stdout": str(run.said),
                "stderr": str(run.complained),
            }
            for run in self._runs
            if run.exit_code is not None
        ]


def _hear(run: _Run, log: event_pb2.LogChunk) -> None:
    for entry in log.entries:
        if entry.source == event_pb2.LOG_SOURCE_AGENT:
            output = run.complained if entry.level >= event_pb2.LOG_LEVEL_WARNING else run.said
            output.add(entry.message + "\n")
