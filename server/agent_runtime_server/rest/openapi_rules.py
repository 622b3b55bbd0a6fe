"""The contract's rules (`buf.validate`) as keywords of JSON Schema, and as words where there is no keyword."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration

from agent_runtime.v1 import _buf_validate_pb2 as validate

Keywords = dict[str, Any]
"""Keywords of a JSON Schema."""
REQUIRED = field_behavior_pb2.REQUIRED
OUTPUT_ONLY = field_behavior_pb2.OUTPUT_ONLY
INPUT_ONLY = field_behavior_pb2.INPUT_ONLY
IMMUTABLE = field_behavior_pb2.IMMUTABLE
IDENTIFIER = field_behavior_pb2.IDENTIFIER
_TEXT = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
_NUMBER = {"gte": "minimum", "gt": "exclusiveMinimum", "lte": "maximum", "lt": "exclusiveMaximum"}
_NUMBERS = ("int32", "int64", "uint32", "uint64", "float", "double")


def behavior(field: FieldDescriptor) -> set[int]:
    """How a field behaves: REQUIRED, OUTPUT_ONLY and so on."""
    return set(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def rules_of(field: FieldDescriptor) -> validate.FieldRules:
    """The rules of a field."""
    rules: validate.FieldRules = field.GetOptions().Extensions[validate.field]
    return rules


def is_unchecked(field: FieldDescriptor) -> bool:
    """Whether the rules inside a field's message do not hold there, as in an update that names what it changes."""
    return rules_of(field).ignore == validate.IGNORE_ALWAYS


def must_be_set(field: FieldDescriptor) -> bool:
    """Whether the rules refuse a message without the field."""
    rules = rules_of(field)
    if rules.required:
        return True
    if field.has_presence or rules.ignore == validate.IGNORE_IF_ZERO_VALUE:
        return False
    if field.enum_type is not None:
        return 0 not in allowed_numbers(rules, field.enum_type)
    return rules.string.min_len > 0 or rules.repeated.min_items > 0


def keywords(rules: validate.FieldRules) -> Keywords:
    """What the rules say of one value; for a map or a list, of the whole of it, apart from its items."""
    kind = rules.WhichOneof("type")
    if kind == "string":
        found = _named(rules.string, _TEXT)
        return found | {"format": "uuid"} if rules.string.uuid else found
    if kind in _NUMBERS:
        return _named(getattr(rules, kind), _NUMBER)
    if kind == "repeated":
        return _named(rules.repeated, {"min_items": "minItems", "max_items": "maxItems"})
    if kind == "map":
        found = _named(rules.map, {"min_pairs": "minProperties", "max_pairs": "maxProperties"})
        names = keywords(rules.map.keys)
        return found | {"propertyNames": names} if names else found
    return {}


def allowed_numbers(rules: validate.FieldRules, enum: EnumDescriptor) -> Sequence[int]:
    """Numbers of an enum that the rules allow."""
    chosen, refused = getattr(rules.enum, "in"), rules.enum.not_in
    return [
        value.number for value in enum.values if (not chosen or value.number in chosen) and value.number not in refused
    ]


def notes(field: FieldDescriptor) -> list[str]:
    """Rules that no keyword tells, as sentences."""
    rules = rules_of(field)
    found = [f"{rule.message[:1].upper()}{rule.message[1:]}." for rule in rules.cel]
    if rules.WhichOneof("type") == "duration":
        duration = rules.duration
        if duration.HasField("gt"):
            found.append(f"Longer than {_seconds(duration.gt)}.")
        if duration.HasField("gte") and duration.gte != Duration():
            found.append(f"At least {_seconds(duration.gte)}.")
        if duration.HasField("lte"):
            found.append(f"At most {_seconds(duration.lte)}.")
    return found


def _seconds(duration: Duration) -> str:
    return f"`{duration.ToJsonString()}`"


def _named(rules: Any, names: dict[str, str]) -> Keywords:
    return {keyword: getattr(rules, name) for name, keyword in names.items() if rules.HasField(name)}
