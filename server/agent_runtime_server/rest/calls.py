"""Unary methods on HTTP: path, query and body make a request, the response is the answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from agent_runtime_server.rest import json_in
from agent_runtime_server.rest.bindings import BINDINGS, WHOLE, Binding, parameter_of
from agent_runtime_server.rest.json_out import encode, to_json, to_value
from agent_runtime_server.rest.limits import body_of
from agent_runtime_server.rest.problems import BadRequest, Violation, refusal
from agent_runtime_server.rest.routing import Operation
from agent_runtime_server.rest.sending import left_by_caller, unless_left
from agent_runtime_server.rest.upstream import Upstream

JSON = "application/json"
IDEMPOTENCY_KEY = "idempotency-key"
REPLAYED = "idempotency-replayed"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KEYS = uuid.UUID("6e6f2c1b-6f0e-4a3b-9d55-2a7d1f0c8e41")
"""Namespace of the request ids that are made of keys."""
_LONGEST_KEY = 255


def operations(upstream: Upstream) -> list[Operation]:
    """Every unary method that has a binding."""
    return [
        Operation(binding.verb, binding.route, _handler(binding, upstream))
        for binding in BINDINGS
        if not binding.method.server_streaming
    ]


def _handler(binding: Binding, upstream: Upstream) -> Any:
    async def answer(request: Request) -> Response:
        return _answer(binding, await upstream.call(binding.method.name, await request_of(binding, request)))

    async def answer_unless_left(request: Request) -> Response:
        asking = upstream.call(binding.method.name, await request_of(binding, request))
        response = await unless_left(asking, left_by_caller(request.receive))
        return _answer(binding, response) if response is not None else Response(status_code=499)

    # What waits must not go on waiting for nobody.
    waits = "timeout" in binding.method.input_type.fields_by_name

    return answer_unless_left if waits else answer


def _answer(binding: Binding, response: Message) -> Response:
    headers = {REPLAYED: "true"} if getattr(response, "replayed", False) else None
    if not binding.response_body:
        return Response(to_json(response), headers=headers, media_type=JSON)
    return Response(encode(to_value(getattr(response, binding.response_body))), headers=headers, media_type=JSON)


async def request_of(binding: Binding, request: Request) -> Message:
    """The request that an HTTP request makes. Raises BadRequest."""
    message = binding.request_type()
    if binding.body:
        check_json(request)
        data = await body_of(request)
        target = message if binding.body == WHOLE else getattr(message, binding.body)
        if data:
            json_in.from_json(data, target, "" if binding.body == WHOLE else binding.body)
            if target is not message:
                target.SetInParent()
    fill_from_address(binding, message, request)
    _take_key(message, request)
    return message


def fill_from_address(binding: Binding, message: Message, request: HTTPConnection) -> None:
    """Set what the query and the path say. Raises BadRequest."""
    fill(message, request, binding.variables, binding.body)


def fill(message: Message, request: HTTPConnection, variables: Sequence[str], body: str = "") -> None:
    """Set ``variables`` from the path, and what is left of the fields from the query. Raises BadRequest."""
    pairs = request.query_params.multi_items()
    for name, _ in pairs:
        if body == WHOLE or name in variables or name.partition(".")[0] == body:
            raise BadRequest([Violation(name, "is no field that the query can set here")])
    json_in.from_query(pairs, message)
    for variable in variables:
        json_in.set_text(message, variable, request.path_params[parameter_of(variable)])


def check_json(request: Request) -> None:
    """Refuse a body that says of itself that it is not JSON."""
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media_type != JSON:
        raise refusal(415, f"the body must be {JSON}, not {media_type}")


def _take_key(message: Any, request: Request) -> None:
    """An Idempotency-Key is the request id of methods that know one, unless the request has its own."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is None or "request_id" not in message.DESCRIPTOR.fields_by_name or message.request_id:
        return
    if not 0 < len(key) <= _LONGEST_KEY:
        raise BadRequest([Violation("Idempotency-Key", f"must have 1 to {_LONGEST_KEY} characters")])
    request_id = key if _UUID.fullmatch(key) else str(uuid.uuid5(_KEYS, key))
    message.request_id = request_id
