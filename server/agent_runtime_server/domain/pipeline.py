"""The pipeline: which phases a task goes through. Deterministic; all effects are behind ``PipelineContext``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from agent_runtime_server.domain.results import TestSummary, Verdict
from agent_runtime_server.domain.task import Failure, Phase, TaskResult, TaskSpec, TaskType


class PhaseKind(Enum):
    """What a phase does."""

    PREPARE = Phase.PREPARING
    PLAN = Phase.PLANNING
    GENERATE = Phase.GENERATING_TESTS
    RUN = Phase.RUNNING_TESTS
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
}


async def pipeline(ctx: PipelineContext, spec: TaskSpec) -> TaskOutcome:
    """Carry out a task: prepare, work, and collect what there is, also after a failure."""
    result = TaskResult()
    failure: Failure | None = None
    number = 0
    for kind in (PhaseKind.PREPARE, *WORK[spec.task_type]):
        report = await ctx.run_phase(number, kind, PhaseInputs(result))
        result = _merge(result, report)
        number += 1
        if report.failure is not None:
            failure = report.failure
            break
    collected = await ctx.run_phase(number, PhaseKind.COLLECT, PhaseInputs(result))
    if result.verdict is None and failure is None:
        result = replace(result, verdict=Verdict.NO_TESTS)
    return TaskOutcome(result, failure or collected.failure)


def _merge(result: TaskResult, report: PhaseResult) -> TaskResult:
    texts = (result.summary_markdown, report.summary_markdown)
    return replace(
        result,
        summary_markdown="\n\n".join(text for text in texts if text),
        plan_artifact_id=report.plan_artifact_id or result.plan_artifact_id,
        report_artifact_id=report.report_artifact_id or result.report_artifact_id,
        test_paths=report.test_paths or result.test_paths,
        summary=report.summary or result.summary,
        verdict=report.summary.verdict if report.summary else result.verdict,
    )
