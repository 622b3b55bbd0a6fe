"""The work: drivers do it, runners check it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent_runtime_server.domain.event import Fact
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind
from agent_runtime_server.domain.results import TestCase, TestSummary
from agent_runtime_server.domain.task import Failure, RunOptions, TaskSpec, TaskType

Emit = Callable[[Fact], None]
"""Tells a fact about the task as it happens. Never blocks and never fails; a flood of log lines is counted."""


class StopSign:
    """How much time work has to stop in good order once it is cancelled: none, until somebody grants some.

    Shared by whoever stops a task and whoever works for it. Work that can bring something home when it is stopped
    (a runner: the results so far) looks here when it is cancelled; other work just stops.
    """

    def __init__(self) -> None:
        self.grace = 0.0
        """Seconds."""
        self._forced = asyncio.Event()

    def ask(self, grace: float) -> None:
        """Grant so much time from the cancellation on; 0 ends a time that runs already."""
        self.grace = grace
        if grace <= 0:
            self._forced.set()

    async def forced(self) -> None:
        """Returns when no more time is left by order; never, if nobody orders it."""
        await self._forced.wait()


@dataclass(frozen=True, slots=True)
class PhaseJob:
    """One phase of work for a driver."""

    task_id: str
    kind: PhaseKind
    spec: TaskSpec
    workspace: Path
    inputs: PhaseInputs
    password: str = ""


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """What a driver brought."""

    failure: Failure | None = None
    summary_markdown: str = ""
    test_paths: tuple[str, ...] = ()
    """Tests written, relative to the workspace."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether something can be used here, and if not, why and what to do about it."""

    available: bool
    version: str = ""
    message: str = ""


class AgentDriver(Protocol):
    """Does the agent's work in a phase."""

    name: str

    def availability(self) -> Availability:
        """Whether the driver can work on this machine."""
        ...

    def task_types(self) -> Collection[TaskType]:
        """What it can do."""
        ...

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Do the work. Cancelling the call stops and reaps everything it started before CancelledError goes on."""
        ...


@dataclass(frozen=True, slots=True)
class RunJob:
    """One run of a suite."""

    workspace: Path
    app_url: str
    options: RunOptions
    environment: Mapping[str, str]
    """Sign-in data for the tests, in no file and no argument."""
    round: int
    """Number of the run in the workspace, from 1: its artifacts go to ``artifacts/run-<round>/``."""
    stop: StopSign
    """Granted time is used to end the test that runs and to write the report, before CancelledError goes on."""
    record: bool = True
    """Keep report, videos, traces and screenshots; off for the runs that only filter flaky tests."""


@dataclass(frozen=True, slots=True)
class TestReport:
    """How a run ended. Failing tests are a verdict in ``summary``; ``failure`` means that the machinery failed."""

    summary: TestSummary
    failure: Failure | None = None
    tests: tuple[TestCase, ...] = ()
    report_path: str = ""
    """The HTML report's folder, relative to the workspace; empty when nothing was recorded."""


class TestRunner(Protocol):
    """Executes a suite."""

    def availability(self) -> Availability:
        """Whether suites can run on this machine."""
        ...

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        """Run the suite, telling suites, tests, steps and files as they come. Cancelling stops and reaps it."""
        ...

    async def check(self, workspace: Path) -> Sequence[str]:
        """What compiler and linter say of the workspace's tests; empty when they are clean."""
        ...
