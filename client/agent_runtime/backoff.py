"""Backoff: how long to wait before the next of several tries."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double with each failure, cut to a random part so that many clients do not return at once."""

    first: float = 0.1
    """Longest wait after one failure, in seconds."""
    longest: float = 5.0
    """Longest wait ever, in seconds."""

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row; none after none."""
        if failures == 0:
            return 0.0
        # The exponent is bounded because a float is.
        ceiling = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
