"""Requests: decoded and validated in one place, by the rules in the contract."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from agent_runtime.v1 import service_pb2
from agent_runtime_server.domain.faults import FieldViolation, InvalidField

if TYPE_CHECKING:
    from protovalidate import Validator

M = TypeVar("M", bound=Message)


class Requests:
    """Decodes and validates. The validator is loaded and its rules are compiled at first use, or by ``warm``."""

    @cached_property
    def _validator(self) -> Validator:
        # Imported here, for it costs as much time as the start of the whole server.
        from protovalidate import Validator

        return Validator()

    def warm(self) -> None:
        """Compile the rules of every request, so that no caller waits for it."""
        for service in service_pb2.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                self._validator.collect_violations(GetMessageClass(method.input_type)())

    def decode(self, request_type: type[M], raw: bytes) -> M:
        """The request in these bytes. Raises InvalidField, with every bad field."""
        try:
            request = request_type.FromString(raw)
        except DecodeError as bad:
            raise InvalidField(f"the bytes are no {request_type.DESCRIPTOR.full_name}: {bad}") from bad
        if not raw and not request_type.DESCRIPTOR.fields:
            return request
        self.check(request)
        return request

    def check(self, message: Message, parent: str = "") -> None:
        """Apply the rules in the contract to a message, found in the field ``parent`` of its request. Raises
        InvalidField, with every bad field."""
        found = self._validator.collect_violations(message)
        if found:
            violations = [
                FieldViolation(
                    ".".join(filter(None, (parent, _path(violation.proto.field)))),
                    violation.proto.message or violation.proto.rule_id,
                )
                for violation in found
            ]
            what = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
            raise InvalidField(f"invalid request: {what}", violations=violations)


def _path(field: object) -> str:
    """A FieldPath in words: ``task.configuration.app_url``, ``kinds[2]``."""
    parts = []
    for element in getattr(field, "elements", ()):
        value = getattr(getattr(element, "subscript", None), "value", None)
        parts.append(element.field_name if value is None else f"{element.field_name}[{value}]")
    return ".".join(parts)
