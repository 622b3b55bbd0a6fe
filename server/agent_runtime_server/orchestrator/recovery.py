"""What a server takes up from the one before it, which may have been killed at any moment."""

from __future__ import annotations

import logging

from agent_runtime_server.domain.task import Status, Task
from agent_runtime_server.orchestrator import endings
from agent_runtime_server.ports import Clock, Dispatcher, Store, Workspaces

_log = logging.getLogger("agent_runtime.recovery")


async def recover(store: Store, dispatcher: Dispatcher, workspaces: Workspaces, clock: Clock) -> None:
    """Queue what waits; end what was cancelled; try again or fail what was running. Nothing of it runs any more."""
    for task in await store.unfinished():
        try:
            task = await _settled(task, store, workspaces, clock)
        except Exception:
            # One task that cannot be recovered keeps no other from it.
            _log.exception("a task of the last server cannot be ended", extra={"task_id": task.id})
            continue
        if task.status is Status.PENDING:
            dispatcher.submit(task)


async def _settled(task: Task, store: Store, workspaces: Workspaces, clock: Clock) -> Task:
    if task.status is Status.PENDING:
        return task
    try:
        await workspaces.abandon_runs(task.spec.session_id)
        await workspaces.tidy(task.spec.session_id)
    except OSError:
        _log.warning("what unfinished runs left stays, hidden", exc_info=True, extra={"task_id": task.id})
    settled = await store.transition(task.id, lambda task: endings.lost(task, clock.now()))
    _log.info("the last server's task", extra={"task_id": task.id, "status": settled.status.value})
    return settled
