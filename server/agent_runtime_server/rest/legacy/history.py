"""The newest of what tasks have logged, kept between the calls of clients that ask again and again."""

from __future__ import annotations

from collections import OrderedDict, deque

from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from agent_runtime_server.rest.legacy.log_lines import KINDS, AgentRuns, debug_line
from agent_runtime_server.rest.upstream import Upstream

MOST_LINES = 1000
"""Lines that one task is shown with."""
PAGE = 1000
_MOST_CHARACTERS = 4 * 1024 * 1024
"""Of the lines of one task."""
_MOST_EVENTS = 20_000
"""How far back in a long log lines are looked for."""
_TASKS_KEPT = 256
_CHARACTERS_KEPT = 32 * 1024 * 1024


class History:
    """The newest lines of one task, and its agents' runs, up to the event ``sequence``."""

    def __init__(self) -> None:
        self.sequence = 0
        self.lines: deque[str] = deque()
        self.runs = AgentRuns()
        self._characters = 0

    @property
    def size(self) -> int:
        """Characters that are held."""
        return self._characters + self.runs.size

    def take(self, event: event_pb2.TaskEvent) -> None:
        """Take an event, unless it was taken before: several readers may bring the same ones."""
        if event.sequence <= self.sequence:
            return
        self.sequence = event.sequence
        self.runs.take(event)
        for entry in event.log.entries:
            self.lines.append(debug_line(entry))
            self._characters += len(self.lines[-1])
        while len(self.lines) > MOST_LINES or self._characters > _MOST_CHARACTERS:
            self._characters -= len(self.lines.popleft())


class Histories:
    """Histories of the tasks that were asked for last. What is known of a task is not read again."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._kept: OrderedDict[str, History] = OrderedDict()

    async def of(self, task: task_pb2.Task) -> History:
        """What a task has logged, up to its ``sequence`` at least. Raises Refused."""
        if not task.HasField("start_time"):
            return History()  # nobody has worked on it
        history = self._kept.setdefault(task.id, History())
        self._kept.move_to_end(task.id)
        if history.sequence < task.sequence:
            await self._read(history, task)
            self._forget()
        return history

    async def _read(self, history: History, task: task_pb2.Task) -> None:
        request = service_pb2.ListTaskEventsRequest(
            task_id=task.id,
            after_sequence=history.sequence or max(0, task.sequence - _MOST_EVENTS),
            kinds=KINDS,
            page_size=PAGE,
        )
        while history.sequence < task.sequence:
            page: service_pb2.ListTaskEventsResponse = await self._upstream.call("ListTaskEvents", request)
            for event in page.events:
                history.take(event)
            if not page.next_page_token:
                # Events of other kinds may have followed the last one here.
                history.sequence = max(history.sequence, page.head_sequence)
                return
            request.page_token = page.next_page_token

    def _forget(self) -> None:
        while len(self._kept) > _TASKS_KEPT or (
            len(self._kept) > 1 and sum(history.size for history in self._kept.values()) > _CHARACTERS_KEPT
        ):
            self._kept.popitem(last=False)
