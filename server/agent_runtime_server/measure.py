"""What can be measured of a running server: plain numbers, next to free to keep, read when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds for calls: those that Prometheus clients have by default."""


class Distribution:
    """How often values fell between some bounds, each included in what ends with it."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = CALL_SECONDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        """One more than bounds: the last is for what is above them all."""
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One measure with a value for each combination of labels."""

    name: str
    """As Prometheus has it, a counter's without ``_total``."""
    help: str
    kind: Literal["counter", "gauge"]
    labels: Labels
    values: Mapping[Labels, float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """One measure with a distribution for each combination of labels."""

    name: str
    help: str
    labels: Labels
    values: Mapping[Labels, Distribution]


Figures = Sequence[Metric | Histogram]
