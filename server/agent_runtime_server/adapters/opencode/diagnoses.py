"""What the fixer says of the tests it was given: a JSON list at the end of its last message, read leniently."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent_runtime_server.adapters.opencode.bounded import shortened
from agent_runtime_server.domain.results import RepairCause, TestCase
from agent_runtime_server.ports import Diagnosis

MAX_EXPLANATION = 2000
MAX_BRACKETS = 1000
"""Places at which JSON is looked for."""

_NUMBER = re.compile(r"(?:test\s*|#)?(\d+)(?:[.:)]\s.*)?", re.IGNORECASE | re.DOTALL)
_CAUSES = {cause.value: cause for cause in RepairCause}
_DECODER = json.JSONDecoder()

Entry = Mapping[str, Any]


def read_diagnoses(text: str, tests: Sequence[TestCase]) -> tuple[Diagnosis, ...]:
    """The diagnoses of an answer to a prompt with these tests, numbered from 1; the last one of a test counts.

    Tests that nothing is said of are left out, and so is what names no test or no known cause.
    """
    found: dict[str, Diagnosis] = {}
    for entry in _entries(text):
        test = _test_of(entry, tests)
        cause = _CAUSES.get(re.sub(r"[\s-]+", "_", str(entry.get("cause")).strip().lower()))
        if test is not None and cause is not None:
            explanation = shortened(str(entry.get("explanation") or "").strip(), MAX_EXPLANATION)
            found[test.id] = Diagnosis(test.id, cause, explanation)
    return tuple(found.values())


def _entries(text: str) -> Sequence[Entry]:
    """The last list of diagnoses in a text; without one, all single diagnoses."""
    for values in reversed(_json_values(text, "[")):
        if isinstance(values, list) and (entries := [value for value in values if _is_entry(value)]):
            return entries
    return [value for value in _json_values(text, "{") if _is_entry(value)]


def _json_values(text: str, bracket: str) -> list[Any]:
    """The JSON values that begin with a bracket, in order."""
    values = []
    for start in [found.start() for found in re.finditer(re.escape(bracket), text)][-MAX_BRACKETS:]:
        try:
            values.append(_DECODER.raw_decode(text, start)[0])
        except (ValueError, RecursionError):
            continue
    return values


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and "cause" in value


def _test_of(entry: Entry, tests: Sequence[TestCase]) -> TestCase | None:
    named = str(entry.get("test", "")).strip()
    for test in tests:
        if named and named.lower() in (test.id, test.title_path[-1].lower(), " > ".join(test.title_path[1:]).lower()):
            return test
    number = _NUMBER.fullmatch(named)
    if number and 1 <= int(number[1][:6]) <= len(tests):
        return tests[int(number[1][:6]) - 1]
    return tests[0] if len(tests) == 1 else None
