"""Filters of lists: a subset of AIP-160 (https://google.aip.dev/160), parsed once, evaluated here or by a database."""

from agent_runtime_server.domain.filters.fields import (
    ARTIFACT_FIELDS,
    TASK_FIELDS,
    TEST_FIELDS,
    artifact_value,
    task_value,
    test_value,
)
from agent_runtime_server.domain.filters.text import parse
from agent_runtime_server.domain.filters.tree import (
    AllOf,
    AnyOf,
    Comparison,
    Field,
    Fields,
    FieldType,
    Filter,
    Not,
    Value,
    ValueOf,
    matches,
)

__all__ = [
    "ARTIFACT_FIELDS",
    "TASK_FIELDS",
    "TEST_FIELDS",
    "AllOf",
    "AnyOf",
    "Comparison",
    "Field",
    "FieldType",
    "Fields",
    "Filter",
    "Not",
    "Value",
    "ValueOf",
    "artifact_value",
    "matches",
    "parse",
    "task_value",
    "test_value",
]
