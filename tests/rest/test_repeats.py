"""Clients that poll see every change, though what has not changed is not made again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.domain.event import LogEntry, LogLevel, LogSource
from agent_runtime_server.ports import Emit, PhaseJob, PhaseReport
from agent_runtime_server.testing.driver import ScriptedDriver
from tests.rest.support import PATIENCE, door
from tests.rpc.support import BLOCKING, driver_of

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_task_is_told_as_it_is_however_often_it_was_told_before(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING), slots=1) as served:
        first, second = await served.line.create(), await served.line.create()
        await served.line.until(first.id, _at_work)

        async def told(task_id: str) -> tuple[str, str, int]:
            old = (await served.http.get(f"/tasks/{task_id}")).json()
            new = (await served.http.get(f"/v1/tasks/{task_id}")).json()
            task = await served.line.get(task_id)
            assert (new["labels"], new["etag"]) == (dict(task.labels), task.etag)
            return old["status"], new["status"], task.queue.position

        for _ in range(3):
            assert await told(first.id) == ("running", "running", 0)
            assert await told(second.id) == ("pending", "pending", 1)
        changed = task_pb2.Task(id=first.id, labels={"a": "b"})
        request = service_pb2.UpdateTaskRequest(task=changed)
        request.update_mask.paths.append("labels")
        await served.line.runtime.UpdateTask(request)
        assert dict((await served.line.get(first.id)).labels) == {"a": "b"}
        await told(first.id)
        await served.line.cancel(first.id)
        await served.line.done(first.id)
        assert await told(first.id) == ("cancelled", "cancelled", 0)
        await served.line.until(second.id, _at_work)
        assert await told(second.id) == ("running", "running", 0)
        await served.line.cancel(second.id)
        await served.line.done(second.id)
        await served.line.runtime.DeleteTask(service_pb2.DeleteTaskRequest(task_id=first.id))
        for path in (f"/tasks/{first.id}", f"/v1/tasks/{first.id}"):
            assert (await served.http.get(path)).status_code == 404


def _at_work(task: task_pb2.Task) -> bool:
    return task.current_phase == task_pb2.TASK_PHASE_PLANNING


class Talker(ScriptedDriver):
    """Says a line each time it is let to."""

    def __init__(self) -> None:
        super().__init__({}, name="explorer")
        self.let = asyncio.Semaphore(0)

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        for number in range(3):
            await self.let.acquire()
            emit(LogEntry(MIDNIGHT, LogLevel.INFO, LogSource.AGENT, f"line {number}"))
        await self.let.acquire()
        return PhaseReport()


async def test_new_lines_of_a_log_are_told(tmp_path: Path) -> None:
    talker = Talker()
    async with door(tmp_path, talker) as served:
        task = await served.line.create()
        path = f"/tasks/{task.id}"
        for number in range(3):
            talker.let.release()
            async with asyncio.timeout(PATIENCE):
                while _said(lines := (await served.http.get(path)).json()["debug_logs"])[-1:] != [f"line {number}"]:
                    await asyncio.sleep(0.01)
            assert _said(lines) == [f"line {said}" for said in range(number + 1)]
            assert _said((await served.http.get(path)).json()["debug_logs"]) == _said(lines)
        talker.let.release()
        await served.line.done(task.id)
        assert (await served.http.get(path)).json()["status"] == "completed"


def _said(lines: list[str]) -> list[str]:
    return [line.removeprefix("[00:00:00] ") for line in lines if line.startswith("[00:00:00] ")]
