"""FIX: the fixer looks at failing tests, changes those that are wrong, and says what it found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from agent_runtime_server.adapters.opencode.before import Before
from agent_runtime_server.adapters.opencode.diagnoses import read_diagnoses
from agent_runtime_server.adapters.opencode.phase import PhaseWork
from agent_runtime_server.adapters.opencode.prompts import fixing_prompt
from agent_runtime_server.domain.event import LogLevel
from agent_runtime_server.domain.results import RepairCause, TestCase
from agent_runtime_server.domain.task import Failure
from agent_runtime_server.ports import Diagnosis, PhaseReport

MAX_GROUP = 5
"""Tests of one file that a prompt is about."""


async def fix(work: PhaseWork) -> PhaseReport:
    """Go through the failing tests, file by file. What the changes are worth is not judged here. Raises OSError."""
    diagnoses: list[Diagnosis] = []
    for group in _groups(work.job.failing):
        if work.turns_left <= 0:
            work.log(LogLevel.WARNING, "the limit of model calls (max_turns) is reached: the rest is not looked at")
            break
        said, failure = await _fix_group(work, group)
        diagnoses += said
        if failure is not None:
            return PhaseReport(failure, diagnoses=tuple(diagnoses))
    return PhaseReport(diagnoses=tuple(diagnoses))


async def _fix_group(work: PhaseWork, group: Sequence[TestCase]) -> tuple[Sequence[Diagnosis], Failure | None]:
    path = group[0].location.path
    work.tell(f"Repairing {path}")
    before = await asyncio.to_thread(Before.look, work.job.workspace)
    said = await work.prompt("fixer", f"Repair {path}", fixing_prompt(work.job, group))
    diagnoses = read_diagnoses(said.text, group)
    changes = await asyncio.to_thread(before.changes)
    if changes.all and diagnoses and all(diagnosis.cause is RepairCause.APP_DEFECT for diagnosis in diagnoses):
        work.log(LogLevel.WARNING, f"{path}: the app is said to be wrong, and yet the tests were changed; undone")
        await asyncio.to_thread(before.put_back, changes.all)
    if len(diagnoses) < len(group) and said.failure is None:
        work.log(LogLevel.WARNING, f"{path}: the agent says of {len(diagnoses)} of {len(group)} tests why they fail")
    return diagnoses, None if said.out_of_turns else said.failure


def _groups(failing: Sequence[TestCase]) -> Iterator[Sequence[TestCase]]:
    by_file: dict[str, list[TestCase]] = {}
    for test in failing:
        by_file.setdefault(test.location.path, []).append(test)
    for tests in by_file.values():
        yield from (tests[at : at + MAX_GROUP] for at in range(0, len(tests), MAX_GROUP))
