"""Retention: what is old goes, so that disks do not fill up. Readers of trimmed logs are told of the gap."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent_runtime_server.domain.faults import SessionBusy, TaskNotDone, TaskNotFound
from agent_runtime_server.orchestrator.sessions import Sessions
from agent_runtime_server.ports import Aging, Blobs, Clock, Store, Workspaces

_log = logging.getLogger("agent_runtime.retention")

_AT_ONCE = 100
"""So many tasks or sessions are looked up at a time."""
_SETTLED = timedelta(hours=1)
"""A blob that nothing refers to may belong to an artifact that is being recorded: for so long it is left alone."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long what is kept; 0 keeps it for ever. Tasks have their own ``ttl``."""

    events: timedelta = timedelta(days=14)
    """Events, from the end of their task."""
    artifacts: timedelta = timedelta(days=14)
    """Artifacts and the folders of runs, from the end of their task."""
    sessions: timedelta = timedelta(days=30)
    """Sessions, from their last use."""
    every: timedelta = timedelta(minutes=10)
    """How often it is looked."""


class Retention:
    """Removes what has been kept for long enough."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        workspaces: Workspaces,
        sessions: Sessions,
        clock: Clock,
        keeping: Keeping,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._workspaces = workspaces
        self._sessions = sessions
        self._clock = clock
        self._keeping = keeping

    async def run(self) -> None:
        """Clean up again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._keeping.every.total_seconds())
            try:
                await self.clean_up()
            except Exception:
                _log.exception("cleaning up failed; it is tried again later")

    async def clean_up(self) -> None:
        """Clean up once."""
        now = self._clock.now()
        await self._delete_expired(now)
        keeping = self._keeping
        if keeping.events:
            await self._trim_events(now - keeping.events)
        if keeping.artifacts:
            await self._drop_artifacts(now - keeping.artifacts)
        if keeping.sessions:
            await self._delete_idle_sessions(now - keeping.sessions)
        freed = await self._blobs.sweep(await self._store.blobs_in_use(), now - _SETTLED)
        if freed:
            _log.info("removed blobs that nothing refers to", extra={"bytes": freed})

    async def _delete_expired(self, now: datetime) -> None:
        while task_ids := await self._store.expired(now, _AT_ONCE):
            for task_id in task_ids:
                try:
                    await self._store.delete(task_id)
                except (TaskNotFound, TaskNotDone):
                    return  # somebody else is at it

    async def _trim_events(self, before: datetime) -> None:
        while task_ids := await self._store.aged(Aging.EVENTS, before, _AT_ONCE):
            for task_id in task_ids:
                await self._store.trim(task_id, (await self._store.get(task_id)).sequence + 1)

    async def _drop_artifacts(self, before: datetime) -> None:
        while task_ids := await self._store.aged(Aging.ARTIFACTS, before, _AT_ONCE):
            for task_id in task_ids:
                task = await self._store.get(task_id)
                await self._workspaces.forget_runs(task.spec.session_id, before)
                await self._store.drop_artifacts(task_id)

    async def _delete_idle_sessions(self, before: datetime) -> None:
        while session_ids := await self._store.idle_sessions(before, _AT_ONCE):
            for session_id in session_ids:
                try:
                    await self._sessions.delete(session_id, allow_missing=True)
                except SessionBusy:
                    return  # it is used again
