"""The work: drivers do it, runners check it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent_runtime_server.domain.event import Fact
from agent_runtime_server.domain.inputs import Answer, Question
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind
from agent_runtime_server.domain.results import RepairCause, TestCase, TestSummary
from agent_runtime_server.domain.task import Failure, RunOptions, TaskSpec, TaskType
from agent_runtime_server.domain.usage import ModelUsage

Emit = Callable[[Fact], None]
"""Tells a fact about the task as it happens. Never blocks and never fails; a flood of log lines is counted."""


Ask = Callable[[Question], Awaitable[Answer]]
"""Puts a question to rules, then to a person; returns their answer, or the default when its time is up."""


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


class Meter(Protocol):
    """Watches over what a phase may still spend."""

    async def admit(self) -> Failure | None:
        """Asked before each call of a model: why it must not be made (BUDGET_EXCEEDED, INPUT_REFUSED, ...).

        May wait for a person. Once it has refused it goes on refusing.
        """
        ...

    def used(self, usage: ModelUsage) -> None:
        """Told after each call, also of one that was cut off. Never blocks."""
        ...


def _tell_nobody(_value: str) -> None:
    return


async def save_nothing() -> None:
    """For phases that begin anew whenever they are interrupted."""


@dataclass(frozen=True, slots=True)
class PhaseJob:
    """One phase of work for a driver."""

    task_id: str
    kind: PhaseKind
    spec: TaskSpec
    workspace: Path
    inputs: PhaseInputs
    ask: Ask
    """Puts a question to a person; the task waits for the answer, never without a bound."""
    meter: Meter
    """Watches over what models cost."""
    keep_secret: Callable[[str], None] = _tell_nobody
    """Takes a value that must not stay in what the phase tells and leaves: a driver's own key."""
    save: Callable[[], Awaitable[None]] = save_nothing
    """Makes the workspace as it is what the next attempt at the phase begins with, if this one is interrupted. Nobody
    must be writing to it. Raises OSError."""
    password: str = ""
    """For drivers that sign in themselves."""
    storage_state: Path | None = None
    """Where a browser's state lies that is signed in, outside the workspace; for drivers that do not."""
    failing: tuple[TestCase, ...] = ()
    """For FIX: the tests to repair, as the last run saw them."""
    round: int = 0
    """For FIX: which repair round this is, from 1."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a driver says was wrong with a failing test."""

    test_id: str
    cause: RepairCause
    explanation: str = ""
    final: bool = False
    """The driver left the test as it was, and would say the same again: no further round is needed."""


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """What a driver brought."""

    failure: Failure | None = None
    summary_markdown: str = ""
    test_paths: tuple[str, ...] = ()
    """Tests written or changed, relative to the workspace."""
    diagnoses: tuple[Diagnosis, ...] = ()
    """For FIX: what the driver says of each failing test. What is true of them, the next run shows."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether something can be used here, and if not, why and what to do about it."""

    available: bool
    version: str = ""
    message: str = ""


class AgentDriver(Protocol):
    """Does the agent's work in a phase."""

    name: str
    signs_in: bool
    """Whether it signs in to the app itself, with the password. For another one the runtime does, and hands it the
    browser's state alone."""
    uses_model: bool
    """Whether a language model does its thinking."""

    def availability(self) -> Availability:
        """Whether the driver can work on this machine."""
        ...

    def task_types(self) -> Collection[TaskType]:
        """What it can do."""
        ...

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Do the work. Cancelling the call stops and reaps everything it started before CancelledError goes on."""
        ...

    async def leave(self, task_id: str) -> None:
        """The task's attempt is over, or was given up: stop and reap whatever is kept for it between phases, and wait
        for that. No error if there is nothing."""
        ...


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a workspace is to be made ready for."""

    workspace: Path
    app_url: str
    username: str = ""
    """Empty when nobody signs in."""
    password: str = ""
    storage_state: Path | None = None
    """Where to write the state of a browser that has signed in; the file must not be readable for others."""


class SuiteSetUp(Protocol):
    """Makes a workspace ready for an agent that must not see passwords."""

    async def set_up(self, job: SetUp, emit: Emit) -> Failure | None:
        """Write the files around the tests (configuration, fixtures, seed, sign-in) where the workspace has no
        Playwright configuration yet, and sign in. Why that failed: SIGN_IN_FAILED, APP_UNREACHABLE, ..."""
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
