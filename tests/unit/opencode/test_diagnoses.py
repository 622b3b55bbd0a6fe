"""What the fixer says of tests, however it says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent_runtime_server.adapters.opencode.diagnoses import MAX_EXPLANATION, read_diagnoses
from agent_runtime_server.domain.results import (
    AttemptStatus,
    Location,
    RepairCause,
    TestAttempt,
    TestCase,
    TestOutcome,
)
from agent_runtime_server.ports import Diagnosis

PATH = "tests/cart.spec.ts"


def failing(test_id: str, title: str) -> TestCase:
    attempt = TestAttempt(0, AttemptStatus.FAILED, datetime(2026, 1, 1, tzinfo=UTC), timedelta())
    return TestCase(test_id, "chromium", (PATH, "Cart", title), Location(PATH, 3), TestOutcome.UNEXPECTED, (attempt,))


ADD, REMOVE = failing("aaaa", "Add an item"), failing("bbbb", "Remove 2 items")
BOTH = (ADD, REMOVE)


def test_a_fenced_list_at_the_end_is_read() -> None:
    text = """I looked at both.

```json
[{"test": 1, "cause": "locator", "explanation": "Renamed."},
 {"test": 2, "cause": "app_defect", "explanation": "The total is wrong: `[1]` and ```2```."}]
```
"""
    assert read_diagnoses(text, BOTH) == (
        Diagnosis("aaaa", RepairCause.LOCATOR, "Renamed."),
        Diagnosis("bbbb", RepairCause.APP_DEFECT, "The total is wrong: `[1]` and ```2```."),
    )


@pytest.mark.parametrize(
    "named",
    ["2", "#2", "Test 2", "test 2: Remove 2 items", "2. Remove", "Remove 2 items", "cart > remove 2 items", "bbbb"],
)
def test_a_test_may_be_named_in_many_ways(named: str) -> None:
    said = read_diagnoses(f'[{{"test": "{named}", "cause": "timing"}}]', BOTH)
    assert [diagnosis.test_id for diagnosis in said] == ["bbbb"]


@pytest.mark.parametrize("cause", ["test_data", "Test data", "TEST-DATA", " test_data "])
def test_a_cause_may_be_written_in_many_ways(cause: str) -> None:
    assert read_diagnoses(f'[{{"test": 1, "cause": "{cause}"}}]', BOTH)[0].cause is RepairCause.TEST_DATA


def test_the_last_list_counts() -> None:
    text = '[{"test": 1, "cause": "timing"}] No, that was wrong. [{"test": 1, "cause": "locator"}]'
    assert [diagnosis.cause for diagnosis in read_diagnoses(text, BOTH)] == [RepairCause.LOCATOR]


def test_single_objects_are_read_too() -> None:
    text = 'First: {"test": 1, "cause": "timing"}\nSecond: {"test": 2, "cause": "locator"}'
    assert [diagnosis.cause for diagnosis in read_diagnoses(text, BOTH)] == [RepairCause.TIMING, RepairCause.LOCATOR]


def test_the_only_test_needs_no_name() -> None:
    assert read_diagnoses('{"cause": "assertion"}', (ADD,)) == (Diagnosis("aaaa", RepairCause.ASSERTION),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It works now.",
        "```json\n[{broken\n```",
        '[{"test": 3, "cause": "locator"}]',
        '[{"test": "another", "cause": "locator"}]',
        '[{"test": 1, "cause": "magic"}]',
        '[{"test": 1}]',
        '[1, "cause", null]',
        "[" * 5000,
    ],
)
def test_what_makes_no_sense_is_left_out(text: str) -> None:
    assert read_diagnoses(text, BOTH) == ()


def test_an_explanation_is_bounded() -> None:
    text = f'[{{"test": 1, "cause": "timing", "explanation": "{"x" * 50_000}"}}]'
    assert len(read_diagnoses(text, BOTH)[0].explanation) < MAX_EXPLANATION + 100
