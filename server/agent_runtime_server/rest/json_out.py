"""Messages as JSON: snake_case names, short lower-case enums, 64-bit numbers as numbers; the rest is proto JSON.

A message type is compiled once, into its defaults and a conversion for each field, because a replay writes tens of
thousands of events a second. What is unset is left out where that can be told from a default: messages, members of a
oneof, ``optional`` fields. So are fields that only go in, such as passwords. Everything else is always there.
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
_INPUT_ONLY = field_behavior_pb2.INPUT_ONLY
_encoder = msgspec.json.Encoder()
encode = _encoder.encode
"""Plain values as JSON bytes."""


def to_value(message: Message) -> Any:
    """A message as plain values, a dict unless it is one of those that proto JSON writes otherwise. Not to be changed:
    empty arrays and objects are shared."""
    return _converter(message.DESCRIPTOR)(message)


def to_json(message: Message) -> bytes:
    """A message as JSON."""
    return encode(to_value(message))


def short_names(enum: EnumDescriptor) -> dict[int, str]:
    """Names of an enum's values, lower case and without its prefix: ``TASK_STATUS_RUNNING`` is ``running``."""
    prefix = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in enum.name).lstrip("_") + "_"
    return {value.number: value.name.removeprefix(prefix).lower() for value in enum.values}


def input_only(field: Any) -> bool:
    """Whether a field goes in and never comes out."""
    return _INPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _timestamp(value: timestamp_pb2.Timestamp) -> str:
    return _second(value.seconds) + _fraction(value.nanos) + "Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[: len("2030-01-31T12:00:00")]


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
        defaults: dict[str, Any] = {}
        fields: dict[FieldDescriptor, tuple[str, Convert | None]] = {}

        def convert(message: Message) -> dict[str, Any]:
            value = defaults.copy()
            for field, item in message.ListFields():
                key, of_item = fields[field]
                if key:
                    value[key] = item if of_item is None else of_item(item)
            return value

        # Known before its fields are looked at: types may hold themselves.
        found = _converters[name] = convert
        for field in descriptor.fields:
            out = not input_only(field)
            fields[field] = (field.name if out else "", _of_field(field))
            if out and (field.is_repeated or not field.has_presence):
                defaults[field.name] = _default(field)
    return found


def _default(field: FieldDescriptor) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {}
    if field.is_repeated:
        return []
    of_item = _of_field(field)
    return field.default_value if of_item is None else of_item(field.default_value)


def _of_field(field: FieldDescriptor) -> Convert | None:
    """What converts the value of a field; None for what is plain already."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        of_value = _of_item(field.message_type.fields_by_name["value"])
        if of_value is None:
            return lambda entries: {str(key): value for key, value in entries.items()}
        return lambda entries: {str(key): of_value(value) for key, value in entries.items()}
    of_item = _of_item(field)
    if not field.is_repeated:
        return of_item
    return list if of_item is None else lambda items: [of_item(item) for item in items]


def _of_item(field: FieldDescriptor) -> Convert | None:
    """What converts one value of a field; None for what is plain already."""
    if field.message_type is not None:
        return _converter(field.message_type)
    if field.enum_type is not None:
        names = short_names(field.enum_type)
        return lambda number: names.get(number, number)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda data: base64.b64encode(data).decode()
    if field.type in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}:
        return _double
    return None
