"""What an LLM agent says and does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum


class ToolCallState(Enum):
    """How a tool call stands."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    """A person or a policy did not allow it."""


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """A piece of what an agent says: it continues the message of the same id."""

    message_id: str
    agent: str
    """Who speaks: planner, generator, fixer or custom."""
    text: str
    reasoning: bool = False
    final: bool = False
    """Whether the message ends here."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the agent called, as the call stands now."""

    call_id: str
    tool: str
    state: ToolCallState
    title: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    """JSON values."""
    output: str = ""
    """Shortened; the whole is in the transcript."""
    duration: timedelta | None = None
    """None while it runs."""
