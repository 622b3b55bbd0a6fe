"""The rows of the HTTP door: beside the least that its way costs, and beside the service that it replaces."""

from __future__ import annotations

import asyncio
import json
import urllib.request

from tests.benchmarks.load import HTTP_TASK, create, wait_done
from tests.benchmarks.processes import Server, http_peer, loads, our_server
from tests.benchmarks.sample import Sample

_ANY_PORT = "127.0.0.1:0"
_JSON = {"content-type": "application/json"}


def post(quick: bool) -> Sample:
    """Row 31."""
    calls = 2000 if quick else 6000
    with http_peer("bare") as bare:
        limit, client, _ = _rate(bare.address, "POST", "/tasks", "201", calls)
    with http_peer("fastapi") as fastapi:
        peer, _, _ = _rate(fastapi.address, "POST", "/tasks", "201", calls)
    with our_server("idle", _ANY_PORT) as server:
        before = server.cpu_seconds()
        ours, _, _ = _rate(server.http_address, "POST", "/tasks", "201", calls)
        cpu = (server.cpu_seconds() - before) / calls * 1e6
    return Sample(limit, ours, ours / limit, _note(cpu, ours, peer, client))


def get(quick: bool) -> Sample:
    """Row 32."""
    calls = 3000 if quick else 9000
    with our_server(http_address=_ANY_PORT) as server:
        task_id = asyncio.run(create(server.address, "10 0"))
        asyncio.run(wait_done(server.address, task_id))
        before = server.cpu_seconds()
        ours, _, size = _rate(server.http_address, "GET", f"/tasks/{task_id}", "200", calls)
        cpu = (server.cpu_seconds() - before) / calls * 1e6
    with http_peer("bare") as bare:
        limit, client, _ = _rate(bare.address, "GET", f"/tasks/{size}", "200", calls)
    with http_peer("fastapi") as fastapi:
        peer, _, _ = _rate(fastapi.address, "GET", f"/tasks/{_task_of(fastapi)}", "200", calls)
    return Sample(limit, ours, ours / limit, _note(cpu, ours, peer, client))


def replay_one(quick: bool) -> Sample:
    """Row 33."""
    return _replay(20_000 if quick else 100_000, 1)


def replay_ten(quick: bool) -> Sample:
    """Row 34."""
    return _replay(10_000 if quick else 100_000, 10)


def _replay(events: int, readers: int) -> Sample:
    with http_peer("fastapi") as fastapi:
        limit, client = _events_a_second(fastapi.address, f"/tasks/{events}/events", events, readers)
    with our_server(http_address=_ANY_PORT) as server:
        task_id = asyncio.run(create(server.address, f"{events} 0"))
        asyncio.run(wait_done(server.address, task_id))
        path = f"/v1/tasks/{task_id}:watch?after_sequence=0"
        before = server.cpu_seconds()
        ours, mine = _events_a_second(server.http_address, path, events, readers)
        cpu = (server.cpu_seconds() - before) / events / readers * 1e6
    bound = ", client-bound" if max(client, mine) > 0.9 else ""
    return Sample(limit, ours, ours / limit, f"server {cpu:.1f} us an event and reader{bound}")


def _rate(address: str, verb: str, path: str, status: str, calls: int) -> tuple[float, float, int]:
    """Calls a second of 64 callers, the share of a core of the busier client, and the size of an answer."""
    with loads(*[["http", address, verb, path, status, str(calls // 2), "32"]] * 2) as group:
        group.line()
        group.release()
        results = group.line()
    seconds = max(result["seconds"] for result in results)
    return calls / seconds, max(result["client_cpu"] for result in results), results[0]["size"]


def _events_a_second(address: str, path: str, events: int, readers: int) -> tuple[float, float]:
    """Of all readers together, and the share of a core that they took."""
    with loads(["http-read", address, path, str(events), str(readers)]) as group:
        (result,) = group.line()
    return events * readers / result["seconds"], result["client_cpu"]


def _task_of(server: Server) -> str:
    request = urllib.request.Request(f"http://{server.address}/tasks", HTTP_TASK, _JSON)
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(json.load(response)["id"])


def _note(cpu: float, ours: float, peer: float, client: float) -> str:
    bound = ", client-bound" if client > 0.9 else ""
    return f"server {cpu:.0f} us a call, {ours / peer:.2f}x FastAPI's {peer:,.0f}/s{bound}"
