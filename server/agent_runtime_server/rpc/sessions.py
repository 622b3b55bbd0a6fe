"""The SessionService: files of workspaces."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator

from agent_runtime.v1 import artifact_pb2, service_pb2, session_pb2
from agent_runtime_server.orchestrator.tasks import Tasks
from agent_runtime_server.ports import SessionFile, Store, Workspaces
from agent_runtime_server.rpc.pages import page_limit, position_of, token_of
from agent_runtime_server.rpc.results_codec import timestamp

_TYPES = {".ts": "text/x-typescript", ".md": "text/markdown", ".webm": "video/webm", ".jsonl": "application/jsonl"}


class SessionsService:
    """Serves ``agent_runtime.v1.SessionService``."""

    descriptor = service_pb2.DESCRIPTOR.services_by_name["SessionService"]

    def __init__(self, tasks: Tasks, store: Store, workspaces: Workspaces) -> None:
        self._tasks = tasks
        self._store = store
        self._workspaces = workspaces

    async def ListSessionFiles(  # noqa: N802
        self, request: service_pb2.ListSessionFilesRequest
    ) -> service_pb2.ListSessionFilesResponse:
        """List files below a folder of a session."""
        session_id = request.session_id
        if request.task_id:
            session_id = await self._tasks.session_of(request.task_id)
        else:
            await self._store.session_tasks(session_id)
        files = await self._workspaces.files(session_id, request.path, recursive=request.recursive)
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
        await self._store.session_tasks(request.session_id)
        offset = request.read_offset
        file, pieces = await self._workspaces.read(request.session_id, request.path, offset, request.read_limit)
        first = artifact_pb2.FileChunk(offset=offset, size_bytes=file.size_bytes, media_type=_media_type(file.path))
        async for data in pieces:
            chunk, first = first, artifact_pb2.FileChunk()
            chunk.offset, chunk.data = offset, data
            offset += len(data)
            yield service_pb2.ReadSessionFileResponse(chunk=chunk)
        if first.media_type:
            yield service_pb2.ReadSessionFileResponse(chunk=first)


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
        media_type="" if file.directory else _media_type(file.path),
    )
