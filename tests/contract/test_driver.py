"""What every driver does. A new one joins ``KINDS``."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import Fact, FileChanged, PhaseChanged
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.domain.task import Failure, FailureReason, Phase, Progress, TaskType
from agent_runtime_server.ports import AgentDriver, PhaseReport
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.script import STRAY, Script
from tests.contract.driver_fixtures import BLOCK, explorer, phase_job
from tests.contract.opencode_fixtures import opencode
from tests.contract.runner_fixtures import assert_nothing_runs_in
from tests.unit.opencode.stand_in import message, part, tool

PLAN = "# Plan\n\n### 1. Pages\n\n#### 1.1. Opens\n\n**Steps:**\n  1. Open /\n    - expect: it opens\n"
FILES = {"specs/plan.md": PLAN}
WROTE = FileChanged("specs/plan.md", len(PLAN), hashlib.sha256(PLAN.encode()).hexdigest())
KEPT = Produced(ArtifactKind.PLAN, "specs/plan.md", "text/markdown")
REFUSED = Failure(FailureReason.SIGN_IN_FAILED, "refused")


def doing(activity: str) -> PhaseChanged:
    return PhaseChanged(Phase.PLANNING, Phase.PLANNING, activity)


LOOKS = (doing("looking at /"), Progress(1, 3, "step"), WROTE, KEPT)


@dataclass(frozen=True)
class Drivers:
    """One kind of driver in the states that the contract is about, made for a folder of its own."""

    working: Callable[[Path], AgentDriver]
    """Writes the plan."""
    facts: tuple[Fact, ...]
    report: PhaseReport
    failing: Callable[[Path], AgentDriver]
    failure: Failure
    blocking: Callable[[Path], tuple[AgentDriver, Callable[[Path], int]]]
    """Blocks with a stray process, whose id the second function gives for a workspace."""
    blocked: Fact
    """What it tells before."""


def _scripted_blocking(_: Path) -> tuple[AgentDriver, Callable[[Path], int]]:
    driver = ScriptedDriver({PhaseKind.PLAN: Script((doing("blocked"),), blocks=True, stray=True)})
    return driver, lambda _: driver.player.stray_pid


def _noted_in(name: str) -> Callable[[Path], int]:
    return lambda workspace: int((workspace / name).read_text())


SCRIPTED = Drivers(
    working=lambda _: ScriptedDriver(
        {PhaseKind.PLAN: Script(LOOKS, FILES)}, {PhaseKind.PLAN: PhaseReport(summary_markdown="found it")}
    ),
    facts=LOOKS,
    report=PhaseReport(summary_markdown="found it"),
    failing=lambda _: ScriptedDriver(reports={PhaseKind.PLAN: PhaseReport(failure=REFUSED)}),
    failure=REFUSED,
    blocking=_scripted_blocking,
    blocked=doing("blocked"),
)
EXPLORER = Drivers(
    working=lambda _: explorer(
        protocol.Activity("looking at /"),
        protocol.Progress(1, 3, "step"),
        protocol.Wrote("specs/plan.md"),
        protocol.Done("found it"),
        files=FILES,
    ),
    facts=LOOKS,
    report=PhaseReport(summary_markdown="found it"),
    failing=lambda _: explorer(protocol.Failed("sign_in_failed", "refused")),
    failure=REFUSED,
    blocking=lambda _: (explorer(then=BLOCK), _noted_in("stray.pid")),
    blocked=doing("blocked"),
)
OPENCODE = Drivers(
    working=lambda folder: opencode(
        folder,
        {"write": "specs/plan.md", "text": PLAN},
        part("prt_1", "msg_1", "text", text="found it", time={"start": 1, "end": 2}),
    ),
    facts=(
        doing("Exploring the app and planning tests"),
        AgentMessage("prt_1", "planner", "found it", final=True),
        WROTE,
        KEPT,
        Produced(ArtifactKind.TRANSCRIPT, "artifacts/transcripts/task/planning.jsonl", "application/x-ndjson"),
    ),
    report=PhaseReport(summary_markdown="1 tests planned in 1 suites, with 1 expectations.\n\nfound it"),
    failing=lambda folder: opencode(
        folder, message("msg_1", error={"name": "APIError", "data": {"message": "refused", "statusCode": 401}})
    ),
    failure=Failure(FailureReason.MODEL_PROVIDER, "the model's call failed (HTTP 401): refused"),
    blocking=lambda folder: (
        opencode(
            folder,
            {"run": STRAY},
            tool("prt_1", "msg_1", "bash", "running", input={"command": "sleep 600"}),
            {"pause": 600},
        ),
        _noted_in("ran"),
    ),
    blocked=ToolCall("call_prt_1", "bash", ToolCallState.STARTED, "sleep 600", {"command": "sleep 600"}),
)
KINDS = {"scripted": SCRIPTED, "explorer": EXPLORER, "opencode": OPENCODE}


@pytest.fixture(params=KINDS)
def drivers(request: pytest.FixtureRequest) -> Drivers:
    return KINDS[request.param]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def test_it_says_what_it_can_do(drivers: Drivers, tmp_path: Path) -> None:
    driver = drivers.working(tmp_path)
    assert driver.name
    assert driver.availability().available, driver.availability().message
    assert TaskType.PLAN in driver.task_types()


async def test_tells_facts_in_order_and_reports(drivers: Drivers, workspace: Path, tmp_path: Path) -> None:
    facts: list[Fact] = []
    driver = drivers.working(tmp_path)
    report = await driver.run(phase_job(workspace), facts.append)
    await driver.leave("task")
    assert tuple(facts) == drivers.facts
    assert report == drivers.report
    assert (workspace / "specs" / "plan.md").read_text() == PLAN


async def test_failure_is_a_report(drivers: Drivers, workspace: Path, tmp_path: Path) -> None:
    driver = drivers.failing(tmp_path)
    report = await driver.run(phase_job(workspace), lambda _: None)
    await driver.leave("task")
    assert report.failure == drivers.failure


async def test_a_task_that_is_left_keeps_no_process(drivers: Drivers, workspace: Path, tmp_path: Path) -> None:
    driver = drivers.working(tmp_path)
    await driver.leave("task")
    await driver.run(phase_job(workspace), lambda _: None)
    for _ in range(2):
        await driver.leave("task")
        assert_nothing_runs_in(workspace)


async def test_cancelling_leaves_no_process_and_no_later_fact(
    drivers: Drivers, workspace: Path, tmp_path: Path
) -> None:
    driver, stray_pid = drivers.blocking(tmp_path)
    facts: list[Fact] = []
    blocked = asyncio.Event()

    def emit(fact: Fact) -> None:
        facts.append(fact)
        if fact == drivers.blocked:
            blocked.set()

    running = asyncio.create_task(driver.run(phase_job(workspace), emit))
    await asyncio.wait_for(blocked.wait(), 60)
    stray = psutil.Process(stray_pid(workspace))
    assert stray.is_running()
    told = len(facts)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not psutil.pid_exists(stray.pid)
    assert_nothing_runs_in(workspace)
    assert len(facts) == told
