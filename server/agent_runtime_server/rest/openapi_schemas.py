"""Messages of the contract as JSON Schemas (2020-12): one component for each message and direction."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from itertools import combinations
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from agent_runtime.v1 import _buf_validate_pb2 as validate
from agent_runtime_server.rest.json_out import short_names
from agent_runtime_server.rest.openapi_comments import Comments
from agent_runtime_server.rest.openapi_rules import (
    IDENTIFIER,
    IMMUTABLE,
    INPUT_ONLY,
    OUTPUT_ONLY,
    REQUIRED,
    Keywords,
    allowed_numbers,
    behavior,
    is_unchecked,
    keywords,
    must_be_set,
    notes,
    rules_of,
)


class Way(Enum):
    """What a schema is for; the value is the end of its name."""

    OUT = ""
    """What the server sends: without rules, but with all keys that are always there."""
    IN = "Input"
    """What it takes: without fields that only the server sets."""
    CHANGE = "Changes"
    """What it takes as a change of something that exists: nothing has to be there."""


_NOT_TAKEN = {
    Way.OUT: {INPUT_ONLY},
    Way.IN: {OUTPUT_ONLY, IDENTIFIER},
    Way.CHANGE: {OUTPUT_ONLY, IDENTIFIER, IMMUTABLE},
}
_SCALARS: dict[int, Keywords] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
}
_WELL_KNOWN: dict[str, Keywords] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,9})?s$", "examples": ["90s"]},
    "google.protobuf.FieldMask": {"type": "string", "examples": ["labels,priority"]},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "required": ["@type"],
        "additionalProperties": True,
    },
}


class Schemas:
    """Makes schemas, and keeps those that have a name."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self.components: dict[str, Keywords] = {}
        """Schemas by name."""

    def message(self, message: Descriptor, way: Way) -> Keywords:
        """A reference to the schema of a message, or the schema of one that everyone knows."""
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        name = message.name + way.value
        if name not in self.components:
            self.components[name] = {}  # taken, in case that the message refers to itself
            self.components[name] = self.body(message, message.fields, way)
        return reference(name)

    def body(self, message: Descriptor, fields: Iterable[FieldDescriptor], way: Way) -> Keywords:
        """The schema of an object that has these fields of a message."""
        taken = [field for field in fields if not behavior(field) & _NOT_TAKEN[way]]
        schema: Keywords = {"type": "object"}
        oneofs = _oneofs(message, taken)
        said = [self._comments.of(message.full_name)]
        said += [f"At most one of {', '.join(f'`{name}`' for name in names)} is set." for names in oneofs]
        if way is not Way.OUT:
            said += [f"{rule.message[:1].upper()}{rule.message[1:]}." for rule in _message_rules(message)]
        if text := "\n\n".join(filter(None, said)):
            schema["description"] = text
        schema["properties"] = {field.name: self.field(field, way) for field in taken}
        if required := [field.name for field in taken if is_required(field, way)]:
            schema["required"] = required
        if way is not Way.OUT:
            schema["additionalProperties"] = False
            refused = [{"required": list(pair)} for oneof in oneofs for pair in combinations(oneof, 2)]
            if refused:
                schema["not"] = refused[0] if len(refused) == 1 else {"anyOf": refused}
        return schema

    def field(self, field: FieldDescriptor, way: Way) -> Keywords:
        """The schema of a field, with what its comment says."""
        rules = rules_of(field)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            schema: Keywords = {"type": "object", "additionalProperties": self._value(value, rules.map.values, way)}
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field, rules.repeated.items, way)}
        else:
            schema = self._value(field, rules, way)
        if way is not Way.OUT:
            schema |= keywords(rules)
        said = [self._comments.of(field.full_name), *(notes(field) if way is not Way.OUT else ())]
        if text := " ".join(filter(None, said)):
            schema["description"] = text
        if OUTPUT_ONLY in behavior(field):
            schema["readOnly"] = True
        if INPUT_ONLY in behavior(field):
            schema["writeOnly"] = True
        return schema

    def _value(self, field: FieldDescriptor, rules: validate.FieldRules, way: Way) -> Keywords:
        if field.enum_type is not None:
            schema = self._enum(field.enum_type)
            if way is not Way.OUT:
                allowed = allowed_numbers(rules, field.enum_type)
                names = short_names(field.enum_type)
                if len(allowed) < len(field.enum_type.values):
                    schema["enum"] = [names[number] for number in allowed]
            return schema
        if field.message_type is not None:
            return self.message(field.message_type, Way.CHANGE if is_unchecked(field) else way)
        schema = dict(_SCALARS[field.type])
        return schema if way is Way.OUT else schema | keywords(rules)

    def _enum(self, enum: EnumDescriptor) -> Keywords:
        if enum.name not in self.components:
            names = short_names(enum)
            said = [
                f"- `{names[value.number]}`: {comment}"
                for value in enum.values
                if (comment := self._comments.of(f"{enum.full_name}.{value.name}"))
            ]
            self.components[enum.name] = {
                "type": "string",
                "enum": list(names.values()),
                "description": "\n\n".join(filter(None, [self._comments.of(enum.full_name), "\n".join(said)])),
            }
        return reference(enum.name)


def reference(name: str) -> Keywords:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def _oneofs(message: Descriptor, taken: Iterable[FieldDescriptor]) -> list[list[str]]:
    names = {field.name for field in taken}
    groups = [[field.name for field in oneof.fields if field.name in names] for oneof in message.oneofs]
    return [group for group in groups if len(group) > 1]


def is_required(field: FieldDescriptor, way: Way) -> bool:
    """Whether a field is always there, or has to be."""
    if way is Way.OUT:
        return not field.has_presence
    if way is Way.CHANGE:
        return False
    return REQUIRED in behavior(field) or must_be_set(field)


def _message_rules(message: Descriptor) -> Any:
    return message.GetOptions().Extensions[validate.message].cel
