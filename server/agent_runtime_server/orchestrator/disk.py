"""The disk guard: a task that would fill the disk fails while there is still room to write down that it did."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from agent_runtime_server.domain.faults import DiskFull
from agent_runtime_server.ports import Disk

_LOOK_SECONDS = 1.0


class DiskGuard:
    """Looks at the free space, and interrupts work when it gets short."""

    def __init__(self, disk: Disk, min_free: int) -> None:
        """``min_free`` bytes are kept for what must still be written."""
        self._disk = disk
        self._min_free = min_free
        self._working: set[asyncio.Timeout] = set()
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
        """Look once. There is room again when twice the minimum is free."""
        free = await self._disk.free()
        if free < self._min_free:
            if not self.full:
                self.full = True
                await self._disk.spend_reserve()
            now = asyncio.get_running_loop().time()
            for limit in tuple(self._working):
                if not limit.expired():
                    limit.reschedule(now)
        elif self.full and free >= 2 * self._min_free:
            await self._disk.hold_reserve()
            self.full = False

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await self._disk.hold_reserve()
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)
