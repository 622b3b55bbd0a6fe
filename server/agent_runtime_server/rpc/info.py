"""What this server is: GetServerInfo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from agent_runtime.v1 import service_pb2
from agent_runtime_server.domain.task import TaskType
from agent_runtime_server.orchestrator.watch import WatchLimits
from agent_runtime_server.ports import AgentDriver, Availability, TestRunner
from agent_runtime_server.rpc import enums
from agent_runtime_server.rpc.pages import MAX_PAGE
from agent_runtime_server.rpc.results_codec import duration


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds a client can plan with."""

    max_message_bytes: int
    max_wait: timedelta
    watch: WatchLimits
    event_retention: timedelta
    request_id_retention: timedelta
    max_file_bytes: int


class Able(Protocol):
    """What the parts of a server can do."""

    @property
    def drivers(self) -> Mapping[str, AgentDriver]:
        """Agents, by name."""

    @property
    def runner(self) -> TestRunner:
        """What runs suites: without it the server is degraded."""

    @property
    def components(self) -> Callable[[], Sequence[tuple[str, Availability]]]:
        """Helpers that it can do without."""

    @property
    def sandbox(self) -> Callable[[], str]:
        """What contains agents; empty while that is not known."""


class ServerInfo:
    """Describes the server."""

    def __init__(
        self,
        version: str,
        able: Able,
        default_driver: str,
        limits: ServerLimits,
    ) -> None:
        self._version = version
        self._able = able
        self._default_driver = default_driver
        self.limits = limits
        self.http_url = ""
        """Where the HTTP door is, once it is open."""

    async def describe(self, *, draining: bool) -> service_pb2.GetServerInfoResponse:
        """The whole answer, as of now."""
        now = Timestamp()
        now.GetCurrentTime()
        runner = self._able.runner.availability()
        components = [
            service_pb2.Component(name=name, version=state.version, available=state.available, message=state.message)
            for name, state in (("playwright", runner), *self._able.components())
        ]
        watch = self.limits.watch
        return service_pb2.GetServerInfoResponse(
            status="draining" if draining else "degraded" if not runner.available else "healthy",
            version=self._version,
            server_time=now,
            api_versions=["agent_runtime.v1"],
            task_types=[enums.TASK_TYPE.out(task_type) for task_type in TaskType],  # type: ignore[misc]
            components=components,
            limits=service_pb2.Limits(
                max_message_bytes=self.limits.max_message_bytes,
                min_heartbeat_interval=duration(watch.min_heartbeat),
                max_heartbeat_interval=duration(watch.max_heartbeat),
                max_wait=duration(self.limits.max_wait),
                max_watch_age=duration(watch.max_age),
                event_retention=duration(self.limits.event_retention),
                max_page_size=MAX_PAGE,
                request_id_retention=duration(self.limits.request_id_retention),
                max_file_bytes=self.limits.max_file_bytes,
            ),
            drivers=[_driver_out(driver) for driver in self._able.drivers.values()],
            default_driver=self._default_driver,
            sandbox=self._able.sandbox(),
            http_url=self.http_url,
        )


def _driver_out(driver: AgentDriver) -> service_pb2.Driver:
    state = driver.availability()
    types = sorted(enums.TASK_TYPE.out(task_type) for task_type in driver.task_types())
    return service_pb2.Driver(
        name=driver.name,
        available=state.available,
        message=state.message,
        task_types=types,  # type: ignore[arg-type]
    )
