"""Any message of the contract, for properties of its JSON."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from agent_runtime_server.rest.json_out import input_only

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_STRING: TEXT,
}
_SECONDS = {
    "google.protobuf.Timestamp": st.integers(-62_135_596_800, 253_402_300_799),
    "google.protobuf.Duration": st.integers(0, 315_576_000_000),
}
_OPEN = {"google.protobuf.Any", "google.protobuf.Struct"}
"""Types that hold anything; they have tests of their own."""
_NANOS = st.sampled_from([0, 1, 1000, 1_000_000, 123_000_000, 123_456_000, 999_999_999])
_DEEPEST = 4


@st.composite
def messages(draw: st.DrawFn, kind: type[Message], depth: int = 0) -> Any:
    """A message with some of its fields set, but none that never comes out."""
    message: Any = kind()
    if kind.DESCRIPTOR.full_name in _SECONDS:
        message.seconds, message.nanos = draw(_SECONDS[kind.DESCRIPTOR.full_name]), draw(_NANOS)
        return message
    if kind.DESCRIPTOR.full_name == "google.protobuf.FieldMask":
        message.paths.extend(draw(st.lists(st.sampled_from(["labels", "timeouts.run_timeout", "ttl"]), max_size=3)))
        return message
    for field in kind.DESCRIPTOR.fields:
        if input_only(field) or draw(st.integers(0, 2)) == 0:
            continue
        inner: Any = field.message_type
        if inner is None:
            values = draw(st.lists(_scalar(field), min_size=1, max_size=2))
            if field.is_repeated:
                getattr(message, field.name).extend(values)
            else:
                setattr(message, field.name, values[0])
        elif inner.GetOptions().map_entry:
            getattr(message, field.name).update(draw(st.dictionaries(TEXT, TEXT, max_size=2)))
        elif inner.full_name not in _OPEN and depth < _DEEPEST:
            value = draw(messages(GetMessageClass(inner), depth + 1))
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                getattr(message, field.name).CopyFrom(value)
    return message


def _scalar(field: Any) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values]) | st.integers(1000, 2000)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=9)
    return _SCALARS[field.cpp_type]
