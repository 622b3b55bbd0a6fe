"""Whether what the user asked for is tested, and what the user excluded is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.quality.changes import Change
from tests.quality.coverage import answers, covered
from tests.quality.mutants import sample
from tests.quality.rates import Rate
from tests.quality.scoring import Examiner, Survey, Tried, score
from tests.quality.truth import Instruction, Truth


@dataclass(frozen=True, slots=True)
class Adherence:
    """To one instruction."""

    text: str
    tests: int
    asked: dict[str, str]
    """For each flow that was asked for the test that covers it; empty if none does."""
    trespasses: Sequence[str]
    """Requests to what was excluded, by sound tests."""
    tried: Sequence[Tried]
    """Mutants of the flows that were asked for."""


async def adherence(
    examiner: Examiner, survey: Survey, truth: Truth, instruction: Instruction, mutants: Sequence[Change], seed: int
) -> Adherence:
    """How a suite keeps to an instruction, whether or not it was made for it. ``mutants`` are those of the asked flows,
    from which as many are taken as there are flows. Raises OutOfTime."""
    found = await covered(examiner, survey, truth, instruction.asked)
    trespasses = sorted(
        {
            f"{each.method} {each.path}"
            for name, exchanges in survey.traffic.items()
            if name in survey.sound
            for each in exchanges
            if any(answers(area, each) for area in instruction.forbidden)
        }
    )
    chosen = sample(mutants, len(instruction.asked), seed)
    tried = [one async for one in examiner.mutation(chosen, survey)]
    return Adherence(instruction.text, survey.stability.n, found.flows, trespasses, tried)


def asked_flows(found: Sequence[Adherence]) -> Rate:
    """Flows that were asked for and are covered. Goal: 90 %."""
    flows = [test for each in found for test in each.asked.values()]
    return Rate(sum(map(bool, flows)), len(flows))


def asked_mutants(found: Sequence[Adherence]) -> Rate:
    """Mutants of the flows that were asked for, and are caught. Goal: 85 %."""
    return score([one for each in found for one in each.tried])


def left_alone(found: Sequence[Adherence]) -> Rate:
    """Instructions whose suites go nowhere that was excluded. Goal: all of them."""
    return Rate(sum(not each.trespasses for each in found), len(found))
