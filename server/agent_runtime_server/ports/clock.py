"""Time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> datetime:
        """The time of day, in UTC, never earlier than a moment ago."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; for intervals."""
        ...
