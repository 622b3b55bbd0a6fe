"""Explorer, runner, compiler, browser and their supervisors, killed or stopped: the attempt fails, and the next one
goes on. None of it is ever told as a failed test, or as a fault of the app."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from agent_runtime.v1 import event_pb2, task_pb2
from agent_runtime_server.adapters.explorer.driver import SILENCE_SECONDS
from tests.contract.runner_fixtures import IMPORT
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled, read_whole
from tests.e2e.lives import (
    REACH_SECONDS,
    GatedPage,
    Lives,
    Seen,
    attempts,
    once_each,
    reach,
    says,
    upload,
    watched,
)
from tests.line.support import COMPLETE, RUN, Server

END_SECONDS = 420.0
Find = Callable[[list[str]], bool]

pytestmark = pytest.mark.timeout(600)


def explorer(command: list[str]) -> bool:
    return "agent_runtime_server.adapters.explorer" in command


def browser(command: list[str]) -> bool:
    return "--headless" in command and not any(part.startswith("--type=") for part in command)


def runner(command: list[str]) -> bool:
    return any(part.endswith("@playwright/test/cli.js") for part in command)


def compiler(command: list[str]) -> bool:
    return any(part.endswith("typescript/bin/tsc") for part in command)


def supervisor(command: list[str]) -> bool:
    return any(part.endswith("processes/supervisor.py") for part in command)


def begins(phase: task_pb2.TaskPhase.ValueType) -> Seen:
    """The beginning of a phase."""

    def look(event: event_pb2.TaskEvent) -> bool:
        change = event.phase_change
        return change.new_phase == phase != change.old_phase

    return look


@dataclass(frozen=True)
class Kill:
    """Who is killed, and when."""

    name: str
    seen: Seen
    victim: Find
    failure: str
    in_use: bool = False
    """Once it waits for the app, which does not answer until it is dead."""


OPENING, TRYING = says("Opening "), says("Checking that the tests are steady")
GENERATING = begins(task_pb2.TASK_PHASE_GENERATING_TESTS)
RUNNING = begins(task_pb2.TASK_PHASE_RUNNING_TESTS)
KILLS = (
    Kill("the explorer, planning", OPENING, explorer, "AGENT_ERROR", in_use=True),
    Kill("its browser, planning", OPENING, browser, "AGENT_ERROR", in_use=True),
    Kill("its supervisor, planning", OPENING, supervisor, "AGENT_ERROR", in_use=True),
    Kill("the explorer, generating", GENERATING, explorer, "AGENT_ERROR"),
    Kill("the compiler, generating", GENERATING, compiler, "RUNNER_CRASHED"),
    Kill("the runner, generating", TRYING, runner, "RUNNER_CRASHED", in_use=True),
    Kill("its browser, generating", TRYING, browser, "RUNNER_CRASHED", in_use=True),
    Kill("the runner, running", RUNNING, runner, "RUNNER_CRASHED", in_use=True),
    Kill("its browser, running", RUNNING, browser, "RUNNER_CRASHED", in_use=True),
)


async def test_in_every_phase_of_one_task(tmp_path: Path, tables: Tables) -> None:
    page = GatedPage()
    rows = []
    with Lives(tmp_path) as lives, page.served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            task = await client.create_task(COMPLETE, url, retry_policy=attempts(len(KILLS) + 1))
            async with watched(client, task.id) as watcher:
                for number, kill in enumerate(KILLS, 1):
                    await reach(client, task.id, kill.seen, number)
                    if kill.in_use:
                        page.shut()
                        await asyncio.to_thread(page.knocked.wait, REACH_SECONDS)
                    victim = await _found(lives.server, kill.victim)
                    victim.kill()
                    page.gate.set()
                    ended = await reach(client, task.id, _end_of_attempt, number)
                    rows.append((kill.name, ended.attempt_change.error.status.message.splitlines()[0]))
                    assert ended.attempt_change.error.retryable, rows[-1]
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    tables.add("kill -9 of what the server has started, in every phase of one task", ["killed", "told as"], rows)
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    assert once_each(followed)
    assert read.failures == [*(kill.failure for kill in KILLS), ""]


@pytest.mark.parametrize("phase", ["generating", "running"])
async def test_a_browser_as_it_starts(phase: str, tmp_path: Path, tables: Tables) -> None:
    """Nothing has been asked of it yet; the test that waits for it says nothing about the app."""
    with Lives(tmp_path) as lives, GatedPage().served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            task = await client.create_task(COMPLETE, url, retry_policy=attempts(2))
            await reach(client, task.id, {"generating": TRYING, "running": RUNNING}[phase])
            (await _found(lives.server, browser)).kill()
            async with watched(client, task.id) as watcher:
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    assert read.failures == ["RUNNER_CRASHED", ""]
    tables.add(f"kill -9 of a browser as it starts, {phase}", ["then"], [(followed.verdict,)])


@pytest.mark.timeout(SILENCE_SECONDS + END_SECONDS)
async def test_a_stopped_explorer(tmp_path: Path, tables: Tables) -> None:
    """SIGSTOP: it lives and says nothing. It counts as stuck after a while, and is killed."""
    page = GatedPage()
    with Lives(tmp_path) as lives, page.served() as url:
        async with lives.client() as client, asyncio.timeout(SILENCE_SECONDS + 200):
            task = await client.create_task(task_pb2.TASK_TYPE_PLAN, url, retry_policy=attempts(2))
            async with watched(client, task.id) as watcher:
                await reach(client, task.id, OPENING)
                page.shut()
                await asyncio.to_thread(page.knocked.wait, REACH_SECONDS)
                victim = await _found(lives.server, explorer)
                victim.send_signal(signal.SIGSTOP)
                page.gate.set()
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
            assert not victim.is_running()
    assert followed.verdict == "COMPLETED NO_TESTS", followed.trouble()
    assert read.failures == ["AGENT_ERROR", ""]
    assert "said nothing for" in read.task.attempts[0].error.status.message
    tables.add("SIGSTOP of the explorer", ["killed after seconds of silence"], [(f"{SILENCE_SECONDS:.0f}",)])


async def test_a_worker_of_the_runner(tmp_path: Path, tables: Tables) -> None:
    """The process in which the tests are: the kernel's choice when memory runs out."""
    suite = {
        "tests/a.spec.ts": IMPORT + "test('a', async ({ page }) => { await page.goto('/'); });",
        "tests/b.spec.ts": IMPORT + "test('b', async ({ page }) => { await page.goto('/'); });",
    }
    page = GatedPage()
    with Lives(tmp_path) as lives, page.served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, suite, tmp_path / "suite")
            task = await client.create_task(RUN, url, session_id=session, retry_policy=attempts(2))
            await reach(client, task.id, RUNNING)
            page.shut()
            await asyncio.to_thread(page.knocked.wait, REACH_SECONDS)
            parent = (await _found(lives.server, browser)).parent()
            assert parent is not None
            parent.kill()
            page.gate.set()
            async with watched(client, task.id) as watcher:
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    assert read.failures == ["RUNNER_CRASHED", ""]
    tables.add("kill -9 of the runner's worker", ["then"], [(followed.verdict,)])


def _end_of_attempt(event: event_pb2.TaskEvent) -> bool:
    return event.HasField("attempt_change") and event.attempt_change.HasField("end_time")


async def _found(running: Server, wanted: Find) -> psutil.Process:
    """The first process like that, as soon as there is one."""
    async with asyncio.timeout(REACH_SECONDS):
        while True:
            for process in psutil.Process(running.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if wanted(process.cmdline()):
                        return process
            await asyncio.sleep(0.005)
