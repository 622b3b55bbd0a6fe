"""How the reporter's lines become facts and a report."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from agent_runtime_server.adapters.playwright import events
from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel
from agent_runtime_server.domain.results import (
    ArtifactKind,
    AttemptStatus,
    Location,
    Produced,
    TestCase,
    TestOutcome,
    Verdict,
)
from agent_runtime_server.domain.task import Progress

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def told(translator: events.Translator, **line: Any) -> list[Fact]:
    return list(translator.facts(events.decode(json.dumps(line)), NOW))


def a_test(title: str = "adds", *, set_up: bool = False) -> dict[str, Any]:
    return {
        "project": "desktop",
        "title_path": ["tests/cart.spec.ts", "cart", title],
        "location": {"path": "tests/cart.spec.ts", "line": 4, "column": 3},
        "tags": ["@smoke"],
        "set_up": set_up,
    }


def attempt(status: str = "passed", retry: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "retry": retry,
        "status": status,
        "start_time": "2026-11-22T12:00:00.000Z",
        "duration_ms": 1500.5,
        "worker_index": 1,
        "errors": [],
        "steps": [],
        "attachments": [],
        **more,
    }


def error(message: str = "Error: boom", path: str | None = None) -> dict[str, Any]:
    place = {"path": path, "line": 2, "column": 1} if path else None
    return {"message": message, "stack": "at x", "snippet": "> 2 |", "location": place}


def ended(test: dict[str, Any], outcome: str, made: dict[str, Any], *, final: bool = True) -> dict[str, Any]:
    return {"type": "attempt_end", "test": test, "outcome": outcome, "final": final, "attempt": made}


def cases(facts: list[Fact]) -> list[TestCase]:
    return [fact for fact in facts if isinstance(fact, TestCase)]


@pytest.fixture
def translator() -> events.Translator:
    return events.Translator(2)


def test_an_attempt_becomes_a_case_with_everything_it_said(translator: events.Translator) -> None:
    step = {"title": "Click", "category": "pw:api", "duration_ms": 20, "error": "gone", "depth": 1}
    files = [
        {"name": "video", "content_type": "video/webm", "path": "artifacts/run-2/video.webm"},
        {"name": "trace", "content_type": "application/zip", "path": "artifacts/run-2/trace.zip"},
        {"name": "data", "content_type": "application/octet-stream", "path": "artifacts/run-2/data.bin"},
        {"name": "screenshot", "content_type": "image/png", "path": "../elsewhere.png"},
    ]
    made = attempt("timedOut", errors=[error(path="tests/cart.spec.ts")], steps=[step], attachments=files)
    facts = told(translator, **ended(a_test(), "unexpected", made))
    produced = [fact for fact in facts if isinstance(fact, Produced)]
    assert [(file.kind, file.path, file.round, file.retry) for file in produced] == [
        (ArtifactKind.VIDEO, "artifacts/run-2/video.webm", 2, 0),
        (ArtifactKind.TRACE, "artifacts/run-2/trace.zip", 2, 0),
    ]
    (case,) = cases(facts)
    assert (case.location, case.tags, case.round) == (Location("tests/cart.spec.ts", 4, 3), ("@smoke",), 2)
    (done,) = case.attempts
    assert (done.status, done.worker_index) == (AttemptStatus.TIMED_OUT, 1)
    assert (done.start_time, done.duration) == (NOW, timedelta(milliseconds=1500.5))
    assert done.errors[0].location == Location("tests/cart.spec.ts", 2, 1)
    assert (done.steps[0].error, done.steps[0].depth) == ("gone", 1)
    assert done.artifact_ids == tuple(file.path for file in produced)
    assert {file.test_id for file in produced} == {case.id}
    assert facts.index(produced[-1]) < facts.index(case)


def test_retries_add_up(translator: events.Translator) -> None:
    told(translator, type="begin", tests=1, workers=1, version="1.65.1")
    first = told(translator, **ended(a_test(), "unexpected", attempt("failed"), final=False))
    second = told(translator, **ended(a_test(), "flaky", attempt("passed", 1)))
    assert [len(case.attempts) for case in cases(first + second)] == [1, 2]
    assert Progress(1, 1, "test") not in first
    assert Progress(1, 1, "test") in second
    assert translator.summary().verdict is Verdict.FLAKY


def test_set_up_counts_only_when_it_fails(translator: events.Translator) -> None:
    assert not cases(told(translator, **ended(a_test("signs in", set_up=True), "expected", attempt())))
    assert translator.summary().verdict is Verdict.NO_TESTS
    assert cases(told(translator, **ended(a_test("seeds", set_up=True), "unexpected", attempt("failed"))))
    assert translator.summary().verdict is Verdict.FAILED


def test_a_test_that_did_not_run_is_skipped(translator: events.Translator) -> None:
    told(translator, type="begin", tests=1, workers=1, version="1.65.1")
    facts = told(translator, type="not_run", test=a_test())
    assert [(case.outcome, case.attempts) for case in cases(facts)] == [(TestOutcome.SKIPPED, ())]
    assert facts[-1] == Progress(1, 1, "test")
    assert not told(translator, type="not_run", test=a_test("signs in", set_up=True))


def test_errors_of_one_file_are_one_case(translator: events.Translator) -> None:
    for message in ("SyntaxError: one", "SyntaxError: two"):
        facts = told(translator, type="global_error", error=error(message, "tests/bad.spec.ts"))
    (case,) = translator.tests
    assert case == cases(facts)[0]
    assert case.title_path == ("tests/bad.spec.ts",)
    assert [problem.message for problem in case.attempts[0].errors] == ["SyntaxError: one", "SyntaxError: two"]
    assert translator.errors == []


def test_an_error_of_no_file_before_tests_is_no_test(translator: events.Translator) -> None:
    facts = told(translator, type="global_error", error=error("Error: no server", "../elsewhere.ts"))
    assert not cases(facts)
    assert translator.errors == ["Error: no server"]


def test_an_error_of_no_file_after_tests_fails_the_run(translator: events.Translator) -> None:
    told(translator, type="test_begin", test=a_test(), retry=0)
    told(translator, type="global_error", error=error("Error: worker teardown"))
    assert [case.title_path for case in translator.tests] == [(events.OUTSIDE,)]
    assert translator.summary().verdict is Verdict.FAILED


def test_errors_are_bounded(translator: events.Translator) -> None:
    for _ in range(events.MAX_GLOBAL_ERRORS + 5):
        facts = told(translator, type="global_error", error=error(path="tests/bad.spec.ts"))
    assert facts == []
    assert len(translator.tests[0].attempts[0].errors) == events.MAX_GLOBAL_ERRORS


def test_no_tests_found_is_no_error(translator: events.Translator) -> None:
    facts = told(translator, type="global_error", error=error("Error: No tests found.\nMake sure"))
    assert [fact.level for fact in facts if isinstance(fact, LogEntry)] == [LogLevel.WARNING]
    assert (translator.tests, translator.errors) == ((), [])


def test_output_and_steps_are_log_lines(translator: events.Translator) -> None:
    facts = [
        *told(translator, type="step_begin", test="adds", title="Click", category="pw:api", depth=1),
        *told(translator, type="output", stream="stdout", text="hello", test="adds"),
        *told(translator, type="output", stream="stderr", text="oh", test=""),
    ]
    assert [(fact.level, fact.message) for fact in facts if isinstance(fact, LogEntry)] == [
        (LogLevel.DEBUG, "adds:   Click"),
        (LogLevel.INFO, "adds: hello"),
        (LogLevel.WARNING, "oh"),
    ]


def test_the_end_gives_the_duration(translator: events.Translator) -> None:
    told(translator, type="end", status="passed", duration_ms=2500)
    assert translator.summary().duration == timedelta(seconds=2.5)


@pytest.mark.parametrize("line", ["", "{}", '{"type":"other"}', '{"type":"end","status":"perhaps","duration_ms":1}'])
def test_lines_of_another_language_are_refused(line: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        events.decode(line)
