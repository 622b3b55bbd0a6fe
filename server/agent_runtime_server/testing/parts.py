"""The parts of a server whose work is scripted."""

from __future__ import annotations

from collections.abc import Mapping

from agent_runtime_server.adapters.probe import reach
from agent_runtime_server.orchestrator.work import Probe
from agent_runtime_server.parts import Parts
from agent_runtime_server.ports import AgentDriver, Dispatcher, Models, TestRunner
from agent_runtime_server.testing.models import IdleModels
from agent_runtime_server.testing.mutations import LineMutations
from agent_runtime_server.testing.set_up import ScriptedSetUp


def scripted_parts(
    drivers: Mapping[str, AgentDriver],
    runner: TestRunner,
    probe: Probe = reach,
    *,
    dispatcher: Dispatcher | None = None,
    models: Models | None = None,
) -> Parts:
    """These drivers and this runner, and nothing real beside them."""
    return Parts(drivers, runner, ScriptedSetUp(), LineMutations(), models or IdleModels(), probe, dispatcher)
