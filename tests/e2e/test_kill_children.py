"""Explorer, runner, browser and their supervisors, killed or stopped: the attempt fails, and the next one
goes on. None of it is ever told as a failed test, or as a fault of the app."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from agent_runtime.v1 import event_pb2, task_pb2
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled, read_whole
from tests.e2e.lives import (
    REACH_SECONDS,
    SUITE,
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
SILENCE_SECONDS = 15.0
"""How long those that are stopped may say nothing here; signs of life come every five seconds."""
Find = Callable[[list[str]], bool]

pytestmark = pytest.mark.timeout(600)


def explorer(command: list[str]) -> bool:
    return "agent_runtime_server.adapters.explorer" in command


def browser(command: list[str]) -> bool:
    """The browser itself: neither one of its own processes, nor the script that some systems start it with."""
    is_part = any(part.startswith("--type=") for part in command)
    return "--headless" in command and not is_part and not command[0].endswith("/sh")


def runner(command: list[str]) -> bool:
    return any(part.endswith("@playwright/test/cli.js") for part in command)


def worker(command: list[str]) -> bool:
    """The process in which the tests are: the kernel's choice when memory runs out."""
    return any(part.endswith("worker/workerProcessEntry.js") for part in command)


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
PLANNING = begins(task_pb2.TASK_PHASE_PLANNING)
GENERATING = begins(task_pb2.TASK_PHASE_GENERATING_TESTS)
RUNNING = begins(task_pb2.TASK_PHASE_RUNNING_TESTS)
KILLS = (
    Kill("the explorer, planning", OPENING, explorer, "AGENT_ERROR", in_use=True),
    Kill("its browser, planning", OPENING, browser, "AGENT_ERROR", in_use=True),
    Kill("its supervisor, planning", OPENING, supervisor, "AGENT_ERROR", in_use=True),
    Kill("the explorer, generating", GENERATING, explorer, "AGENT_ERROR"),
    Kill("the runner, generating", TRYING, runner, "RUNNER_CRASHED", in_use=True),
    Kill("its browser, generating", TRYING, browser, "RUNNER_CRASHED", in_use=True),
    Kill("the runner, running", RUNNING, runner, "RUNNER_CRASHED", in_use=True),
    Kill("its worker, running", RUNNING, worker, "RUNNER_CRASHED", in_use=True),
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
                    error = ended.attempt_change.error
                    assert error.retryable, f"{kill.name}: {error}"
                    rows.append((kill.name, error.status.message.splitlines()[0]))
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    tables.add("kill -9 of what the server has started, in every phase of one task", ["killed", "told as"], rows)
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    assert once_each(followed)
    assert read.failures == [*(kill.failure for kill in KILLS), ""]


async def test_browsers_as_they_start(tmp_path: Path, tables: Tables) -> None:
    """Nothing has been asked of them yet; a test that waits for its browser says nothing about the app."""
    phases = {"planning": PLANNING, "generating": TRYING, "running": RUNNING}
    with Lives(tmp_path) as lives, GatedPage().served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            task = await client.create_task(COMPLETE, url, retry_policy=attempts(len(phases) + 1))
            async with watched(client, task.id) as watcher:
                for number, seen in enumerate(phases.values(), 1):
                    await reach(client, task.id, seen, number)
                    (await _found(lives.server, browser)).kill()
                    await reach(client, task.id, _end_of_attempt, number)
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
    told = [attempt.error.status.message.splitlines()[0] for attempt in read.task.attempts if attempt.HasField("error")]
    assert read.failures == ["AGENT_ERROR", "RUNNER_CRASHED", "RUNNER_CRASHED", ""]
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    tables.add("kill -9 of a browser as it starts", ["phase", "told as"], list(zip(phases, told, strict=True)))


@pytest.mark.parametrize(
    ("kind", "seen", "victim", "reason"),
    [
        (task_pb2.TASK_TYPE_PLAN, OPENING, explorer, "AGENT_ERROR"),
        (RUN, RUNNING, runner, "RUNNER_CRASHED"),
    ],
    ids=["explorer", "runner"],
)
async def test_stopped(
    kind: task_pb2.TaskType.ValueType, seen: Seen, victim: Find, reason: str, tmp_path: Path, tables: Tables
) -> None:
    """SIGSTOP: it lives and says nothing. It counts as stuck after a while, and is killed."""
    page = GatedPage()
    quick = {"driver_silence_seconds": SILENCE_SECONDS, "runner_silence_seconds": SILENCE_SECONDS}
    with Lives(tmp_path, **quick) as lives, page.served() as url:
        async with lives.client() as client, asyncio.timeout(END_SECONDS):
            session = await upload(client, SUITE, tmp_path / "suite")
            task = await client.create_task(kind, url, session_id=session, retry_policy=attempts(2))
            async with watched(client, task.id) as watcher:
                await reach(client, task.id, seen)
                page.shut()
                await asyncio.to_thread(page.knocked.wait, REACH_SECONDS)
                stopped = await _found(lives.server, victim)
                stopped.send_signal(signal.SIGSTOP)
                page.gate.set()
                began = time.monotonic()
                await reach(client, task.id, _end_of_attempt)
                seconds = time.monotonic() - began
                followed = await watcher
            read = await read_whole(lives.server, client, task.id)
            assert_settled(lives.server)
            assert not stopped.is_running()
    assert followed.task.status == task_pb2.TASK_STATUS_COMPLETED, followed.trouble()
    assert read.failures == [reason, ""]
    assert "said nothing for" in read.task.attempts[0].error.status.message
    header = ["allowed silence, seconds", "given up after seconds"]
    tables.add(f"SIGSTOP of the {victim.__name__}", header, [(SILENCE_SECONDS, f"{seconds:.0f}")])


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
