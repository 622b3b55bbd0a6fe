"""Answers for clients that poll: nothing is made again while nothing has changed."""

from __future__ import annotations

from collections import OrderedDict

_TASKS = 256
"""Of which an answer is kept; those asked for longest ago are let go."""
_MOST_BYTES = 64 * 1024
"""Of an answer that is kept."""


class Repeats:
    """The last answer for each task, good for as long as the server tells the same of it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()

    def find(self, task_id: str, told: bytes) -> bytes | None:
        """The answer that was made of what the server has told."""
        kept = self._kept.get(task_id)
        if kept is None or kept[0] != told:
            return None
        self._kept.move_to_end(task_id)
        return kept[1]

    def keep(self, task_id: str, told: bytes, answer: bytes) -> None:
        """Remember an answer. ``told`` has the task's sequence, so that it differs after every event."""
        if len(answer) > _MOST_BYTES:
            return
        self._kept[task_id] = (told, answer)
        self._kept.move_to_end(task_id)
        if len(self._kept) > _TASKS:
            self._kept.popitem(last=False)
