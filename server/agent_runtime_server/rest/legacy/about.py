"""What the server is, over the old service's routes: ``/health``, ``/config`` and ``/``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent_runtime.v1 import service_pb2
from agent_runtime_server.rest.legacy.answers import answer
from agent_runtime_server.rest.legacy.shapes import iso, relative
from agent_runtime_server.rest.legacy.words import TASK_TYPES
from agent_runtime_server.rest.options import DoorOptions
from agent_runtime_server.rest.upstream import Upstream

_OPENCODE = "opencode"
_DESCRIPTION = "Tests web apps with AI agents: plans, generates, runs and repairs Playwright suites"


class AboutRoutes:
    """Health and configuration."""

    def __init__(self, upstream: Upstream, options: DoorOptions) -> None:
        self._upstream = upstream
        self._options = options

    async def health(self, _request: Request) -> Response:
        """``GET /health``."""
        info = await self._info()
        return answer(
            {
                "status": info.status,
                "timestamp": iso(info.server_time),
                "version": info.version,
                "opencode_available": _has_opencode(info),
            }
        )

    async def config(self, _request: Request) -> Response:
        """``GET /config``: neither a secret nor where things are on this machine."""
        info = await self._info()
        legacy = self._options.legacy
        return answer(
            {
                "provider": legacy.provider,
                "model": legacy.model,
                "auth_type": "api_key" if legacy.provider else "none",
                "opencode_path": relative(legacy.opencode_path or _OPENCODE),
                "opencode_available": _has_opencode(info),
                "session_root": relative(legacy.session_root),
                "environment": legacy.environment,
                "available_task_types": [word for number, word in TASK_TYPES.items() if number in info.task_types],
                "description": _DESCRIPTION,
            }
        )

    async def root(self, _request: Request) -> Response:
        """``GET /`` to programs; browsers get the page."""
        root = {"message": "Agent Runtime", "version": self._options.version, "docs": "/docs", "health": "/health"}
        response = answer(root)
        response.headers["vary"] = "accept"
        return response

    async def _info(self) -> service_pb2.GetServerInfoResponse:
        info: service_pb2.GetServerInfoResponse = await self._upstream.call(
            "GetServerInfo", service_pb2.GetServerInfoRequest()
        )
        return info


def _has_opencode(info: service_pb2.GetServerInfoResponse) -> bool:
    return any(component.name == _OPENCODE and component.available for component in info.components)
