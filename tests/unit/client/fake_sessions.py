# ruff: noqa: N802 - methods are named as the calls of the contract
"""The SessionService made of canned answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import grpc.aio

from agent_runtime.v1 import artifact_pb2, service_pb2, service_pb2_grpc, session_pb2
from tests.unit.client.fake_state import Context, FakeService, chunks_of, lose_answer, note, page_of, reason, refuse

ARCHIVE = b"PK" * 2000


class FakeSessions(service_pb2_grpc.SessionServiceServicer):
    def __init__(self, fake: FakeService) -> None:
        self.fake = fake

    async def _session(self, session_id: str, context: Context) -> session_pb2.Session:
        if session_id not in self.fake.sessions:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "No session has this id.", reason("SESSION_NOT_FOUND"))
        return self.fake.sessions[session_id]

    async def CreateSession(self, request: Any, context: Any) -> service_pb2.CreateSessionResponse:
        await note(self.fake, request, context)
        fake = self.fake
        if request.request_id not in fake.created:
            session_id = request.session_id or f"session-{len(fake.sessions) + 1}"
            if session_id in fake.sessions:
                await refuse(context, grpc.StatusCode.ALREADY_EXISTS, "there is one", reason("SESSION_EXISTS"))
            fake.created[request.request_id] = session_id
            fake.sessions[session_id] = session_pb2.Session(id=session_id)
        await lose_answer(fake, context)
        return service_pb2.CreateSessionResponse(session=fake.sessions[fake.created[request.request_id]])

    async def ListSessions(self, request: Any, context: Any) -> service_pb2.ListSessionsResponse:
        await note(self.fake, request, context)
        sessions, token = page_of(list(self.fake.sessions.values()), request)
        total = len(self.fake.sessions)
        return service_pb2.ListSessionsResponse(sessions=sessions, next_page_token=token, total_sessions=total)

    async def GetSession(self, request: Any, context: Any) -> service_pb2.GetSessionResponse:
        await note(self.fake, request, context)
        return service_pb2.GetSessionResponse(session=await self._session(request.session_id, context))

    async def DeleteSession(self, request: Any, context: Any) -> service_pb2.DeleteSessionResponse:
        await note(self.fake, request, context)
        if not (request.allow_missing and request.session_id not in self.fake.sessions):
            session = await self._session(request.session_id, context)
            if session.active_task_id:
                await refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "in use", reason("SESSION_BUSY"))
            del self.fake.sessions[request.session_id]
            self.fake.deleted.append(request.session_id)
        return service_pb2.DeleteSessionResponse()

    async def ListSessionFiles(self, request: Any, context: Any) -> service_pb2.ListSessionFilesResponse:
        await note(self.fake, request, context)
        files = [
            session_pb2.SessionFile(name=path.rsplit("/", 1)[-1], path=path, size_bytes=len(data))
            for path, data in self.fake.files.items()
        ]
        kept, token = page_of(files, request)
        session_id = request.session_id or self.fake.tasks[request.task_id].session_id
        return service_pb2.ListSessionFilesResponse(files=kept, next_page_token=token, session_id=session_id)

    async def ReadSessionFile(self, request: Any, context: Any) -> AsyncIterator[service_pb2.ReadSessionFileResponse]:
        await note(self.fake, request, context)
        if request.path not in self.fake.files:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "no such file", reason("FILE_NOT_FOUND"))
        data = self.fake.files[request.path]
        digest = sha256(data).hexdigest() if self.fake.file_digests else ""
        async for chunk in chunks_of(self.fake, data, request, digest, context):
            yield service_pb2.ReadSessionFileResponse(chunk=chunk)

    async def WriteSessionFile(
        self, requests: AsyncIterator[Any], context: Any
    ) -> service_pb2.WriteSessionFileResponse:
        fake = self.fake
        header = (await anext(requests)).header
        await note(fake, header, context)
        if header.path in fake.files and not header.overwrite:
            await refuse(context, grpc.StatusCode.ALREADY_EXISTS, "there is one", reason("FILE_EXISTS"))
        breaks = bool(fake.write_breaks)
        stop = fake.write_breaks.popleft() if breaks else None
        data = b""
        async for request in requests:
            assert request.chunk.offset == len(data)
            data += request.chunk.data
            if stop is not None and len(data) > stop:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if header.sha256 and sha256(data).hexdigest() != header.sha256:
            await refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "other bytes", reason("DIGEST_MISMATCH"))
        fake.files[header.path] = data
        if breaks:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the answer is lost")
        file = session_pb2.SessionFile(path=header.path, size_bytes=len(data), sha256=header.sha256)
        return service_pb2.WriteSessionFileResponse(file=file)

    async def ArchiveSession(self, request: Any, context: Any) -> AsyncIterator[service_pb2.ArchiveSessionResponse]:
        await note(self.fake, request, context)
        await self._session(request.session_id, context)
        whole = service_pb2.ReadArtifactRequest()
        async for chunk in chunks_of(self.fake, ARCHIVE, whole, "", context):
            bare = artifact_pb2.FileChunk(offset=chunk.offset, data=chunk.data)
            yield service_pb2.ArchiveSessionResponse(chunk=bare)
