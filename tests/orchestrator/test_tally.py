"""What the tally counts, and what it leaves out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent_runtime_server.domain.task import Status, Task, TaskSpec, TaskType
from agent_runtime_server.domain.usage import ModelUsage
from agent_runtime_server.orchestrator.tally import Tally

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TASK = Task("t1", TaskSpec(TaskType.PLAN, "http://app.test/", "t1", "explorer"), NOW, NOW)


def ended(status: Status, seconds: float) -> Task:
    return replace(TASK, status=status, start_time=NOW, end_time=NOW + timedelta(seconds=seconds))


def test_runs_are_told_apart_by_type_and_end() -> None:
    tally = Tally()
    for task in (ended(Status.COMPLETED, 2), ended(Status.COMPLETED, 9000), ended(Status.FAILED, 1)):
        tally.ended(task)
    tally.ended(replace(TASK, status=Status.PENDING, start_time=NOW))
    completed = tally.runs.pop((TaskType.PLAN, Status.COMPLETED))
    failed = tally.runs.pop((TaskType.PLAN, Status.FAILED))
    assert not tally.runs, "a task that is to be tried again has not ended"
    assert completed.total == 9002
    assert [bound for bound, count in zip((*completed.bounds, "more"), completed.counts, strict=True) if count] == [
        2.5,
        "more",
    ]
    assert failed.counts[0] == 1, "a bound includes its value"


def test_calls_of_models_are_told_and_added_up() -> None:
    tally, facts = Tally(), list[object]()
    used = tally.counting(facts.append)
    calls = [ModelUsage("a/b", 100, 20, requests=1, cost=5), ModelUsage("a/b", 1, 2, requests=1, cost=6)]
    for call in calls:
        used(call)
    assert facts == calls
    assert tally.usage.models == (ModelUsage("a/b", 101, 22, requests=2, cost=11),)
