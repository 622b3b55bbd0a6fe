"""What a server takes up from the one before it, which may have been killed at any moment."""

from __future__ import annotations

import logging

from agent_runtime_server.domain.task import Status, Task
from agent_runtime_server.orchestrator import endings
from agent_runtime_server.orchestrator.cleaning import clean
from agent_runtime_server.orchestrator.secrecy import Secrecy
from agent_runtime_server.ports import Clock, Dispatcher, Scrub, Secrets, Store, Workspaces

_log = logging.getLogger("agent_runtime.recovery")


class Recovery:
    """Ends what a server that is gone has left running. Nothing of it runs any more."""

    def __init__(self, store: Store, workspaces: Workspaces, sealing: Secrets, scrub: Scrub, clock: Clock) -> None:
        self._store = store
        self._workspaces = workspaces
        self._sealing = sealing
        self._scrub = scrub
        self._clock = clock

    async def run(self, dispatcher: Dispatcher) -> None:
        """Queue what waits; end what was cancelled; try again or fail what was running."""
        for task in await self._store.unfinished():
            try:
                task = await self._settled(task)
            except Exception:
                # One task that cannot be recovered keeps no other from it.
                _log.exception("a task of the last server cannot be ended", extra={"task_id": task.id})
                continue
            if task.status is Status.PENDING:
                dispatcher.submit(task)

    async def _settled(self, task: Task) -> Task:
        if task.status is Status.PENDING:
            return task
        try:
            await self._tidy_up(task)
        except (OSError, ValueError):
            _log.warning("what unfinished runs left may stay", exc_info=True, extra={"task_id": task.id})
        settled = await self._store.transition(task.id, lambda task: endings.lost(task, self._clock.now()))
        _log.info("the last server's task", extra={"task_id": task.id, "status": settled.status.value})
        return settled

    async def _tidy_up(self, task: Task) -> None:
        """Leave no secret where the task has worked: its own, which are still known, may be in any file."""
        session_id = task.spec.session_id
        await self._workspaces.abandon_runs(session_id)
        await self._workspaces.tidy(session_id)
        values = self._sealing.unseal(await self._store.secrets(task.id), task.id)
        if not values or not task.attempts:
            return
        secrecy = Secrecy(values.values(), await self._workspaces.prepare(session_id), self._scrub)
        for path, why in await clean(self._workspaces, session_id, task.attempts[-1].start_time, secrecy.scrub):
            _log.warning("a file may still hold a secret", extra={"path": str(path), "why": why})
