"""How long an agent may do what: nothing, one call of a tool, one call of its model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime_server.domain.task import Failure
from agent_runtime_server.domain.usage import ModelUsage
from agent_runtime_server.ports import Meter


@dataclass(frozen=True, slots=True)
class Watchdogs:
    """Bounds on what an agent does, in seconds; none of them runs while a person is asked."""

    start_seconds: float = 30.0
    """Longest start of its process; it is tried twice."""
    call_seconds: float = 15.0
    """Longest time until its process answers a call of ours."""
    silence_seconds: float = 180.0
    """Longest time without any sign of work."""
    tool_seconds: float = 300.0
    """Longest call of a tool. It may be silent for so long."""
    model_call_seconds: float = 600.0
    """Longest call of the model by the gateway's bound. Silence is counted from there."""
    max_model_retries: int = 3
    """The call of a model is given up when the agent wants to try it for this time."""


class Watch:
    """Watches one turn of an agent."""

    def __init__(self, bounds: Watchdogs, now: Callable[[], float] | None = None) -> None:
        """``now`` is a clock in seconds: the event loop's, unless another one is given."""
        self._bounds = bounds
        self._now = now or asyncio.get_running_loop().time
        self._heard = self._now()
        self._tools: dict[str, tuple[str, float]] = {}
        self._model_until = 0.0
        self._people = 0

    def heard(self) -> None:
        """The agent has done something."""
        self._heard = self._now()

    def tool_started(self, call_id: str, tool: str) -> None:
        """A tool call runs; no matter how often that is said."""
        self._tools.setdefault(call_id, (tool, self._now()))

    def tool_ended(self, call_id: str) -> None:
        """It has ended."""
        self._tools.pop(call_id, None)

    def person_asked(self) -> None:
        """Somebody is asked: all time stands still."""
        self._people += 1

    def person_answered(self) -> None:
        """And goes on when nobody is asked any more, for tools that were waiting from the start."""
        self._people -= 1
        self._heard = self._now()
        self._tools = {call_id: (tool, self._heard) for call_id, (tool, _) in self._tools.items()}

    def model_called(self) -> None:
        """The gateway has admitted a call of the model."""
        self._model_until = self._now() + self._bounds.model_call_seconds + self._bounds.silence_seconds

    def model_answered(self) -> None:
        """That call is over."""
        self._model_until = 0.0
        self.heard()

    @property
    def deadline(self) -> float | None:
        """When something will have taken too long, if nothing happens until then; None while a person is asked."""
        if self._people:
            return None
        if self._tools:
            return min(start for _, start in self._tools.values()) + self._bounds.tool_seconds
        return max(self._heard + self._bounds.silence_seconds, self._model_until)

    @property
    def complaint(self) -> str:
        """What has taken too long; empty when nothing has."""
        if self.deadline is None or self._now() < self.deadline:
            return ""
        if self._tools:
            tool, _ = min(self._tools.values(), key=lambda call: call[1])
            return f"the agent's call of {tool} took longer than {self._bounds.tool_seconds:g} seconds"
        return f"the agent did nothing for {self._bounds.silence_seconds:g} seconds"


class WatchedMeter:
    """A meter whose questions and calls a watch knows of. Implements ``ports.Meter``."""

    def __init__(self, meter: Meter, watch: Watch) -> None:
        self._meter = meter
        self._watch = watch

    async def admit(self) -> Failure | None:
        """Ask the meter; that may ask a person."""
        self._watch.person_asked()
        try:
            refused = await self._meter.admit()
        finally:
            self._watch.person_answered()
        if refused is None:
            self._watch.model_called()
        return refused

    def used(self, usage: ModelUsage) -> None:
        """Tell the meter."""
        self._watch.model_answered()
        self._meter.used(usage)
