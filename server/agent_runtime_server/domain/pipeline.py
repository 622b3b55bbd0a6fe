"""The pipeline: which phases a task goes through. Deterministic; all effects are behind ``PipelineContext``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from agent_runtime_server.domain.results import Repair, TestSummary, Verdict
from agent_runtime_server.domain.task import Checkpoint, Failure, Phase, TaskResult, TaskSpec, TaskType


class PhaseKind(Enum):
    """What a phase does."""

    PREPARE = Phase.PREPARING
    PLAN = Phase.PLANNING
    GENERATE = Phase.GENERATING_TESTS
    RUN = Phase.RUNNING_TESTS
    FIX = Phase.FIXING_TESTS
    CUSTOM = Phase.CUSTOM
    COLLECT = Phase.COLLECTING


@dataclass(frozen=True, slots=True)
class PhaseInputs:
    """What earlier phases of the task leave to this one."""

    result: TaskResult = TaskResult()


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """What a phase brought; with a ``failure`` it could not do its work."""

    failure: Failure | None = None
    summary_markdown: str = ""
    plan_artifact_id: str = ""
    report_artifact_id: str = ""
    test_paths: tuple[str, ...] = ()
    summary: TestSummary | None = None
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """How a task ends, unless it is cancelled."""

    result: TaskResult
    failure: Failure | None = None


class PipelineContext(Protocol):
    """All that the pipeline ever sees of the world."""

    async def run_phase(self, number: int, kind: PhaseKind, inputs: PhaseInputs) -> PhaseResult:
        """Carry out one phase. Failures of the work are in the result; exceptions end the pipeline."""
        ...


WORK: dict[TaskType, tuple[PhaseKind, ...]] = {
    TaskType.COMPLETE: (PhaseKind.PLAN, PhaseKind.GENERATE, PhaseKind.RUN),
    TaskType.PLAN: (PhaseKind.PLAN,),
    TaskType.GENERATE: (PhaseKind.GENERATE,),
    TaskType.RUN: (PhaseKind.RUN,),
    TaskType.FIX: (PhaseKind.FIX,),
    TaskType.CUSTOM: (PhaseKind.CUSTOM,),
}
_FIX_ROUNDS = 3


def repair_rounds(spec: TaskSpec) -> int:
    """Most repair rounds of a task."""
    return spec.repair.max_rounds or (_FIX_ROUNDS if spec.task_type is TaskType.FIX else 0)


def work_of(spec: TaskSpec) -> tuple[PhaseKind, ...]:
    """The working phases of a task, from the one it starts with."""
    work = WORK[spec.task_type]
    if spec.task_type is TaskType.COMPLETE and repair_rounds(spec):
        work = (*work, PhaseKind.FIX)
    start = work.index(PhaseKind(spec.from_phase)) if spec.from_phase else 0
    return work[start:]


async def pipeline(ctx: PipelineContext, spec: TaskSpec, begun: Checkpoint) -> TaskOutcome:
    """Carry out a task: prepare, work, and collect what there is, also after a failure.

    Phases that an earlier attempt has finished are not done again, but for the preparation.
    """
    result = begun.result
    failure: Failure | None = None
    phases = (PhaseKind.PREPARE, *work_of(spec))
    for number, kind in enumerate(phases):
        if 0 < number < begun.phases:
            continue
        report = await ctx.run_phase(number, kind, PhaseInputs(result))
        result = merged(result, report)
        if report.failure is not None:
            failure = report.failure
            break
    collected = await ctx.run_phase(len(phases), PhaseKind.COLLECT, PhaseInputs(result))
    if result.verdict is None and failure is None:
        result = replace(result, verdict=Verdict.NO_TESTS)
    return TaskOutcome(result, failure or collected.failure)


def merged(result: TaskResult, report: PhaseResult) -> TaskResult:
    """What came out so far, with what one more phase has brought."""
    texts = (result.summary_markdown, report.summary_markdown)
    return replace(
        result,
        summary_markdown="\n\n".join(text for text in texts if text),
        plan_artifact_id=report.plan_artifact_id or result.plan_artifact_id,
        report_artifact_id=report.report_artifact_id or result.report_artifact_id,
        test_paths=tuple(dict.fromkeys((*result.test_paths, *report.test_paths))),
        summary=report.summary or result.summary,
        verdict=report.summary.verdict if report.summary else result.verdict,
        repairs=(*result.repairs, *report.repairs),
    )
