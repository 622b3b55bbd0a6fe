"""The dialect of the FastAPI service that this one replaces, spoken nowhere else."""

from __future__ import annotations

from starlette.routing import BaseRoute, WebSocketRoute

from agent_runtime_server.rest.legacy.about import AboutRoutes
from agent_runtime_server.rest.legacy.answers import answering
from agent_runtime_server.rest.legacy.history import Histories
from agent_runtime_server.rest.legacy.logs import LogRoutes
from agent_runtime_server.rest.legacy.shapes import relative
from agent_runtime_server.rest.legacy.stream import StreamRoute
from agent_runtime_server.rest.legacy.tasks import TaskRoutes, without_slash
from agent_runtime_server.rest.options import DoorOptions
from agent_runtime_server.rest.routing import Handler, Operation, resources
from agent_runtime_server.rest.upstream import Upstream

_ONE = "/tasks/{task_id}"


def routes(upstream: Upstream, options: DoorOptions) -> list[BaseRoute]:
    """Every route of the old service but the documents: those are ``/docs``, ``/redoc`` and ``/openapi.json``."""
    tasks = TaskRoutes(upstream, Histories(upstream), relative(options.legacy.session_root))
    about = AboutRoutes(upstream, options)
    logs = LogRoutes(upstream)
    handlers: list[tuple[str, str, Handler]] = [
        ("POST", "/tasks", tasks.create),
        ("GET", "/tasks", tasks.list),
        ("GET", "/tasks/", without_slash),
        ("POST", "/tasks/", without_slash),
        ("GET", _ONE, tasks.get),
        ("GET", f"{_ONE}/logs", logs.logs),
        ("POST", f"{_ONE}/cancel", tasks.cancel),
        ("GET", f"{_ONE}/session/files", tasks.files),
        ("GET", "/health", about.health),
        ("GET", "/config", about.config),
        ("GET", "/", about.root),
    ]
    return [
        WebSocketRoute(f"{_ONE}/stream", StreamRoute(upstream).stream),
        *resources(Operation(verb, path, answering(handler)) for verb, path, handler in handlers),
    ]
