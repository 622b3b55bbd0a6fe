"""OpenCode as a driver: one process for each attempt at a task, kept from phase to phase."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent_runtime_server.adapters.opencode.configuration import BadConfiguration
from agent_runtime_server.adapters.opencode.failures import AgentNotStarted, failed
from agent_runtime_server.adapters.opencode.surroundings import Surroundings
from agent_runtime_server.domain.faults import is_full
from agent_runtime_server.domain.task import FailureReason, TaskType
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Availability, Emit, ModelAccess, Models, PhaseJob, PhaseReport

if TYPE_CHECKING:
    from agent_runtime_server.adapters.opencode.turn import Agent

NO_MODEL = (
    "no model is set: AGENT_RUNTIME_MODEL=provider/model, and the provider's key in its usual variable "
    "(ANTHROPIC_API_KEY, OPENAI_API_KEY, ...)"
)


@dataclass(frozen=True, slots=True)
class _Kept:
    """An agent's process, and what is to be given back with it."""

    agent: Agent
    access: ModelAccess
    held: AsyncExitStack


class OpenCodeDriver:
    """Lets an LLM agent plan, write and repair tests. Implements ``ports.AgentDriver``."""

    name = "opencode"
    signs_in = False
    uses_model = True

    def __init__(self, models: Models, surroundings: Surroundings, *, max_turns: int) -> None:
        """``max_turns`` is for tasks that set no limit of their own."""
        self._models = models
        self._surroundings = surroundings
        self._max_turns = max_turns
        self._kept: dict[str, _Kept] = {}
        """By task."""

    def availability(self) -> Availability:
        """Whether OpenCode, its tools, its configuration and a model are there."""
        version, problems = self._surroundings.look()
        if not self._models.default_model:
            problems = [*problems, NO_MODEL]
        elif not (model := self._models.availability(self._models.default_model)).available:
            problems = [*problems, model.message]
        return Availability(not problems, version, "; ".join(problems))

    def task_types(self) -> Collection[TaskType]:
        """All of them."""
        return frozenset(TaskType)

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Have the agent do its part of a phase; see ``ports.AgentDriver``."""
        try:
            report = await self._run(job, emit)
        except asyncio.CancelledError:
            await to_the_end(self.leave(job.task_id))
            raise
        if report.failure is not None and report.failure.retryable:
            await self.leave(job.task_id)  # it may hang, or be dead
        return report

    async def leave(self, task_id: str) -> None:
        """End the task's agent."""
        if (kept := self._kept.pop(task_id, None)) is not None:
            await kept.held.aclose()

    async def _run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        from agent_runtime_server.adapters.opencode.phase import PhaseWork
        from agent_runtime_server.adapters.opencode.phases import PHASES

        model = job.spec.model or self._models.default_model
        if not (state := self._models.availability(model)).available:
            return failed(FailureReason.MODEL_PROVIDER, state.message)
        try:
            kept = self._kept.get(job.task_id) or await self._start(job, model)
        except AgentNotStarted as error:
            return PhaseReport(error.failure)
        except BadConfiguration as error:
            return failed(FailureReason.AGENT_ERROR, str(error))
        except OSError as error:
            return _unusable(error)
        for key in kept.agent.keys:
            job.keep_secret(key)
        kept.access.meter = job.meter
        work = PhaseWork(job, kept.agent, emit, job.spec.max_turns or self._max_turns)
        try:
            report = await PHASES[job.kind](work)
        except OSError as error:
            report = _unusable(error)
        finally:
            kept.access.meter = None
        await work.keep_transcript()
        return report

    async def _start(self, job: PhaseJob, model: str) -> _Kept:
        async with AsyncExitStack() as stack:
            access = await stack.enter_async_context(self._models.open(model))
            agent = await stack.enter_async_context(self._surroundings.agent(job, access))
            kept = self._kept[job.task_id] = _Kept(agent, access, stack.pop_all())
        return kept


def _unusable(error: OSError) -> PhaseReport:
    """What an agent has made of its files may be no use to anybody; a full disk is the server's own affair."""
    if is_full(error):
        raise error
    return failed(FailureReason.AGENT_ERROR, f"the agent's files cannot be used: {error}")
