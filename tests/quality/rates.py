"""Shares, with how sure they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z = 1.959964
"""Of a normal distribution, for 95 %."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits`` of ``n``."""

    hits: int
    n: int

    @property
    def share(self) -> float:
        """Between 0 and 1; NaN of nothing."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % score interval of Wilson (1927); from 0 to 1 for nothing."""
        if not self.n:
            return 0.0, 1.0
        square = _Z * _Z / self.n
        middle = (self.share + square / 2) / (1 + square)
        half = _Z / (1 + square) * math.sqrt(self.share * (1 - self.share) / self.n + square / self.n / 4)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if not self.n:
            return "none of 0"
        low, high = self.interval
        return f"{self.share:.1%} of {self.n} ({low:.1%} to {high:.1%})"
