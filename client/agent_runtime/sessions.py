"""Calls about sessions and their files."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Collection
from pathlib import Path, PurePosixPath

from agent_runtime.connection import Connection
from agent_runtime.downloads import download, download_unsized
from agent_runtime.paging import pages
from agent_runtime.uploads import files_below, is_there, upload
from agent_runtime.v1 import artifact_pb2, service_pb2, session_pb2

NOT_UPLOADED = ("node_modules", ".git")
"""What ``upload_folder`` leaves out unless it is told otherwise."""


class SessionCalls(Connection):
    """Makes, reads, fills and removes sessions."""

    async def create_session(self, session_id: str = "", *, request_id: str = "") -> session_pb2.Session:
        """Make an empty session, with an id of the server's choice if none is given.

        The same ``request_id``, a UUID, gives the same session.
        """
        request = service_pb2.CreateSessionRequest(session_id=session_id, request_id=request_id or str(uuid.uuid4()))
        return (await self._ask(self._sessions.CreateSession, request)).session

    async def list_sessions(self, *, page_size: int = 0, page_token: str = "") -> service_pb2.ListSessionsResponse:
        """A page of sessions, newest first, without their sizes."""
        request = service_pb2.ListSessionsRequest(page_size=page_size, page_token=page_token)
        return await self._ask(self._sessions.ListSessions, request)

    async def get_session(self, session_id: str) -> session_pb2.Session:
        """One session, with the number and size of its files."""
        request = service_pb2.GetSessionRequest(session_id=session_id)
        return (await self._ask(self._sessions.GetSession, request)).session

    async def delete_session(self, session_id: str, *, allow_missing: bool = False) -> None:
        """Remove a session and its files; ``SessionBusy`` while a task uses it.

        An answer lost on the way makes the call be repeated, and then the session may be gone already.
        """
        request = service_pb2.DeleteSessionRequest(session_id=session_id, allow_missing=allow_missing)
        await self._ask(self._sessions.DeleteSession, request)

    async def list_session_files(
        self,
        *,
        session_id: str = "",
        task_id: str = "",
        path: str = "",
        recursive: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> service_pb2.ListSessionFilesResponse:
        """A page of the files below a folder of a session, named by its id or that of one of its tasks."""
        request = service_pb2.ListSessionFilesRequest(
            path=path, recursive=recursive, page_size=page_size, page_token=page_token
        )
        if session_id:
            request.session_id = session_id
        if task_id:
            request.task_id = task_id
        return await self._ask(self._sessions.ListSessionFiles, request)

    def read_session_file(
        self, session_id: str, path: str, *, offset: int = 0, limit: int = 0
    ) -> AsyncGenerator[artifact_pb2.FileChunk, None]:
        """Iterate over a session file's bytes from an offset, at most ``limit`` of them unless it is 0."""
        request = service_pb2.ReadSessionFileRequest(
            session_id=session_id, path=path, read_offset=offset, read_limit=limit
        )
        return self._chunks(lambda: self._sessions.ReadSessionFile(request))

    async def download_session_file(self, session_id: str, path: str, target: Path) -> Path:
        """Write a session file to a local one, resumed after breaks and checked against its digest, if it has one."""
        return await download(
            lambda offset: self.read_session_file(session_id, path, offset=offset), target, backoff=self._backoff
        )

    async def upload_session_file(
        self, session_id: str, source: Path, path: str, *, overwrite: bool = False
    ) -> session_pb2.SessionFile:
        """Write a local file to a path in a session, begun again after breaks and checked against its sha256.

        It appears there whole or not at all. Without ``overwrite`` a file that is there already is ``FileExists``.
        """
        header = service_pb2.WriteSessionFileHeader(session_id=session_id, path=path, overwrite=overwrite)
        return await upload(
            lambda: self._sessions.WriteSessionFile(),
            lambda: self.read_session_file(session_id, path, limit=1),
            source,
            header,
            deadline=self._deadline,
            backoff=self._backoff,
        )

    async def upload_folder(
        self,
        session_id: str,
        folder: Path,
        path: str = "",
        *,
        overwrite: bool = False,
        exclude: Collection[str] = NOT_UPLOADED,
    ) -> list[session_pb2.SessionFile]:
        """Write every file below a local folder to a folder of a session; the files that were sent.

        Files that are there with the same bytes are skipped, so that a call that was cut off can be repeated. Files
        and folders with a name in ``exclude`` are left out; links to folders are not followed.
        """
        sizes: dict[str, int] = {}
        async for page in pages(
            lambda token: self.list_session_files(session_id=session_id, recursive=True, page_token=token)
        ):
            sizes.update((file.path, file.size_bytes) for file in page.files)
        sent: list[session_pb2.SessionFile] = []
        for local in await asyncio.to_thread(files_below, folder, exclude):
            target = PurePosixPath(path, local.below).as_posix()
            if sizes.get(target) == local.size and await self._has(session_id, target, local.path):
                continue
            sent.append(await self.upload_session_file(session_id, local.path, target, overwrite=overwrite))
        return sent

    async def _has(self, session_id: str, path: str, source: Path) -> bool:
        return await is_there(lambda: self.read_session_file(session_id, path, limit=1), source, path)

    async def archive_session(
        self,
        session_id: str,
        target: Path,
        format: service_pb2.ArchiveFormat.ValueType = service_pb2.ARCHIVE_FORMAT_ZIP,  # noqa: A002 - as in the contract
    ) -> Path:
        """Write a whole session to an archive, begun anew after breaks: it is made while it is sent."""
        request = service_pb2.ArchiveSessionRequest(session_id=session_id, format=format)
        return await download_unsized(
            lambda: self._chunks(lambda: self._sessions.ArchiveSession(request)), target, backoff=self._backoff
        )
