"""The client: one typed method for each call of the API."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from agent_runtime.backoff import Backoff
from agent_runtime.channel import DEFAULT_ADDRESS, open_channel
from agent_runtime.errors import Unreachable, translated
from agent_runtime.transfer import download
from agent_runtime.v1 import artifact_pb2, event_pb2, service_pb2, service_pb2_grpc, task_pb2
from agent_runtime.watch import WatchUpdate, watch

AnswerT = TypeVar("AnswerT")
ChunkCall = (
    grpc.aio.UnaryStreamCall[service_pb2.ReadArtifactRequest, service_pb2.ReadArtifactResponse]
    | grpc.aio.UnaryStreamCall[service_pb2.ReadSessionFileRequest, service_pb2.ReadSessionFileResponse]
)


class AgentRuntimeClient:
    """Creates, follows and stops tasks, and reads what they produced; an async context manager.

    Every method raises a subclass of ``AgentRuntimeError``. A call that finds no server is tried again for about a
    second; that is safe for ``create_task`` too, for its request_id is made here.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        deadline: float = 30.0,
        backoff: Backoff = Backoff(),  # noqa: B008 - a frozen value
    ) -> None:
        """Talk to the server at ``host:port``, ``[ipv6]:port`` or ``unix:path``; ValueError for another address.

        ``deadline`` is how long a call may take, and a stream of bytes may be silent, in seconds; ``backoff`` paces
        what watches and downloads try again.
        """
        self.address = address
        self._deadline = deadline
        self._backoff = backoff
        self._channel = open_channel(address)
        self._tasks = service_pb2_grpc.AgentRuntimeStub(self._channel)
        self._sessions = service_pb2_grpc.SessionServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; running calls end."""
        await self._channel.close()

    async def create_task(
        self,
        task_type: task_pb2.TaskType.ValueType,
        app_url: str,
        *,
        instructions: str = "",
        username: str = "",
        password: str = "",
        session_id: str = "",
        priority: int = 0,
        driver: str = "",
        explore: task_pb2.ExploreOptions | None = None,
        run: task_pb2.TestRunOptions | None = None,
        request_id: str = "",
    ) -> task_pb2.Task:
        """Queue a task; it is durable when this returns.

        A username or a password makes the agent sign in. ``priority`` is 1 (first) to 5, 0 means 3. ``session_id``
        is that of an earlier task; empty makes a new session. The same ``request_id``, a UUID, gives the same task.
        """
        configuration = task_pb2.TaskConfiguration(
            app_url=app_url,
            instructions=instructions,
            agent=task_pb2.AgentOptions(driver=driver, explore=explore),
            run=run,
        )
        if username or password:
            method = task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD
            configuration.sign_in.CopyFrom(task_pb2.SignIn(method=method, username=username, password=password))
        task = task_pb2.Task(task_type=task_type, configuration=configuration, session_id=session_id, priority=priority)
        request = service_pb2.CreateTaskRequest(task=task, request_id=request_id or str(uuid.uuid4()))
        return (await self._answer(self._tasks.CreateTask(request, timeout=self._deadline))).task

    async def get_task(
        self, task_id: str, *, view: service_pb2.TaskView.ValueType = service_pb2.TASK_VIEW_UNSPECIFIED
    ) -> task_pb2.Task:
        """One task as of its ``sequence``."""
        request = service_pb2.GetTaskRequest(task_id=task_id, view=view)
        return (await self._answer(self._tasks.GetTask(request, timeout=self._deadline))).task

    async def list_tasks(
        self,
        *,
        page_size: int = 0,
        page_token: str = "",
        view: service_pb2.TaskView.ValueType = service_pb2.TASK_VIEW_UNSPECIFIED,
    ) -> service_pb2.ListTasksResponse:
        """A page of tasks, newest first."""
        request = service_pb2.ListTasksRequest(page_size=page_size, page_token=page_token, view=view)
        return await self._answer(self._tasks.ListTasks(request, timeout=self._deadline))

    async def cancel_task(self, task_id: str, *, reason: str = "") -> task_pb2.Task:
        """Ask for a task to stop, and return it as it is now; no error if it is stopping or done already."""
        request = service_pb2.CancelTaskRequest(task_id=task_id, reason=reason)
        return (await self._answer(self._tasks.CancelTask(request, timeout=self._deadline))).task

    async def wait_task(
        self,
        task_id: str,
        *,
        until: service_pb2.WaitCondition.ValueType = service_pb2.WAIT_CONDITION_DONE,
        timeout: float = 30.0,
        view: service_pb2.TaskView.ValueType = service_pb2.TASK_VIEW_UNSPECIFIED,
    ) -> service_pb2.WaitTaskResponse:
        """Wait for a task for at most ``timeout`` seconds, capped by the server; ``met`` tells whether it came."""
        request = service_pb2.WaitTaskRequest(task_id=task_id, until=until, timeout=_duration(timeout), view=view)
        return await self._answer(self._tasks.WaitTask(request, timeout=timeout + self._deadline))

    def watch(
        self,
        task_id: str,
        *,
        after_sequence: int | None = 0,
        kinds: Sequence[event_pb2.TaskEventKind.ValueType] = (),
        heartbeat_interval: float = 10.0,
        lag_policy: service_pb2.LagPolicy.ValueType = service_pb2.LAG_POLICY_UNSPECIFIED,
        patience: float = 300.0,
    ) -> AsyncGenerator[WatchUpdate, None]:
        """Iterate over a task's events after a sequence (0: all, None: new ones only), then its final state.

        Yields each ``TaskEvent`` exactly once and in order, over any number of reconnects; a ``WatchGap`` where the
        server keeps no more events; last the final ``Task``. A stream silent for two heartbeat intervals (seconds)
        is replaced; ``Unreachable`` is raised after ``patience`` seconds without a word from the server.
        """
        request = service_pb2.WatchTaskRequest(
            task_id=task_id,
            after_sequence=after_sequence,
            kinds=kinds,
            heartbeat_interval=_duration(heartbeat_interval),
            lag_policy=lag_policy,
        )
        return watch(self._tasks.WatchTask, request, backoff=self._backoff, patience=patience)

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
        return await self._answer(self._tasks.ListTaskEvents(request, timeout=self._deadline))

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
        return await self._answer(self._tasks.ListTaskLogs(request, timeout=self._deadline))

    async def list_test_results(
        self, task_id: str, *, page_size: int = 0, page_token: str = ""
    ) -> service_pb2.ListTestResultsResponse:
        """A page of test cases, each with every attempt made at it."""
        request = service_pb2.ListTestResultsRequest(task_id=task_id, page_size=page_size, page_token=page_token)
        return await self._answer(self._tasks.ListTestResults(request, timeout=self._deadline))

    async def list_artifacts(
        self, task_id: str, *, page_size: int = 0, page_token: str = ""
    ) -> service_pb2.ListArtifactsResponse:
        """A page of what a task produced."""
        request = service_pb2.ListArtifactsRequest(task_id=task_id, page_size=page_size, page_token=page_token)
        return await self._answer(self._tasks.ListArtifacts(request, timeout=self._deadline))

    def read_artifact(
        self, task_id: str, artifact_id: str, *, offset: int = 0, limit: int = 0
    ) -> AsyncGenerator[artifact_pb2.FileChunk, None]:
        """Iterate over an artifact's bytes from an offset, at most ``limit`` of them unless it is 0."""
        request = service_pb2.ReadArtifactRequest(
            task_id=task_id, artifact_id=artifact_id, read_offset=offset, read_limit=limit
        )
        return self._chunks(self._tasks.ReadArtifact(request))

    async def download_artifact(self, task_id: str, artifact_id: str, target: Path) -> Path:
        """Write an artifact to a file, resumed after breaks and checked against its sha256."""
        return await download(
            lambda offset: self.read_artifact(task_id, artifact_id, offset=offset), target, backoff=self._backoff
        )

    async def get_server_info(self) -> service_pb2.GetServerInfoResponse:
        """What the server is, can do and allows."""
        request = service_pb2.GetServerInfoRequest()
        return await self._answer(self._tasks.GetServerInfo(request, timeout=self._deadline))

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
        return await self._answer(self._sessions.ListSessionFiles(request, timeout=self._deadline))

    def read_session_file(
        self, session_id: str, path: str, *, offset: int = 0, limit: int = 0
    ) -> AsyncGenerator[artifact_pb2.FileChunk, None]:
        """Iterate over a session file's bytes from an offset, at most ``limit`` of them unless it is 0."""
        request = service_pb2.ReadSessionFileRequest(
            session_id=session_id, path=path, read_offset=offset, read_limit=limit
        )
        return self._chunks(self._sessions.ReadSessionFile(request))

    async def download_session_file(self, session_id: str, path: str, target: Path) -> Path:
        """Write a session file to a local one, resumed after breaks and checked against its digest, if it has one."""
        return await download(
            lambda offset: self.read_session_file(session_id, path, offset=offset), target, backoff=self._backoff
        )

    async def check_health(self, service: str = "") -> str:
        """The grpc.health.v1 status of a service, such as "SERVING"; "" is the whole server."""
        stub = health_pb2_grpc.HealthStub(self._channel)
        answer = await self._answer(stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=self._deadline))
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def _answer(self, call: Awaitable[AnswerT]) -> AnswerT:
        with translated():
            return await call

    async def _chunks(self, call: ChunkCall) -> AsyncGenerator[artifact_pb2.FileChunk, None]:
        try:
            while True:
                with translated():
                    async with asyncio.timeout(self._deadline):
                        answer = await call.read()
                if not isinstance(answer, service_pb2.ReadArtifactResponse | service_pb2.ReadSessionFileResponse):
                    return
                yield answer.chunk
        except TimeoutError:
            raise Unreachable(f"the server was silent for {self._deadline:g} s", broken=True) from None
        finally:
            call.cancel()


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration
