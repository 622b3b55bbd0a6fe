"""What a scripted driver or runner does instead of real work."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime_server.adapters.processes import spawn
from agent_runtime_server.domain.event import Fact
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Emit, StopSign

STRAY = """
import os, sys, time
if os.fork():
    time.sleep(600)
os.setsid()
if os.fork():
    os._exit(0)
stay = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
os.execve(sys.executable, [sys.executable, "-c", stay], {})
"""
"""A command whose grandchild has left its session, its parent and its environment; it prints the grandchild's id."""


@dataclass(frozen=True, slots=True)
class Script:
    """Files to write, then facts to tell; ``blocks`` goes on until it is cancelled, ``stray`` starts such a process."""

    facts: Sequence[Fact] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    blocks: bool = False
    stray: bool = False
    last_facts: Sequence[Fact] = ()
    """Told when it is cancelled with time to stop in good order."""
    lingers: bool = False
    """Whether it then takes all the time that it gets."""


NOTHING = Script()


class Player:
    """Plays scripts, and lets tests see how far they are."""

    def __init__(self) -> None:
        self.told = asyncio.Event()
        """All facts of a script are told."""
        self.stray_pid = 0

    async def play(self, script: Script, workspace: Path, emit: Emit, stop: StopSign | None = None) -> None:
        """Do what the script says; ``stop`` may grant time after a cancellation."""
        await asyncio.to_thread(_write, workspace, script.files)
        async with AsyncExitStack() as running:
            if script.stray:
                command = (sys.executable, "-c", STRAY)
                tree = await running.enter_async_context(spawn(command, cwd=workspace, env=dict(os.environ)))
                self.stray_pid = int((await anext(tree.lines())).text)
            for fact in script.facts:
                emit(fact)
                await asyncio.sleep(0)
            self.told.set()
            if script.blocks:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if stop is not None and stop.grace > 0:
                        await to_the_end(_wind_down(script, emit, stop))
                    raise


async def _wind_down(script: Script, emit: Emit, stop: StopSign) -> None:
    for fact in script.last_facts:
        emit(fact)
    if script.lingers:
        with suppress(TimeoutError):
            async with asyncio.timeout(stop.grace):
                await stop.forced()


def _write(workspace: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
