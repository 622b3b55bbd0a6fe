"""Client loads: ``python -m tests.benchmarks.load KIND ADDRESS ...``; results as JSON lines."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

from agent_runtime.v1 import service_pb2, task_pb2
from tests.benchmarks.http_load import connected, read, request_of
from tests.benchmarks.raw import SERVICE, STREAM_REQUEST

RUNTIME = "/agent_runtime.v1.AgentRuntime/"
HTTP_TASK = b"""{"task_type": "plan", "configuration": {"app_url": "https://example.com",
"instructions": "Focus on login and checkout flows"}}"""
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def tell(**values: Any) -> None:
    """One line for the harness."""
    print(json.dumps(values), flush=True)


async def released() -> None:
    """Wait until the harness says go on."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def create_request() -> bytes:
    """A create with a prompt of 100 bytes."""
    configuration = task_pb2.TaskConfiguration(app_url="http://app.test/", instructions="10 hold".ljust(100))
    task = task_pb2.Task(task_type=task_pb2.TASK_TYPE_PLAN, configuration=configuration)
    return service_pb2.CreateTaskRequest(task=task).SerializeToString()


async def unary(address: str, method: str, calls: int, concurrency: int) -> None:
    """Calls of one kind from ``concurrency`` callers over two channels."""
    channels = [grpc.aio.insecure_channel(address, _OPTIONS) for _ in range(2)]
    request = create_request()
    stubs: list[Any] = [channel.unary_unary(method) for channel in channels]
    for stub in stubs:
        await stub(request, wait_for_ready=True)
    tell(ready=True)
    numbers = iter(range(calls))

    async def caller(stub: Any) -> None:
        for _ in numbers:
            await stub(request)

    await released()
    begin, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(stubs[number % 2]) for number in range(concurrency)))
    took = time.perf_counter() - begin
    tell(seconds=took, client_cpu=(time.process_time() - cpu) / took)


async def raw_stream(address: str, count: int, size: int, streams: int) -> None:
    """Read bare messages, on several streams at once."""
    channel = grpc.aio.insecure_channel(address, _OPTIONS)
    call: Any = channel.unary_stream(f"/{SERVICE}/Stream")
    await channel.channel_ready()

    async def read() -> int:
        received = 0
        async for message in call(STREAM_REQUEST.pack(count, size, 0.0)):
            received += len(message)
        return received

    begin = time.perf_counter()
    received = await asyncio.gather(*(read() for _ in range(streams)))
    took = time.perf_counter() - begin
    assert sum(received) == count * size * streams
    tell(seconds=took, rate=count * streams / took)


def stream_of(channel: grpc.aio.Channel, method: str) -> Any:
    """A streaming call of bytes."""
    stub: Any = channel.unary_stream(method)
    return stub


async def _updates(channel: grpc.aio.Channel, task_id: str, after: int) -> AsyncIterator[bytes]:
    request = service_pb2.WatchTaskRequest(task_id=task_id, after_sequence=after)
    request.heartbeat_interval.seconds = 300
    call: Any = channel.unary_stream(RUNTIME + "WatchTask")
    async for message in call(request.SerializeToString()):
        yield message


async def replay(address: str, task_id: str) -> None:
    """Read a finished task's whole log; its content is checked after the clock has stopped."""
    channel = grpc.aio.insecure_channel(address, _OPTIONS)
    await channel.channel_ready()
    begin = time.perf_counter()
    messages = [message async for message in _updates(channel, task_id, 0)]
    took = time.perf_counter() - begin
    updates = [service_pb2.WatchTaskResponse.FromString(message) for message in messages]
    assert updates[-1].closed.reason == service_pb2.CLOSE_REASON_TASK_DONE
    sequences = [event.sequence for update in updates for event in update.events.events]
    assert sequences == list(range(1, len(sequences) + 1)), "a gap in the replay"
    sizes = [len(message) for message, update in zip(messages, updates, strict=True) if update.HasField("events")]
    tell(seconds=took, events=len(sequences), messages=len(sizes), size=sum(sizes) // len(sizes))


async def fan_out(address: str, task_id: str, watchers: int) -> None:
    """Watch a task many times to its end; latency is from the driver's emit to here."""
    channels = [grpc.aio.insecure_channel(address, _OPTIONS) for _ in range(4)]
    opened = 0
    all_open = asyncio.Event()
    latencies: list[int] = []

    async def watch(channel: grpc.aio.Channel) -> int:
        nonlocal opened
        last = seen = 0
        async for message in _updates(channel, task_id, 0):
            now = time.time_ns()
            update = service_pb2.WatchTaskResponse.FromString(message)
            if update.HasField("opened"):
                opened += 1
                if opened == watchers:
                    all_open.set()
            for event in update.events.events:
                assert event.sequence == last + 1, "a gap in the fan-out"
                last = event.sequence
                if event.HasField("file"):
                    seen += 1
                    latencies.append(now - int(event.file.path.split(" ", 1)[0]))
        return seen

    tasks = [asyncio.create_task(watch(channels[number % 4])) for number in range(watchers)]
    await all_open.wait()
    tell(open=watchers)
    seen = await asyncio.gather(*tasks)
    latencies.sort()
    tell(
        seen=sum(seen),
        p50_ms=latencies[len(latencies) // 2] / 1e6,
        p99_ms=latencies[int(len(latencies) * 0.99)] / 1e6,
    )


async def idle(address: str, method: str, request: bytes, streams: int) -> None:
    """Open streams that get one message, and hold them until told."""
    channels = [grpc.aio.insecure_channel(address, _OPTIONS) for _ in range(20)]
    calls = []
    for number in range(streams):
        call = stream_of(channels[number % 20], method)(request)
        calls.append(call)
        if number % 100 == 99:
            await asyncio.gather(*(call.read() for call in calls[-100:]))
    tell(open=streams)
    await released()
    for call in calls:
        call.cancel()
    tell(closed=streams)


async def http_calls(address: str, verb: str, path: str, status: str, calls: str, concurrency: str) -> None:
    """Requests of one kind over as many connections as there are callers."""
    request = request_of(verb, path, HTTP_TASK if verb == "POST" else b"")
    numbers = iter(range(int(calls)))
    callers = [await connected(address, request, status.encode(), numbers) for _ in range(int(concurrency))]
    tell(ready=True)
    await released()
    begin, cpu = time.perf_counter(), time.process_time()
    for caller in callers:
        caller.begin()
    await asyncio.gather(*(caller.done for caller in callers))
    took = time.perf_counter() - begin
    tell(seconds=took, client_cpu=(time.process_time() - cpu) / took, size=max(len(caller.last) for caller in callers))


async def http_read(address: str, path: str, events: str, readers: str) -> None:
    """Read a stream of server-sent events in several places at once."""
    seconds, cpu = await read(address, path, int(events), int(readers))
    tell(seconds=seconds, client_cpu=cpu)


async def create(address: str, instructions: str, app_url: str = "http://app.test/") -> str:
    """Make a task and return its id."""
    async with grpc.aio.insecure_channel(address) as channel:
        configuration = task_pb2.TaskConfiguration(app_url=app_url, instructions=instructions)
        task = task_pb2.Task(task_type=task_pb2.TASK_TYPE_PLAN, configuration=configuration)
        request = service_pb2.CreateTaskRequest(task=task)
        call: Any = channel.unary_unary(RUNTIME + "CreateTask")
        response = await call(request.SerializeToString(), wait_for_ready=True, timeout=30)
        return service_pb2.CreateTaskResponse.FromString(response).task.id


async def wait_done(address: str, task_id: str) -> None:
    """Wait until a task has completed."""
    async with grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(RUNTIME + "WaitTask")
        for _ in range(20):
            raw = await call(service_pb2.WaitTaskRequest(task_id=task_id).SerializeToString())
            task = service_pb2.WaitTaskResponse.FromString(raw).task
            if task.done:
                assert task.status == task_pb2.TASK_STATUS_COMPLETED, task
                return
    raise AssertionError("the load did not end")


def main(kind: str, address: str, *rest: str) -> None:
    """Run one load."""
    if kind == "unary":
        uvloop.run(unary(address, rest[0], int(rest[1]), int(rest[2])))
    elif kind == "http":
        uvloop.run(http_calls(address, *rest))
    elif kind == "http-read":
        uvloop.run(http_read(address, *rest))
    elif kind == "raw-stream":
        uvloop.run(raw_stream(address, int(rest[0]), int(rest[1]), int(rest[2])))
    elif kind == "replay":
        uvloop.run(replay(address, rest[0]))
    elif kind == "fan-out":
        uvloop.run(fan_out(address, rest[0], int(rest[1])))
    elif kind == "idle-raw":
        uvloop.run(idle(address, f"/{SERVICE}/Hold", b"", int(rest[0])))
    elif kind == "idle-watch":
        request = service_pb2.WatchTaskRequest(task_id=rest[0])
        request.heartbeat_interval.seconds = 300
        uvloop.run(idle(address, RUNTIME + "WatchTask", request.SerializeToString(), int(rest[1])))
    else:
        raise SystemExit(f"unknown load {kind}")


if __name__ == "__main__":
    main(*sys.argv[1:])
