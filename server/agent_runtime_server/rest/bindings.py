"""Where each method is on HTTP, as ``google.api.http`` says in the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from google.api import annotations_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from agent_runtime.v1 import artifact_pb2, service_pb2
from agent_runtime_server.rest.routing import NAME

WHOLE = "*"
"""``body`` of a binding whose body is the whole request."""
_VARIABLE = re.compile(r"\{([a-z_.]+)(=\*\*)?\}")
_DOT = "_"
"""Stands for the dot of a field path in the names of a route's parameters, which may have none."""


@dataclass(frozen=True)
class Binding:
    """One method on HTTP: ``POST /v1/tasks/{task_id}:cancel``, and which field is which body."""

    method: MethodDescriptor
    verb: str
    template: str
    """The path as the contract has it, such as ``/v1/sessions/{session_id}/files/{path=**}``."""
    body: str
    """Field of the request that the body is; ``*`` for the whole request, empty for none."""
    response_body: str
    """Field of the response that the answer is; empty for the whole response."""

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Field paths that the path holds: ``("task.id",)``."""
        return tuple(match[1] for match in _VARIABLE.finditer(self.template))

    @cached_property
    def route(self) -> str:
        """The path as a route of Starlette; its parameters are named as ``parameter_of`` says."""
        return _VARIABLE.sub(
            lambda match: "{" + f"{parameter_of(match[1])}:{'path' if match[2] else NAME}" + "}", self.template
        )

    @cached_property
    def request_type(self) -> type[Message]:
        """The request's class."""
        return GetMessageClass(self.method.input_type)

    @cached_property
    def chunked(self) -> bool:
        """Whether the stream's messages are pieces of a file."""
        chunk: FieldDescriptor | None = self.method.output_type.fields_by_name.get("chunk")
        return chunk is not None and chunk.message_type is artifact_pb2.FileChunk.DESCRIPTOR


def parameter_of(variable: str) -> str:
    """Name of the route's parameter for a field path."""
    return variable.replace(".", _DOT)


def _bindings() -> Iterator[Binding]:
    for service in service_pb2.DESCRIPTOR.services_by_name.values():
        for method in service.methods:
            if not method.GetOptions().HasExtension(annotations_pb2.http):
                continue
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            verb = rule.WhichOneof("pattern")
            yield Binding(method, verb.upper(), getattr(rule, verb), rule.body, rule.response_body)


BINDINGS = tuple(_bindings())
"""Of every method that has one."""
