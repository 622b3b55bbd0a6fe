"""A disk that tests fill."""

from __future__ import annotations


class NumberedDisk:
    """The ``Disk`` port over numbers: ``left`` is what would be free without the reserve, ``held`` is the reserve."""

    def __init__(self, left: int, reserve_bytes: int) -> None:
        self.left = left
        self.held = 0
        self._reserve_bytes = reserve_bytes

    async def free(self) -> int:
        """Bytes left, the reserve not counted."""
        return self.left - self.held

    async def spend_reserve(self) -> None:
        """Give the reserve up."""
        self.held = 0

    async def hold_reserve(self) -> None:
        """Hold the reserve, if there is room for it."""
        if self._reserve_bytes <= self.left:
            self.held = self._reserve_bytes
