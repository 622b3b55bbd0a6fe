"""The disk guard: a task that would fill the disk fails while there is still room to write down that it did."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from agent_runtime_server.domain.faults import DiskFull
from agent_runtime_server.ports import Disk

_log = logging.getLogger("agent_runtime.disk")

_LOOK_SECONDS = 1.0


class DiskGuard:
    """Looks at the free space, and interrupts work when it gets short."""

    def __init__(self, disk: Disk, min_free: int) -> None:
        """``min_free`` bytes are kept for what must still be written."""
        self._disk = disk
        self._min_free = min_free
        self._working: set[asyncio.Timeout] = set()
        self._held = False
        self.full = False

    @contextmanager
    def guarding(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Let a time limit pass at once when the disk is nearly full."""
        self._working.add(limit)
        try:
            yield
        finally:
            self._working.discard(limit)

    def require_room(self) -> None:
        """Raise DiskFull when nothing new is to be begun."""
        if self.full:
            raise DiskFull

    async def look(self) -> None:
        """Look once. There is room again when twice the minimum is free. Raises OSError."""
        free = await self._disk.free()
        if free < self._min_free:
            self.full, self._held = True, False
            now = asyncio.get_running_loop().time()
            for limit in tuple(self._working):
                if not limit.expired():
                    limit.reschedule(now)
            await self._disk.spend_reserve()
        elif not self.full or free >= 2 * self._min_free:
            self.full = False
            if not self._held:
                await self._disk.hold_reserve()
                self._held = True

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except OSError:
                _log.warning("the free space on the disk cannot be seen", exc_info=True)
            await asyncio.sleep(_LOOK_SECONDS)
