"""Workspaces made ready for other agents: the explorer signs in for them, in its own process."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.domain.event import Fact, FileChanged, LogEntry
from agent_runtime_server.domain.task import Failure, Phase
from agent_runtime_server.ports import Emit, SetUp

MAX_SECONDS = 120.0
"""A set-up takes seconds; one that takes longer is stuck."""


class ExplorerSetUp:
    """Implements ``ports.SuiteSetUp``."""

    def __init__(self, explorer: ExplorerDriver) -> None:
        self._explorer = explorer

    async def set_up(self, job: SetUp, emit: Emit) -> Failure | None:
        """Write what is missing and sign in; see ``ports.SuiteSetUp``."""
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
