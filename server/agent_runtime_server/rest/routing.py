"""Operations, each a verb on a path, as routes: one a path, so that a wrong verb is told all the right ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

Handler = Callable[[Request], Awaitable[Response]]
NAME = "name"
"""Kind of a route's parameter that is the name of something: without a colon, which is before verbs."""


class _Name(Convertor[str]):
    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor(NAME, _Name())


@dataclass(frozen=True)
class Operation:
    """What answers a verb on a path, which is one of Starlette's."""

    verb: str
    path: str
    handler: Handler


def resources(operations: Iterable[Operation]) -> list[BaseRoute]:
    """Routes for operations; paths that take whatever follows come last."""
    by_path: dict[str, dict[str, Handler]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.verb] = operation.handler
    return [_resource(path, by_path[path]) for path in sorted(by_path, key=lambda path: path.endswith(":path}"))]


def _resource(path: str, handlers: dict[str, Handler]) -> Route:
    if "GET" in handlers:
        handlers.setdefault("HEAD", handlers["GET"])

    async def answer(request: Request) -> Response:
        return await handlers[request.method](request)

    return Route(path, answer, methods=list(handlers))
