"""WatchTask and WatchTasks: requests and updates, between the contract and the orchestrator."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial

from google.protobuf.timestamp_pb2 import Timestamp

from agent_runtime.v1 import event_pb2, service_pb2
from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.task import Task
from agent_runtime_server.orchestrator import watch
from agent_runtime_server.orchestrator.filtered_watch import FilteredWatches, Step
from agent_runtime_server.rpc.event_codec import select, varint
from agent_runtime_server.rpc.results_codec import duration
from agent_runtime_server.rpc.task_codec import task_out

_EVENTS_TAG = bytes([service_pb2.WatchTaskResponse.EVENTS_FIELD_NUMBER << 3 | 2])
_EVENTS_OF_MANY_TAG = bytes([service_pb2.WatchTasksResponse.EVENTS_FIELD_NUMBER << 3 | 2])
_KINDS = (event_pb2.TASK_EVENT_KIND_STATUS, event_pb2.TASK_EVENT_KIND_PHASE, event_pb2.TASK_EVENT_KIND_ATTEMPT)
"""What WatchTasks sends unless it is asked for others."""
_GAP = {
    watch.GapReason.TRIMMED: service_pb2.GAP_REASON_TRIMMED,
    watch.GapReason.SKIPPED: service_pb2.GAP_REASON_SKIPPED,
}
_CLOSE = {
    watch.CloseReason.TASK_DONE: service_pb2.CLOSE_REASON_TASK_DONE,
    watch.CloseReason.DRAINING: service_pb2.CLOSE_REASON_DRAINING,
    watch.CloseReason.MAX_AGE: service_pb2.CLOSE_REASON_MAX_AGE,
    watch.CloseReason.TASK_DELETED: service_pb2.CLOSE_REASON_TASK_DELETED,
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
            return service_pb2.WatchTaskResponse(heartbeat=_heartbeat_out(update)).SerializeToString()
        case watch.Gap():
            return service_pb2.WatchTaskResponse(gap=gap_out(update, place)).SerializeToString()
        case watch.Closed():
            return service_pb2.WatchTaskResponse(closed=_closed_out(update)).SerializeToString()


def watch_tasks_request(watches: FilteredWatches, request: service_pb2.WatchTasksRequest) -> AsyncGenerator[Step, None]:
    """Open the watch of many tasks that a request asks for."""
    return watches.follow(
        request.filter,
        request.resume_token,
        heartbeat=request.heartbeat_interval.ToTimedelta(),
        select=partial(select, kinds=tuple(request.kinds) or _KINDS),
    )


def watch_tasks_response(step: Step, place: Place) -> bytes:
    """The bytes of a WatchTasksResponse."""
    update = step.update
    response = service_pb2.WatchTasksResponse(resume_token=step.token)
    match update:
        case Task():
            response.task.CopyFrom(task_out(update, place(update)))
        case watch.Events():
            return response.SerializeToString() + _EVENTS_OF_MANY_TAG + varint(len(update.framed)) + update.framed
        case watch.Heartbeat():
            response.heartbeat.CopyFrom(_heartbeat_out(update))
        case watch.Closed():
            response.closed.CopyFrom(_closed_out(update))
    return response.SerializeToString()


def _heartbeat_out(beat: watch.Heartbeat) -> service_pb2.WatchHeartbeat:
    now = Timestamp()
    now.GetCurrentTime()
    return service_pb2.WatchHeartbeat(sequence=beat.sequence, server_time=now, caught_up=beat.caught_up)


def _closed_out(closed: watch.Closed) -> service_pb2.WatchClosed:
    return service_pb2.WatchClosed(
        reason=_CLOSE[closed.reason],
        sequence=closed.sequence,
        task=task_out(closed.task) if closed.task else None,
        reconnect_delay=duration(closed.reconnect_delay) if closed.reconnect_delay else None,
    )


def gap_out(gap: watch.Gap, place: Place) -> service_pb2.WatchGap:
    """A hole in the stream."""
    return service_pb2.WatchGap(
        first_missing=gap.first,
        last_missing=gap.last,
        reason=_GAP[gap.reason],
        task=task_out(gap.task, place(gap.task)),
    )
