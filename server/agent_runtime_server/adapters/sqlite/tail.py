"""The tail: tasks written lately and the end of their logs, in memory, for readers on the event loop."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict

from agent_runtime_server.adapters.sqlite.ledger import Publication
from agent_runtime_server.adapters.sqlite.segments import Segment, take
from agent_runtime_server.domain.task import Task
from agent_runtime_server.ports import Batch

TASKS = 4096
"""Tasks held; those not written or read for longest are let go."""
TASK_BYTES = 1024 * 1024
"""Events held of one task."""
ALL_BYTES = 32 * 1024 * 1024
"""Events held in all."""
SHARED_BATCHES = 16
"""Batches kept for readers at the same place, for each task, until it changes."""


class Tail:
    """What was committed last. It learns of every commit in order, so what it holds of a task is never older than
    the last one announced. What it does not hold, the database does."""

    def __init__(self, *, task_bytes: int = TASK_BYTES, all_bytes: int = ALL_BYTES) -> None:
        self._task_bytes = task_bytes
        self._all_bytes = all_bytes
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._bytes = 0

    def publish(self, change: Publication) -> None:
        """Take in a change of a task."""
        held = self._held.pop(change.task.id, None) or _Held()
        before = held.bytes
        held.publish(change, self._task_bytes)
        self._held[change.task.id] = held
        self._bytes += held.bytes - before
        while self._bytes > self._all_bytes or len(self._held) > TASKS:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= oldest.bytes

    def forget(self, task_id: str) -> None:
        """Let go of a task that was deleted."""
        gone = self._held.pop(task_id, None)
        if gone:
            self._bytes -= gone.bytes

    def task(self, task_id: str) -> Task | None:
        """A task; None if it is not held."""
        held = self._touch(task_id)
        return held.task if held else None

    def read(self, task_id: str, after: int, limit: int) -> Batch | None:
        """Events after a sequence, as ``Store.read`` gives them; None if they are not held."""
        held = self._touch(task_id)
        return held.read(after, limit) if held else None

    def _touch(self, task_id: str) -> _Held | None:
        held = self._held.get(task_id)
        if held:
            self._held.move_to_end(task_id)
        return held


class _Held:
    """One task and the end of its log."""

    __slots__ = ("bytes", "kept_from", "segments", "shared", "task")

    task: Task

    def __init__(self) -> None:
        self.kept_from = 1
        self.segments: list[Segment] = []
        self.bytes = 0
        self.shared: dict[tuple[int, int], Batch] = {}

    def publish(self, change: Publication, limit: int) -> None:
        self.task, self.kept_from = change.task, change.kept_from
        self.segments += change.segments
        self.bytes += sum(len(segment.framed) for segment in change.segments)
        self.shared.clear()
        gone = 0
        for segment in self.segments:
            if segment.last >= self.kept_from and self.bytes <= limit:
                break
            self.bytes -= len(segment.framed)
            gone += 1
        del self.segments[:gone]

    def read(self, after: int, limit: int) -> Batch | None:
        head = self.task.sequence
        held_from = self.segments[0].first if self.segments else head + 1
        if after > head or max(after + 1, self.kept_from) < held_from:
            return None
        batch = self.shared.get((after, limit))
        if batch is None:
            start = bisect_right(self.segments, after, key=lambda segment: segment.last)
            coming = (self.segments[index] for index in range(start, len(self.segments)))
            batch = batch_of(take(coming, after, limit), after, head, self.kept_from)
            if len(self.shared) >= SHARED_BATCHES:
                self.shared.clear()
            self.shared[after, limit] = batch
        return batch


def batch_of(taken: Segment | None, after: int, head: int, kept_from: int) -> Batch:
    """A batch from what was taken of a log."""
    first, last, framed = taken or Segment(after + 1, after, b"")
    return Batch(first=first, last=last, framed=framed, head=head, kept_from=kept_from)
