"""The use cases of sessions: make, read, fill, pack, remove."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from agent_runtime_server.domain.faults import (
    DiskFull,
    InvalidField,
    SessionBusy,
    SessionExists,
    SessionNotFound,
    is_full,
)
from agent_runtime_server.domain.session import Session
from agent_runtime_server.orchestrator.disk import DiskGuard
from agent_runtime_server.orchestrator.ids import new_id
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import ArchiveFormat, Clock, IdempotencyKey, Page, SessionFile, Store, Workspaces


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bounds on sessions."""

    max_file_bytes: int = 512 * 1024 * 1024
    """Largest file that is taken."""
    retention: timedelta = timedelta(days=30)
    """How long a session is kept after its last use; 0 is for ever."""


class Sessions:
    """The use cases of sessions.

    A session is there when the store knows it; then its folder is nobody else's. A server that is killed while it
    removes a session may leave a folder that no session has: its id cannot be used again until somebody removes that.
    """

    def __init__(
        self, store: Store, workspaces: Workspaces, disk: DiskGuard, clock: Clock, limits: SessionLimits
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._disk = disk
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Held while a session of this id begins or ends."""
        self._users: Counter[str] = Counter()
        """Uploads and archives under way."""
        self.limits = limits

    async def create(self, session_id: str, key: IdempotencyKey | None) -> Session:
        """Make a session, or find the one that ``key`` made; an empty id makes one. Raises SessionExists, DiskFull."""
        self._disk.require_room()
        now = self._clock.now()
        if not session_id:
            session, _ = await self._store.create_session(Session(new_id(now), now, now), key=key)
            return session
        async with self._lock(session_id):
            if not await self._exists(session_id) and await self._workspaces.has_folder(session_id):
                raise SessionExists(f"there is a folder {session_id} already, of no session", session_id=session_id)
            session, _ = await self._store.create_session(Session(session_id, now, now), key=key)
            return session

    async def list(self, limit: int, page_token: str) -> Page[Session]:
        """A page of sessions, newest first."""
        return await self._store.sessions(limit, page_token)

    async def get(self, session_id: str) -> tuple[Session, int, int]:
        """One session, with the bytes and the number of its files."""
        session = await self._store.session(session_id)
        return session, *await self._workspaces.size(session_id)

    def expiry(self, session: Session) -> datetime | None:
        """When a session may be removed; None while a task holds it, and for those that are kept."""
        if session.active_task_id or not self.limits.retention:
            return None
        return session.update_time + self.limits.retention

    async def delete(self, session_id: str, *, allow_missing: bool = False, idle_since: datetime | None = None) -> None:
        """Remove a session and its files. Raises SessionBusy, also if it was used after ``idle_since``, and
        SessionNotFound unless it may be missing."""
        try:
            await to_the_end(self._delete(session_id, idle_since))
        except SessionNotFound:
            if not allow_missing:
                raise

    async def _delete(self, session_id: str, idle_since: datetime | None) -> None:
        async with self._lock(session_id):
            if self._users[session_id]:
                raise SessionBusy(f"a transfer from or to session {session_id} is under way", session_id=session_id)
            await self._store.delete_session(session_id, idle_since=idle_since)
            await self._workspaces.delete(session_id)

    async def files(self, session_id: str, path: str, *, recursive: bool) -> Sequence[SessionFile]:
        """Files below a folder of a session."""
        await self._store.session(session_id)
        return await self._workspaces.files(session_id, path, recursive=recursive)

    async def read(
        self, session_id: str, path: str, offset: int, limit: int
    ) -> tuple[SessionFile, AsyncGenerator[bytes, None]]:
        """One file and its bytes from an offset on; 0 is no limit."""
        await self._store.session(session_id)
        return await self._workspaces.read(session_id, path, offset, limit)

    async def write(
        self, session_id: str, path: str, pieces: AsyncIterator[bytes], *, sha256: str, overwrite: bool
    ) -> SessionFile:
        """Put a file into a session. Raises SessionBusy while a task works in it, DiskFull, InvalidField for a file
        that is too large, and what ``Workspaces.write`` raises; then nothing has changed."""
        self._disk.require_room()
        async with self._using(session_id):
            await self._store.touch_session(session_id, self._clock.now())
            try:
                return await self._workspaces.write(
                    session_id, path, self._admitted(session_id, pieces), sha256=sha256, overwrite=overwrite
                )
            except OSError as problem:
                if is_full(problem):
                    raise DiskFull from problem
                raise

    async def _admitted(self, session_id: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for piece in pieces:
            size += len(piece)
            if size > self.limits.max_file_bytes:
                raise InvalidField.of("chunk", f"is beyond the {self.limits.max_file_bytes} bytes of a file")
            yield piece
        # A task may have begun to work in the session since the first of them.
        await self._store.touch_session(session_id, self._clock.now())

    async def archive(self, session_id: str, form: ArchiveFormat) -> AsyncGenerator[bytes, None]:
        """The bytes of an archive of a session. Raises SessionBusy while a task works in it."""
        async with self._using(session_id):
            session = await self._store.session(session_id)
            if session.active_task_id:
                raise SessionBusy(
                    f"task {session.active_task_id} works in session {session_id}", task_id=session.active_task_id
                )
            async with aclosing(await self._workspaces.archive(session_id, form)) as pieces:
                async for piece in pieces:
                    yield piece

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._locks.setdefault(session_id, asyncio.Lock())

    @asynccontextmanager
    async def _using(self, session_id: str) -> AsyncGenerator[None, None]:
        """Keep a session from being removed meanwhile."""
        async with self._lock(session_id):
            self._users[session_id] += 1
        try:
            yield
        finally:
            self._users[session_id] -= 1
            if not self._users[session_id]:
                del self._users[session_id]

    async def _exists(self, session_id: str) -> bool:
        try:
            await self._store.session(session_id)
        except SessionNotFound:
            return False
        return True
