"""WatchTask: its request and its updates, between the contract and the orchestrator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

from google.protobuf.timestamp_pb2 import Timestamp

from agent_runtime.v1 import service_pb2
from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.task import Task
from agent_runtime_server.orchestrator import watch
from agent_runtime_server.rpc.event_codec import select, varint
from agent_runtime_server.rpc.results_codec import duration
from agent_runtime_server.rpc.task_codec import task_out

_EVENTS_TAG = bytes([service_pb2.WatchTaskResponse.EVENTS_FIELD_NUMBER << 3 | 2])
_GAP = {
    watch.GapReason.TRIMMED: service_pb2.GAP_REASON_TRIMMED,
    watch.GapReason.SKIPPED: service_pb2.GAP_REASON_SKIPPED,
}
_CLOSE = {
    watch.CloseReason.TASK_DONE: service_pb2.CLOSE_REASON_TASK_DONE,
    watch.CloseReason.DRAINING: service_pb2.CLOSE_REASON_DRAINING,
    watch.CloseReason.MAX_AGE: service_pb2.CLOSE_REASON_MAX_AGE,
}

Place = Callable[[Task], QueueState | None]


def watch_request(watches: watch.Watches, request: service_pb2.WatchTaskRequest) -> AsyncIterator[watch.Update]:
    """Open the watch that a request asks for."""
    return watches.follow(
        request.task_id,
        request.after_sequence if request.HasField("after_sequence") else None,
        heartbeat=request.heartbeat_interval.ToTimedelta(),
        skip_to_head=request.lag_policy == service_pb2.LAG_POLICY_SKIP_TO_HEAD,
        select=partial(select, kinds=tuple(request.kinds)) if request.kinds else None,
    )


def watch_response(update: watch.Update, place: Place) -> bytes:
    """The bytes of a WatchTaskResponse."""
    match update:
        case watch.Events():
            return _EVENTS_TAG + varint(len(update.framed)) + update.framed
        case watch.Opened():
            task = update.task
            opened = service_pb2.WatchOpened(
                task=task_out(task, place(task)),
                after_sequence=update.after,
                head_sequence=task.sequence,
                first_sequence=update.first,
                heartbeat_interval=duration(update.heartbeat),
            )
            return service_pb2.WatchTaskResponse(opened=opened).SerializeToString()
        case watch.Heartbeat():
            now = Timestamp()
            now.GetCurrentTime()
            beat = service_pb2.WatchHeartbeat(sequence=update.sequence, server_time=now, caught_up=update.caught_up)
            return service_pb2.WatchTaskResponse(heartbeat=beat).SerializeToString()
        case watch.Gap():
            return service_pb2.WatchTaskResponse(gap=gap_out(update, place)).SerializeToString()
        case watch.Closed():
            closed = service_pb2.WatchClosed(
                reason=_CLOSE[update.reason],
                sequence=update.sequence,
                task=task_out(update.task) if update.task else None,
                reconnect_delay=duration(update.reconnect_delay) if update.reconnect_delay else None,
            )
            return service_pb2.WatchTaskResponse(closed=closed).SerializeToString()


def gap_out(gap: watch.Gap, place: Place) -> service_pb2.WatchGap:
    """A hole in the stream."""
    return service_pb2.WatchGap(
        first_missing=gap.first,
        last_missing=gap.last,
        reason=_GAP[gap.reason],
        task=task_out(gap.task, place(gap.task)),
    )
