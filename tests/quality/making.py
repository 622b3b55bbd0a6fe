"""Suites made by the service, as a user has them made; what was made by the same code is taken from where it is."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agent_runtime.v1 import task_pb2, test_result_pb2
from tests.line.support import COMPLETE, ROOT, Followed, carry_out, server
from tests.quality.suites import Suite
from tests.quality.truth import Truth

SECONDS = 1200.0
RUNNING = task_pb2.TASK_PHASE_RUNNING_TESTS
NOTE = "made.json"


class NotMade(Exception):
    """A task that did not come to its end; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the service says is wrong with the app."""

    kind: str
    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Made:
    """A suite, and what else came of its task."""

    suite: Suite
    place: Path
    """The folder of the server that made it."""
    task: str
    session: str
    seconds: float
    """Wall time of planning and generating, until each test is known to be steady."""
    whole: float
    """Wall time of the whole task, with the run that is recorded."""
    tokens: int
    findings: Sequence[Finding]
    plan: str


async def made(url: str, truth: Truth, folder: Path, name: str, instructions: str = "") -> Made:
    """The suite that a task of the default driver makes of the app at a URL; ``name`` tells it from others.

    Raises NotMade.
    """
    place = _place(folder, name)
    note = place / NOTE
    if not note.exists():
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(await _make(url, truth, place, instructions)))
    known = json.loads(note.read_text())
    plan = place / "suite/specs/plan.md"
    return Made(
        Suite(place / "suite", environment(truth)),
        place,
        known["task"],
        known["session"],
        known["seconds"],
        known["whole"],
        known["tokens"],
        [Finding(**each) for each in known["findings"]],
        plan.read_text() if plan.exists() else "",
    )


def is_made(folder: Path, name: str) -> bool:
    """Whether that suite is there already."""
    return (_place(folder, name) / NOTE).exists()


def _place(folder: Path, name: str) -> Path:
    return folder / f"{name}-{_code()}"


async def _make(url: str, truth: Truth, place: Path, instructions: str) -> dict[str, object]:
    begin = time.monotonic()
    with server(place / "server") as running:
        async with running.client() as client:
            done = await carry_out(
                client,
                COMPLETE,
                url,
                SECONDS,
                username=truth.username,
                password=truth.password,
                instructions=instructions,
            )
        if done.task.status != task_pb2.TASK_STATUS_COMPLETED:
            raise NotMade(done.trouble())
        Suite(running.workspaces / done.task.session_id).copied(place / "suite")
    return {
        "task": done.task.id,
        "session": done.task.session_id,
        "seconds": _until_verified(done),
        "whole": time.monotonic() - begin,
        "tokens": sum(each.input_tokens + each.output_tokens for each in done.task.usage.models),
        "findings": [
            asdict(Finding(test_result_pb2.FindingKind.Name(each.kind), each.url, each.title))
            for each in done.task.result.findings
        ],
    }


def _until_verified(done: Followed) -> float:
    times = [event.event_time.ToNanoseconds() / 1e9 for event in done.events]
    running = (time for time, event in zip(times, done.events, strict=True) if event.phase == RUNNING)
    return next(running, times[-1]) - times[0]


def environment(truth: Truth) -> dict[str, str]:
    """What the tests of a suite read: who signs in, if anybody does."""
    return {"TEST_USERNAME": truth.username, "TEST_PASSWORD": truth.password} if truth.username else {}


def _code() -> str:
    """The same for the same code of the product."""
    taken = hashlib.sha256()
    for file in sorted((ROOT / "server").rglob("*.*")):
        if file.suffix in {".py", ".js", ".ts"}:
            taken.update(file.read_bytes())
    return taken.hexdigest()[:12]
