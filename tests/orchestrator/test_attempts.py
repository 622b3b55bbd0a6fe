"""Attempts: retries from checkpoints, timeouts, interruptions, and what a new server takes up."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent_runtime_server.adapters.clock import SystemClock
from agent_runtime_server.adapters.scrubbing import scrub
from agent_runtime_server.domain.event import LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.faults import DiskFull
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import (
    AttemptStatus,
    Location,
    TestAttempt,
    TestCase,
    TestOutcome,
    TestSummary,
)
from agent_runtime_server.domain.task import (
    CancelMode,
    Failure,
    FailureReason,
    RetryPolicy,
    Status,
    Task,
    TaskType,
    Timeouts,
)
from agent_runtime_server.ports import PhaseReport, TestReport
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from agent_runtime_server.testing.store import MemoryStore
from tests.orchestrator.house import NEW, PATIENCE, PLAN, FailingDriver, House, asking
from tests.orchestrator.support import NOW

SPEC_FILE = "tests/a.spec.ts"
CRASH = Failure(FailureReason.AGENT_ERROR, "killed", retryable=True)
PASSED = TestCase(
    "a",
    "chromium",
    ("a.spec.ts", "works"),
    Location(SPEC_FILE, 1),
    TestOutcome.EXPECTED,
    (TestAttempt(0, AttemptStatus.PASSED, NOW, timedelta(seconds=1)),),
)
GOOD_RUN = TestReport(TestSummary(1, 1), tests=(PASSED,))
WRITES = {**PLAN, PhaseKind.GENERATE: Script(files={SPEC_FILE: "test()"})}
WROTE = {PhaseKind.GENERATE: PhaseReport(test_paths=(SPEC_FILE,))}


async def test_a_crash_is_tried_again_and_then_forgotten(tmp_path: Path) -> None:
    house = House(tmp_path, driver=FailingDriver([PhaseReport(failure=CRASH), ValueError("a bug")]))
    async with house.working():
        task, _ = await house.tasks.create(NEW, None)
        done = await house.done(task.id)
    assert (done.status, done.failure) == (Status.COMPLETED, None)
    reasons = [attempt.failure.reason if attempt.failure else None for attempt in done.attempts]
    assert reasons == [FailureReason.AGENT_ERROR, FailureReason.AGENT_ERROR, None]
    assert [attempt.number for attempt in done.attempts] == [1, 2, 3]
    assert await house.store.secrets(task.id) == b""


async def test_attempts_are_bounded(tmp_path: Path) -> None:
    house = House(tmp_path, driver=FailingDriver([PhaseReport(failure=CRASH)] * 9))
    async with house.working():
        task, _ = await house.tasks.create(replace(NEW, retry_policy=RetryPolicy(max_attempts=2)), None)
        done = await house.done(task.id)
    assert (done.status, done.attempt) == (Status.FAILED, 2)
    assert done.failure is not None
    assert done.failure.reason is FailureReason.AGENT_ERROR
    assert (await house.kinds(task.id))[-1] == "StatusChanged", "nothing follows the event that ends a task"


async def test_secrets_are_kept_between_attempts(tmp_path: Path) -> None:
    driver = FailingDriver([PhaseReport(failure=CRASH)])
    house = House(tmp_path, driver=driver)
    async with house.working():
        task, _ = await house.tasks.create(NEW, None)
        await house.done(task.id)
    assert [job.password for job in driver.jobs] == ["hunter2", "hunter2"]


async def test_a_retry_goes_on_after_the_last_finished_phase_in_the_workspace_that_it_left(tmp_path: Path) -> None:
    lost = TestReport(TestSummary(), Failure(FailureReason.RUNNER_CRASHED, "killed", retryable=True))
    driver = ScriptedDriver(WRITES, WROTE, name="explorer")
    runner = ScriptedRunner(Script(files={"tests/half.ts": "half"}), [GOOD_RUN, GOOD_RUN, lost, GOOD_RUN])
    house = House(tmp_path, driver=driver, runner=runner)
    async with house.working():
        task, _ = await house.tasks.create(asking(TaskType.COMPLETE), None)
        done = await house.done(task.id)
    assert (done.status, done.attempt) == (Status.COMPLETED, 2)
    assert [job.kind for job in driver.jobs] == [PhaseKind.PLAN, PhaseKind.GENERATE], "done once"
    assert len(runner.jobs) == 4, "two runs of the filter, one that was lost, one more"
    assert done.result.test_paths == (SPEC_FILE,)
    assert done.result.summary == GOOD_RUN.summary


async def test_what_an_unfinished_phase_has_written_is_gone_before_it_is_done_again(tmp_path: Path) -> None:
    seen: list[bool] = []

    class Leaving(FailingDriver):
        async def run(self, job, emit) -> PhaseReport:  # type: ignore[no-untyped-def]
            leftover = job.workspace / "specs" / "half.md"
            seen.append(leftover.exists())
            leftover.write_text("half a plan")
            return await super().run(job, emit)

    house = House(tmp_path, driver=Leaving([PhaseReport(failure=CRASH)]))
    async with house.working():
        task, _ = await house.tasks.create(NEW, None)
        await house.done(task.id)
    assert seen == [False, False]


async def test_what_an_unfinished_phase_has_saved_is_there_when_it_is_done_again(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    class Saving(FailingDriver):
        async def run(self, job, emit) -> PhaseReport:  # type: ignore[no-untyped-def]
            seen.append(sorted(path.name for path in (job.workspace / "specs").iterdir()))
            (job.workspace / "specs" / f"saved-{len(seen)}.md").write_text("a whole part")
            await job.save()
            (job.workspace / "specs" / "half.md").write_text("half a part")
            return await super().run(job, emit)

    house = House(tmp_path, driver=Saving([PhaseReport(failure=CRASH), PhaseReport(failure=CRASH)]))
    async with house.working():
        task, _ = await house.tasks.create(NEW, None)
        done = await house.done(task.id)
    assert done.status is Status.COMPLETED
    assert [[name for name in names if "saved" in name or "half" in name] for names in seen] == [
        [],
        ["saved-1.md"],
        ["saved-1.md", "saved-2.md"],
    ]


async def test_a_drain_interrupts_without_using_up_an_attempt(tmp_path: Path) -> None:
    blocking = ScriptedDriver({PhaseKind.PLAN: Script(blocks=True)}, name="explorer")
    before = House(tmp_path, driver=blocking)
    async with before.working():
        task, _ = await before.tasks.create(replace(NEW, retry_policy=RetryPolicy(max_attempts=1)), None)
        await asyncio.wait_for(blocking.player.told.wait(), PATIENCE)
    waiting = await before.store.get(task.id)
    assert (waiting.status, waiting.attempt, waiting.failures) == (Status.PENDING, 1, 0)
    assert waiting.attempts[0].end_time is not None
    after = House(tmp_path, store=before.store, blobs=before.blobs)
    async with after.working():
        done = await after.done(task.id)
    assert (done.status, done.attempt) == (Status.COMPLETED, 2)


@pytest.mark.parametrize(("attempts", "end"), [(1, Status.FAILED), (2, Status.COMPLETED)])
async def test_a_killed_servers_task_is_tried_again_or_failed_as_its_policy_says(
    attempts: int, end: Status, tmp_path: Path
) -> None:
    before = House(tmp_path)
    new = replace(NEW, retry_policy=RetryPolicy(max_attempts=attempts))
    task, _ = await before.tasks.create(new, None)
    await before.executor.start(task.id)  # and then the server is no more
    await before.workspaces.prepare(task.id)
    await before.workspaces.begin_run(task.id)
    after = House(tmp_path, store=before.store, blobs=before.blobs)
    async with after.working():
        done = await after.done(task.id)
    assert done.status is end
    assert done.attempts[0].failure is not None
    assert done.attempts[0].failure.reason is FailureReason.WORKER_LOST
    assert (done.failure.reason if done.failure else None) == (
        FailureReason.WORKER_LOST if end is Status.FAILED else None
    )
    assert list((tmp_path / task.id / "artifacts").iterdir()) == [], "what was being recorded may hold secrets"
    assert await after.store.secrets(task.id) == b""


async def test_what_a_killed_server_has_left_beside_its_runs_is_scrubbed(tmp_path: Path) -> None:
    scrubbed: list[str] = []

    async def scrub(root: Path, path: Path, redact: Callable[[bytes], bytes]) -> None:
        scrubbed.append(f"{path.name}: {redact(path.read_bytes()).decode()}")

    before = House(tmp_path)
    task, _ = await before.tasks.create(NEW, None)
    await before.executor.start(task.id)  # and then the server is no more
    workspace = await before.workspaces.prepare(task.id)
    (workspace / "leak.txt").write_text("the password is hunter2")
    after = House(tmp_path, store=before.store, blobs=before.blobs, scrub=scrub)
    await after.recovery.run(after.dispatcher)
    assert scrubbed == ["leak.txt: the password is [redacted]"]


async def test_a_killed_server_takes_a_cancel_with_it(tmp_path: Path) -> None:
    before = House(tmp_path)
    task, _ = await before.tasks.create(NEW, None)
    before.dispatcher.cancel(task.id, timedelta())
    await before.executor.start(task.id)
    lost, initiated = await before.tasks.cancel(task.id, "enough")
    assert (lost.status, initiated) == (Status.CANCELLED, True), "nobody runs it"
    again, initiated = await before.tasks.cancel(task.id, "enough")
    assert (again, initiated) == (lost, False)


async def test_the_time_of_an_attempt_is_bounded(tmp_path: Path) -> None:
    driver = ScriptedDriver({PhaseKind.PLAN: Script(blocks=True)}, name="explorer")
    house = House(tmp_path, driver=driver, clock=SystemClock())
    async with house.working():
        task, _ = await house.tasks.create(replace(NEW, timeouts=Timeouts(run=timedelta(seconds=1))), None)
        done = await house.done(task.id)
    assert (done.status, done.attempt) == (Status.FAILED, 1)
    assert done.failure is not None
    assert done.failure.reason is FailureReason.RUN_TIMEOUT


async def test_the_time_from_create_to_end_is_bounded(tmp_path: Path) -> None:
    driver = ScriptedDriver({PhaseKind.PLAN: Script(blocks=True)}, name="explorer")
    house = House(tmp_path, driver=driver, clock=SystemClock())
    async with house.working():
        task, _ = await house.tasks.create(replace(NEW, timeouts=Timeouts(total=timedelta(seconds=1))), None)
        done = await house.done(task.id)
    assert done.failure is not None
    assert done.failure.reason is FailureReason.TOTAL_TIMEOUT


async def test_a_task_that_does_not_start_in_time_fails(tmp_path: Path) -> None:
    house = House(tmp_path, clock=SystemClock())
    async with house.working(slots=0):
        task, _ = await house.tasks.create(replace(NEW, timeouts=Timeouts(queue=timedelta(seconds=0.1))), None)
        done = await house.done(task.id)
    assert done.failure is not None
    assert (done.failure.reason, done.attempts) == (FailureReason.QUEUE_TIMEOUT, ())
    assert house.dispatcher.depth() == 0


async def test_a_full_disk_fails_what_runs_and_refuses_what_comes(tmp_path: Path) -> None:
    driver = ScriptedDriver({PhaseKind.PLAN: Script(blocks=True)}, name="explorer")
    house = House(tmp_path, driver=driver)
    async with house.working():
        task, _ = await house.tasks.create(NEW, None)
        await asyncio.wait_for(driver.player.told.wait(), PATIENCE)
        house.tank.left = 0
        await house.disk.look()
        done = await house.done(task.id)
    assert done.failure is not None
    assert (done.failure.reason, done.attempt) == (FailureReason.DISK_FULL, 1)


async def test_graceful_is_raised_to_force(tmp_path: Path) -> None:
    facts = [LogEntry(NOW, LogLevel.INFO, LogSource.AGENT, "at work")]
    driver = ScriptedDriver({PhaseKind.PLAN: Script(facts, blocks=True)}, name="explorer")
    house = House(tmp_path, driver=driver)
    async with house.working():
        task, _ = await house.tasks.create(NEW, None)
        await asyncio.wait_for(driver.player.told.wait(), PATIENCE)
        stopping, initiated = await house.tasks.cancel(task.id, "enough")
        assert (stopping.status, initiated) == (Status.CANCELLING, True)
        _, initiated = await house.tasks.cancel(task.id, "now", CancelMode.FORCE)
        assert not initiated
        done = await house.done(task.id)
    assert done.status is Status.CANCELLED
    assert done.cancellation is not None
    assert (done.cancellation.reason, done.cancellation.mode) == ("enough", CancelMode.FORCE)


async def test_nothing_is_begun_on_a_full_disk_and_it_waits(tmp_path: Path) -> None:
    house = House(tmp_path)
    task, _ = await house.tasks.create(NEW, None)
    house.tank.left = 0
    await house.disk.look()
    async with house.working():
        with pytest.raises(DiskFull):
            await house.executor.start(task.id)
        assert (await house.store.get(task.id)).status is Status.PENDING
        house.tank.left = 1 << 40
        await house.disk.look()
        assert (await house.done(task.id)).status is Status.COMPLETED


async def test_one_task_that_cannot_be_recovered_keeps_no_other_from_it(tmp_path: Path) -> None:
    class Stubborn(MemoryStore):
        async def transition(self, task_id: str, *args: object, **kwargs: object) -> Task:
            if task_id == bad.id and self.refuses:
                raise OverflowError
            return await super().transition(task_id, *args, **kwargs)  # type: ignore[arg-type]

        refuses = False

    store = Stubborn(JsonCodec())
    before = House(tmp_path, store=store)
    bad, _ = await before.tasks.create(NEW, None)
    good, _ = await before.tasks.create(NEW, None)
    for task in (bad, good):
        before.dispatcher.cancel(task.id, timedelta())
        await before.executor.start(task.id)
    store.refuses = True
    after = House(tmp_path, store=store, blobs=before.blobs)
    async with after.working():
        assert (await after.done(good.id)).status is Status.COMPLETED
        assert (await store.get(bad.id)).status is Status.RUNNING


async def test_what_a_phase_has_written_is_clean_before_it_is_packed(tmp_path: Path) -> None:
    writes = Script(files={"specs/plan.md": "# Plan", "state.json": "hunter2 hunter2"})
    house = House(tmp_path, driver=ScriptedDriver({PhaseKind.PLAN: writes}, name="explorer"), scrub=scrub)
    async with house.working():
        task, _ = await house.tasks.create(asking(TaskType.PLAN, password="hunter2 hunter2"), None)
        await house.done(task.id)
    assert (tmp_path / task.id / "state.json").read_text() == "[redacted]"
