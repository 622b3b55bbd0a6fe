"""``python -m tests.quality.fitting``: how good weights and thresholds are on the cases, and which would be better.

A wrong element is far worse than none: a case that is healed wrongly costs as much as many that are not healed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from agent_runtime_server.adapters.explorer import similarity
from agent_runtime_server.adapters.explorer.similarity import MARGIN, THRESHOLD, WEIGHTS, rank
from tests.quality.fitting.cases import Case, read_cases

WRONG_COSTS = 20
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75)
MARGINS = (0.05, 0.08, 0.1, 0.15, 0.2)
STEPS = (0.5, 1.5)
"""What one weight at a time is multiplied with."""


class Setting(NamedTuple):
    """What is fitted."""

    weights: Mapping[str, float]
    threshold: float
    margin: float


class Score(NamedTuple):
    """What became of the cases."""

    right: int
    there: int
    wrong: int
    taken_for_gone: int
    gone: int

    @property
    def worth(self) -> int:
        return self.right - WRONG_COSTS * (self.wrong + self.taken_for_gone)

    def __str__(self) -> str:
        return (
            f"{self.right} of {self.there} found, {self.wrong} wrong; "
            f"{self.taken_for_gone} of {self.gone} that are gone taken for another"
        )


def main() -> None:
    """Score the setting in use, fit, and score again."""
    cases = read_cases()
    setting = Setting(WEIGHTS, THRESHOLD, MARGIN)
    print(f"now: {score(cases, setting)}")
    for kind in sorted({case.origin.split(",")[0].split(" ")[0] for case in cases}):
        print(f"  {kind}: {score([case for case in cases if case.origin.startswith(kind)], setting)}")
    best = fitted(cases, setting)
    print(f"fitted: {score(cases, best)}\n  {best}")


def score(cases: Sequence[Case], setting: Setting) -> Score:
    """How good a setting is."""
    right = wrong = taken = 0
    for case in cases:
        ranked = rank(case.was, case.now, lambda now: now, setting.weights)
        best = similarity.clear_winner(ranked, setting.threshold, setting.margin)
        if best is not None and not case.there:
            taken += 1
        elif best is not None:
            right, wrong = (right + 1, wrong) if best.element is case.now[0] else (right, wrong + 1)
    there = sum(case.there for case in cases)
    return Score(right, there, wrong, taken, len(cases) - there)


def fitted(cases: Sequence[Case], setting: Setting) -> Setting:
    """The best setting that changes of one thing at a time lead to."""
    best, worth = setting, score(cases, setting).worth
    while True:
        found = max(_near(best), key=lambda each: score(cases, each).worth)
        if score(cases, found).worth <= worth:
            return best
        best, worth = found, score(cases, found).worth


def _near(setting: Setting) -> Iterator[Setting]:
    for threshold, margin in product(THRESHOLDS, MARGINS):
        yield setting._replace(threshold=threshold, margin=margin)
    for name, step in product(setting.weights, STEPS):
        weights = {**setting.weights, name: setting.weights[name] * step or 0.01}
        total = sum(weights.values())
        yield setting._replace(weights={key: round(weight / total, 3) for key, weight in weights.items()})


if __name__ == "__main__":
    main()
