"""The SessionService: workspaces and their files. A method decodes, calls, encodes."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from agent_runtime.v1 import artifact_pb2, service_pb2, session_pb2
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.session import Session
from agent_runtime_server.orchestrator.sessions import Sessions
from agent_runtime_server.orchestrator.tasks import Tasks
from agent_runtime_server.ports import ArchiveFormat, SessionFile
from agent_runtime_server.rpc.idempotency import key_of
from agent_runtime_server.rpc.pages import page_limit, position_of, token_of
from agent_runtime_server.rpc.results_codec import timestamp

_TYPES = {".ts": "text/x-typescript", ".md": "text/markdown", ".webm": "video/webm", ".jsonl": "application/jsonl"}
_ARCHIVES = {
    service_pb2.ARCHIVE_FORMAT_UNSPECIFIED: (ArchiveFormat.ZIP, "application/zip"),
    service_pb2.ARCHIVE_FORMAT_ZIP: (ArchiveFormat.ZIP, "application/zip"),
    service_pb2.ARCHIVE_FORMAT_TAR_ZSTD: (ArchiveFormat.TAR_ZSTD, "application/zstd"),
}


class SessionsService:
    """Serves ``agent_runtime.v1.SessionService``."""

    descriptor = service_pb2.DESCRIPTOR.services_by_name["SessionService"]

    def __init__(self, sessions: Sessions, tasks: Tasks) -> None:
        self._sessions = sessions
        self._tasks = tasks

    async def CreateSession(  # noqa: N802
        self, request: service_pb2.CreateSessionRequest
    ) -> service_pb2.CreateSessionResponse:
        """Make an empty session."""
        session = await self._sessions.create(request.session_id, key_of(self._tasks, "CreateSession", request))
        return service_pb2.CreateSessionResponse(session=self._out(session))

    async def ListSessions(  # noqa: N802
        self, request: service_pb2.ListSessionsRequest
    ) -> service_pb2.ListSessionsResponse:
        """List sessions, newest first."""
        page = await self._sessions.list(page_limit(request.page_size), request.page_token)
        return service_pb2.ListSessionsResponse(
            sessions=[self._out(session) for session in page.items],
            next_page_token=page.next_token,
            total_sessions=page.total,
        )

    async def GetSession(  # noqa: N802
        self, request: service_pb2.GetSessionRequest
    ) -> service_pb2.GetSessionResponse:
        """Return one session, with the size of its files."""
        session, size, count = await self._sessions.get(request.session_id)
        message = self._out(session)
        message.size_bytes, message.file_count = size, count
        return service_pb2.GetSessionResponse(session=message)

    async def DeleteSession(  # noqa: N802
        self, request: service_pb2.DeleteSessionRequest
    ) -> service_pb2.DeleteSessionResponse:
        """Remove a session and its files."""
        await self._sessions.delete(request.session_id, allow_missing=request.allow_missing)
        return service_pb2.DeleteSessionResponse()

    async def ListSessionFiles(  # noqa: N802
        self, request: service_pb2.ListSessionFilesRequest
    ) -> service_pb2.ListSessionFilesResponse:
        """List files below a folder of a session."""
        session_id = request.session_id or await self._tasks.session_of(request.task_id)
        files = await self._sessions.files(session_id, request.path, recursive=request.recursive)
        start = position_of(request.page_token, 1)[0] if request.page_token else 0
        end = start + page_limit(request.page_size)
        return service_pb2.ListSessionFilesResponse(
            files=[_file_out(file) for file in files[start:end]],
            next_page_token=token_of(end) if end < len(files) else "",
            total_files=len(files),
            session_id=session_id,
        )

    async def ReadSessionFile(  # noqa: N802
        self, request: service_pb2.ReadSessionFileRequest
    ) -> AsyncIterator[service_pb2.ReadSessionFileResponse]:
        """Stream one file's bytes."""
        offset = request.read_offset
        file, pieces = await self._sessions.read(request.session_id, request.path, offset, request.read_limit)
        first = artifact_pb2.FileChunk(
            offset=offset, size_bytes=file.size_bytes, sha256=file.sha256, media_type=_media_type(file.path)
        )
        async with aclosing(pieces):
            async for data in pieces:
                chunk, first = first, artifact_pb2.FileChunk()
                chunk.offset, chunk.data = offset, data
                offset += len(data)
                yield service_pb2.ReadSessionFileResponse(chunk=chunk)
        if first.media_type:
            yield service_pb2.ReadSessionFileResponse(chunk=first)

    async def WriteSessionFile(  # noqa: N802
        self, requests: AsyncIterator[service_pb2.WriteSessionFileRequest]
    ) -> service_pb2.WriteSessionFileResponse:
        """Put one file into a session."""
        first = await anext(requests, service_pb2.WriteSessionFileRequest())
        if not first.HasField("header"):
            raise InvalidField.of("header", "is what the first message must have")
        header = first.header
        async with aclosing(_data_of(requests)) as pieces:
            file = await self._sessions.write(
                header.session_id, header.path, pieces, sha256=header.sha256.lower(), overwrite=header.overwrite
            )
        return service_pb2.WriteSessionFileResponse(file=_file_out(file))

    async def ArchiveSession(  # noqa: N802
        self, request: service_pb2.ArchiveSessionRequest
    ) -> AsyncIterator[service_pb2.ArchiveSessionResponse]:
        """Stream a session as one archive."""
        form, media_type = _ARCHIVES[request.format]
        offset = 0
        async with aclosing(self._sessions.archive(request.session_id, form)) as pieces:
            async for data in pieces:
                chunk = artifact_pb2.FileChunk(offset=offset, data=data, media_type="" if offset else media_type)
                offset += len(data)
                yield service_pb2.ArchiveSessionResponse(chunk=chunk)

    def _out(self, session: Session) -> session_pb2.Session:
        return session_pb2.Session(
            id=session.id,
            active_task_id=session.active_task_id,
            create_time=timestamp(session.create_time),
            update_time=timestamp(session.update_time),
            expire_time=timestamp(self._sessions.expiry(session)),
        )


async def _data_of(
    requests: AsyncIterator[service_pb2.WriteSessionFileRequest],
) -> AsyncGenerator[bytes, None]:
    """The bytes of the chunks, which must follow one another."""
    offset = 0
    async for request in requests:
        if not request.HasField("chunk"):
            raise InvalidField.of("header", "comes once, in the first message")
        if request.chunk.offset != offset:
            raise InvalidField.of("chunk.offset", f"is {request.chunk.offset} where {offset} comes next")
        offset += len(request.chunk.data)
        yield request.chunk.data


def _media_type(path: str) -> str:
    suffix = path[path.rfind(".") :] if "." in path else ""
    return _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


def _file_out(file: SessionFile) -> session_pb2.SessionFile:
    return session_pb2.SessionFile(
        name=file.path.rsplit("/", 1)[-1],
        path=file.path,
        size_bytes=file.size_bytes,
        update_time=timestamp(file.update_time),
        directory=file.directory,
        sha256=file.sha256,
        media_type="" if file.directory else _media_type(file.path),
    )
