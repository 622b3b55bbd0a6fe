import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime import AgentRuntimeClient, Backoff, SequenceAhead, ServerFailed, TaskNotFound, Unreachable
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from agent_runtime.watch import WatchUpdate
from tests.ports import port_to_come_back_to
from tests.unit.client.fake_service import FakeService, Turn, done_task, log_events, reason, serving

AT_ONCE = Backoff(first=0.001, longest=0.002)


def fake(count: int, *turns: Turn, trimmed: int = 0) -> FakeService:
    return FakeService({"task-1": done_task()}, log_events(count), trimmed=trimmed, turns=deque(turns))


@contextlib.asynccontextmanager
async def client_of(service: FakeService) -> AsyncIterator[AgentRuntimeClient]:
    async with serving(service) as address, AgentRuntimeClient(address, backoff=AT_ONCE) as client:
        yield client


async def watched(service: FakeService, after: int | None = 0) -> list[WatchUpdate]:
    async with client_of(service) as client:
        return [update async for update in client.watch("task-1", after_sequence=after)]


def sequences(updates: list[WatchUpdate]) -> list[int]:
    return [update.sequence for update in updates if isinstance(update, event_pb2.TaskEvent)]


async def test_yields_every_event_then_the_final_task() -> None:
    updates = await watched(fake(10))
    assert sequences(updates) == list(range(1, 11))
    assert updates[-1] == done_task()


async def test_starts_after_the_given_sequence() -> None:
    assert sequences(await watched(fake(10), after=7)) == [8, 9, 10]


async def test_goes_on_where_the_transport_broke() -> None:
    service = fake(20, Turn(4, "unavailable"), Turn(3, "reset"), Turn(5, "cut"))
    assert sequences(await watched(service)) == list(range(1, 21))
    assert [request.after_sequence for request in service.asked(service_pb2.WatchTaskRequest)] == [0, 4, 7, 12]


async def test_leaves_out_what_is_sent_again() -> None:
    service = fake(12, Turn(6, "cut"), Turn(2, "cut", rewind=5), Turn(rewind=8))
    assert sequences(await watched(service)) == list(range(1, 13))


async def test_a_gap_is_yielded_once_and_before_the_first_event_after_it() -> None:
    updates = await watched(fake(10, Turn(0, "cut"), Turn(2, "cut"), trimmed=4))
    gaps = [update for update in updates if isinstance(update, service_pb2.WatchGap)]
    assert [(gap.first_missing, gap.last_missing) for gap in gaps] == [(1, 4)]
    assert updates[0] == gaps[0]
    assert sequences(updates) == [5, 6, 7, 8, 9, 10]


async def test_waits_as_long_as_a_draining_server_asks() -> None:
    service = fake(6, Turn(3, "drain", delay=0.2))
    started = time.monotonic()
    assert sequences(await watched(service)) == [1, 2, 3, 4, 5, 6]
    assert time.monotonic() - started >= 0.2


async def test_a_stalled_stream_is_replaced() -> None:
    service = fake(6, Turn(3, "stall"))
    service.heartbeat = 0.05
    started = time.monotonic()
    assert sequences(await watched(service)) == [1, 2, 3, 4, 5, 6]
    assert time.monotonic() - started < 60


async def test_filtered_kinds_advance_the_cursor() -> None:
    service = fake(20, Turn(9, "cut"))
    async with client_of(service) as client:
        kinds = [event_pb2.TASK_EVENT_KIND_STATUS]
        updates = [update async for update in client.watch("task-1", kinds=kinds)]
    assert sequences(updates) == [5, 10, 15, 20]
    assert service.asked(service_pb2.WatchTaskRequest)[1].after_sequence == 9


async def test_a_watch_from_the_head_resumes_from_where_it_opened() -> None:
    service = fake(8, Turn(0, "cut"))
    updates = await watched(service, after=None)
    assert sequences(updates) == []
    first, second = service.asked(service_pb2.WatchTaskRequest)
    assert not first.HasField("after_sequence")
    assert second.after_sequence == 8


async def test_a_hole_that_nobody_announced_is_an_error() -> None:
    service = fake(8)
    del service.events[4]
    with pytest.raises(ServerFailed, match="events 5 to 5 are missing"):
        await watched(service)


async def test_errors_of_the_request_are_raised_at_once() -> None:
    async with client_of(fake(3)) as client:
        with pytest.raises(TaskNotFound):
            await anext(client.watch("other"))
        with pytest.raises(SequenceAhead):
            await anext(client.watch("task-1", after_sequence=99))


async def test_a_task_that_is_deleted_is_not_found() -> None:
    service = fake(9, Turn(4, "deleted"))
    with pytest.raises(TaskNotFound, match="deleted"):
        await watched(service)
    assert len(service.asked(service_pb2.WatchTaskRequest)) == 1


async def test_a_server_that_refuses_while_it_drains_is_asked_again() -> None:
    service = fake(3)
    service.failures.append((grpc.StatusCode.UNAVAILABLE, "going away", (reason("DRAINING"),)))
    assert sequences(await watched(service)) == [1, 2, 3]


async def test_gives_up_after_its_patience() -> None:
    async with AgentRuntimeClient("127.0.0.1:1", backoff=AT_ONCE) as client:
        with pytest.raises(Unreachable):
            await anext(client.watch("task-1", patience=0.1))


async def test_goes_on_when_the_server_was_restarted() -> None:
    service = fake(9, Turn(4, "stall"))
    first_life = serving(service, port=port_to_come_back_to())
    address = await first_life.__aenter__()
    async with AgentRuntimeClient(address, backoff=Backoff(0.02, 0.1)) as client:
        updates = client.watch("task-1")
        seen = [await anext(updates) for _ in range(4)]
        rest = asyncio.ensure_future(_all(updates))
        await first_life.__aexit__(None, None, None)
        async with serving(service, port=int(address.rsplit(":")[-1])):
            seen += await rest
    assert sequences(seen) == list(range(1, 10))


async def _all(updates: AsyncIterator[WatchUpdate]) -> list[WatchUpdate]:
    return [update async for update in updates]


turns = st.builds(
    Turn,
    events=st.integers(0, 8),
    end=st.sampled_from(["unavailable", "reset", "cut", "drain", "max_age"]),
    rewind=st.integers(0, 5),
)


@settings(max_examples=60)
@given(
    count=st.integers(0, 30), breaks=st.lists(turns, max_size=8), trimmed=st.integers(0, 10), after=st.integers(0, 5)
)
def test_whatever_breaks_events_come_exactly_once_and_in_order(
    count: int, breaks: list[Turn], trimmed: int, after: int
) -> None:
    trimmed, after = min(trimmed, count), min(after, count)
    updates = asyncio.run(watched(fake(count, *breaks, trimmed=trimmed), after))
    assert sequences(updates) == list(range(max(trimmed, after) + 1, count + 1))
    gaps = [update for update in updates if isinstance(update, service_pb2.WatchGap)]
    assert [(gap.first_missing, gap.last_missing) for gap in gaps] == (
        [(after + 1, trimmed)] if after < trimmed else []
    )
    assert isinstance(updates[-1], task_pb2.Task)
