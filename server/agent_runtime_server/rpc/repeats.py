"""Answers that are the same as before: tasks are asked for again and again while nothing happens to them."""

from __future__ import annotations

from collections import OrderedDict

from agent_runtime_server.domain.task import Task

_ANSWERS = 256
"""Kept; those given longest ago are let go."""
_MOST_BYTES = 16 * 1024
"""Of an answer that is kept."""


class TaskAnswers:
    """The bytes that tell of tasks, each good for one state of its task."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], tuple[Task, bytes]] = OrderedDict()

    def find(self, task: Task, view: int) -> bytes | None:
        """The answer for this very state, in a view."""
        key = (task.id, view)
        kept = self._kept.get(key)
        # Tasks are values, and a change makes another one.
        if kept is None or kept[0] is not task:
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def keep(self, task: Task, view: int, answer: bytes) -> None:
        """Remember an answer that depends on nothing but the task."""
        if len(answer) > _MOST_BYTES:
            return
        self._kept[task.id, view] = (task, answer)
        self._kept.move_to_end((task.id, view))
        if len(self._kept) > _ANSWERS:
            self._kept.popitem(last=False)
