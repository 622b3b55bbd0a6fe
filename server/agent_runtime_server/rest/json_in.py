"""JSON and queries from outside as messages, strictly: whatever is wrong is a BadRequest that names every bad field.

Names are snake_case. Enums may be short and lower case (``running``), long (``TASK_STATUS_RUNNING``) or a number. A type is
compiled once into closures, one a field.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from google.protobuf import duration_pb2, field_mask_pb2, json_format, timestamp_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from agent_runtime_server.rest.json_out import short_names
from agent_runtime_server.rest.problems import BadRequest, Violation

_Read = Callable[[Any], Any]
"""A plain value as what a scalar field takes. Raises _Wrong."""
_Set = Callable[[Message, Any, str, list[Violation]], None]
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_DECIMAL = re.compile(r"-?[0-9]{1,20}")
_REAL = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_MASK_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_UPPER = re.compile(r"[A-Z]")


class _Wrong(Exception):
    """A value that cannot be; the message says what it must be."""


def from_json(data: bytes, message: Message, parent: str = "") -> None:
    """Fill a message from a JSON object. ``parent`` is the message's own place in the request, for the names of bad
    fields. Raises BadRequest."""
    violations: list[Violation] = []
    _fill(message, parse(data), parent, violations)
    if violations:
        raise BadRequest(violations)


def from_query(pairs: Iterable[tuple[str, str]], message: Message) -> None:
    """Fill a message from a query: field paths, repeated ones once for each value. Raises BadRequest."""
    violations: list[Violation] = []
    seen: set[str] = set()
    for name, text in pairs:
        try:
            repeated = _set_path(message, name, text)
        except _Wrong as wrong:
            violations.append(Violation(name, str(wrong)))
            continue
        if name in seen and not repeated:
            violations.append(Violation(name, "is given twice"))
        seen.add(name)
    if violations:
        raise BadRequest(violations)


def set_text(message: Message, path: str, text: str) -> None:
    """Set the field at a path from text, as in a query. Raises BadRequest."""
    try:
        _set_path(message, path, text)
    except _Wrong as wrong:
        raise BadRequest([Violation(path, str(wrong))]) from wrong


def parse(data: bytes) -> Any:
    """Strict JSON. Raises BadRequest, about the field ``body``."""
    try:
        return _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except RecursionError:
        reason = "is nested too deeply"
    except (ValueError, _Wrong) as bad:
        reason = f"is no JSON: {bad}"
    raise BadRequest([Violation("body", reason)])


def _no_constant(name: str) -> NoReturn:
    raise _Wrong(f"{name} is no number")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Wrong(f"{twice!r} is there twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_no_doubles)


def _fill(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
    special = _SPECIAL.get(message.DESCRIPTOR.full_name)
    if special is not None:
        try:
            special(message, value)
        except (_Wrong, ValueError, TypeError, OverflowError, RecursionError, json_format.Error) as wrong:
            violations.append(Violation(path, str(wrong) if isinstance(wrong, _Wrong) else "is not of its type"))
        return
    if not isinstance(value, dict):
        violations.append(Violation(path or "body", f"must be an object, not {_kind(value)}"))
        return
    setters = _setters(message.DESCRIPTOR)
    oneofs: dict[str, str] = {}
    for name, item in value.items():
        here = f"{path}.{name}" if path else name
        setter = setters.get(name)
        if setter is None:
            violations.append(Violation(here, "is no field"))
            continue
        if item is None:
            continue
        oneof = message.DESCRIPTOR.fields_by_name[name].containing_oneof
        if oneof is not None and (other := oneofs.setdefault(oneof.name, name)) != name:
            violations.append(Violation(here, f"excludes {other}: give one of them"))
            continue
        setter(message, item, here, violations)


_compiled: dict[str, dict[str, _Set]] = {}


def _setters(descriptor: Descriptor) -> dict[str, _Set]:
    found = _compiled.get(descriptor.full_name)
    if found is None:
        found = _compiled[descriptor.full_name] = {field.name: _setter(field) for field in descriptor.fields}
    return found


def _setter(field: FieldDescriptor) -> _Set:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_setter(field)
    if field.is_repeated:
        return _list_setter(field)
    name = field.name
    if field.message_type is not None:

        def fill(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
            inner = getattr(message, name)
            inner.SetInParent()
            _fill(inner, value, path, violations)

        return fill
    read = _reader(field)

    def put(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
        try:
            setattr(message, name, read(value))
        except _Wrong as wrong:
            violations.append(Violation(path, str(wrong)))

    return put


def _list_setter(field: FieldDescriptor) -> _Set:
    name = field.name
    read = None if field.message_type is not None else _reader(field)

    def put(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
        if not isinstance(value, list):
            violations.append(Violation(path, f"must be an array, not {_kind(value)}"))
            return
        items = getattr(message, name)
        for index, item in enumerate(value):
            here = f"{path}[{index}]"
            if read is None:
                _fill(items.add(), item, here, violations)
                continue
            try:
                items.append(read(item))
            except _Wrong as wrong:
                violations.append(Violation(here, str(wrong)))

    return put


def _map_setter(field: FieldDescriptor) -> _Set:
    """For maps of texts to scalars, which is all that the contract has."""
    assert field.message_type is not None
    name = field.name
    read_key = _reader(field.message_type.fields_by_name["key"])
    read = _reader(field.message_type.fields_by_name["value"])

    def put(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
        if not isinstance(value, dict):
            violations.append(Violation(path, f"must be an object, not {_kind(value)}"))
            return
        entries = getattr(message, name)
        for key, item in value.items():
            try:
                entries[read_key(key)] = read(item)
            except _Wrong as wrong:
                violations.append(Violation(f"{path}[{key!r}]", str(wrong)))

    return put


def _reader(field: FieldDescriptor) -> _Read:
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


def _enum_reader(enum: EnumDescriptor) -> _Read:
    short = {name: number for number, name in short_names(enum).items()}
    long = {value.name: value.number for value in enum.values}

    def read(value: Any) -> int:
        if isinstance(value, str):
            found = short.get(value, long.get(value))
            if found is None:
                raise _Wrong("must be one of " + ", ".join(short))
            return found
        if isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31:
            return value
        raise _Wrong(f"must be one of {', '.join(short)}, not {_kind(value)}")

    return read


def _integer_reader(least: int, most: int) -> _Read:
    def read(value: Any) -> int:
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            value = int(value)
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _Wrong(f"must be an integer, not {_kind(value)}")
        if not least <= value <= most:
            raise _Wrong(f"must be between {least} and {most}")
        return value

    return read


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Wrong(f"must be a number, not {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Wrong("is too large")
    return number


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"must be true or false, not {_kind(value)}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"must be text, not {_kind(value)}")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _Wrong("has half of a surrogate pair, which is no text")
    return value


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError) as bad:
        raise _Wrong("is no base64") from bad


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _field_mask(message: Message, value: Any) -> None:
    assert isinstance(message, field_mask_pb2.FieldMask)
    for path in filter(None, _text(value).split(",")):
        if not _MASK_PATH.fullmatch(path):
            raise _Wrong(f"{path!r} is no path of fields")
        message.paths.append(_UPPER.sub(lambda letter: "_" + letter[0].lower(), path))


def _timestamp(message: Message, value: Any) -> None:
    assert isinstance(message, timestamp_pb2.Timestamp)
    try:
        message.FromJsonString(_text(value))
    except (ValueError, OverflowError) as bad:
        raise _Wrong("must be a time such as 2030-01-31T12:00:00Z") from bad


def _duration(message: Message, value: Any) -> None:
    assert isinstance(message, duration_pb2.Duration)
    try:
        message.FromJsonString(_text(value))
    except (ValueError, OverflowError) as bad:
        raise _Wrong('must be a number of seconds such as "3.5s"') from bad


def _by_library(message: Message, value: Any) -> None:
    json_format.ParseDict(value, message)


_SPECIAL: dict[str, Callable[[Message, Any], None]] = {
    "google.protobuf.FieldMask": _field_mask,
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    **{f"google.protobuf.{name}": _by_library for name in ("Any", "Struct", "Value", "ListValue")},
}


def _set_path(message: Message, path: str, text: str) -> bool:
    """Set the field at a path from text; whether it is a repeated one."""
    *parents, name = path.split(".")
    for parent in parents:
        field = message.DESCRIPTOR.fields_by_name.get(parent)
        if field is None or field.message_type is None or field.is_repeated or _is_special(field):
            raise _Wrong("is no field")
        message = getattr(message, parent)
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        raise _Wrong("is no field")
    value = _text_value(field, text)
    violations: list[Violation] = []
    _setters(message.DESCRIPTOR)[name](message, [value] if field.is_repeated else value, path, violations)
    if violations:
        raise _Wrong(violations[0].description)
    return field.is_repeated


def _is_special(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name in _SPECIAL


def _text_value(field: FieldDescriptor, text: str) -> Any:
    """Text as the plain value that JSON would have there."""
    if field.message_type is not None and (field.is_repeated or not _is_special(field)):
        raise _Wrong("is no field that a query can set")
    if field.enum_type is not None and _DECIMAL.fullmatch(text):
        return int(text)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    if field.cpp_type in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT} and _REAL.fullmatch(text):
        return float(text)
    return text
