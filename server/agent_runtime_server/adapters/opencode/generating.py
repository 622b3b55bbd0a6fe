"""GENERATE: the generator writes the planned tests, one file at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from agent_runtime_server.adapters.opencode import beneath
from agent_runtime_server.adapters.opencode.before import Before
from agent_runtime_server.adapters.opencode.failures import failed
from agent_runtime_server.adapters.opencode.phase import PhaseWork, last_words, with_failure
from agent_runtime_server.adapters.opencode.plan_file import (
    MAX_BYTES,
    PLAN_PATH,
    SEED,
    PlannedFile,
    is_test,
    read_plan,
)
from agent_runtime_server.adapters.opencode.prompts import generating_prompt
from agent_runtime_server.domain.event import LogLevel
from agent_runtime_server.domain.task import Failure, FailureReason, Progress
from agent_runtime_server.ports import PhaseReport

RECORD = "tests/.agent-runtime/written.json"
"""The tests that were written here, each with a digest of what the plan said of it: they are ours to write again, and
need not be written again while the plan says the same."""
_BEGUN = ""
"""In place of the digest of one that may not be whole."""


async def generate(work: PhaseWork) -> PhaseReport:
    """Write the tests that are planned and not written yet. Raises OSError."""
    workspace = work.job.workspace
    try:
        text = await asyncio.to_thread(beneath.read, workspace, PLAN_PATH, MAX_BYTES)
    except FileNotFoundError:
        return failed(FailureReason.NOTHING_GENERATED, f"there is no {PLAN_PATH}: run a plan first")
    plan = read_plan(text.decode(errors="replace"))
    for problem in plan.problems:
        work.log(LogLevel.WARNING, f"not written: {problem}")
    generating = _Generating(work)
    for number, file in enumerate(plan.files):
        work.emit(Progress(number, len(plan.files), "tests"))
        if (failure := await generating.write(file)) is not None:
            return with_failure(generating.report(), failure)
    work.emit(Progress(len(plan.files), len(plan.files), "tests"))
    if not generating.paths:
        reasons = "; ".join(generating.not_written or plan.problems or (f"{PLAN_PATH} has no test",))
        return failed(FailureReason.NOTHING_GENERATED, f"no test was written: {reasons}")
    return generating.report()


class _Generating:
    """The files of a plan, one after the other."""

    def __init__(self, work: PhaseWork) -> None:
        self._work = work
        self._workspace = work.job.workspace
        self.paths: list[str] = []
        self.not_written: list[str] = []

    async def write(self, file: PlannedFile) -> Failure | None:
        """Have a file written, unless it is there; why the phase cannot go on."""
        record = await asyncio.to_thread(_read_record, self._workspace)
        there = await asyncio.to_thread(beneath.exists, self._workspace, file.path)
        if there and record.get(file.path) == file.digest:
            self._work.log(LogLevel.INFO, f"{file.path} is written already, and the plan of it is the same")
            self.paths.append(file.path)
            return None
        if there and file.path not in record:
            self._leave_out(file, "it is there already, and was not generated")
            return None
        if self._work.turns_left <= 0:
            self._leave_out(file, "the limit of model calls (max_turns) is reached")
            return None
        self._work.tell(f"Writing {file.path}")
        await asyncio.to_thread(_note, self._workspace, {**record, file.path: _BEGUN})
        before = await asyncio.to_thread(Before.look, self._workspace)
        text = generating_prompt(self._work.job, file, await self._work.seed())
        said = await self._work.prompt("generator", file.path, text)
        written = await asyncio.to_thread(_taken, before, file)
        if said.failure is not None and not said.out_of_turns:
            return said.failure
        if not written:
            self._leave_out(file, f"the agent has not written it{last_words(said)}")
            return None
        await asyncio.to_thread(_note, self._workspace, {**record, file.path: file.digest})
        await self._work.tell_written([file.path])
        await self._work.job.save()
        self.paths.append(file.path)
        return None

    def report(self) -> PhaseReport:
        """What was written."""
        lines = [f"{len(self.paths)} test files written.", *(f"- not written: {line}" for line in self.not_written)]
        return PhaseReport(summary_markdown="\n".join(lines), test_paths=tuple(self.paths))

    def _leave_out(self, file: PlannedFile, why: str) -> None:
        self.not_written.append(f"{file.path}: {why}")
        self._work.log(LogLevel.WARNING, f"not written: {file.path}: {why}")


def _taken(before: Before, file: PlannedFile) -> bool:
    """Whether the planned file was written. One with another name gets its own; whatever else was written is undone."""
    changes = before.changes()
    written = file.path in changes.written
    added = [path for path in changes.added if is_test(path) and path != SEED]
    if not written and len(added) == 1 and PurePosixPath(added[0]).parent == PurePosixPath(file.path).parent:
        beneath.move(before.workspace, added[0], file.path)
        written = True
    spared = {file.path, SEED}
    before.put_back([path for path in changes.all if path.startswith("tests/") and path not in spared])
    return written


def _read_record(workspace: Path) -> Mapping[str, str]:
    try:
        record = json.loads(beneath.read(workspace, RECORD, MAX_BYTES))
    except (OSError, ValueError):
        return {}
    return {str(path): str(digest) for path, digest in record.items()} if isinstance(record, dict) else {}


def _note(workspace: Path, record: Mapping[str, str]) -> None:
    beneath.write(workspace, RECORD, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
