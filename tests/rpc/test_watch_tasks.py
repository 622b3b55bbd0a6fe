"""Following all tasks that match a filter, over a socket."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from agent_runtime_server.domain.event import FileChanged
from agent_runtime_server.testing.script import Script
from tests.rpc.support import BLOCKING, Line, driver_of, invalid, line, refused

SHOP = 'labels.team = "shop"'
FILES = Script(facts=[FileChanged("a"), FileChanged("b")])


class Reader:
    """A watch, and what it has seen."""

    def __init__(self, server: Line, **fields: Any) -> None:
        self.call = server.runtime.WatchTasks(
            service_pb2.WatchTasksRequest(heartbeat_interval=Duration(seconds=1), **fields)
        )
        self.tasks: dict[str, task_pb2.Task] = {}
        self.events: dict[str, list[event_pb2.TaskEvent]] = {}
        self.token = ""

    async def next(self) -> service_pb2.WatchTasksResponse:
        read: Any = await self.call.read()
        assert read is not grpc.aio.EOF
        response: service_pb2.WatchTasksResponse = read
        self.token = response.resume_token
        if response.HasField("task"):
            self.tasks[response.task.id] = response.task
        for event in response.events.events:
            self.events.setdefault(event.task_id, []).append(event)
        return response

    async def until_ended(self, task_id: str) -> None:
        async with asyncio.timeout(60):
            while not any(
                event.status.new_status == task_pb2.TASK_STATUS_COMPLETED for event in self.events.get(task_id, [])
            ):
                await self.next()

    async def until_caught_up(self) -> None:
        async with asyncio.timeout(60):
            while not (await self.next()).heartbeat.caught_up:
                pass


def sequences(reader: Reader, task_id: str) -> list[int]:
    return [event.sequence for event in reader.events.get(task_id, [])]


async def test_tasks_that_match_then_what_happens_to_them(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=FILES)) as server:
        old = await server.done((await server.create(labels={"team": "shop"})).id)
        reader = Reader(server, filter=SHOP, kinds=[kind for kind in event_pb2.TaskEventKind.values() if kind])
        await reader.until_caught_up()
        assert list(reader.tasks) == [old.id]
        assert reader.tasks[old.id] == old
        assert not reader.events, "the task says it all"
        other = await server.create()
        task = await server.create(labels={"team": "shop"})
        await reader.until_ended(task.id)
        assert other.id not in reader.tasks
        done = await server.get(task.id)
        assert sequences(reader, task.id) == list(range(1, done.sequence + 1))
        assert reader.events[task.id] == await server.events(task.id)
        reader.call.cancel()


async def test_kinds_are_what_was_asked_for(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=FILES)) as server:
        usual, files = (
            Reader(server),
            Reader(server, kinds=[event_pb2.TASK_EVENT_KIND_FILE, event_pb2.TASK_EVENT_KIND_STATUS]),
        )
        for reader in (usual, files):
            await reader.next()
        task = await server.create()
        for reader in (usual, files):
            await reader.until_ended(task.id)
        kinds = [{event.WhichOneof("payload") for event in reader.events[task.id]} for reader in (usual, files)]
        assert kinds == [{"status", "phase_change", "attempt_change"}, {"status", "file"}]


async def test_a_watch_goes_on_where_another_has_stopped(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=FILES)) as server:
        first = Reader(server)
        await first.next()
        task = await server.create()
        async with asyncio.timeout(60):
            while not first.events.get(task.id):
                await first.next()
        first.call.cancel()
        second = Reader(server, resume_token=first.token)
        await second.until_ended(task.id)
        kinds = {"status", "phase_change", "attempt_change"}
        told = [event.sequence for event in await server.events(task.id) if event.WhichOneof("payload") in kinds]
        assert sequences(first, task.id) + sequences(second, task.id) == told
        other = service_pb2.WatchTasksRequest(filter=SHOP, resume_token=first.token)
        await invalid(anext(aiter(server.runtime.WatchTasks(other))), "resume_token")
        garbage = service_pb2.WatchTasksRequest(resume_token="garbage")
        await invalid(anext(aiter(server.runtime.WatchTasks(garbage))), "resume_token")
    async with line(tmp_path) as server:
        late = service_pb2.WatchTasksRequest(resume_token=first.token)
        await refused(
            anext(aiter(server.runtime.WatchTasks(late))), grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED"
        )


async def test_draining_closes_it_and_a_vanished_reader_is_forgotten(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING), max_watchers=1) as server:
        vanished = Reader(server)
        await vanished.next()
        full = service_pb2.WatchTaskRequest(task_id=(await server.create()).id)
        await refused(
            anext(aiter(server.runtime.WatchTask(full))), grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS"
        )
        vanished.call.cancel()
        async with asyncio.timeout(60):
            while server.app.signals.statistics():
                await asyncio.sleep(0.01)
        reader = Reader(server)
        await reader.until_caught_up()
        await server.app.drain(timedelta())
        async with asyncio.timeout(60):
            while not (response := await reader.next()).HasField("closed"):
                pass
        assert response.closed.reason == service_pb2.CLOSE_REASON_DRAINING
        assert response.closed.reconnect_delay.ToMilliseconds() > 0
        assert await reader.call.read() is grpc.aio.EOF
        assert await reader.call.code() is grpc.StatusCode.OK
