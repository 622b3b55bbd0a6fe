"""The client for programs without an event loop: the same methods, which block."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from agent_runtime.background import Background
from agent_runtime.backoff import Backoff
from agent_runtime.channel import DEFAULT_ADDRESS
from agent_runtime.client import AgentRuntimeClient

P = ParamSpec("P")
ResultT = TypeVar("ResultT")
ItemT = TypeVar("ItemT")


def _blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, ResultT]],
) -> Callable[Concatenate[SyncAgentRuntimeClient, P], ResultT]:
    """A coroutine method of the client as one that waits."""

    @wraps(method)
    def call(self: SyncAgentRuntimeClient, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        return self._background.run(method(self._background.client, *args, **kwargs))

    return call


def _iterating(
    method: Callable[Concatenate[Any, P], AsyncGenerator[ItemT, None]],
) -> Callable[Concatenate[SyncAgentRuntimeClient, P], Generator[ItemT, None, None]]:
    """A method of the client that gives an async iterator as one that gives a plain one."""

    @wraps(method)
    def call(self: SyncAgentRuntimeClient, /, *args: P.args, **kwargs: P.kwargs) -> Generator[ItemT, None, None]:
        return self._background.iterate(method(self._background.client, *args, **kwargs))

    return call


class SyncAgentRuntimeClient:
    """An ``AgentRuntimeClient`` whose methods block; a context manager.

    It works on a thread of its own, which ends with ``close``; after that its methods raise RuntimeError. Any number
    of threads may use it. Ctrl-C ends the call that waits, and closing an iterator ends its stream. Inside a running
    event loop it works too, but holds that loop up: use ``AgentRuntimeClient`` there.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        deadline: float = 30.0,
        backoff: Backoff = Backoff(),  # noqa: B008 - a frozen value
    ) -> None:
        """Take the parameters of ``AgentRuntimeClient``."""
        self.address = address
        self._background = Background(lambda: AgentRuntimeClient(address, deadline=deadline, backoff=backoff))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and end the thread; running calls raise RuntimeError."""
        self._background.close()

    create_task = _blocking(AgentRuntimeClient.create_task)
    retry_task = _blocking(AgentRuntimeClient.retry_task)
    get_task = _blocking(AgentRuntimeClient.get_task)
    list_tasks = _blocking(AgentRuntimeClient.list_tasks)
    update_task = _blocking(AgentRuntimeClient.update_task)
    cancel_task = _blocking(AgentRuntimeClient.cancel_task)
    delete_task = _blocking(AgentRuntimeClient.delete_task)
    wait_task = _blocking(AgentRuntimeClient.wait_task)
    watch = _iterating(AgentRuntimeClient.watch)
    watch_tasks = _iterating(AgentRuntimeClient.watch_tasks)

    list_input_requests = _blocking(AgentRuntimeClient.list_input_requests)
    respond_to_input = _blocking(AgentRuntimeClient.respond_to_input)

    list_task_events = _blocking(AgentRuntimeClient.list_task_events)
    list_task_logs = _blocking(AgentRuntimeClient.list_task_logs)
    list_test_results = _blocking(AgentRuntimeClient.list_test_results)
    list_artifacts = _blocking(AgentRuntimeClient.list_artifacts)
    read_artifact = _iterating(AgentRuntimeClient.read_artifact)
    download_artifact = _blocking(AgentRuntimeClient.download_artifact)

    create_session = _blocking(AgentRuntimeClient.create_session)
    list_sessions = _blocking(AgentRuntimeClient.list_sessions)
    get_session = _blocking(AgentRuntimeClient.get_session)
    delete_session = _blocking(AgentRuntimeClient.delete_session)
    list_session_files = _blocking(AgentRuntimeClient.list_session_files)
    read_session_file = _iterating(AgentRuntimeClient.read_session_file)
    download_session_file = _blocking(AgentRuntimeClient.download_session_file)
    upload_session_file = _blocking(AgentRuntimeClient.upload_session_file)
    upload_folder = _blocking(AgentRuntimeClient.upload_folder)
    archive_session = _blocking(AgentRuntimeClient.archive_session)

    get_server_info = _blocking(AgentRuntimeClient.get_server_info)
    check_health = _blocking(AgentRuntimeClient.check_health)
