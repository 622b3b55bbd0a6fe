"""What a server takes up from the one before it, which may have been killed at any moment."""

from __future__ import annotations

from agent_runtime_server.domain.task import Status
from agent_runtime_server.orchestrator import endings
from agent_runtime_server.ports import Clock, Dispatcher, Store, Workspaces


async def recover(store: Store, dispatcher: Dispatcher, workspaces: Workspaces, clock: Clock) -> None:
    """Queue what waits; end what was cancelled; try again or fail what was running. Nothing of it runs any more."""
    for task in await store.unfinished():
        if task.status is not Status.PENDING:
            await workspaces.abandon_runs(task.spec.session_id)
            task = await store.transition(task.id, lambda task: endings.lost(task, clock.now()))
        if task.status is Status.PENDING:
            dispatcher.submit(task)
