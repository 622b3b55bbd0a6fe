import contextlib
from collections import deque
from collections.abc import AsyncIterator

import grpc
import pytest

from agent_runtime import AgentRuntimeClient, Backoff, BadFilter, TasksUpdate, Unreachable
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from tests.unit.client.fake_service import FakeService, Turn, reason, serving

AT_ONCE = Backoff(first=0.001, longest=0.002)
FEED: list[task_pb2.Task | event_pb2.TaskEvent] = [
    task_pb2.Task(id="task-1"),
    task_pb2.Task(id="task-2"),
    *(event_pb2.TaskEvent(task_id=f"task-{n % 2 + 1}", sequence=n) for n in range(3, 10)),
]


def fake(*turns: Turn) -> FakeService:
    return FakeService(feed=list(FEED), turns=deque(turns))


@contextlib.asynccontextmanager
async def watching(service: FakeService) -> AsyncIterator[AsyncIterator[TasksUpdate]]:
    async with serving(service) as address, AgentRuntimeClient(address, backoff=AT_ONCE) as client:
        updates = client.watch_tasks(filter="status = RUNNING", kinds=[event_pb2.TASK_EVENT_KIND_STATUS])
        async with contextlib.aclosing(updates):
            yield updates


def tokens(service: FakeService) -> list[str]:
    return [request.resume_token for request in service.asked(service_pb2.WatchTasksRequest)]


async def test_yields_tasks_and_events_over_all_breaks() -> None:
    service = fake(Turn(1, "unavailable"), Turn(3, "reset"), Turn(2, "cut"), Turn(1, "drain"), Turn(1, "max_age"))
    async with watching(service) as updates:
        assert [await anext(updates) for _ in FEED] == FEED
    assert tokens(service) == ["", "1:1", "1:4", "1:6", "1:7", "1:8"]
    asked = service.asked(service_pb2.WatchTasksRequest)[-1]
    assert (asked.filter, list(asked.kinds)) == ("status = RUNNING", [event_pb2.TASK_EVENT_KIND_STATUS])


async def test_starts_over_when_its_token_has_expired() -> None:
    service = fake(Turn(4, "cut"))
    async with watching(service) as updates:
        seen = [await anext(updates) for _ in range(4)]
        service.life = 2
        seen += [await anext(updates) for _ in FEED]
    assert seen == [*FEED[:4], *FEED]
    assert tokens(service) == ["", "1:4", ""]


async def test_errors_of_the_request_are_raised_at_once() -> None:
    service = fake()
    service.failures.append((grpc.StatusCode.INVALID_ARGUMENT, "what is this", (reason("BAD_FILTER"),)))
    async with watching(service) as updates:
        with pytest.raises(BadFilter, match="what is this"):
            await anext(updates)


async def test_gives_up_after_its_patience() -> None:
    async with AgentRuntimeClient("127.0.0.1:1", backoff=AT_ONCE) as client:
        with pytest.raises(Unreachable):
            await anext(client.watch_tasks(patience=0.1))
