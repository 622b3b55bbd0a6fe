"""What a phase of a task works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent_runtime_server.domain.pipeline import PhaseInputs
from agent_runtime_server.domain.task import Task
from agent_runtime_server.orchestrator.secrecy import Secrecy
from agent_runtime_server.ports import Ask, Emit, Meter, StopSign, save_nothing


@dataclass(frozen=True, slots=True)
class Stage:
    """One phase of one task, about to be played."""

    task: Task
    inputs: PhaseInputs
    workspace: Path
    password: str
    emit: Emit
    secrecy: Secrecy
    begun: datetime
    """What was changed since then may hold secrets."""
    stop: StopSign
    ask: Ask
    meter: Meter
    save: Callable[[], Awaitable[None]] = save_nothing
    """Notes the workspace as it is for a later attempt at the phase."""

    @property
    def environment(self) -> dict[str, str]:
        """Sign-in data for the tests' processes."""
        if not self.password:
            return {}
        return {"TEST_USERNAME": self.task.spec.sign_in.username, "TEST_PASSWORD": self.password}
