"""Which phase is whose work. Loaded with the first agent: a server that has none starts without."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from agent_runtime_server.adapters.opencode.custom import custom
from agent_runtime_server.adapters.opencode.fixing import fix
from agent_runtime_server.adapters.opencode.generating import generate
from agent_runtime_server.adapters.opencode.phase import PhaseWork
from agent_runtime_server.adapters.opencode.planning import plan
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.ports import PhaseReport

PHASES: Mapping[PhaseKind, Callable[[PhaseWork], Awaitable[PhaseReport]]] = {
    PhaseKind.PLAN: plan,
    PhaseKind.GENERATE: generate,
    PhaseKind.FIX: fix,
    PhaseKind.CUSTOM: custom,
}
