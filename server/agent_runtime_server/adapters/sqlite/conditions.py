"""Filters as SQL conditions. Whatever a caller has written is a parameter, never SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent_runtime_server.adapters.sqlite.records import micros
from agent_runtime_server.domain.filters import AllOf, AnyOf, Comparison, Filter, Not


@dataclass(frozen=True, slots=True)
class Items:
    """A field that is a list or an object in a record."""

    path: str
    has: str
    """What ``:`` looks at: the ``key`` of an entry, or its ``value``."""


Columns = Mapping[str, str | Items]
"""Where the fields of a table are: SQL expressions, or items in its records."""

_RECORD = "CAST(record AS TEXT)"


def _in_record(path: str) -> str:
    return f"json_extract({_RECORD}, '{path}')"


TASKS: Columns = {
    "status": "status",
    "task_type": _in_record("$.spec.task_type"),
    "session_id": "session",
    "done": "done",
    "create_time": "create_time",
    "end_time": "end_time",
    "result.verdict": _in_record("$.result.verdict"),
    "labels": Items("$.labels", "key"),
}
TESTS: Columns = {
    "outcome": _in_record("$.outcome"),
    "project": _in_record("$.project"),
    "title": _in_record("$.title_path[#-1]"),
    "path": _in_record("$.location.path"),
    "tags": Items("$.tags", "value"),
    "round": _in_record("$.round"),
}
ARTIFACTS: Columns = {
    "kind": _in_record("$.kind"),
    "path": _in_record("$.path"),
    "test_id": _in_record("$.test_id"),
    "media_type": _in_record("$.media_type"),
}


def sql_of(condition: Filter | None, columns: Columns) -> tuple[str, list[object]]:
    """The SQL of a condition and its parameters. It is true for what matches; false or NULL for the rest."""
    match condition:
        case None:
            return "TRUE", []
        case AllOf(operands):
            return _joined(operands, " AND ", columns)
        case AnyOf(operands):
            return _joined(operands, " OR ", columns)
        case Not(operand):
            sql, values = sql_of(operand, columns)
            return f"({sql}) IS NOT TRUE", values
        case Comparison():
            return _comparison(condition, columns[condition.field])


def _joined(operands: tuple[Filter, ...], word: str, columns: Columns) -> tuple[str, list[object]]:
    parts = [sql_of(operand, columns) for operand in operands]
    return "(" + word.join(sql for sql, _ in parts) + ")", [value for _, values in parts for value in values]


def _comparison(comparison: Comparison, column: str | Items) -> tuple[str, list[object]]:
    # All operators but ":" are SQL's too, under the same names; the parser lets no others through.
    value = micros(comparison.value) if isinstance(comparison.value, datetime) else comparison.value
    if isinstance(column, str):
        return f"{column} {comparison.operator} ?", [value]
    items = f"FROM json_each({_RECORD}, '{column.path}')"
    if comparison.operator == ":":
        return f"EXISTS (SELECT 1 {items} WHERE {column.has} = ?)", [value]
    return f"(SELECT value {items} WHERE key = ?) {comparison.operator} ?", [comparison.key, value]
