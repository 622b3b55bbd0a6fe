"""The driver keeps an agent from phase to phase, and gives it up when it must."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from agent_runtime_server.adapters.opencode.configuration import BadConfiguration
from agent_runtime_server.adapters.opencode.driver import OpenCodeDriver
from agent_runtime_server.adapters.opencode.failures import AgentNotStarted
from agent_runtime_server.adapters.opencode.surroundings import Surroundings
from agent_runtime_server.adapters.opencode.turn import Agent, Prompt, Said
from agent_runtime_server.domain.event import Fact
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.domain.task import Failure, FailureReason, TaskType
from agent_runtime_server.ports import Ask, Availability, Emit, Meter, ModelAccess, PhaseJob
from tests.unit.opencode.support import job_in
from tests.unit.opencode.test_configuration import Access

BUSY = Failure(FailureReason.MODEL_PROVIDER, "busy", retryable=True)
SPENT = Failure(FailureReason.BUDGET_EXCEEDED, "spent")


class OneModel:
    """A ``ports.Models`` with one model, or none."""

    def __init__(self, default_model: str = "lab/a") -> None:
        self.default_model = default_model
        self.open_now: list[str] = []
        self.last: Access | None = None

    def availability(self, model: str) -> Availability:
        return Availability(model == "lab/a", message="" if model == "lab/a" else f"{model} has no key")

    def has_price(self, model: str) -> bool:
        return False

    @asynccontextmanager
    async def open(self, model: str) -> AsyncIterator[ModelAccess]:
        self.open_now.append(model)
        self.last = Access()
        try:
            yield self.last
        finally:
            self.open_now.remove(model)


class Scene(Surroundings):
    """Surroundings of an agent that says what comes next: an error, a failure, or nothing for ever."""

    def __init__(self, *says: Said | Exception | None, problems: Sequence[str] = ()) -> None:
        self.says = list(says)
        self.running = 0
        self.started = 0
        self.meters: list[Meter | None] = []
        self.turns: list[int] = []
        self._problems = problems
        self.waiting = asyncio.Event()

    def look(self) -> tuple[str, Sequence[str]]:
        return "1.18.33", self._problems

    @asynccontextmanager
    async def agent(self, job: PhaseJob, access: ModelAccess) -> AsyncIterator[Agent]:
        if self.says and isinstance(self.says[0], Exception):
            raise self.says.pop(0)  # type: ignore[misc]
        self.started += 1
        self.running += 1
        try:
            yield cast("Agent", _Speaker(self, access))
        finally:
            self.running -= 1


class _Speaker:
    keys = ("key-of-the-agent",)

    def __init__(self, scene: Scene, access: ModelAccess) -> None:
        self._scene = scene
        self._access = access

    async def prompt(self, prompt: Prompt, emit: Emit, ask: Ask) -> Said:
        scene = self._scene
        scene.meters.append(self._access.meter)
        scene.turns.append(prompt.max_turns)
        said = scene.says.pop(0)
        if said is None:
            scene.waiting.set()
            await asyncio.Event().wait()
        assert isinstance(said, Said)
        return said


def driver_on(scene: Scene, models: OneModel | None = None) -> OpenCodeDriver:
    return OpenCodeDriver(models or OneModel(), scene, max_turns=50)


def custom_job(workspace: Path) -> PhaseJob:
    return job_in(workspace, PhaseKind.CUSTOM, instructions="Go on")


async def test_one_agent_does_all_phases_of_a_task_and_then_leaves(tmp_path: Path) -> None:
    scene, models = Scene(Said("one", None, 1), Said("two", None, 1)), OneModel()
    driver = driver_on(scene, models)
    jobs = [custom_job(tmp_path), custom_job(tmp_path)]
    reports = [await driver.run(job, lambda _: None) for job in jobs]
    assert [report.summary_markdown for report in reports] == ["one", "two"]
    assert scene.started == scene.running == len(models.open_now) == 1
    assert scene.meters == [job.meter for job in jobs]
    assert models.last is not None
    assert models.last.meter is None  # between phases nothing may be spent
    await driver.leave("task-1")
    await driver.leave("task-1")
    assert scene.running == len(models.open_now) == 0


async def test_in_each_phase_its_keys_are_kept_secret(tmp_path: Path) -> None:
    driver, kept = driver_on(Scene(Said("one"), Said("two"))), list[str]()
    for _ in range(2):
        await driver.run(replace(custom_job(tmp_path), keep_secret=kept.append), lambda _: None)
    assert kept == ["key-of-the-agent"] * 2


async def test_tasks_have_agents_of_their_own(tmp_path: Path) -> None:
    scene = Scene(Said("one"), Said("two"))
    driver = driver_on(scene)
    await driver.run(custom_job(tmp_path), lambda _: None)
    await driver.run(replace(custom_job(tmp_path), task_id="task-2"), lambda _: None)
    assert scene.running == 2
    await driver.leave("task-2")
    assert scene.running == 1


async def test_cancelling_ends_the_agent_and_tells_nothing_more(tmp_path: Path) -> None:
    scene, facts = Scene(None), list[Fact]()
    driver = driver_on(scene)
    running = asyncio.create_task(driver.run(custom_job(tmp_path), facts.append))
    await scene.waiting.wait()
    told = len(facts)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert scene.running == 0
    assert len(facts) == told


@pytest.mark.parametrize(("failure", "kept"), [(BUSY, 0), (SPENT, 1)])
async def test_an_agent_that_may_hang_is_not_kept(tmp_path: Path, failure: Failure, kept: int) -> None:
    scene = Scene(Said("", failure))
    assert (await driver_on(scene).run(custom_job(tmp_path), lambda _: None)).failure == failure
    assert scene.running == kept


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (AgentNotStarted("stuck"), Failure(FailureReason.AGENT_ERROR, "stuck", retryable=True)),
        (BadConfiguration("no agent"), Failure(FailureReason.AGENT_ERROR, "no agent")),
        (
            OSError("no such folder"),
            Failure(FailureReason.AGENT_ERROR, "the agent's files cannot be used: no such folder"),
        ),
    ],
)
async def test_an_agent_that_does_not_start_is_a_failure(tmp_path: Path, error: Exception, failure: Failure) -> None:
    models = OneModel()
    assert (await driver_on(Scene(error), models).run(custom_job(tmp_path), lambda _: None)).failure == failure
    assert models.open_now == []


async def test_a_full_disk_is_not_the_agents_failure(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no room"):
        await driver_on(Scene(OSError(errno.ENOSPC, "no room"))).run(custom_job(tmp_path), lambda _: None)


async def test_a_model_that_cannot_be_used_is_a_failure_at_once(tmp_path: Path) -> None:
    job = custom_job(tmp_path)
    job = replace(job, spec=replace(job.spec, model="other/b"))
    scene = Scene()
    failure = (await driver_on(scene).run(job, lambda _: None)).failure
    assert failure == Failure(FailureReason.MODEL_PROVIDER, "other/b has no key")
    assert scene.started == 0


async def test_a_task_may_set_its_own_limit_of_model_calls(tmp_path: Path) -> None:
    scene = Scene(Said("one"), Said("two"))
    driver, job = driver_on(scene), custom_job(tmp_path)
    await driver.run(job, lambda _: None)
    await driver.run(replace(job, spec=replace(job.spec, max_turns=7)), lambda _: None)
    assert scene.turns == [50, 7]


async def test_a_transcript_is_kept_also_of_a_phase_that_failed(tmp_path: Path) -> None:
    path = "artifacts/transcripts/task-1/custom.jsonl"

    class Writing(_Speaker):
        async def prompt(self, prompt: Prompt, emit: Emit, ask: Ask) -> Said:
            assert prompt.transcript == path
            (tmp_path / path).parent.mkdir(parents=True)
            (tmp_path / path).write_text("{}")
            return Said("", SPENT)

    class WritingScene(Scene):
        @asynccontextmanager
        async def agent(self, job: PhaseJob, access: ModelAccess) -> AsyncIterator[Agent]:
            yield cast("Agent", Writing(self, access))

    facts: list[Fact] = []
    await driver_on(WritingScene()).run(custom_job(tmp_path), facts.append)
    assert Produced(ArtifactKind.TRANSCRIPT, path, "application/x-ndjson") in facts


def test_what_is_missing_is_said() -> None:
    assert driver_on(Scene()).availability() == Availability(True, "1.18.33")
    assert "AGENT_RUNTIME_MODEL" in driver_on(Scene(), OneModel("")).availability().message
    assert driver_on(Scene(), OneModel("other/b")).availability().message == "other/b has no key"
    missing = driver_on(Scene(problems=["no browser", "no node"])).availability()
    assert (missing.available, missing.message) == (False, "no browser; no node")


def test_it_does_all_types_of_tasks() -> None:
    assert set(driver_on(Scene()).task_types()) == set(TaskType)
