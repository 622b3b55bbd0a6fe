"""Retention: what is old goes, so that disks do not fill up. Readers of trimmed logs are told of the gap."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from agent_runtime_server.domain.faults import SessionBusy, SessionNotFound, TaskNotFound
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
        """Clean up once. What fails for one task or session is logged, and keeps no other from it."""
        now = self._clock.now()
        keeping = self._keeping
        await self._each(lambda limit: self._store.expired(now, limit), partial(self._delete, now=now))
        if keeping.events:
            before = now - keeping.events
            await self._each(lambda limit: self._store.aged(Aging.EVENTS, before, limit), self._trim)
        if keeping.artifacts:
            await self._forget_artifacts(now - keeping.artifacts)
        if keeping.sessions:
            since = now - keeping.sessions
            await self._each(
                lambda limit: self._store.idle_sessions(since, limit), partial(self._sessions.delete, idle_since=since)
            )
        freed = await self._blobs.sweep(await self._store.blobs_in_use(), now - _SETTLED)
        if freed:
            _log.info("removed blobs that nothing refers to", extra={"bytes": freed})

    async def _each(
        self, find: Callable[[int], Awaitable[Sequence[str]]], act: Callable[[str], Awaitable[object]]
    ) -> None:
        """Act on all that is found. What fails, or is not what it was any more, is left for the next time."""
        left: set[str] = set()
        while new := [found for found in await find(_AT_ONCE + len(left)) if found not in left]:
            for name in new:
                try:
                    await act(name)
                except (TaskNotFound, SessionNotFound, SessionBusy):
                    left.add(name)
                except Exception:
                    _log.exception("cleaning up fails for this one", extra={"id": name})
                    left.add(name)

    async def _delete(self, task_id: str, *, now: datetime) -> None:
        await self._store.delete(task_id, expired_by=now)

    async def _trim(self, task_id: str) -> None:
        await self._store.trim(task_id, (await self._store.get(task_id)).sequence + 1)

    async def _forget_artifacts(self, before: datetime) -> None:
        await self._each(lambda limit: self._store.aged(Aging.ARTIFACTS, before, limit), self._store.drop_artifacts)

        async def all_sessions(_limit: int) -> Sequence[str]:
            return sessions

        async def tidy(session_id: str) -> None:
            sessions.remove(session_id)
            await self._store.session(session_id)  # another folder is not ours to clean up
            await self._workspaces.forget_runs(session_id, before)

        sessions = list(await self._workspaces.sessions())
        await self._each(all_sessions, tidy)
