"""A connection to a server, and how calls go over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import grpc.aio

from agent_runtime.backoff import Backoff
from agent_runtime.channel import DEFAULT_ADDRESS, open_channel
from agent_runtime.errors import Unreachable, translated
from agent_runtime.v1 import artifact_pb2, service_pb2, service_pb2_grpc

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")
ChunkCall = (
    grpc.aio.UnaryStreamCall[service_pb2.ReadArtifactRequest, service_pb2.ReadArtifactResponse]
    | grpc.aio.UnaryStreamCall[service_pb2.ReadSessionFileRequest, service_pb2.ReadSessionFileResponse]
    | grpc.aio.UnaryStreamCall[service_pb2.ArchiveSessionRequest, service_pb2.ArchiveSessionResponse]
)
_CHUNK_ANSWERS = (
    service_pb2.ReadArtifactResponse,
    service_pb2.ReadSessionFileResponse,
    service_pb2.ArchiveSessionResponse,
)


class Connection:
    """What every group of calls goes over."""

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        deadline: float = 30.0,
        backoff: Backoff = Backoff(),  # noqa: B008 - a frozen value
    ) -> None:
        """Talk to the server at ``host:port``, ``[ipv6]:port`` or ``unix:path``; ValueError for another address.

        ``deadline`` is how long a call may take, and a stream of bytes may be silent, in seconds; ``backoff`` paces
        what watches, downloads and uploads try again.
        """
        self.address = address
        self._deadline = deadline
        self._backoff = backoff
        self._channel = open_channel(address)
        self._tasks = service_pb2_grpc.AgentRuntimeStub(self._channel)
        self._sessions = service_pb2_grpc.SessionServiceStub(self._channel)

    async def _ask(self, call: grpc.aio.UnaryUnaryMultiCallable[RequestT, AnswerT], request: RequestT) -> AnswerT:
        """The answer to a request, within the deadline."""
        with translated():
            return await call(request, timeout=self._deadline)

    async def _chunks(self, open_call: Callable[[], ChunkCall]) -> AsyncGenerator[artifact_pb2.FileChunk, None]:
        """The chunks of a byte stream, which is opened when the first is asked for."""
        call = open_call()
        try:
            while True:
                with translated():
                    async with asyncio.timeout(self._deadline):
                        answer = await call.read()
                if not isinstance(answer, _CHUNK_ANSWERS):
                    return
                yield answer.chunk
        except TimeoutError:
            raise Unreachable(f"the server was silent for {self._deadline:g} s", broken=True) from None
        finally:
            call.cancel()
