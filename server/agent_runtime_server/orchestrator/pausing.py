"""A time limit that does not count how long people are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Pause:
    """Holds a time limit of the event loop while at least one question waits for a person."""

    def __init__(self) -> None:
        self._limit: asyncio.Timeout | None = None
        self._latest: float | None = None
        self._waiting = 0
        self._left: float | None = None
        """Seconds that the held limit had left; None if there was none."""

    @contextmanager
    def of(self, limit: asyncio.Timeout, latest: float | None = None) -> Iterator[None]:
        """Inside the block, hold this limit; it never passes later than ``latest``, a time of the event loop."""
        self._limit, self._latest = limit, latest
        try:
            yield
        finally:
            self._limit = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside the block a person is waited for. Blocks may overlap."""
        self._waiting += 1
        if self._waiting == 1:
            self._hold()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._go_on()

    def _hold(self) -> None:
        self._left = None
        limit = self._limit
        if limit is not None and not limit.expired() and (when := limit.when()) is not None:
            self._left = when - asyncio.get_running_loop().time()
            limit.reschedule(self._latest)

    def _go_on(self) -> None:
        limit = self._limit
        if limit is not None and not limit.expired() and self._left is not None:
            when = asyncio.get_running_loop().time() + self._left
            limit.reschedule(when if self._latest is None else min(when, self._latest))
