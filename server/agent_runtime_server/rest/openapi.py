"""`/openapi.json`: OpenAPI 3.1 of all that the door serves, made from the contract, when first asked for."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent_runtime_server.rest.bindings import BINDINGS
from agent_runtime_server.rest.json_out import encode
from agent_runtime_server.rest.openapi_answers import JSON, PROBLEM, problem_components
from agent_runtime_server.rest.openapi_comments import Comments
from agent_runtime_server.rest.openapi_extras import extra_paths
from agent_runtime_server.rest.openapi_legacy import legacy_paths
from agent_runtime_server.rest.openapi_legacy_schemas import legacy_components
from agent_runtime_server.rest.openapi_operations import Operations
from agent_runtime_server.rest.openapi_schemas import Schemas
from agent_runtime_server.rest.options import DoorOptions
from agent_runtime_server.rest.ranges import is_known

_DESCRIPTION = """\
Agent Runtime tests web apps: it explores an app in a real browser, writes a plan, generates Playwright tests and runs
them.
This is its gRPC API `agent_runtime.v1` on HTTP: the same calls, with messages as JSON.

- Names are in snake_case; values of enums are in lower case without their prefix (longer forms are taken, too).
- 64-bit numbers are JSON numbers, durations are text such as `90s`, times are RFC 3339.
- Unknown fields are refused, except by the *Old routes*. Readers skip what they do not know.
"""


def document(version: str) -> dict[str, Any]:
    """The whole description of a server of this version."""
    comments = Comments.shipped()
    schemas = Schemas(comments)
    schemas.components["Problem"] = PROBLEM
    operations = Operations(schemas, comments)
    paths: dict[str, Any] = {}
    for binding in BINDINGS:
        paths.setdefault(operations.path(binding), {})[binding.verb.lower()] = operations.operation(binding)
    for path, item in (extra_paths(schemas, comments) | legacy_paths()).items():
        paths.setdefault(path, {}).update(item)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Agent Runtime",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in _tags(paths)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted((schemas.components | legacy_components()).items())),
            "responses": problem_components(),
        },
    }


def routes(options: DoorOptions) -> list[BaseRoute]:
    """The route of the description."""
    return [Route("/openapi.json", _answer(options.version))]


def _answer(version: str) -> Callable[[Request], Awaitable[Response]]:
    made: asyncio.Future[tuple[bytes, str]] | None = None

    def make() -> tuple[bytes, str]:
        body = encode(document(version))
        return body, f'"{hashlib.sha256(body).hexdigest()}"'

    async def answer(request: Request) -> Response:
        nonlocal made
        if made is None or (made.done() and made.exception()):
            made = asyncio.ensure_future(asyncio.to_thread(make))
        body, etag = await asyncio.shield(made)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if is_known(request.headers, etag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=JSON)

    return answer


def _tags(paths: dict[str, Any]) -> list[str]:
    return list(
        dict.fromkeys(tag for item in paths.values() for operation in item.values() for tag in operation["tags"])
    )
