"""Jobs for phases, and an agent that does as its test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent_runtime_server.adapters.opencode.phase import PhaseWork
from agent_runtime_server.adapters.opencode.turn import Prompt, Said
from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind
from agent_runtime_server.domain.results import (
    AttemptStatus,
    Location,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
)
from agent_runtime_server.domain.task import SignIn, SignInMethod, TaskSpec, TaskType
from agent_runtime_server.ports import Ask, Emit, PhaseJob
from agent_runtime_server.testing.asking import Answers, Tally

Act = Callable[[Prompt], Said]
"""What the agent does with a prompt."""


@dataclass
class StandIn:
    """A ``phase.TakesPrompts`` that acts at once."""

    acts: Sequence[Act]
    """One for each prompt."""
    prompts: list[Prompt] = field(default_factory=list)

    async def prompt(self, prompt: Prompt, emit: Emit, ask: Ask) -> Said:
        """Do what comes next."""
        self.prompts.append(prompt)
        return await asyncio.to_thread(self.acts[len(self.prompts) - 1], prompt)


def job_in(
    workspace: Path,
    kind: PhaseKind,
    *,
    instructions: str = "",
    failing: tuple[TestCase, ...] = (),
    storage_state: Path | None = None,
    number: int = 0,
) -> PhaseJob:
    """A job of a phase."""
    sign_in = SignIn(SignInMethod.USERNAME_PASSWORD, "ann@example.com") if storage_state else SignIn()
    spec = TaskSpec(
        TaskType.COMPLETE, "http://127.0.0.1:1/", "s1", "opencode", instructions=instructions, sign_in=sign_in
    )
    return PhaseJob(
        "task-1",
        kind,
        spec,
        workspace,
        PhaseInputs(),
        Answers(),
        Tally(),
        storage_state=storage_state,
        failing=failing,
        round=number,
    )


def work_on(job: PhaseJob, *acts: Act, max_turns: int = 100) -> tuple[PhaseWork, StandIn, list[Fact]]:
    """A phase with a stand-in for its agent, and what it tells."""
    agent, facts = StandIn(acts), list[Fact]()
    return PhaseWork(job, agent, facts.append, max_turns), agent, facts


def failing_test(number: int, path: str = "tests/cart.spec.ts", *errors: TestError) -> TestCase:
    """A test that fails."""
    attempt = TestAttempt(0, AttemptStatus.FAILED, datetime(2026, 1, 1, tzinfo=UTC), timedelta(), errors)
    titles = (path, "Cart", f"Test {number} of it")
    return TestCase(f"id-{path}-{number}", "chromium", titles, Location(path, 3), TestOutcome.UNEXPECTED, (attempt,))


def logged(facts: Sequence[Fact]) -> str:
    """All log lines."""
    return "\n".join(fact.message for fact in facts if isinstance(fact, LogEntry))
