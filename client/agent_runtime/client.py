"""The client: one typed method for each call of the API."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from grpc_health.v1 import health_pb2, health_pb2_grpc

from agent_runtime.inputs import InputCalls
from agent_runtime.results import ResultCalls
from agent_runtime.sessions import SessionCalls
from agent_runtime.tasks import TaskCalls
from agent_runtime.v1 import service_pb2


class AgentRuntimeClient(TaskCalls, InputCalls, ResultCalls, SessionCalls):
    """Creates, follows and stops tasks, and reads what they produced; an async context manager.

    Every method raises a subclass of ``AgentRuntimeError``. A call that finds no server is tried again for about a
    second; that is safe for calls that make something too, for their request_id is made here.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; running calls end."""
        await self._channel.close()

    async def get_server_info(self) -> service_pb2.GetServerInfoResponse:
        """What the server is, can do and allows."""
        return await self._ask(self._tasks.GetServerInfo, service_pb2.GetServerInfoRequest())

    async def check_health(self, service: str = "") -> str:
        """The grpc.health.v1 status of a service, such as "SERVING"; "" is the whole server."""
        check = health_pb2_grpc.HealthStub(self._channel).Check
        answer = await self._ask(check, health_pb2.HealthCheckRequest(service=service))
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
