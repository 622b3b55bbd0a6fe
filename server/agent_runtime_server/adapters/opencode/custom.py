"""CUSTOM: the agent does what the caller says; whatever it changes is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from agent_runtime_server.adapters.opencode.before import Before
from agent_runtime_server.adapters.opencode.phase import PhaseWork, summary
from agent_runtime_server.adapters.opencode.plan_file import is_test
from agent_runtime_server.adapters.opencode.prompts import custom_prompt
from agent_runtime_server.domain.event import FileChanged
from agent_runtime_server.ports import PhaseReport


async def custom(work: PhaseWork) -> PhaseReport:
    """Follow the instructions. Raises OSError."""
    before = await asyncio.to_thread(Before.look, work.job.workspace)
    work.tell("Following the instructions")
    said = await work.prompt("custom", "Custom task", custom_prompt(work.job, await work.seed()))
    changes = await asyncio.to_thread(before.changes)
    for path in changes.written:
        with suppress(OSError):  # something else has removed it since
            await work.tell_written([path])
    for path in changes.removed:
        work.emit(FileChanged(path, removed=True))
    tests = tuple(path for path in changes.written if is_test(path))
    return PhaseReport(said.failure, summary_markdown=summary(said), test_paths=tests)
