"""Values of single fields from JSON: numbers, text, enums, times and the like."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import Any

from google.protobuf import duration_pb2, field_mask_pb2, json_format, timestamp_pb2
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from agent_runtime_server.rest.json_out import short_names

Read = Callable[[Any], Any]
"""A plain value as what a scalar field takes. Raises Wrong."""
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
DECIMAL = re.compile(r"-?[0-9]{1,20}")
REAL = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_MASK_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_UPPER = re.compile(r"[A-Z]")


class Wrong(Exception):
    """A value that cannot be; the message says what it must be."""


def reader(field: FieldDescriptor) -> Read:
    """What reads one value of a field."""
    if field.enum_type is not None:
        return _enum_reader(field.enum_type)
    if field.cpp_type in _INTEGERS:
        return _integer_reader(*_INTEGERS[field.cpp_type])
    return {
        FieldDescriptor.CPPTYPE_BOOL: _bool,
        FieldDescriptor.CPPTYPE_FLOAT: _double,
        FieldDescriptor.CPPTYPE_DOUBLE: _double,
        FieldDescriptor.CPPTYPE_STRING: _bytes if field.type == FieldDescriptor.TYPE_BYTES else _text,
    }[field.cpp_type]


def _enum_reader(enum: EnumDescriptor) -> Read:
    short = {name: number for number, name in short_names(enum).items()}
    long = {value.name: value.number for value in enum.values}

    def read(value: Any) -> int:
        if isinstance(value, str):
            found = short.get(value, long.get(value))
            if found is None:
                raise Wrong("must be one of " + ", ".join(short))
            return found
        if isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31:
            return value
        raise Wrong(f"must be one of {', '.join(short)}, not {kind(value)}")

    return read


def _integer_reader(least: int, most: int) -> Read:
    def read(value: Any) -> int:
        if (isinstance(value, str) and DECIMAL.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(f"must be an integer, not {kind(value)}")
        if not least <= value <= most:
            raise Wrong(f"must be between {least} and {most}")
        return value

    return read


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Wrong(f"must be a number, not {kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Wrong("is too large")
    return number


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"must be true or false, not {kind(value)}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong(f"must be text, not {kind(value)}")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Wrong("has half of a surrogate pair, which is no text")
    return value


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError) as bad:
        raise Wrong("is no base64") from bad


def kind(value: Any) -> str:
    """What a plain value is, in words."""
    names = {dict: "an object", list: "an array", str: "text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _field_mask(message: Message, value: Any) -> None:
    assert isinstance(message, field_mask_pb2.FieldMask)
    for path in filter(None, _text(value).split(",")):
        if not _MASK_PATH.fullmatch(path):
            raise Wrong(f"{path!r} is no path of fields")
        message.paths.append(_UPPER.sub(lambda letter: "_" + letter[0].lower(), path))


def _timestamp(message: Message, value: Any) -> None:
    assert isinstance(message, timestamp_pb2.Timestamp)
    try:
        message.FromJsonString(_text(value))
    except (ValueError, OverflowError) as bad:
        raise Wrong("must be a time such as 2030-01-31T12:00:00Z") from bad


def _duration(message: Message, value: Any) -> None:
    assert isinstance(message, duration_pb2.Duration)
    try:
        message.FromJsonString(_text(value))
    except (ValueError, OverflowError) as bad:
        raise Wrong('must be a number of seconds such as "3.5s"') from bad


def _by_library(message: Message, value: Any) -> None:
    json_format.ParseDict(value, message)


SPECIAL: dict[str, Callable[[Message, Any], None]] = {
    "google.protobuf.FieldMask": _field_mask,
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    **{f"google.protobuf.{name}": _by_library for name in ("Any", "Struct", "Value", "ListValue")},
}
"""How the types that proto JSON writes in their own way are read."""
