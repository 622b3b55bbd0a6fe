"""A server that is killed with SIGKILL, at whatever moment: the next one goes on with what the phases have left.

Nothing that was acknowledged is lost, a watcher sees every event exactly once over all lives, and nothing stays behind.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from agent_runtime.v1 import task_pb2
from tests.contract.runner_fixtures import ENDLESS, IMPORT
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled, half_done, read_whole
from tests.e2e.lives import (
    GatedPage,
    Lives,
    Seen,
    attempts,
    has,
    once_each,
    reach,
    says,
    stop_in_phase,
    upload,
    watched,
)
from tests.line.support import COMPLETE, RUN

END_SECONDS = 300.0
RUNNING_TESTS = task_pb2.TASK_PHASE_RUNNING_TESTS

pytestmark = pytest.mark.timeout(600)

SUITE = {
    "tests/page.spec.ts": IMPORT
    + """
for (const name of ['one', 'two', 'three']) {
  test(name, async ({ page }) => {
    await page.goto('/');
    await expect(page.getByRole('heading')).toHaveText('Hello');
  });
}
""",
}


@dataclass(frozen=True)
class Kill:
    """When the server is killed."""

    name: str
    seen: Seen
    wait: bool
    """Whether the next server waits until nothing of this one is left; otherwise it has to see to that itself."""


KILLS = (
    Kill("preparing", says("Looking whether"), wait=False),
    Kill("planning, as the browser starts", says("Opening "), wait=True),
    Kill("planning, exploring", says("Exploring "), wait=False),
    Kill("planning, proving", says("Proving that"), wait=True),
    Kill("generating, writing", says("Writing the tests"), wait=False),
    Kill("generating, compiling", says("Compiling and linting"), wait=True),
    Kill("generating, trying", says("Checking that the tests are steady, run 2"), wait=False),
    Kill("running, before a test", says("Running the tests"), wait=True),
    Kill("running, in a test", says("[chromium]"), wait=False),
)


async def test_in_every_phase_of_one_task(tmp_path: Path, tables: Tables) -> None:
    """Nine times, one task: each attempt goes on from what the ones before it have finished."""
    rows = []
    page = GatedPage()
    page.shut()
    with Lives(tmp_path) as lives, page.served() as url:
        async with lives.client() as client:
            task = await client.create_task(COMPLETE, url, retry_policy=attempts(len(KILLS) + 1))
            async with watched(client, task.id) as watcher, asyncio.timeout(END_SECONDS):
                for number, kill in enumerate(KILLS, 1):
                    last = await reach(client, task.id, kill.seen, number)
                    ran = len(lives.server.started())
                    lives.kill()
                    page.gate.set()
                    gone = f"{await lives.orphans_gone():.1f}" if kill.wait else "by the next server"
                    seconds = lives.again()
                    now = await client.get_task(task.id)
                    assert now.sequence >= last.sequence, "what a watcher has seen is durable"
                    assert now.attempts[number - 1].error.reason == task_pb2.FAILURE_REASON_WORKER_LOST
                    rows.append((kill.name, ran, gone, f"{seconds:.1f}"))
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    tables.add(
        "kill -9 of the server in every phase of one task",
        ["killed while", "processes then", "gone after seconds", "next server listens after seconds"],
        [*rows, (f"in all {len(read.lives)} attempts, {followed.verdict}", "", "", f"{followed.seconds:.0f}")],
    )
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    assert once_each(followed)
    assert followed.events == read.events
    assert read.failures == ["WORKER_LOST"] * len(KILLS) + [""]
    assert [life.phases[-1] for life in read.lives] == [1, 2, 2, 2, 3, 3, 3, 4, 4, 6]
    assert len(read.tests) == 1, "nothing is told of runs that were lost in their first test"


async def test_while_queued(tmp_path: Path, tables: Tables) -> None:
    """Tasks that wait keep their order; the one before them is ended by its caller after the restart."""
    page = GatedPage()
    page.shut()
    with Lives(tmp_path) as lives, page.served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, SUITE, tmp_path / "suite")
            first = await client.create_task(RUN, url, session_id=session)
            await reach(client, first.id, says("Looking whether"))
            waiting = [await client.create_task(RUN, url, session_id=session) for _ in range(3)]
            lives.kill()
            lives.again()
            places = [(await client.get_task(task.id)).status for task in waiting]
            assert places == [task_pb2.TASK_STATUS_PENDING] * 3
            await reach(client, first.id, says("Looking whether"), 2)
            await client.cancel_task(first.id, reason="enough")
            page.gate.set()
            seen = []
            for task in (first, *waiting):
                assert (await client.wait_task(task.id, timeout=60)).met
                seen.append(await read_whole(lives.server, client, task.id))
            assert_settled(lives.server)
    assert [read.failures for read in seen] == [["WORKER_LOST", ""], [""], [""], [""]]
    assert seen[0].task.status == task_pb2.TASK_STATUS_CANCELLED
    assert {read.task.result.verdict for read in seen[1:]} == {1}
    starts = [read.task.start_time.ToNanoseconds() for read in seen]
    assert starts == sorted(starts), "in the order in which they came"
    tables.add("kill -9 of the server while tasks are queued", ["waiting", "done in order"], [(3, "yes")])


@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "after-a-while"])
async def test_in_the_middle_of_a_run(at_once: bool, tmp_path: Path, tables: Tables) -> None:
    """Also when whoever stands over the processes is stopped, and cannot clear up."""
    with Lives(tmp_path) as lives, GatedPage().served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, SUITE, tmp_path / "suite")
            task = await client.create_task(
                RUN, url, session_id=session, run=task_pb2.TestRunOptions(workers=1), retry_policy=attempts(2)
            )
            async with watched(client, task.id) as watcher:
                await reach(client, task.id, has("test"))
                started = lives.server.started()
                if at_once:
                    for process in psutil.Process(lives.server.pid).children():
                        os.kill(process.pid, signal.SIGSTOP)
                lives.kill()
                gone = "by the next server" if at_once else f"{await lives.orphans_gone():.1f}"
                hidden = [path for path in half_done(lives.server.workspaces / session) if path.exists()]
                assert hidden, "what the run was writing is marked"
                lives.again()
                assert not set(started) & set(lives.server.started()), "every process of the dead server is gone"
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    assert once_each(followed)
    assert read.failures == ["WORKER_LOST", ""]
    assert read.task.result.summary.total == 3
    how = "its supervisors stopped" if at_once else "nothing else touched"
    tables.add(f"kill -9 of the server in a run, {how}", ["processes", "gone after"], [(len(started), gone)])


async def test_while_collecting(tmp_path: Path, tables: Tables) -> None:
    """The run is finished then, and is not done again."""
    with Lives(tmp_path) as lives, GatedPage().served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, SUITE, tmp_path / "suite")
            task = await client.create_task(RUN, url, session_id=session, retry_policy=attempts(2))
            async with watched(client, task.id) as watcher:
                await reach(client, task.id, lambda event: event.progress.completed == 3)
                stop_in_phase(lives.server, task.id, 2)
                lives.kill()
                lives.again()
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    assert once_each(followed)
    assert read.failures == ["WORKER_LOST", ""]
    assert RUNNING_TESTS not in read.lives[1].phases
    assert len(read.tests) == 3
    assert read.task.result.report_artifact_id
    tables.add("kill -9 of the server while collecting", ["attempts", "runs of the suite"], [(2, 1)])


async def test_while_cancelling(tmp_path: Path, tables: Tables) -> None:
    """What was to be stopped is stopped, and says why."""
    with Lives(tmp_path) as lives, GatedPage().served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, ENDLESS, tmp_path / "suite")
            task = await client.create_task(RUN, url, session_id=session)
            async with watched(client, task.id) as watcher:
                await reach(client, task.id, says("blocked"))
                await client.cancel_task(task.id, reason="enough", grace_period=300)
                await reach(client, task.id, says("ending"))
                lives.kill()
                lives.again()
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    assert followed.verdict.startswith("CANCELLED")
    assert once_each(followed)
    assert read.task.cancellation.reason == "enough"
    assert read.failures == [""]
    tables.add("kill -9 of the server while cancelling", ["ends as"], [("CANCELLED",)])


async def test_without_another_attempt(tmp_path: Path, tables: Tables) -> None:
    """A task that may be tried once is FAILED, and can be retried by its caller."""
    with Lives(tmp_path) as lives, GatedPage().served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, SUITE, tmp_path / "suite")
            task = await client.create_task(RUN, url, session_id=session, retry_policy=attempts(1))
            async with watched(client, task.id) as watcher:
                await reach(client, task.id, has("test"))
                lives.kill()
                lives.again()
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            retried = await client.retry_task(task.id)
            assert (await client.wait_task(retried.id, timeout=60)).met
            again = await read_whole(lives.server, client, retried.id)
            assert_settled(lives.server)
    assert followed.verdict == "FAILED WORKER_LOST"
    assert once_each(followed)
    assert read.task.error.phase == RUNNING_TESTS
    assert read.task.error.retryable
    assert again.task.result.verdict == 1
    tables.add("kill -9 of the server, one attempt allowed", ["ends as"], [(followed.verdict,)])
