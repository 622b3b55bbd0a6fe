"""The rows: each measures its limit and us once, in the same round."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from agent_runtime.v1 import service_pb2
from tests.benchmarks import agents, http_rows
from tests.benchmarks.load import RUNTIME, create, wait_done
from tests.benchmarks.processes import loads, our_server, raw_server, seconds_to_first_answer
from tests.benchmarks.raw import SERVICE
from tests.benchmarks.sample import Sample


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``goal`` is its goal in words."""

    number: int
    metric: str
    unit: str
    limit: str
    goal: str
    excess: Callable[[Sample], float]
    """How far from the goal a sample is: 1 meets it just so, 2 is twice too much."""
    measure: Callable[[bool], Sample]


def create_tasks(quick: bool) -> Sample:
    """Row 1."""
    calls = 1000 if quick else 3000

    def rate(address: str, method: str) -> tuple[float, float]:
        with loads(*[["unary", address, method, str(calls // 2), "32"]] * 2) as group:
            group.line()
            group.release()
            results = group.line()
        return calls / max(result["seconds"] for result in results), max(result["client_cpu"] for result in results)

    with raw_server() as raw:
        limit, client = rate(raw.address, f"/{SERVICE}/Echo")
    with our_server("idle") as server:
        before = server.cpu_seconds()
        ours, _ = rate(server.address, RUNTIME + "CreateTask")
        cpu = (server.cpu_seconds() - before) / calls * 1e6
    bound = ", client-bound" if client > 0.9 else ""
    return Sample(limit, ours, ours / limit, f"server {cpu:.0f} us a call{bound}")


def replay(quick: bool) -> Sample:
    """Row 5."""
    events = 20_000 if quick else 100_000
    with our_server() as server:
        task_id = asyncio.run(create(server.address, f"{events} 0"))
        asyncio.run(wait_done(server.address, task_id))
        with loads(["replay", server.address, task_id]) as group:
            (ours,) = group.line()
    assert ours["events"] >= events
    with (
        raw_server() as raw,
        loads(["raw-stream", raw.address, str(ours["messages"]), str(ours["size"]), "1"]) as group,
    ):
        (limit,) = group.line()
    best, mine = ours["events"] / limit["seconds"], ours["events"] / ours["seconds"]
    return Sample(best, mine, mine / best, f"{ours['messages']} messages of {ours['size']} bytes")


def fan_out(quick: bool) -> Sample:
    """Row 7."""
    watchers, rate, seconds = 100, 1000, 3 if quick else 10
    with raw_server() as raw, loads(["raw-stream", raw.address, "100", "160", str(watchers)]) as group:
        (limit,) = group.line()
    sweep_ms = watchers / limit["rate"] * 1000
    with our_server() as server:
        # Watchers come first: the task waits behind another one of both slots until they are there.
        blockers = [asyncio.run(create(server.address, "1 hold")) for _ in range(2)]
        task_id = asyncio.run(create(server.address, f"{rate * seconds} {rate}"))
        half = str(watchers // 2)
        with loads(*[["fan-out", server.address, task_id, half]] * 2) as group:
            group.line()
            for blocker in blockers:
                asyncio.run(_cancel(server.address, blocker))
            results = group.line()
    share = sum(result["seen"] for result in results) / (watchers * rate * seconds)
    assert share == 1, f"share {share}"
    p99 = max(result["p99_ms"] for result in results)
    p50 = max(result["p50_ms"] for result in results)
    return Sample(sweep_ms, p99, p99 / sweep_ms, f"share {share:.2f}, p50 {p50:.0f} ms")


async def _cancel(address: str, task_id: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(RUNTIME + "CancelTask")
        await call(service_pb2.CancelTaskRequest(task_id=task_id).SerializeToString())


def idle_watchers(quick: bool) -> Sample:
    """Row 10."""
    streams = 2_000 if quick else 10_000
    half = str(streams // 2)
    with raw_server() as raw:
        before = raw.resident_bytes()
        with loads(*[["idle-raw", raw.address, half]] * 2) as group:
            group.line()
            limit = (raw.resident_bytes() - before) / streams / 1024
    with our_server() as server:
        task_id = asyncio.run(create(server.address, "1 hold"))
        before = server.resident_bytes()
        with loads(*[["idle-watch", server.address, task_id, half]] * 2) as group:
            group.line()
            ours = (server.resident_bytes() - before) / streams / 1024
            cpu, begin = server.cpu_seconds(), time.monotonic()
            time.sleep(3 if quick else 10)
            idle = (server.cpu_seconds() - cpu) / (time.monotonic() - begin)
    return Sample(limit, ours, ours / limit, f"{streams} streams, idle CPU {idle:.1%}", idle)


def start(_quick: bool) -> Sample:
    """Row 12."""
    import tempfile

    def ask(address: str, method: str, request: bytes) -> None:
        with grpc.insecure_channel(address) as channel:
            call: Any = channel.unary_unary(method)
            call(request, timeout=30, wait_for_ready=True)

    limit = seconds_to_first_answer(
        ["-m", "tests.benchmarks.raw"], lambda address: ask(address, f"/{SERVICE}/Echo", b"x")
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        flags = [
            "--address",
            "127.0.0.1:0",
            "--http-address",
            "127.0.0.1:0",
            "--state-dir",
            f"{folder}/s",
            "--workspace-root",
            f"{folder}/w",
        ]
        ours = seconds_to_first_answer(
            ["-m", "agent_runtime.cli.main", "serve", *flags],
            lambda address: ask(address, RUNTIME + "GetServerInfo", b""),
        )
    return Sample(limit * 1000, ours * 1000, ours / limit)


def _at_least(goal: float) -> Callable[[Sample], float]:
    return lambda sample: goal / sample.ratio


ROWS = (
    Row(1, "CreateTask, 64 callers", "/s", "raw echo", ">= 0.75x", _at_least(0.75), create_tasks),
    Row(
        *(5, "replay of 100,000 events, 1 watcher", "events/s", "raw stream, same messages"),
        *(">= 0.75x", _at_least(0.75), replay),
    ),
    Row(
        *(7, "fan-out to 100 watchers, 1,000 events/s: p99", "ms", "sweep of 100 raw writes"),
        *("<= 6x, or <= 50 ms with the tick", lambda sample: min(sample.ratio / 6, sample.ours / 50), fan_out),
    ),
    Row(
        *(10, "idle watcher", "KiB", "raw idle stream"),
        *("<= 24 KiB, idle CPU <= 1%", lambda sample: max(sample.ours / 24, sample.idle_cpu / 0.01), idle_watchers),
    ),
    Row(
        *(12, "start to first answered call", "ms", "raw server"),
        *("<= 1.5x and <= 300 ms", lambda sample: max(sample.ratio / 1.5, sample.ours / 300), start),
    ),
    Row(
        *(31, "legacy POST, 64 callers", "/s", "bare Starlette to a gRPC echo"),
        *(">= 0.6x", _at_least(0.6), http_rows.post),
    ),
    Row(
        *(32, "legacy GET, 64 callers", "/s", "bare Starlette to a gRPC echo"),
        *(">= 0.6x", _at_least(0.6), http_rows.get),
    ),
    Row(
        *(33, "SSE replay of 100,000 events, 1 reader", "events/s", "FastAPI, memory only"),
        *(">= 0.3x", _at_least(0.3), http_rows.replay_one),
    ),
    Row(
        *(34, "SSE replay of 100,000 events, 10 readers", "events/s", "FastAPI, memory only"),
        *(">= 2x", _at_least(2), http_rows.replay_ten),
    ),
    Row(21, "cancel of an LLM agent, slowest", "s", "the goal", "<= 2 s", lambda sample: sample.ratio, agents.cancel),
    Row(
        *(22, "LLM agent, eleven model calls, start to end", "s", "OpenCode by hand, no sandbox"),
        *("<= 5% or 1 s more", lambda sample: min(sample.ratio / 1.05, sample.ours - sample.limit), agents.overhead),
    ),
)
