"""Enums of the domain and of the contract: same words, one with the prefix that proto style asks for."""

from __future__ import annotations

from enum import Enum
from typing import Generic, TypeVar

from agent_runtime.v1 import artifact_pb2, event_pb2, input_pb2, task_pb2, test_result_pb2
from agent_runtime_server.domain import agent, event, inputs, results, task

E = TypeVar("E", bound=Enum)


class EnumMap(Generic[E]):
    """Both ways between a domain enum and the numbers of its proto twin; 0 (unspecified) is None."""

    def __init__(self, domain: type[E], twin: object, prefix: str) -> None:
        # By value: an enum's own hash is computed in Python.
        self._number: dict[object, int] = {}
        self._member: dict[int, E] = {}
        for member in domain:
            number = twin.Value(f"{prefix}_{member.name}")  # type: ignore[attr-defined]
            self._number[member._value_] = number
            self._member[number] = member

    def out(self, member: E | None) -> int:
        """The proto number."""
        return 0 if member is None else self._number[member._value_]

    def inward(self, number: int) -> E | None:
        """The domain's member; None for unspecified and unknown numbers."""
        return self._member.get(number)


TASK_TYPE = EnumMap(task.TaskType, task_pb2.TaskType, "TASK_TYPE")
STATUS = EnumMap(task.Status, task_pb2.TaskStatus, "TASK_STATUS")
PHASE = EnumMap(task.Phase, task_pb2.TaskPhase, "TASK_PHASE")
FAILURE = EnumMap(task.FailureReason, task_pb2.FailureReason, "FAILURE_REASON")
CANCEL_MODE = EnumMap(task.CancelMode, task_pb2.CancelMode, "CANCEL_MODE")
SIGN_IN = EnumMap(task.SignInMethod, task_pb2.SignInMethod, "SIGN_IN_METHOD")
VERDICT = EnumMap(results.Verdict, task_pb2.TestVerdict, "TEST_VERDICT")
OUTCOME = EnumMap(results.TestOutcome, test_result_pb2.TestOutcome, "TEST_OUTCOME")
ATTEMPT = EnumMap(results.AttemptStatus, test_result_pb2.TestAttemptStatus, "TEST_ATTEMPT_STATUS")
FINDING = EnumMap(results.FindingKind, test_result_pb2.FindingKind, "FINDING_KIND")
SEVERITY = EnumMap(results.Severity, test_result_pb2.FindingSeverity, "FINDING_SEVERITY")
REPAIR_CAUSE = EnumMap(results.RepairCause, test_result_pb2.RepairCause, "REPAIR_CAUSE")
REPAIR_VERDICT = EnumMap(results.RepairVerdict, test_result_pb2.RepairVerdict, "REPAIR_VERDICT")
ARTIFACT = EnumMap(results.ArtifactKind, artifact_pb2.ArtifactKind, "ARTIFACT_KIND")
LEVEL = EnumMap(event.LogLevel, event_pb2.LogLevel, "LOG_LEVEL")
SOURCE = EnumMap(event.LogSource, event_pb2.LogSource, "LOG_SOURCE")
TOOL_CALL = EnumMap(agent.ToolCallState, input_pb2.ToolCallState, "TOOL_CALL_STATE")
INPUT_KIND = EnumMap(inputs.InputKind, input_pb2.InputKind, "INPUT_KIND")
DECISION = EnumMap(inputs.InputDecision, task_pb2.InputDecision, "INPUT_DECISION")
