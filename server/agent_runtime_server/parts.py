"""The parts of a server that do the work: real ones here, others in tests and benchmarks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from agent_runtime_server import bounds
from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.adapters.explorer.set_up import ExplorerSetUp
from agent_runtime_server.adapters.gateway import ModelGateway
from agent_runtime_server.adapters.opencode.binary import OpenCodeProgram
from agent_runtime_server.adapters.opencode.driver import OpenCodeDriver
from agent_runtime_server.adapters.opencode.sandbox import AgentSandbox
from agent_runtime_server.adapters.opencode.surroundings import Surroundings
from agent_runtime_server.adapters.playwright.mutations import PlaywrightMutations
from agent_runtime_server.adapters.playwright.runner import PlaywrightRunner
from agent_runtime_server.adapters.probe import reach
from agent_runtime_server.adapters.processes import Owner
from agent_runtime_server.adapters.state_dir import StateDir
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.orchestrator.work import Probe
from agent_runtime_server.ports import (
    AgentDriver,
    Availability,
    Dispatcher,
    Models,
    Mutations,
    SuiteSetUp,
    TestRunner,
)
from agent_runtime_server.settings import Settings

Components = Sequence[tuple[str, Availability]]
"""Helpers by name, and whether they can be used."""


_FOR_AGENTS = (
    "httpx",
    "agent_runtime_server.adapters.gateway.http_server",
    "agent_runtime_server.adapters.gateway.access",
    "agent_runtime_server.adapters.opencode.phases",
    "agent_runtime_server.adapters.opencode.process",
)
"""Modules that the first agent would wait for, and everybody with it."""


async def _nothing_to_learn() -> None:
    return


@dataclass(frozen=True, slots=True)
class Parts:
    """What does the work."""

    drivers: Mapping[str, AgentDriver]
    runner: TestRunner
    set_up: SuiteSetUp
    mutations: Mutations
    models: Models
    probe: Probe = reach
    dispatcher: Dispatcher | None = None
    components: Callable[[], Components] = tuple
    """Helpers that a server can do without, beside the runner."""
    sandbox: Callable[[], str] = str
    """What contains agents, as far as that is known."""
    learn: Callable[[], Awaitable[None]] = _nothing_to_learn
    """Finds out what takes a while, after the start."""


@asynccontextmanager
async def real_parts(settings: Settings, state: StateDir, owner: Owner) -> AsyncIterator[Parts]:
    """The parts of a real server, whose processes are the owner's; they can be used inside the block. Raises
    BadSettings."""
    toolchain = Toolchain(Path(settings.toolchain_dir))
    explorer = ExplorerDriver(
        toolchain.browser, axe=toolchain.axe, owner=owner, silence_seconds=settings.driver_silence_seconds
    )
    runner = PlaywrightRunner(toolchain, owner=owner, silence_seconds=settings.runner_silence_seconds)
    models = ModelGateway(
        os.environ,
        default_model=settings.model,
        base_url=settings.model_base_url,
        price=bounds.model_price(settings),
        limits=bounds.gateway_limits(settings),
    )
    program = OpenCodeProgram(toolchain, os.environ, settings.opencode_path, owner=owner)
    sandbox = AgentSandbox(program, toolchain, required=settings.sandbox == "bubblewrap")
    surroundings = Surroundings(
        toolchain,
        program,
        sandbox,
        state.agents,
        config=Path(settings.opencode_config_path) if settings.opencode_config_path else None,
        prompts=Path(settings.opencode_prompts_path) if settings.opencode_prompts_path else None,
        watchdogs=bounds.watchdogs(settings),
        owner=owner,
    )
    opencode = OpenCodeDriver(models, surroundings, max_turns=settings.max_turns)

    def components() -> Components:
        version, problem = program.look()
        return [("opencode", Availability(not problem, version, problem))]

    async def learn() -> None:
        if not settings.model:
            return
        for module in _FOR_AGENTS:
            await asyncio.to_thread(import_module, module)
        await program.learn()
        await asyncio.to_thread(sandbox.kind)

    try:
        yield Parts(
            {explorer.name: explorer, opencode.name: opencode},
            runner,
            ExplorerSetUp(explorer),
            PlaywrightMutations(toolchain, owner=owner),
            models,
            components=components,
            sandbox=lambda: sandbox.known or "",
            learn=learn,
        )
    finally:
        await models.aclose()
