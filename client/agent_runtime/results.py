"""Calls that read what tasks have told and produced."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from agent_runtime.connection import Connection
from agent_runtime.downloads import download
from agent_runtime.v1 import artifact_pb2, event_pb2, service_pb2


class ResultCalls(Connection):
    """Reads events, logs, test results and artifacts."""

    async def list_task_events(
        self,
        task_id: str,
        *,
        after_sequence: int = 0,
        kinds: Sequence[event_pb2.TaskEventKind.ValueType] = (),
        page_size: int = 0,
        page_token: str = "",
    ) -> service_pb2.ListTaskEventsResponse:
        """A page of a task's events; ``gap`` is set when earlier ones are gone."""
        request = service_pb2.ListTaskEventsRequest(
            task_id=task_id, after_sequence=after_sequence, kinds=kinds, page_size=page_size, page_token=page_token
        )
        return await self._ask(self._tasks.ListTaskEvents, request)

    async def list_task_logs(
        self,
        task_id: str,
        *,
        after_sequence: int = 0,
        min_level: event_pb2.LogLevel.ValueType = event_pb2.LOG_LEVEL_UNSPECIFIED,
        sources: Sequence[event_pb2.LogSource.ValueType] = (),
        page_size: int = 0,
        page_token: str = "",
    ) -> service_pb2.ListTaskLogsResponse:
        """A page of a task's log lines."""
        request = service_pb2.ListTaskLogsRequest(
            task_id=task_id,
            after_sequence=after_sequence,
            min_level=min_level,
            sources=sources,
            page_size=page_size,
            page_token=page_token,
        )
        return await self._ask(self._tasks.ListTaskLogs, request)

    async def list_test_results(
        self,
        task_id: str,
        *,
        filter: str = "",  # noqa: A002 - as in the contract
        page_size: int = 0,
        page_token: str = "",
    ) -> service_pb2.ListTestResultsResponse:
        """A page of test cases, each with every attempt made at it; a filter: ``outcome = UNEXPECTED``."""
        request = service_pb2.ListTestResultsRequest(
            task_id=task_id, filter=filter, page_size=page_size, page_token=page_token
        )
        return await self._ask(self._tasks.ListTestResults, request)

    async def list_artifacts(
        self,
        task_id: str,
        *,
        filter: str = "",  # noqa: A002 - as in the contract
        page_size: int = 0,
        page_token: str = "",
    ) -> service_pb2.ListArtifactsResponse:
        """A page of what a task produced; a filter: ``kind = TRACE``."""
        request = service_pb2.ListArtifactsRequest(
            task_id=task_id, filter=filter, page_size=page_size, page_token=page_token
        )
        return await self._ask(self._tasks.ListArtifacts, request)

    def read_artifact(
        self, task_id: str, artifact_id: str, *, offset: int = 0, limit: int = 0
    ) -> AsyncGenerator[artifact_pb2.FileChunk, None]:
        """Iterate over an artifact's bytes from an offset, at most ``limit`` of them unless it is 0."""
        request = service_pb2.ReadArtifactRequest(
            task_id=task_id, artifact_id=artifact_id, read_offset=offset, read_limit=limit
        )
        return self._chunks(lambda: self._tasks.ReadArtifact(request))

    async def download_artifact(self, task_id: str, artifact_id: str, target: Path) -> Path:
        """Write an artifact to a file, resumed after breaks and checked against its sha256."""
        return await download(
            lambda offset: self.read_artifact(task_id, artifact_id, offset=offset), target, backoff=self._backoff
        )
