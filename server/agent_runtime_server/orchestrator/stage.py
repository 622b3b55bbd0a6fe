"""What a phase of a task works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_server.domain.pipeline import PhaseInputs
from agent_runtime_server.domain.redaction import Redactor
from agent_runtime_server.domain.task import Task
from agent_runtime_server.ports import Ask, Emit, Meter, StopSign


@dataclass(frozen=True, slots=True)
class Stage:
    """One phase of one task, about to be played."""

    task: Task
    inputs: PhaseInputs
    workspace: Path
    password: str
    emit: Emit
    scrub: Callable[[Path], Awaitable[None]] | None
    """Takes secrets out of a file or a folder; raises OSError. None when there are no secrets."""
    stop: StopSign
    ask: Ask
    meter: Meter

    @property
    def environment(self) -> dict[str, str]:
        """Sign-in data for the tests' processes."""
        if not self.password:
            return {}
        return {"TEST_USERNAME": self.task.spec.sign_in.username, "TEST_PASSWORD": self.password}

    def redact(self, text: str) -> str:
        """The text without the password."""
        return Redactor([self.password]).redact(text)
