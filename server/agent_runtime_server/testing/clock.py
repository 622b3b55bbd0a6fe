"""A clock that tests hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """The ``Clock`` port: time stands still until ``advance``."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The time of day in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self._monotonic

    def advance(self, by: timedelta) -> None:
        """Let time pass. Raises ValueError for time that goes back."""
        if by < timedelta():
            raise ValueError("time does not go back")
        self._now += by
        self._monotonic += by.total_seconds()
