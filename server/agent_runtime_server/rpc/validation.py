"""Requests: decoded and validated in one place, by the rules in the contract."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from agent_runtime_server.domain.faults import FieldViolation, InvalidField

M = TypeVar("M", bound=Message)


class Requests:
    """Decodes and validates. Rules are compiled at the first message of a type; ``warm`` does that at start."""

    def __init__(self) -> None:
        # Imported here, for it costs as much time as the rest of the server together.
        from protovalidate import Validator

        self._validator = Validator()

    def warm(self, *types: type[Message]) -> None:
        """Compile the rules of these types."""
        for request_type in types:
            self._validator.collect_violations(request_type())

    def decode(self, request_type: type[M], raw: bytes) -> M:
        """The request in these bytes. Raises InvalidField, with every bad field."""
        try:
            request = request_type.FromString(raw)
        except DecodeError as bad:
            raise InvalidField(f"the bytes are no {request_type.DESCRIPTOR.full_name}: {bad}") from bad
        found = self._validator.collect_violations(request)
        if found:
            violations = [
                FieldViolation(_path(violation.proto.field), violation.proto.message or violation.proto.rule_id)
                for violation in found
            ]
            what = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
            raise InvalidField(f"invalid request: {what}", violations=violations)
        return request


def _path(field: object) -> str:
    """A FieldPath in words: ``task.configuration.app_url``, ``kinds[2]``."""
    parts = []
    for element in getattr(field, "elements", ()):
        subscript = getattr(element, "subscript", None)
        value = getattr(subscript, "value", None)
        parts.append(f"{element.field_name}[{value}]" if value is not None else element.field_name)
    return ".".join(parts)
