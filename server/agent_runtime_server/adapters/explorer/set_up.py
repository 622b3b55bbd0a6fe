"""Workspaces made ready for other agents: where somebody signs in, the explorer does so in its own process."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime

from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.domain.event import Fact, FileChanged, LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.faults import is_full
from agent_runtime_server.domain.task import Failure, FailureReason, Phase
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Emit, SetUp

MAX_SECONDS = 120.0
"""A set-up takes seconds; one that takes longer is stuck."""


class ExplorerSetUp:
    """Implements ``ports.SuiteSetUp``."""

    def __init__(self, explorer: ExplorerDriver) -> None:
        self._explorer = explorer

    async def set_up(self, job: SetUp, emit: Emit) -> Failure | None:
        """Write what is missing and sign in; see ``ports.SuiteSetUp``."""
        return await (self._sign_in(job, emit) if job.username else _lay_out(job, emit))

    async def _sign_in(self, job: SetUp, emit: Emit) -> Failure | None:
        order = protocol.Job(
            kind="set_up",
            app_url=job.app_url,
            workspace=str(job.workspace),
            username=job.username,
            password=job.password,
            storage_state=str(job.storage_state) if job.storage_state else "",
            max_seconds=MAX_SECONDS,
        )

        def worth_telling(fact: Fact) -> None:
            # It happens in the middle of another agent's phase, and what it writes is no test.
            if isinstance(fact, LogEntry | FileChanged):
                emit(fact)

        return (await self._explorer.carry_out(order, Phase.PREPARING, worth_telling)).failure


async def _lay_out(job: SetUp, emit: Emit) -> Failure | None:
    """Without anybody to sign in no browser is needed, and no process."""
    try:
        for fact in await to_the_end(asyncio.to_thread(_written, job)):
            emit(fact)
    except OSError as error:
        if is_full(error):
            raise
        return Failure(FailureReason.AGENT_ERROR, f"the files around the tests cannot be written: {error}")
    return None


def _written(job: SetUp) -> list[Fact]:
    from agent_runtime_server.adapters.explorer import surroundings  # most servers do without

    files = surroundings.lay_out(job.workspace, job.app_url, None)
    if files is None:
        return [LogEntry(datetime.now(UTC), LogLevel.INFO, LogSource.AGENT, surroundings.OWN_SUITE)]
    return [_changed(path, text.encode()) for path, text in files.items()]


def _changed(path: str, content: bytes) -> FileChanged:
    return FileChanged(path, len(content), hashlib.sha256(content).hexdigest())
