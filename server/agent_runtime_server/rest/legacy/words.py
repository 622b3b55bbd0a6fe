"""The words of the old service for what the contract numbers: statuses, phases, types of task, ways to sign in."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.descriptor import EnumDescriptor

from agent_runtime.v1 import event_pb2, task_pb2


def _words(enum: EnumDescriptor, prefix: str) -> dict[int, str]:
    return {value.number: value.name.removeprefix(prefix).lower() for value in enum.values if value.number}


_TASK_ENUMS = task_pb2.DESCRIPTOR.enum_types_by_name
_LEVELS = _words(event_pb2.DESCRIPTOR.enum_types_by_name["LogLevel"], "LOG_LEVEL_")
_METHODS = _words(_TASK_ENUMS["SignInMethod"], "SIGN_IN_METHOD_")
TASK_TYPES = _words(_TASK_ENUMS["TaskType"], "TASK_TYPE_")
"""By number; the five of the old service are first."""
PHASES = _words(_TASK_ENUMS["TaskPhase"], "TASK_PHASE_")
VERDICTS = _words(_TASK_ENUMS["TestVerdict"], "TEST_VERDICT_")
SIGN_IN_METHODS = {number: word.replace("_", "-") for number, word in _METHODS.items()}
LEVELS = {number: word.upper() for number, word in _LEVELS.items()}
AGENTS: dict[int, str] = {
    task_pb2.TASK_PHASE_PLANNING: "planner",
    task_pb2.TASK_PHASE_GENERATING_TESTS: "generator",
    task_pb2.TASK_PHASE_FIXING_TESTS: "fixer",
    task_pb2.TASK_PHASE_CUSTOM: "custom",
}
"""Who works in a phase; in the others no agent does."""
_STATUSES: dict[int, str] = {
    task_pb2.TASK_STATUS_PENDING: "pending",
    task_pb2.TASK_STATUS_COMPLETED: "completed",
    task_pb2.TASK_STATUS_FAILED: "failed",
    task_pb2.TASK_STATUS_CANCELLED: "cancelled",
}
_SETTING_UP = (task_pb2.TASK_PHASE_UNSPECIFIED, task_pb2.TASK_PHASE_PREPARING)


def status_word(status: int, phase: int) -> str:
    """One of the six words of the old service. What it did not know is ``running``."""
    if status == task_pb2.TASK_STATUS_RUNNING and phase in _SETTING_UP:
        return "initializing"
    return _STATUSES.get(status, "running")


def number_of(words: Mapping[int, str], prefix: str, asked: object) -> int:
    """The number of a word in any case, with ``-`` or ``_``, with the contract's prefix or without; numbers are taken
    as they are, also in text. 0 if it is none of them."""
    if isinstance(asked, str):
        plain = asked.lower().replace("-", "_").removeprefix(prefix.lower())
        for number, word in words.items():
            if plain in (word.replace("-", "_"), str(number)):
                return number
    elif isinstance(asked, int) and not isinstance(asked, bool) and asked in words:
        return asked
    return 0
