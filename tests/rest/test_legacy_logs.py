"""What the old routes tell of a task's log: the newest lines, all lines, and the runs of agents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from agent_runtime.v1 import event_pb2, task_pb2
from agent_runtime_server.domain.agent import AgentMessage
from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.task import Failure, FailureReason, Phase
from agent_runtime_server.ports import Emit, PhaseJob, PhaseReport
from agent_runtime_server.rest.legacy import history, log_lines, logs
from agent_runtime_server.rest.legacy.history import Histories
from agent_runtime_server.rest.legacy.log_lines import AgentRuns
from agent_runtime_server.rest.upstream import Upstream
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.script import Script
from tests.orchestrator.support import NOW
from tests.rest.legacy_shapes import LOGS, check
from tests.rest.support import PATIENCE, answer, door
from tests.rest.test_legacy_tasks import ended, make, read
from tests.rpc.support import driver_of


def said(text: str, level: LogLevel = LogLevel.INFO, source: LogSource = LogSource.AGENT) -> LogEntry:
    return LogEntry(NOW, level, source, text)


def lines(count: int, start: int = 0) -> list[Fact]:
    return [said(f"line {number}") for number in range(start, start + count)]


class Halting(ScriptedDriver):
    """Tells some facts, and more when it is told to go on."""

    def __init__(self, *parts: Sequence[Fact]) -> None:
        super().__init__({}, name="explorer")
        self.parts = list(parts)
        self.go_on = asyncio.Event()

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        for facts in self.parts:
            for fact in facts:
                emit(fact)
            await self.go_on.wait()
            self.go_on.clear()
        return PhaseReport()


async def test_a_task_has_its_newest_lines_and_its_log_has_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (history, logs):
        monkeypatch.setattr(module, "PAGE", 1)
    long: list[Fact] = [said(f"line {number} {'.' * 100}") for number in range(2500)]
    async with door(tmp_path, driver_of(plan=Script(facts=long))) as at:
        task = await ended(at, (await make(at))["id"])
        expected = [f"[00:00:00] line {number} {'.' * 100}" for number in range(2500)]
        assert task["debug_logs"] == expected[-1000:]
        told = answer(await at.http.get(f"/tasks/{task['id']}/logs"))
        check(told, LOGS)
        assert told["task_id"] == task["id"]
        assert told["debug_logs"] == expected
        assert (told["total_debug_entries"], told["total_log_entries"]) == (2500, 1)
        assert told["logs"] == task["logs"]


async def test_readers_of_one_task_may_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE", 1)
    async with door(tmp_path, driver_of(plan=Script(facts=lines(3)))) as at:
        task = await at.line.done((await make(at))["id"])
        histories = Histories(Upstream(at.line.app.calls, PATIENCE))
        for known in await asyncio.gather(*(histories.of(task) for _ in range(5))):
            assert list(known.lines) == [f"[00:00:00] line {number}" for number in range(3)]
            assert len(known.runs.shapes(task)) == 1


async def test_lines_of_a_task_that_goes_on_come_once(tmp_path: Path) -> None:
    driver = Halting(lines(1), lines(1, 1), lines(1, 2))
    async with door(tmp_path, driver) as at:
        made = await make(at)
        for count in (1, 2, 3):
            async with asyncio.timeout(PATIENCE):
                while len((task := await read(at, made["id"]))["debug_logs"]) < count:
                    assert task["logs"] == [], "of a run that has not ended"
            assert task["debug_logs"] == [f"[00:00:00] line {number}" for number in range(count)]
            assert answer(await at.http.get(f"/tasks/{made['id']}/logs"))["debug_logs"] == task["debug_logs"]
            driver.go_on.set()
        both = await asyncio.gather(ended(at, made["id"]), ended(at, made["id"]))
        for task in both:
            assert len(task["debug_logs"]) == 3
            assert [entry["exit_code"] for entry in task["logs"]] == [0]


async def test_a_task_that_nobody_has_worked_on_has_no_log(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(blocks=True)), slots=1) as at:
        await make(at)
        waiting = await read(at, (await make(at))["id"])
        assert (waiting["status"], waiting["logs"], waiting["debug_logs"]) == ("pending", [], [])
        assert answer(await at.http.get(f"/tasks/{waiting['id']}/logs")) == {
            "task_id": waiting["id"],
            "logs": [],
            "debug_logs": [],
            "total_log_entries": 0,
            "total_debug_entries": 0,
        }


async def test_a_run_tells_what_its_agent_said(tmp_path: Path) -> None:
    facts: list[Fact] = [
        said("exploring"),
        said("a slow page", LogLevel.WARNING),
        said("of no agent", source=LogSource.RUNTIME),
        AgentMessage("m1", "planner", "Well, ", reasoning=True, final=True),
        AgentMessage("m2", "planner", "I have a plan.", reasoning=False, final=True),
    ]
    failure = Failure(FailureReason.NOTHING_GENERATED, "no test survived", Phase.PLANNING)
    driver = ScriptedDriver({PhaseKind.PLAN: Script(facts)}, {PhaseKind.PLAN: PhaseReport(failure)}, name="explorer")
    async with door(tmp_path, driver) as at:
        task = await ended(at, (await make(at))["id"])
        assert task["logs"] == [
            {
                "agent": "planner",
                "model": "",
                "command": "explorer",
                "working_directory": "",
                "auth_file": "",
                "exit_code": 1,
                "stdout": "exploring\nI have a plan.\n",
                "stderr": "a slow page\nno test survived\n",
            }
        ]


class CountedUpstream(Upstream):
    calls = 0

    async def call(self, method: str, request: Message, *, deadline: float | None = None) -> Any:
        self.calls += 1
        return await super().call(method, request, deadline=deadline)


async def test_what_is_kept_is_bounded_and_what_is_known_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_TASKS_KEPT", 2)
    monkeypatch.setattr(history, "_MOST_CHARACTERS", 100)
    monkeypatch.setattr(history, "_MOST_EVENTS", 10)
    async with door(tmp_path, driver_of(plan=Script(facts=lines(50)))) as at:
        tasks = [await at.line.done((await make(at))["id"]) for _ in range(3)]
        upstream = CountedUpstream(at.line.app.calls, PATIENCE)
        histories = Histories(upstream)

        async def calls(task: task_pb2.Task) -> int:
            before = upstream.calls
            known = await histories.of(task)
            assert list(known.lines) == [f"[00:00:00] line {number}" for number in range(45, 50)]
            return upstream.calls - before

        first, second, third = tasks
        assert [await calls(task) for task in (first, second, first, second)] == [1, 1, 0, 0]
        assert [await calls(task) for task in (third, second, first)] == [1, 0, 1]
        monkeypatch.setattr(history, "_CHARACTERS_KEPT", 100)
        assert [await calls(task) for task in (second, third, third, second)] == [0, 1, 0, 1]


def change(phase: task_pb2.TaskPhase.ValueType, attempt: int = 1) -> event_pb2.TaskEvent:
    return event_pb2.TaskEvent(attempt=attempt, phase=phase, phase_change=event_pb2.PhaseChange(new_phase=phase))


def end(attempt: int = 1, **fields: Any) -> event_pb2.TaskEvent:
    ending = task_pb2.TaskAttempt(number=attempt, **fields)
    ending.end_time.GetCurrentTime()
    return event_pb2.TaskEvent(attempt=attempt, attempt_change=ending)


def runs_of(*events: event_pb2.TaskEvent) -> list[tuple[str, int, str]]:
    runs = AgentRuns()
    for event in events:
        runs.take(event)
    return [(run["agent"], run["exit_code"], run["stderr"]) for run in runs.shapes(task_pb2.Task())]


def test_a_run_ends_with_its_phase() -> None:
    again = change(task_pb2.TASK_PHASE_PLANNING)
    assert runs_of(change(task_pb2.TASK_PHASE_PREPARING), change(task_pb2.TASK_PHASE_PLANNING), again) == []
    assert runs_of(again, change(task_pb2.TASK_PHASE_GENERATING_TESTS), change(task_pb2.TASK_PHASE_RUNNING_TESTS)) == [
        ("planner", 0, ""),
        ("generator", 0, ""),
    ]
    assert runs_of(change(task_pb2.TASK_PHASE_FIXING_TESTS), change(task_pb2.TASK_PHASE_CUSTOM), end()) == [
        ("fixer", 0, ""),
        ("custom", 1, ""),
    ]


def test_an_attempt_that_breaks_leaves_its_own_runs_failed() -> None:
    error = task_pb2.TaskError(phase=task_pb2.TASK_PHASE_PLANNING)
    error.status.message = "the agent was killed"
    planning, collecting = task_pb2.TASK_PHASE_PLANNING, task_pb2.TASK_PHASE_COLLECTING
    assert runs_of(change(planning), end(error=error), change(planning, 2), change(collecting, 2), end(2)) == [
        ("planner", 1, "the agent was killed\n"),
        ("planner", 0, ""),
    ]


def test_output_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "_MOST_CHARACTERS", 12)
    runs = AgentRuns()
    runs.take(change(task_pb2.TASK_PHASE_PLANNING))
    for text in ("one", "two", "three", "x" * 100):
        entry = event_pb2.LogEntry(source=event_pb2.LOG_SOURCE_AGENT, message=text)
        runs.take(event_pb2.TaskEvent(log=event_pb2.LogChunk(entries=[entry])))
        assert runs.size <= 12
    runs.take(change(task_pb2.TASK_PHASE_COLLECTING))
    assert [run["stdout"] for run in runs.shapes(task_pb2.Task())] == ["x" * 11 + "\n"]
