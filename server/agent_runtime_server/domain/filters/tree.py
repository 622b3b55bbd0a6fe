"""What a filter is made of, and what matches it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any


class FieldType(Enum):
    """What a field holds, and so what it can be compared with."""

    TEXT = "text"
    WORD = "word"
    """One of the words of an enum: RUNNING, say. Written in any case, with the contract's prefix or without."""
    NUMBER = "number"
    FLAG = "flag"
    """true or false."""
    MOMENT = "moment"
    """A timestamp, RFC 3339."""
    TEXTS = "texts"
    """Several texts; only ``:`` (has) and ``=``, which both mean that one of them is equal."""
    MAP = "map"
    """Texts by key: ``labels.team = "shop"``, ``labels:team`` (has the key)."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field that filters may name."""

    type: FieldType
    words: tuple[str, ...] = ()
    """Of a WORD: the values of its enum."""
    prefix: str = ""
    """Of a WORD: what the contract puts before its words, such as ``TASK_STATUS_``."""


Fields = Mapping[str, Field]
"""Fields by name."""

Value = str | float | bool | datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a value. Something that has no such value does not match, whatever the operator."""

    field: str
    """Name as in the field table; for a value of a MAP with the key in ``key``."""
    operator: str
    """One of = != < <= > >= and, for TEXTS and the keys of a MAP, : (has)."""
    value: Value
    """Of the type that the field's type asks for; a WORD is the value of its enum, a MOMENT has a time zone."""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a filter."""

    operand: Filter


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of some filters."""

    operands: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of some filters."""

    operands: tuple[Filter, ...]


Filter = Comparison | Not | AllOf | AnyOf

ValueOf = Callable[[str], object]
"""The value of a field by its name; None when there is none. TEXTS are a tuple, a MAP is a mapping."""

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    ":": operator.contains,
}


def matches(condition: Filter, value_of: ValueOf) -> bool:
    """Whether something with these values matches."""
    match condition:
        case AllOf(operands):
            return all(matches(operand, value_of) for operand in operands)
        case AnyOf(operands):
            return any(matches(operand, value_of) for operand in operands)
        case Not(operand):
            return not matches(operand, value_of)
        case Comparison():
            found = value_of(condition.field)
            if condition.key and isinstance(found, Mapping):
                found = found.get(condition.key)
            return found is not None and _COMPARE[condition.operator](found, condition.value)
