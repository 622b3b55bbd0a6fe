"""Messages as JSON: snake_case names, short lower-case enums, 64-bit numbers as numbers; the rest is proto JSON.

A message type is compiled once into closures, one a field, because a replay writes tens of thousands of events a
second. What is unset is left out where that can be told from a default: messages, members of a oneof, ``optional``
fields. So are fields that only go in, such as passwords. Everything else is always there.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from google.api import field_behavior_pb2
from google.protobuf import any_pb2, duration_pb2, field_mask_pb2, json_format, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

Convert = Callable[[Any], Any]
_Put = Callable[[Message, dict[str, Any]], None]
_INPUT_ONLY = field_behavior_pb2.INPUT_ONLY
_encoder = msgspec.json.Encoder()
encode = _encoder.encode
"""Plain values as JSON bytes."""


def to_value(message: Message) -> Any:
    """A message as plain values, a dict unless it is one of those that proto JSON writes otherwise."""
    return _converter(message.DESCRIPTOR)(message)


def to_json(message: Message) -> bytes:
    """A message as JSON."""
    return encode(to_value(message))


def short_names(enum: EnumDescriptor) -> dict[int, str]:
    """Names of an enum's values, lower case and without its prefix: ``TASK_STATUS_RUNNING`` is ``running``."""
    prefix = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in enum.name).lstrip("_") + "_"
    return {value.number: value.name.removeprefix(prefix).lower() for value in enum.values}


def input_only(field: FieldDescriptor) -> bool:
    """Whether a field goes in and never comes out."""
    return _INPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _timestamp(value: timestamp_pb2.Timestamp) -> str:
    return _second(value.seconds) + _fraction(value.nanos) + "Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    digits = f"{nanos:09d}"
    return "." + (digits[:3] if nanos % 1_000_000 == 0 else digits[:6] if nanos % 1000 == 0 else digits)


def _any(value: any_pb2.Any) -> dict[str, Any]:
    packed: dict[str, Any] = {"@type": value.type_url}
    try:
        message = GetMessageClass(Default().FindMessageTypeByName(value.TypeName()))()
        value.Unpack(message)
    except (KeyError, DecodeError):
        return packed | {"value": base64.b64encode(value.value).decode()}
    plain = to_value(message)
    return packed | (plain if isinstance(plain, dict) else {"value": plain})


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


_WELL_KNOWN: dict[str, Convert] = {
    timestamp_pb2.Timestamp.DESCRIPTOR.full_name: _timestamp,
    duration_pb2.Duration.DESCRIPTOR.full_name: lambda value: value.ToJsonString(),
    field_mask_pb2.FieldMask.DESCRIPTOR.full_name: lambda value: value.ToJsonString(),
    any_pb2.Any.DESCRIPTOR.full_name: _any,
    **{
        kind.DESCRIPTOR.full_name: json_format.MessageToDict
        for kind in (struct_pb2.Struct, struct_pb2.Value, struct_pb2.ListValue)
    },
}
_converters: dict[str, Convert] = {}


def _converter(descriptor: Any) -> Convert:
    name = descriptor.full_name
    found = _converters.get(name) or _WELL_KNOWN.get(name)
    if found is None:
        puts: list[_Put] = []

        def convert(message: Message) -> dict[str, Any]:
            value: dict[str, Any] = {}
            for put in puts:
                put(message, value)
            return value

        # Known before its fields are looked at: types may hold themselves.
        found = _converters[name] = convert
        puts.extend(_put(field) for field in descriptor.fields if not input_only(field))
    return found


def _put(field: FieldDescriptor) -> _Put:
    name = field.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        of_value = _element(field.message_type.fields_by_name["value"])

        def put(message: Message, value: dict[str, Any]) -> None:
            value[name] = {str(key): of_value(item) for key, item in getattr(message, name).items()}

    elif field.is_repeated:
        convert = _element(field)

        def put(message: Message, value: dict[str, Any]) -> None:
            value[name] = [convert(item) for item in getattr(message, name)]

    elif field.has_presence:
        convert = _element(field)

        def put(message: Message, value: dict[str, Any]) -> None:
            if message.HasField(name):
                value[name] = convert(getattr(message, name))

    elif _is_plain(field):

        def put(message: Message, value: dict[str, Any]) -> None:
            value[name] = getattr(message, name)

    else:
        convert = _element(field)

        def put(message: Message, value: dict[str, Any]) -> None:
            value[name] = convert(getattr(message, name))

    return put


def _is_plain(field: FieldDescriptor) -> bool:
    return field.message_type is None and field.enum_type is None and field.cpp_type not in _CONVERTED


_CONVERTED = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}


def _element(field: FieldDescriptor) -> Convert:
    """Converts one value of a field."""
    if field.message_type is not None:
        return _converter(field.message_type)
    if field.enum_type is not None:
        names = short_names(field.enum_type)
        return lambda number: names.get(number, number)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda data: base64.b64encode(data).decode()
    if field.cpp_type in _CONVERTED:
        return _double
    return lambda value: value
