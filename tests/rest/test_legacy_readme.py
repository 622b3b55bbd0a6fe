"""The example in the old service's README, as it was printed there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.rest.support import PATIENCE, answer, door

EXAMPLE = """
import time

import requests

BASE_URL = "http://localhost:5001"

response = requests.post(
    f"{BASE_URL}/tasks",
    json={
        "task_type": "complete",
        "configuration": {
            "app_url": "https://example.com",
            "instructions": "Focus on login and checkout flows",
        },
    },
)
task = response.json()
task_id = task["id"]
print(f"Created task {task_id}: {task['status']}")

while True:
    task = requests.get(f"{BASE_URL}/tasks/{task_id}").json()
    print(f"Status: {task['status']} - Phase: {task.get('current_phase') or 'N/A'}")
    if task["status"] in ("completed", "failed", "cancelled"):
        break
    time.sleep(5)
"""
"""What it does is the old README's, to the letter: its calls, its fields, its five seconds, its words for an end."""


@pytest.mark.timeout(300)
async def test_it_runs_unchanged(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        # Tests run side by side, so the port is another one; this is its only place in the example.
        assert EXAMPLE.count("http://localhost:5001") == 1
        script = EXAMPLE.replace("http://localhost:5001", at.base_url)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(2 * PATIENCE):
            output, errors = await process.communicate()
        assert (process.returncode, errors.decode()) == (0, "")
        (task,) = answer(await at.http.get("/tasks"))["tasks"]
        assert task["configuration"]["instructions"] == "Focus on login and checkout flows"
        first, *polls = output.decode().splitlines()
        assert first == f"Created task {task['id']}: pending"
        assert polls[-1] == f"Status: {task['status']} - Phase: {task['current_phase']}"
        assert task["done"]
