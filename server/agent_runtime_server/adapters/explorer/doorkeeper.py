"""Signing in no more often than the app allows: many refuse whoever tries too often, even with the right password."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable

from agent_runtime_server.adapters.explorer.language import Action

REFUSED = re.compile(
    r"\btoo many\b|\brate limit|\b(temporarily|account (is|has been)) (locked|blocked|disabled)\b"
    r"|\btry again (in|later|after)\b|\bplease wait\b.*\b(second|minute)",
    re.IGNORECASE,
)
WINDOW_SECONDS = 62.0
"""What such limits mostly count over, with a little to spare."""


class Doorkeeper:
    """Counts the attempts to sign in; once the app has refused one as too many, the next ones wait their turn."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: deque[float] = deque()
        self._limit: int | None = None
        self._turn = asyncio.Lock()
        self.door: Action | None = None
        """The click that sends the form to sign in, once it is known."""

    @property
    def limited(self) -> bool:
        """The app limits the attempts."""
        return self._limit is not None

    async def before(self, action: Action) -> None:
        """Wait until the action may be done; all but the one that signs in may at once."""
        if action != self.door:
            return
        async with self._turn:
            self._forget()
            while self._limit is not None and len(self._tries) >= self._limit:
                await asyncio.sleep(self._tries[0] + WINDOW_SECONDS - self._clock())
                self._forget()
            self._tries.append(self._clock())

    def heard(self, said: str) -> bool:
        """What the page says after an attempt; whether the app refuses it as one too many."""
        if not REFUSED.search(said):
            return False
        self._forget()
        self._limit = max(1, len(self._tries) - 1)
        return True

    def _forget(self) -> None:
        while self._tries and self._tries[0] + WINDOW_SECONDS <= self._clock():
            self._tries.popleft()
