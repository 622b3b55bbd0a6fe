"""OpenCode's errors as failures of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent_runtime_server.adapters.opencode.bounded import shortened
from agent_runtime_server.adapters.processes import Exit
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.ports import PhaseReport

MAX_MESSAGE = 1000
OVERFLOW = "ContextOverflowError"


def failure_of(error: Mapping[str, Any]) -> Failure:
    """What an error of a session or of a message means."""
    name = str(error.get("name") or "UnknownError")
    data = error.get("data") or {}
    message = str(data.get("message") or name)
    match name:
        case "APIError":
            status = f" (HTTP {data['statusCode']})" if data.get("statusCode") else ""
            return _failure(
                FailureReason.MODEL_PROVIDER,
                f"the model's call failed{status}: {message}",
                bool(data.get("isRetryable")),
            )
        case "ProviderAuthError":
            return _failure(FailureReason.MODEL_PROVIDER, f"the model's provider refuses the agent: {message}", False)
        case _ if name == OVERFLOW:
            return _failure(
                FailureReason.MODEL_PROVIDER, f"the conversation is longer than the model can take: {message}", False
            )
        case "MessageOutputLengthError":
            return _failure(FailureReason.MODEL_PROVIDER, "the model's answer is longer than it may be", False)
        case "MessageAbortedError":
            return _failure(FailureReason.AGENT_ERROR, "the agent's work was aborted", True)
        case _:
            return _failure(FailureReason.AGENT_ERROR, f"the agent failed with {name}: {message}", True)


def died(ended: Exit, tail: str = "") -> Failure:
    """Why OpenCode's process has ended by itself, or by somebody else's hand."""
    said = f"; it said last: {tail}" if tail else ""
    if ended.reason == "memory":
        return Failure(FailureReason.OUT_OF_RESOURCES, "OpenCode and its browser took too much memory and were stopped")
    return _failure(FailureReason.AGENT_ERROR, f"OpenCode ended in the middle of its work ({ended}){said}", True)


def _failure(reason: FailureReason, message: str, retryable: bool) -> Failure:
    return Failure(reason, shortened(message, MAX_MESSAGE), retryable=retryable)


def failed(reason: FailureReason, message: str) -> PhaseReport:
    """A phase that has brought nothing, and would not when it is tried again."""
    return PhaseReport(Failure(reason, message))


class AgentNotStarted(Exception):
    """OpenCode did not start."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.failure = Failure(FailureReason.AGENT_ERROR, message, retryable=retryable)
