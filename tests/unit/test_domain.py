from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent_runtime_server.domain.event import Event, PhaseChanged, StatusChanged, fold
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, pipeline
from agent_runtime_server.domain.results import Finding, FindingKind, Severity, TestSummary, Verdict
from agent_runtime_server.domain.status import MOVES, IllegalMove, move
from agent_runtime_server.domain.task import (
    FINAL,
    Checkpoint,
    Failure,
    FailureReason,
    Phase,
    Progress,
    RepairOptions,
    Status,
    Task,
    TaskSpec,
    TaskType,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = TaskSpec(TaskType.COMPLETE, "http://app.test/", "s", "explorer")
TASK = Task("t", SPEC, NOW, NOW)


@pytest.mark.parametrize("old", list(Status))
@pytest.mark.parametrize("new", list(Status))
def test_only_moves_of_the_table_are_allowed(old: Status, new: Status) -> None:
    if new in MOVES[old]:
        assert move(old, new) is new
    else:
        with pytest.raises(IllegalMove):
            move(old, new)


def test_final_is_absorbing() -> None:
    assert all(not MOVES[status] for status in FINAL)
    assert all(MOVES[status] for status in set(Status) - FINAL)


def test_a_phase_change_forgets_the_progress_of_the_phase_before() -> None:
    running = replace(TASK, phase=Phase.PLANNING, progress=Progress(1, 2, "page"))
    same = fold(running, Event("t", NOW, PhaseChanged(Phase.PLANNING, Phase.PLANNING, "next page")))
    other = fold(running, Event("t", NOW, PhaseChanged(Phase.PLANNING, Phase.RUNNING_TESTS)))
    assert (same.progress, same.activity) == (Progress(1, 2, "page"), "next page")
    assert (other.progress, other.phase) == (None, Phase.RUNNING_TESTS)


def test_findings_gather_in_the_result_and_a_failure_is_kept() -> None:
    finding = Finding("f", FindingKind.BROKEN_LINK, Severity.LOW, "/x", "gone")
    task = fold(fold(TASK, Event("t", NOW, finding)), Event("t", NOW, replace(finding, id="g")))
    assert [found.id for found in task.result.findings] == ["f", "g"]
    failure = Failure(FailureReason.AGENT_ERROR, "broke")
    failed = fold(task, Event("t", NOW, StatusChanged(Status.RUNNING, Status.FAILED, "broke", failure)))
    assert (failed.status, failed.failure) == (Status.FAILED, failure)


class Recording:
    """A PipelineContext that answers from a table."""

    def __init__(self, results: dict[PhaseKind, PhaseResult]) -> None:
        self.results = results
        self.seen: list[tuple[int, PhaseKind]] = []

    async def run_phase(self, number: int, kind: PhaseKind, inputs: PhaseInputs) -> PhaseResult:
        self.seen.append((number, kind))
        return self.results.get(kind, PhaseResult())


async def test_complete_plans_generates_runs_and_collects() -> None:
    summary = TestSummary(total=2, expected=1, unexpected=1, duration=timedelta(seconds=3))
    context = Recording({PhaseKind.RUN: PhaseResult(summary=summary, summary_markdown="ran")})
    outcome = await pipeline(context, SPEC, Checkpoint())
    assert [kind for _, kind in context.seen] == [
        PhaseKind.PREPARE,
        PhaseKind.PLAN,
        PhaseKind.GENERATE,
        PhaseKind.RUN,
        PhaseKind.COLLECT,
    ]
    assert [number for number, _ in context.seen] == [0, 1, 2, 3, 4]
    assert outcome.failure is None, "failing tests are a verdict"
    assert (outcome.result.verdict, outcome.result.summary_markdown) == (Verdict.FAILED, "ran")


async def test_a_failed_phase_skips_the_rest_but_collects() -> None:
    failure = Failure(FailureReason.NOTHING_GENERATED, "none")
    context = Recording({PhaseKind.GENERATE: PhaseResult(failure=failure, summary_markdown="why")})
    outcome = await pipeline(context, SPEC, Checkpoint())
    assert [kind for _, kind in context.seen][-2:] == [PhaseKind.GENERATE, PhaseKind.COLLECT]
    assert (outcome.failure, outcome.result.summary_markdown, outcome.result.verdict) == (failure, "why", None)


async def test_tests_that_were_written_and_tests_that_were_changed_are_all_told() -> None:
    context = Recording(
        {
            PhaseKind.GENERATE: PhaseResult(test_paths=("tests/a.spec.ts", "tests/b.spec.ts")),
            PhaseKind.FIX: PhaseResult(test_paths=("tests/b.spec.ts", "tests/c.spec.ts")),
        }
    )
    outcome = await pipeline(context, replace(SPEC, repair=RepairOptions(max_rounds=1)), Checkpoint())
    assert outcome.result.test_paths == ("tests/a.spec.ts", "tests/b.spec.ts", "tests/c.spec.ts")


async def test_a_task_that_runs_no_tests_says_so() -> None:
    outcome = await pipeline(Recording({}), replace(SPEC, task_type=TaskType.PLAN), Checkpoint())
    assert outcome.result.verdict is Verdict.NO_TESTS


@pytest.mark.parametrize(
    ("summary", "verdict"),
    [
        (TestSummary(total=1, expected=1), Verdict.PASSED),
        (TestSummary(total=2, expected=1, flaky=1), Verdict.FLAKY),
        (TestSummary(total=3, expected=1, flaky=1, unexpected=1), Verdict.FAILED),
        (TestSummary(total=1, skipped=1), Verdict.NO_TESTS),
    ],
)
def test_verdicts(summary: TestSummary, verdict: Verdict) -> None:
    assert summary.verdict is verdict
