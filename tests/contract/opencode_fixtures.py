"""The OpenCode driver with a stand-in for OpenCode's program: everything else of it is real."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent_runtime_server.adapters.opencode.driver import OpenCodeDriver
from agent_runtime_server.adapters.opencode.process import Cell
from agent_runtime_server.adapters.opencode.surroundings import Surroundings
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.testing.models import IdleModels
from tests.contract.runner_fixtures import toolchain
from tests.unit.opencode.stand_in import CONNECTED, IDLE, SESSION, Json, StandIn, conversation, message

PATIENT = Watchdogs(start_seconds=60, call_seconds=60, silence_seconds=60, tool_seconds=60)


class Program:
    """A program that can be used, and no sandbox around it. Implements ``surroundings.Program`` and ``Sandbox``."""

    version = "1.18.33"

    def __init__(self, events: Sequence[Json]) -> None:
        """``events`` are what comes of the one prompt that it gets."""
        self._events = events

    def look(self) -> tuple[str, str]:
        """Its version."""
        return self.version, ""

    async def learn(self) -> str:
        """Nothing is wrong with it."""
        return ""

    def cell(self, workspace: Path, home: Path, environment: Mapping[str, str], readable: Sequence[Path] = ()) -> Cell:
        """The stand-in's command line."""
        said = conversation(*(event for event in self._events if "properties" in event))
        answers: dict[str, Any] = {f"/session/{SESSION}/message": said}
        return StandIn(workspace, [[CONNECTED, *self._events, IDLE]], answers, env=dict(environment))


def opencode(folder: Path, *events: Json) -> OpenCodeDriver:
    """A driver whose agent does this."""
    program = Program([message("msg_1"), *events])
    surroundings = Surroundings(
        toolchain(), program, program, folder / "agents", watchdogs=PATIENT, environment={"PATH": os.environ["PATH"]}
    )
    return OpenCodeDriver(IdleModels("scripted/model"), surroundings, max_turns=10)
