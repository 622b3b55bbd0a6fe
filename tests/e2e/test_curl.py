"""`buf curl`, by reflection: what anybody can do who has nothing of ours."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.line.support import Server, mute_app

TASKS = "agent_runtime.v1.AgentRuntime"
SESSIONS = "agent_runtime.v1.SessionService"
CALL_SECONDS = 60

pytestmark = pytest.mark.timeout(300)


def _command(running: Server, method: str, request: dict[str, Any]) -> list[str]:
    buf = shutil.which("buf", path=str(Path(sys.executable).parent)) or "buf"
    url = f"http://{running.address}/{method}"
    return [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", json.dumps(request), url]


def _call(running: Server, method: str, **request: Any) -> dict[str, Any]:
    done = subprocess.run(
        _command(running, method, request), capture_output=True, text=True, timeout=CALL_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("service", ["", "liveness", "readiness", "startup", TASKS, SESSIONS])
def test_health(service: str, running: Server) -> None:
    assert _call(running, "grpc.health.v1.Health/Check", service=service) == {"status": "SERVING"}


async def test_a_task_from_create_to_cancel(running: Server) -> None:
    async with mute_app() as url:
        task = {"task_type": "TASK_TYPE_PLAN", "configuration": {"app_url": url}}
        created = await asyncio.to_thread(_call, running, f"{TASKS}/CreateTask", task=task)
        assert created["task"]["status"] == "TASK_STATUS_PENDING"
        name = created["task"]["id"]
        watch = await asyncio.create_subprocess_exec(
            *_command(running, f"{TASKS}/WatchTask", {"task_id": name, "after_sequence": 0}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        got = await asyncio.to_thread(_call, running, f"{TASKS}/GetTask", task_id=name)
        listed = await asyncio.to_thread(_call, running, f"{TASKS}/ListTasks", page_size=1)
        assert got["task"]["configuration"]["appUrl"] == url
        assert [each["id"] for each in listed["tasks"]] == [name]
        await asyncio.to_thread(_call, running, f"{TASKS}/CancelTask", task_id=name, reason="seen enough")
        output, errors = await asyncio.wait_for(watch.communicate(), CALL_SECONDS)
    assert watch.returncode == 0, errors.decode()
    updates = list(_documents(output.decode()))
    assert "opened" in updates[0]
    events = [event for update in updates for event in update.get("events", {}).get("events", [])]
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    assert updates[-1]["closed"]["reason"] == "CLOSE_REASON_TASK_DONE"
    assert updates[-1]["closed"]["task"]["status"] == "TASK_STATUS_CANCELLED"


def _documents(text: str) -> list[dict[str, Any]]:
    decoder, found, text = json.JSONDecoder(), [], text.lstrip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    return found


def test_a_bad_request_names_each_bad_field(running: Server) -> None:
    request = {"task": {"configuration": {"app_url": "nonsense"}}}
    done = subprocess.run(
        _command(running, f"{TASKS}/CreateTask", request), capture_output=True, text=True, timeout=CALL_SECONDS
    )
    assert done.returncode != 0
    assert "task.configuration.app_url" in done.stderr
    assert "task.task_type" in done.stderr
