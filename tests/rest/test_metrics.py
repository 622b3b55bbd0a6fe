"""``/metrics``: what a scrape finds is what was done."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from agent_runtime.v1 import service_pb2
from agent_runtime_server.domain.usage import ModelUsage
from agent_runtime_server.ports import Emit, PhaseJob, PhaseReport
from agent_runtime_server.testing.driver import ScriptedDriver
from tests.rest.support import PATIENCE, Door, door
from tests.rpc.support import BLOCKING, driver_of

RUNTIME = "agent_runtime.v1.AgentRuntime"


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """A sample; 0 if there is none."""
        return self._values.get((name, frozenset(labels.items())), 0.0)

    def call(self, name: str, method: str, kind: str = "unary", **labels: str) -> float:
        """A sample of a method of the runtime."""
        return self(f"grpc_server_{name}", grpc_service=RUNTIME, grpc_method=method, grpc_type=kind, **labels)


async def scrape(served: Door) -> Scrape:
    response = await served.http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return Scrape(response.text)


async def until(served: Door, condition: Any) -> Scrape:
    """The first scrape that is as wanted."""
    async with asyncio.timeout(PATIENCE):
        while not condition(found := await scrape(served)):
            await asyncio.sleep(0.05)
        return found


async def test_calls_are_counted_by_method_and_code_as_go_grpc_prometheus_does(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        for _ in range(3):
            await served.line.runtime.GetServerInfo(service_pb2.GetServerInfoRequest())
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError):
                await served.line.get("none")
        with pytest.raises(grpc.aio.AioRpcError):
            await served.line.runtime.GetTask(service_pb2.GetTaskRequest())
        before = await scrape(served)
        assert before.call("started_total", "GetServerInfo") == 3
        assert before.call("handled_total", "GetServerInfo", grpc_code="OK") == 3
        assert before.call("msg_received_total", "GetServerInfo") == 3
        assert before.call("msg_sent_total", "GetServerInfo") == 3
        assert before.call("handling_seconds_count", "GetServerInfo") == 3
        assert before.call("handling_seconds_bucket", "GetServerInfo", le="+Inf") == 3
        assert 0 < before.call("handling_seconds_sum", "GetServerInfo") < PATIENCE
        assert before.call("started_total", "GetTask") == 3
        assert before.call("handled_total", "GetTask", grpc_code="NotFound") == 2
        assert before.call("handled_total", "GetTask", grpc_code="InvalidArgument") == 1
        assert before.call("handled_total", "GetTask", grpc_code="OK") == 0
        assert before.call("msg_sent_total", "GetTask") == 0
        # The other door calls the same methods.
        assert (await served.http.get("/v1/info")).status_code == 200
        assert (await scrape(served)).call("handled_total", "GetServerInfo", grpc_code="OK") == 4


async def test_streams_are_counted_message_by_message(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as served:
        task = await served.line.create()
        stream = served.line.runtime.WatchTask(service_pb2.WatchTaskRequest(task_id=task.id, after_sequence=0))
        await stream.read()
        kind = "server_stream"
        open_ = await until(served, lambda found: found("agent_runtime_watchers") == 1)
        assert open_.call("started_total", "WatchTask", kind) == 1
        assert open_.call("msg_sent_total", "WatchTask", kind) >= 1, "opened"
        assert open_.call("msg_received_total", "WatchTask", kind) == 1
        assert open_.call("handling_seconds_count", "WatchTask", kind) == 0, "it goes on"
        stream.cancel()
        await until(served, lambda found: found("agent_runtime_watchers") == 0)
        await until(served, lambda found: found.call("handled_total", "WatchTask", kind, grpc_code="Canceled") == 1)
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await served.line.runtime.WaitTask(service_pb2.WaitTaskRequest(task_id=task.id), timeout=3)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        # Of a call that was long on its way the caller knows first that its time is up, and then it just leaves.
        ends = ("DeadlineExceeded", "Canceled")
        # A page of figures is not of one moment: a call may be among the durations and not yet among the ends.
        await until(
            served, lambda found: sum(found.call("handled_total", "WaitTask", grpc_code=end) for end in ends) == 1
        )
        await until(served, lambda found: found.call("handling_seconds_count", "WaitTask") == 1)
        made = await served.line.sessions.CreateSession(service_pb2.CreateSessionRequest())
        await served.line.upload(made.session.id, "a.txt", b"x" * 2500)
        sessions = {"grpc_service": "agent_runtime.v1.SessionService", "grpc_method": "WriteSessionFile"}
        labels = {**sessions, "grpc_type": "client_stream"}
        uploaded = await scrape(served)
        assert uploaded("grpc_server_msg_received_total", **labels) == 4, "a header and three chunks"
        assert uploaded("grpc_server_msg_sent_total", **labels) == 1


async def test_tasks_the_queue_and_runs_are_told(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING), slots=2) as served:
        tasks = [await served.line.create() for _ in range(5)]
        busy = await until(served, lambda found: found("agent_runtime_slots_used") == 2)
        assert busy("agent_runtime_slots") == 2
        assert busy("agent_runtime_queue_depth") == 3
        assert busy("agent_runtime_tasks", status="running") == 2
        assert busy("agent_runtime_tasks", status="pending") == 3
        assert busy("agent_runtime_task_run_seconds_count", task_type="plan", status="cancelled") == 0
        for task in reversed(tasks):
            await served.line.cancel(task.id)
        for task in tasks:
            await served.line.done(task.id)
        idle = await until(served, lambda found: found("agent_runtime_slots_used") == 0)
        assert idle("agent_runtime_queue_depth") == 0
        assert idle("agent_runtime_tasks", status="cancelled") == 5
        assert idle("agent_runtime_tasks", status="running") == 0
        assert idle("agent_runtime_task_run_seconds_count", task_type="plan", status="cancelled") == 2, (
            "others never ran"
        )
        heads = [(await served.line.get(task.id)).sequence for task in tasks]
        assert idle("agent_runtime_events_total") == sum(heads)
        assert idle("agent_runtime_commit_seconds_count") > 0
        assert idle("agent_runtime_commit_seconds_sum") > 0


async def test_what_models_used_is_told(tmp_path: Path) -> None:
    used = ModelUsage("a/b", input_tokens=70, output_tokens=9, requests=1, cost=2_500_000_000)

    class Spender(ScriptedDriver):
        async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
            for _ in range(2):
                job.meter.used(used)
            return await super().run(job, emit)

    async with door(tmp_path, Spender({}, name="explorer")) as served:
        await served.line.done((await served.line.create()).id)
        found = await scrape(served)
        assert found("agent_runtime_model_calls_total", model="a/b") == 2
        assert found("agent_runtime_model_tokens_total", model="a/b", kind="input") == 140
        assert found("agent_runtime_model_tokens_total", model="a/b", kind="output") == 18
        assert found("agent_runtime_model_cost_dollars_total", model="a/b") == 5


async def test_http_requests_are_counted_by_route_and_status(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        for task_id in ("one", "two", "three"):
            assert (await served.http.get(f"/v1/tasks/{task_id}")).status_code == 404
        assert (await served.http.get("/v1/sessions/none/files/a/b.txt")).status_code == 404
        await served.http.request("PROPFIND", "/nothing/here")
        found = await scrape(served)
        name = "agent_runtime_http_requests_total"
        assert found(name, method="GET", route="/v1/tasks/{task_id}", status="404") == 3
        assert found(name, method="GET", route="/v1/sessions/{session_id}/files/{path}", status="404") == 1
        assert found(name, method="other", route="none", status="404") == 1
        assert found("agent_runtime_http_requests_open") == 0
        assert (await scrape(served))(name, method="GET", route="/metrics", status="200") == 1


async def test_the_names_are_those_that_are_documented(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    async with door(tmp_path) as served:
        found = await scrape(served)
        for name, family in found.families.items():
            assert family.documentation, name
            if name.startswith(("agent_runtime_", "grpc_server_")):
                suffix = "_total" if family.type == "counter" else ""
                assert f"`{name}{suffix}`" in guide, name
        assert found("process_resident_memory_bytes") > 0


async def test_open_metrics_are_spoken_to_those_who_ask_for_them(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        response = await served.http.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
        assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        parse: Any = openmetrics.text_string_to_metric_families
        names = {family.name for family in parse(response.text)}
        assert {"agent_runtime_tasks", "grpc_server_handled"} <= names


def test_a_server_that_is_not_scraped_loads_nothing_for_it() -> None:
    code = "import sys, agent_runtime_server.rest.door; print('prometheus_client' in sys.modules)"
    path = os.pathsep.join(str(Path(__file__).parents[2] / part) for part in ("client", "server"))
    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
