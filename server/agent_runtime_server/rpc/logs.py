"""Pages of recorded events and log lines, for callers that cannot stream."""

from __future__ import annotations

from agent_runtime.v1 import event_pb2, service_pb2
from agent_runtime_server.domain.faults import SequenceAhead
from agent_runtime_server.orchestrator.tasks import Tasks
from agent_runtime_server.orchestrator.watch import Gap, GapReason
from agent_runtime_server.ports import Store
from agent_runtime_server.rpc.event_codec import PAYLOAD_OF_KIND
from agent_runtime_server.rpc.pages import PAGE_BYTES, page_limit, position_of, token_of
from agent_runtime_server.rpc.watching import gap_out

_BATCH_BYTES = 256 * 1024
_SCAN_BATCHES = 64
"""A page ends, short or empty but with a token, after so many batches without enough matches."""


class LogPages:
    """Reads pages of a task's log. A token is the position after the last item of a page."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self._store = store
        self._tasks = tasks

    async def events(self, request: service_pb2.ListTaskEventsRequest) -> service_pb2.ListTaskEventsResponse:
        """A page of events of the kinds asked for, oldest first."""
        task, place = await self._tasks.get(request.task_id)
        cursor = position_of(request.page_token, 1)[0] if request.page_token else request.after_sequence
        if cursor > task.sequence:
            raise SequenceAhead(f"after_sequence {cursor} is ahead of the newest event, {task.sequence}")
        limit = page_limit(request.page_size)
        wanted = {PAYLOAD_OF_KIND[kind] for kind in request.kinds if kind in PAYLOAD_OF_KIND}
        response = service_pb2.ListTaskEventsResponse(head_sequence=task.sequence)
        size = 0
        for _ in range(_SCAN_BATCHES):
            batch = await self._store.read(task.id, cursor, _BATCH_BYTES)
            if cursor + 1 < batch.kept_from:
                if response.events:
                    break
                gap = Gap(cursor + 1, batch.kept_from - 1, GapReason.TRIMMED, task)
                response.gap.CopyFrom(gap_out(gap, lambda _: place))
                cursor = batch.kept_from - 1
            for event in event_pb2.TaskEventBatch.FromString(batch.framed).events:
                cursor = event.sequence
                if not wanted or event.WhichOneof("payload") in wanted:
                    response.events.append(event)
                    size += event.ByteSize()
                    if len(response.events) == limit or size >= PAGE_BYTES:
                        break
            if len(response.events) == limit or size >= PAGE_BYTES or cursor >= batch.head:
                break
        if cursor < task.sequence:
            response.next_page_token = token_of(cursor)
        return response

    async def lines(self, request: service_pb2.ListTaskLogsRequest) -> service_pb2.ListTaskLogsResponse:
        """A page of log lines, oldest first, each with the sequence of the event that carried it."""
        task, _ = await self._tasks.get(request.task_id)
        cursor, skip = request.after_sequence, 0
        if request.page_token:
            cursor, skip = position_of(request.page_token, 2)
        if cursor > task.sequence:
            raise SequenceAhead(f"after_sequence {cursor} is ahead of the newest event, {task.sequence}")
        limit = page_limit(request.page_size)
        sources = set(request.sources)
        response = service_pb2.ListTaskLogsResponse()
        size = 0
        for _ in range(_SCAN_BATCHES):
            batch = await self._store.read(task.id, cursor, _BATCH_BYTES)
            for event in event_pb2.TaskEventBatch.FromString(batch.framed).events:
                for number, entry in enumerate(event.log.entries[skip:], start=skip):
                    if len(response.entries) == limit or size >= PAGE_BYTES:
                        response.next_page_token = token_of(event.sequence - 1, number)
                        return response
                    if entry.level >= request.min_level and (not sources or entry.source in sources):
                        entry.sequence = event.sequence
                        response.entries.append(entry)
                        size += entry.ByteSize()
                cursor, skip = event.sequence, 0
            if cursor >= batch.head or not batch.framed:
                return response
        response.next_page_token = token_of(cursor, 0)
        return response
