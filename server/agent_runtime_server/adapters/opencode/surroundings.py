"""What an OpenCode process gets around itself: program, sandbox, folders, configuration, environment."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent_runtime_server.adapters.environment import child_environment
from agent_runtime_server.adapters.opencode import beneath
from agent_runtime_server.adapters.opencode.configuration import (
    COPY,
    BadConfiguration,
    environment_of,
    in_force,
    read_configuration,
    readable,
)
from agent_runtime_server.adapters.opencode.failures import AgentNotStarted
from agent_runtime_server.adapters.opencode.home import furnish, home_variables, remove
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.adapters.processes import Owner
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import ModelAccess, PhaseJob

if TYPE_CHECKING:
    from agent_runtime_server.adapters.opencode.process import Cell
    from agent_runtime_server.adapters.opencode.turn import Agent


class Program(Protocol):
    """The OpenCode program."""

    @property
    def version(self) -> str:
        """Its version; empty when it cannot be used."""
        ...

    def look(self) -> tuple[str, str]:
        """Its version, or what is wrong with it and what to do; neither while nobody has asked it yet."""
        ...

    async def learn(self) -> str:
        """Ask it for its version, if that is not known; what is wrong with it."""
        ...


class Sandbox(Protocol):
    """What contains an agent."""

    def cell(self, workspace: Path, home: Path, environment: Mapping[str, str], readable: Sequence[Path] = ()) -> Cell:
        """OpenCode's command line, enclosed: it can write to workspace and home only, and read of the server's files
        only ``readable``. Blocks for a moment. Raises OSError."""
        ...


class Surroundings:
    """Starts OpenCode processes, each in a place of its own."""

    def __init__(
        self,
        toolchain: Toolchain,
        program: Program,
        sandbox: Sandbox,
        folder: Path,
        *,
        config: Path | None = None,
        prompts: Path | None = None,
        watchdogs: Watchdogs,
        owner: Owner | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """``folder`` is the processes' own; it is emptied: what an earlier server has left there is of no use."""
        self._toolchain = toolchain
        self._program = program
        self._sandbox = sandbox
        self._folder = folder
        self._config = config
        self._prompts = prompts
        self._watchdogs = watchdogs
        self._owner = owner
        self._environment = environment
        self._complete = False
        """Whether toolchain and configuration are there."""
        remove(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def look(self) -> tuple[str, Sequence[str]]:
        """OpenCode's version, and what is missing, each with its remedy; files are looked at until they are right."""
        version, problem = self._program.look()
        problems = [problem] if problem else []
        if not self._complete:
            missing = self._toolchain.problems()
            try:
                read_configuration(self._config, self._prompts)
            except BadConfiguration as error:
                missing.append(str(error))
            self._complete = not missing
            problems += missing
        return version, problems

    @asynccontextmanager
    async def agent(self, job: PhaseJob, access: ModelAccess) -> AsyncIterator[Agent]:
        """A process for a task, inside the block. Raises AgentNotStarted, BadConfiguration, OSError."""
        from agent_runtime_server.adapters.opencode.before import SNAPSHOTS
        from agent_runtime_server.adapters.opencode.process import running_agent

        if problem := await self._program.learn():
            raise AgentNotStarted(problem, retryable=False)
        home = self._folder / f"{job.task_id}-{secrets.token_hex(4)}"
        try:
            cell = await asyncio.to_thread(self._prepare, job, access, home)
            async with running_agent(
                cell, access, job.workspace, watchdogs=self._watchdogs, owner=self._owner
            ) as agent:
                yield agent
        finally:
            for folder in (home, job.workspace / SNAPSHOTS):
                await to_the_end(asyncio.to_thread(remove, folder))

    def _prepare(self, job: PhaseJob, access: ModelAccess, home: Path) -> Cell:
        configuration = in_force(
            read_configuration(self._config, self._prompts), access, tool_seconds=self._watchdogs.tool_seconds
        )
        beneath.write(job.workspace, COPY, readable(configuration).encode())
        furnish(home, self._program.version)
        environment = {
            **child_environment(self._environment),
            **self._tools(),
            **home_variables(home),
            **environment_of(configuration, access),
            "APP_URL": job.spec.app_url,
            "BASE_URL": job.spec.app_url,
        }
        if job.storage_state is None:
            return self._sandbox.cell(job.workspace, home, environment)
        signed_in = environment | {"STORAGE_STATE": str(job.storage_state)}
        return self._sandbox.cell(job.workspace, home, signed_in, [job.storage_state])

    def _tools(self) -> Mapping[str, str]:
        """Where Node.js and the browser are; the model's gateway is never behind a proxy."""
        node, path = self._toolchain.node, self._environment.get("PATH", os.defpath)
        direct = ",".join(filter(None, (self._environment.get("NO_PROXY"), "127.0.0.1", "localhost")))
        return {
            "PATH": f"{node.parent}{os.pathsep}{path}" if node else path,
            "PLAYWRIGHT_BROWSERS_PATH": str(self._toolchain.browsers_folder),
            "CHROMIUM_SANDBOX": "off",  # it does not work within another one
            "NO_PROXY": direct,
            "no_proxy": direct,
        }
