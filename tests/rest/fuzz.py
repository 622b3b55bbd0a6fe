"""Fuzzes everything that `/openapi.json` describes, with schemathesis, against a real server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_runtime_server.domain.inputs import InputKind, Question
from tests.rest.story import Storyteller, Suite
from tests.rest.support import PATIENCE, Door, answer, door

SEED = 20261128
ROOT = Path(__file__).parents[2]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
NEVER_REACHED = {"GET /tasks/{task_id}/stream"}
"""Operations that carry out nothing for schemathesis, which speaks no WebSocket."""
_SHORT = {"max_watch_age_seconds": 1.0, "max_wait_seconds": 1.0}
"""Settings of a server whose watches and waits end soon."""
_PATH = "notes/read.me"


@dataclass(frozen=True)
class Fuzzed:
    """What came of a run."""

    cases: int
    operations: int
    failures: Sequence[str]
    reached: Sequence[str]
    """Operations that have carried out at least one request."""
    output: str


async def fuzzed(folder: Path, phases: str, examples: int) -> Fuzzed:
    """Run schemathesis over the whole description: ``examples`` are the most cases of an operation in its phase of
    random ones."""
    teller = Storyteller()
    async with door(folder / "server", teller, Suite(), **_SHORT) as at:
        return await _run(at.base_url, folder, await _something_to_find(at, teller), phases, examples)


async def _run(base_url: str, folder: Path, known: dict[str, str], phases: str, examples: int) -> Fuzzed:
    report = folder / "fuzz.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{base_url}/openapi.json"),
        *("--checks", ",".join(CHECKS), "--phases", phases, "--max-examples", str(examples), "--seed", str(SEED)),
        *("--generation-database", "none", "--suppress-health-check", "all", "--request-timeout", "60"),
        *("--continue-on-failure", "--no-shrink", "--no-color", "--warnings", "off"),
        *("--report", "json", "--report-json-path", str(report)),
        cwd=folder,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.rest.fuzz_hooks", "PYTHONPATH": str(ROOT), **known},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert report.exists(), output.decode()
    return _read(json.loads(report.read_text()), output.decode())


def _read(report: dict[str, Any], output: str) -> Fuzzed:
    troubles = [json.dumps(trouble)[:2000] for trouble in (*report["failures"], *report["errors"])]
    reached = [
        operation
        for operation, phases in report["valid_rates"].items()
        if any(phase["accepted"] for phase in phases.values())
    ]
    operations = report["operations"]
    assert operations["tested"] == operations["total"], operations
    return Fuzzed(report["test_cases"]["generated"], operations["tested"], troubles, reached, output)


async def _something_to_find(at: Door, teller: Storyteller) -> dict[str, str]:
    """A finished task with everything that a task can have, and one that waits for an answer; their names, for the
    hooks."""
    task = await at.done((await at.create("complete"))["id"])
    session = task["session_id"]
    (await at.http.put(f"/v1/sessions/{session}/files/{_PATH}", content=b"0123456789" * 10)).raise_for_status()
    artifacts = (await at.http.get(f"/v1/tasks/{task['id']}/artifacts")).json()["artifacts"]
    teller.question = Question(InputKind.QUESTION, "Which of them?")
    asking = (await at.create("plan"))["id"]
    async with asyncio.timeout(PATIENCE):
        # A wait ends soon on this server, met or not.
        while not answer(await at.http.get(f"/v1/tasks/{asking}:wait", params={"until": "done_or_input"}))["met"]:
            pass
    inputs = (await at.http.get(f"/v1/tasks/{asking}/inputs")).json()["inputs"]
    teller.question = None
    return {
        "FUZZ_TASK_ID": task["id"],
        "FUZZ_SESSION_ID": session,
        "FUZZ_PATH": _PATH,
        "FUZZ_ARTIFACT_ID": artifacts[0]["id"],
        "FUZZ_ASKING_TASK_ID": asking,
        "FUZZ_INPUT_ID": inputs[0]["id"],
    }
