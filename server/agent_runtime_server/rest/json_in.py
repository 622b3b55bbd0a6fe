"""JSON and queries from outside as messages, strictly: whatever is wrong is a BadRequest that names every bad field.

Names are snake_case. Enums may be short and lower case (``running``), long (``TASK_STATUS_RUNNING``) or a number. A
type is compiled once into closures, one a field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NoReturn

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from agent_runtime_server.rest.json_scalars import DECIMAL, REAL, SPECIAL, Wrong, kind, reader
from agent_runtime_server.rest.problems import BadRequest, Violation

_MOST_VIOLATIONS = 100
_LONGEST_NAME = 200
_Set = Callable[[Message, Any, str, list[Violation]], None]


def from_json(data: bytes, message: Message, parent: str = "") -> None:
    """Fill a message from a JSON object. ``parent`` is the message's own place in the request, for the names of bad
    fields. Raises BadRequest."""
    violations = _Violations()
    with suppress(_Enough):
        _fill(message, parse(data), parent, violations)
    if violations:
        raise BadRequest(violations)


class _Enough(Exception):
    """More bad fields than anybody reads."""


class _Violations(list[Violation]):
    """Bad fields, up to a bound."""

    def append(self, violation: Violation) -> None:
        """Note one; raises _Enough with the last."""
        super().append(violation)
        if len(self) == _MOST_VIOLATIONS:
            raise _Enough


def from_query(pairs: Iterable[tuple[str, str]], message: Message) -> None:
    """Fill a message from a query: field paths, repeated ones once for each value. Raises BadRequest."""
    violations: list[Violation] = []
    seen: set[str] = set()
    for name, text in pairs:
        try:
            repeated = _set_path(message, name, text)
        except Wrong as wrong:
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
    except Wrong as wrong:
        raise BadRequest([Violation(path, str(wrong))]) from wrong


def parse(data: bytes) -> Any:
    """Strict JSON. Raises BadRequest, about the field ``body``."""
    try:
        return _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except RecursionError:
        reason = "is nested too deeply"
    except (ValueError, Wrong) as bad:
        reason = f"is no JSON: {bad}"
    raise BadRequest([Violation("body", reason)])


def _no_constant(name: str) -> NoReturn:
    raise Wrong(f"{name} is no number")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Wrong(f"{_shown(name)} is there twice")
            seen.add(name)
    return found


def _shown(name: str) -> str:
    """A name from outside, as it can be told: half a surrogate is no text, and a megabyte no name."""
    return name[:_LONGEST_NAME].encode(errors="backslashreplace").decode()


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_no_doubles)


def _fill(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
    special = SPECIAL.get(message.DESCRIPTOR.full_name)
    if special is not None:
        try:
            special(message, value)
        except (Wrong, ValueError, TypeError, OverflowError, RecursionError, json_format.Error) as wrong:
            violations.append(Violation(path, str(wrong) if isinstance(wrong, Wrong) else "is not of its type"))
        return
    if not isinstance(value, dict):
        violations.append(Violation(path or "body", f"must be an object, not {kind(value)}"))
        return
    setters = _setters(message.DESCRIPTOR)
    oneofs: dict[str, str] = {}
    for name, item in value.items():
        setter = setters.get(name)
        if setter is None:
            violations.append(Violation(f"{path}.{_shown(name)}" if path else _shown(name), "is no field"))
            continue
        here = f"{path}.{name}" if path else name
        if item is None:
            continue
        oneof = message.DESCRIPTOR.fields_by_name[name].containing_oneof
        if oneof is not None and (other := oneofs.setdefault(oneof.name, name)) != name:
            violations.append(Violation(here, f"excludes {other}: give one of them"))
            continue
        setter(message, item, here, violations)


_compiled: dict[str, dict[str, _Set]] = {}


def _setters(descriptor: Any) -> dict[str, _Set]:
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
    read = reader(field)

    def put(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
        try:
            setattr(message, name, read(value))
        except Wrong as wrong:
            violations.append(Violation(path, str(wrong)))

    return put


def _list_setter(field: FieldDescriptor) -> _Set:
    name = field.name
    read = None if field.message_type is not None else reader(field)

    def put(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
        if not isinstance(value, list):
            violations.append(Violation(path, f"must be an array, not {kind(value)}"))
            return
        items = getattr(message, name)
        for index, item in enumerate(value):
            here = f"{path}[{index}]"
            if read is None:
                _fill(items.add(), item, here, violations)
                continue
            try:
                items.append(read(item))
            except Wrong as wrong:
                violations.append(Violation(here, str(wrong)))

    return put


def _map_setter(field: FieldDescriptor) -> _Set:
    """For maps of texts to scalars, which is all that the contract has."""
    assert field.message_type is not None
    name = field.name
    read_key = reader(field.message_type.fields_by_name["key"])
    read = reader(field.message_type.fields_by_name["value"])

    def put(message: Message, value: Any, path: str, violations: list[Violation]) -> None:
        if not isinstance(value, dict):
            violations.append(Violation(path, f"must be an object, not {kind(value)}"))
            return
        entries = getattr(message, name)
        for key, item in value.items():
            try:
                entries[read_key(key)] = read(item)
            except Wrong as wrong:
                violations.append(Violation(f"{path}[{_shown(key)!r}]", str(wrong)))

    return put


def _set_path(message: Message, path: str, text: str) -> bool:
    """Set the field at a path from text; whether it is a repeated one."""
    *parents, name = path.split(".")
    for parent in parents:
        field = message.DESCRIPTOR.fields_by_name.get(parent)
        if field is None or field.message_type is None or field.is_repeated or _is_special(field):
            raise Wrong("is no field")
        message = getattr(message, parent)
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        raise Wrong("is no field")
    value = _text_value(field, text)
    violations: list[Violation] = []
    _setters(message.DESCRIPTOR)[name](message, [value] if field.is_repeated else value, path, violations)
    if violations:
        raise Wrong(violations[0].description)
    return field.is_repeated


def _is_special(field: Any) -> bool:
    return field.message_type is not None and field.message_type.full_name in SPECIAL


def _text_value(field: Any, text: str) -> Any:
    """Text as the plain value that JSON would have there."""
    if field.message_type is not None and (field.is_repeated or not _is_special(field)):
        raise Wrong("is no field that a query can set")
    if field.enum_type is not None and DECIMAL.fullmatch(text):
        return int(text)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    if field.cpp_type in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT} and REAL.fullmatch(text):
        return float(text)
    return text
