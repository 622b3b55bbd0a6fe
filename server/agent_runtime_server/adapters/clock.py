"""The clock of this machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The ``Clock`` port. The time of day never goes back, even if somebody sets it back."""

    def __init__(self) -> None:
        self._latest = datetime.now(UTC)

    def now(self) -> datetime:
        """The time of day in UTC."""
        self._latest = max(self._latest, datetime.now(UTC))
        return self._latest

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()
