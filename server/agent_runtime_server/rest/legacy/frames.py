"""The frames of ``/tasks/{id}/stream``: JSON text ``{"event_type", "data"}``, made of the updates of a watch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from agent_runtime_server.rest.json_out import encode
from agent_runtime_server.rest.legacy.log_lines import debug_line
from agent_runtime_server.rest.legacy.shapes import iso
from agent_runtime_server.rest.legacy.words import AGENTS, LEVELS, PHASES, status_word

KINDS = (event_pb2.TASK_EVENT_KIND_STATUS, event_pb2.TASK_EVENT_KIND_PHASE, event_pb2.TASK_EVENT_KIND_LOG)


class Narrator:
    """Tells one client what happens to one task."""

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id
        self._head = 0
        self._status = 0
        self._phase = 0
        self._message = ""

    def opened(self, opened: service_pb2.WatchOpened) -> str:
        """The first frame: how the task stands. Events up to now are history."""
        self._head = opened.head_sequence
        return self._stands(opened.task)

    def missed(self, gap: service_pb2.WatchGap) -> Iterator[str]:
        """Frames for events that are gone: how the task stands after them, unless they were history."""
        if gap.last_missing > self._head:
            yield self._stands(gap.task)

    def _stands(self, task: task_pb2.Task) -> str:
        self._status, self._phase = task.status, task.current_phase
        self._message = task.error.status.message or task.current_activity
        return self.status()

    def status(self, when: Timestamp | None = None) -> str:
        """A frame that tells what was told last."""
        word = status_word(self._status, self._phase)
        data = {
            "task_id": self._task_id,
            "status": word,
            "phase": PHASES.get(self._phase, word),
            "message": self._message or f"Task is {word}",
            "timestamp": iso(when or _now()),
        }
        return _frame("status", data)

    def happened(self, event: event_pb2.TaskEvent) -> Iterator[str]:
        """Frames of an event. Of history only the lines are told."""
        payload = event.WhichOneof("payload")
        if payload == "log":
            past = event.sequence <= self._head
            yield from (self._past(entry) if past else self._line(entry, event.phase) for entry in event.log.entries)
        elif event.sequence > self._head:
            if payload == "status":
                self._move(event.status)
                yield self.status(event.event_time)
            elif payload == "phase_change":
                changed = event.phase_change.new_phase != self._phase
                self._phase, self._message = event.phase_change.new_phase, event.phase_change.activity
                if changed:
                    yield self.status(event.event_time)

    def _move(self, change: event_pb2.StatusChange) -> None:
        if task_pb2.TASK_STATUS_PENDING in (change.old_status, change.new_status):
            self._phase = task_pb2.TASK_PHASE_UNSPECIFIED
        self._status, self._message = change.new_status, change.message

    def _past(self, entry: event_pb2.LogEntry) -> str:
        return self._debug(entry, "DEBUG", debug_line(entry), None)

    def _line(self, entry: event_pb2.LogEntry, phase: int) -> str:
        agent = AGENTS.get(phase) if entry.source == event_pb2.LOG_SOURCE_AGENT else None
        return self._debug(entry, LEVELS.get(entry.level, "INFO"), entry.message, agent)

    def _debug(self, entry: event_pb2.LogEntry, level: str, message: str, agent: str | None) -> str:
        data = {
            "timestamp": iso(entry.log_time),
            "level": level,
            "message": message,
            "task_id": self._task_id,
            "agent": agent,
        }
        return _frame("debug", data)

    def complete(self, task: task_pb2.Task) -> str:
        """The frame of the end. Tests that failed are no failure of the task."""
        data = {
            "task_id": self._task_id,
            "success": task.status == task_pb2.TASK_STATUS_COMPLETED,
            "error": task.error.status.message if task.HasField("error") else None,
            "timestamp": iso(task.end_time),
        }
        return _frame("complete", data)

    def error(self, message: str) -> str:
        """A frame that says why there will be no more."""
        return _frame("error", {"task_id": self._task_id, "error": message, "timestamp": iso(_now())})


def _frame(event_type: str, data: dict[str, Any]) -> str:
    return encode({"event_type": event_type, "data": data}).decode()


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now
