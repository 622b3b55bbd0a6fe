"""Filters: what their text means, what is said of a text without a meaning, and what matches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from agent_runtime_server.domain.faults import BadFilter
from agent_runtime_server.domain.filters import (
    ARTIFACT_FIELDS,
    TASK_FIELDS,
    TEST_FIELDS,
    AllOf,
    AnyOf,
    Comparison,
    Fields,
    Filter,
    Not,
    matches,
    parse,
)

RUNNING = Comparison("status", "=", "running")
DONE = Comparison("done", "=", True)
TEAM = Comparison("labels", ":", "team")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", None),
        (" \t\n", None),
        ("status = RUNNING", RUNNING),
        ("status=running", RUNNING),
        ("status = TASK_STATUS_RUNNING", RUNNING),
        ('status = "task_status_Running"', RUNNING),
        ("status != RUNNING", Comparison("status", "!=", "running")),
        ("done = TRUE", DONE),
        ("((done = true))", DONE),
        ("labels:team", TEAM),
        ("labels:'team'", TEAM),
        ("-labels:team", Not(TEAM)),
        ("NOT labels:team", Not(TEAM)),
        ("NOT(labels:team)", Not(TEAM)),
        ("done=true AND labels:team AND status=RUNNING", AllOf((DONE, TEAM, RUNNING))),
        ("done=true OR labels:team OR status=RUNNING", AnyOf((DONE, TEAM, RUNNING))),
        ("done=true AND labels:team OR status=RUNNING", AllOf((DONE, AnyOf((TEAM, RUNNING))))),
        ("done=true OR labels:team AND status=RUNNING", AllOf((AnyOf((DONE, TEAM)), RUNNING))),
        ("(done=true AND labels:team)OR status=RUNNING", AnyOf((AllOf((DONE, TEAM)), RUNNING))),
        ("NOT done=true OR labels:team", AnyOf((Not(DONE), TEAM))),
        ('labels.team = "shop"', Comparison("labels", "=", "shop", "team")),
        ("labels.a.b/c-d != x:y/z", Comparison("labels", "!=", "x:y/z", "a.b/c-d")),
        ('labels."a b" = c', Comparison("labels", "=", "c", "a b")),
        ("labels.'a\"b' = c", Comparison("labels", "=", "c", 'a"b')),
        (r'labels.x = "a \"b\" \\ \n \'c\'"', Comparison("labels", "=", "a \"b\" \\ \n 'c'", "x")),
        ('session_id = "AND"', Comparison("session_id", "=", "AND")),
        ("session_id = ANDY", Comparison("session_id", "=", "ANDY")),
        ("result.verdict = NO_TESTS", Comparison("result.verdict", "=", "no_tests")),
        (
            "create_time >= 2026-03-01T12:00:00.25Z",
            Comparison("create_time", ">=", datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)),
        ),
        (
            'end_time < "2026-03-01t12:00:00-02:00"',
            Comparison("end_time", "<", datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=-2)))),
        ),
    ],
)
def test_a_text_means(text: str, meant: Filter | None) -> None:
    assert parse(text, TASK_FIELDS) == meant


def test_the_fields_of_other_lists() -> None:
    assert parse('tags = "@slow"', TEST_FIELDS) == parse("tags:@slow", TEST_FIELDS) == Comparison("tags", ":", "@slow")
    assert parse("round > -1.5", TEST_FIELDS) == Comparison("round", ">", -1.5)
    assert parse("kind = ARTIFACT_KIND_APP_MODEL", ARTIFACT_FIELDS) == Comparison("kind", "=", "app_model")


STATUSES = "one of PENDING, RUNNING, AWAITING_INPUT, CANCELLING, COMPLETED, FAILED, CANCELLED"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status = RUNNIN", f"column 10: expected {STATUSES}, found RUNNIN"),
        ("status = TEST_OUTCOME_FLAKY", f"column 10: expected {STATUSES}, found TEST_OUTCOME_FLAKY"),
        ("stat = RUNNING", "column 1: expected one of the fields status, task_type,"),
        ("labels2.x = y", "column 1: expected one of the fields"),
        ("done.x = true", "column 1: expected one of the fields"),
        ("shop", "column 1: expected one of the fields"),
        ("status", "column 7: expected = or != after status, found the end"),
        ("status < RUNNING", "column 8: expected = or != after status, found <"),
        ("status == RUNNING", "column 9: expected a value, found ="),
        ("labels = x", "column 8: expected : after labels, found ="),
        ("labels.team:x", "column 12: expected = or != or < or <= or > or >="),
        ("session_id:x", "column 11: expected = or !="),
        ("labels. = x", "column 8: expected a key after labels., found ="),
        ('labels."" = x', "column 1: an empty key"),
        ("done = yes", "column 8: expected true or false, found yes"),
        ("create_time > 2026-03-01", "column 15: expected a timestamp such as 2026-03-01T12:00:00Z, found 2026-03-01"),
        ("create_time > 2026-03-01T12:00:00", "column 15: expected a timestamp"),
        ("create_time > 2026-02-30T12:00:00Z", "column 15: expected a timestamp"),
        ("done = true labels:team", "column 13: expected AND, OR or the end, found labels:team"),
        ("done = true and labels:team", "column 13: expected AND, OR or the end, found and"),
        ("done = true AND", "column 16: expected one of the fields"),
        ("AND done = true", "column 1: expected one of the fields"),
        ("(done = true", "column 13: expected AND, OR or ), found the end"),
        ("done = true)", "column 12: expected AND, OR or the end, found )"),
        ("()", "column 2: expected one of the fields"),
        ("NOT NOT done = true", "column 5: expected one of the fields"),
        ("session_id = AND", "column 14: expected a value, found AND"),
        ("session_id =", "column 13: expected a value, found the end"),
        ('session_id = "shop', "column 14: a quote that is not closed"),
        (r'session_id = "ab\d"', "column 17: an escape that is none of"),
        ("(" * 33 + "done=true" + ")" * 33, "column 33: more than 32 parentheses within each other"),
        (" OR ".join(["done=true"] * 101), "column 1301: more than 100 comparisons"),
        ("\x00", "column 1: expected one of the fields"),
        ("session_id = x" + "y" * 4000 + " !", "column 4016: expected AND, OR or the end, found !"),
    ],
)
def test_a_text_without_a_meaning_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadFilter) as caught:
        parse(text, TASK_FIELDS)
    [violation] = caught.value.violations
    assert violation.field == "filter"
    assert violation.description.startswith(said)
    assert violation.description in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tags != x", "column 6: expected : or = after tags, found !="),
        ("round = one", "column 9: expected a number, found one"),
        ("round:1", "column 6: expected = or !="),
    ],
)
def test_texts_and_numbers_are_refused_what_they_cannot_do(text: str, said: str) -> None:
    with pytest.raises(BadFilter, match=said):
        parse(text, TEST_FIELDS)


def test_as_many_parentheses_and_comparisons_as_are_allowed() -> None:
    assert parse("(" * 32 + "done=true" + ")" * 32, TASK_FIELDS) == DONE
    assert parse(" OR ".join(["done=true"] * 100), TASK_FIELDS) == AnyOf((DONE,) * 100)


VALUES: dict[str, object] = {
    "status": "running",
    "done": False,
    "create_time": datetime(2026, 3, 1, 12, tzinfo=UTC),
    "end_time": None,
    "labels": {"team": "shop"},
    "tags": ("@a", "@b"),
    "round": 2,
    "title": "pays",
}


@pytest.mark.parametrize(
    ("text", "fields", "fits"),
    [
        ("status = RUNNING", TASK_FIELDS, True),
        ("status != RUNNING", TASK_FIELDS, False),
        ("NOT status != RUNNING", TASK_FIELDS, True),
        ("done = false AND labels:team", TASK_FIELDS, True),
        ("done = true OR labels:other", TASK_FIELDS, False),
        ("create_time = 2026-03-01T14:00:00+02:00", TASK_FIELDS, True),
        ("end_time > 2026-03-01T12:00:00Z", TASK_FIELDS, False),
        ("end_time != 2026-03-01T12:00:00Z", TASK_FIELDS, False),
        ("NOT end_time != 2026-03-01T12:00:00Z", TASK_FIELDS, True),
        ("labels.team = shop", TASK_FIELDS, True),
        ("labels.team >= shoq", TASK_FIELDS, False),
        ("labels.other != shop", TASK_FIELDS, False),
        ("tags:@b AND round < 2.5", TEST_FIELDS, True),
        ("tags:@c", TEST_FIELDS, False),
        ("title = pay", TEST_FIELDS, False),
    ],
)
def test_values_match(text: str, fields: Fields, fits: bool) -> None:
    condition = parse(text, fields)
    assert condition is not None
    assert matches(condition, VALUES.get) is fits
