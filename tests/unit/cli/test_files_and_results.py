import json
from pathlib import Path

import pytest

from agent_runtime.v1 import event_pb2, test_result_pb2
from tests.unit.cli.conftest import Command
from tests.unit.cli.test_submit_and_watch import repaired_task
from tests.unit.client.fake_service import FakeService, Turn


def test_logs(command: Command, service: FakeService) -> None:
    service.events[1].log.entries[0].level = event_pb2.LOG_LEVEL_ERROR
    lines = command("logs", "task-1").out.splitlines()
    assert lines[:2] == ["08:00:01Z  info agent: line 1", "08:00:02Z  error agent: line 2"]
    assert len(lines) == 7
    document = json.loads(command("logs", "task-1", "--level", "error", "-o", "json").out)
    assert [entry["message"] for entry in document["entries"]] == ["line 2"]


def test_logs_are_followed_until_the_task_is_done(command: Command, service: FakeService) -> None:
    service.events[1].log.entries[0].level = event_pb2.LOG_LEVEL_ERROR
    service.turns.append(Turn(3, "reset"))
    lines = command("logs", "-f", "task-1").out.splitlines()
    assert lines[:2] == ["08:00:01Z  info agent: line 1", "08:00:02Z  error agent: line 2"]
    assert len(lines) == 7
    (line,) = command("logs", "-f", "task-1", "--level", "error", "-o", "json").out.splitlines()
    assert json.loads(line)["message"] == "line 2"
    assert command("logs", "-f", "other").code == 5


def test_results(command: Command, service: FakeService) -> None:
    for n, outcome in enumerate(test_result_pb2.TestOutcome.values()[1:4]):
        test = test_result_pb2.TestCase(id=str(n), title_path=["Cart", f"case {n}"])
        test.outcome = outcome
        test.attempts.add().errors.add(message="12 is not 13")
        service.tests.append(test)
    lines = command("results", "task-1").out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["passed", "failed", "flaky"]
    assert ["12 is not 13" in line for line in lines[1:4]] == [False, True, False]
    assert lines[-1] == "3 tests, 3 passed, 0 failed"
    document = json.loads(command("results", "task-1", "-o", "json").out)
    assert [test["id"] for test in document["tests"]] == ["0", "1", "2"]
    assert document["summary"] == {"total": 3, "expected": 3}


def test_results_name_the_tests_that_were_repaired(command: Command, service: FakeService) -> None:
    service.tasks["task-1"] = repaired_task()
    service.tests = [test_result_pb2.TestCase(id="t0", title_path=["Cart", "buys"])]
    lines = command("results", "task-1").out.splitlines()
    assert lines[-5] == "repair: repaired (locator) Cart > buys: the button is called Buy"
    assert lines[-4] == "repair: app defect test t1"
    assert lines[-2].startswith("usage: 12,345 tokens")
    document = json.loads(command("results", "task-1", "-o", "json").out)
    assert [repair["test_id"] for repair in document["repairs"]] == ["t0", "t1", "t2"]


def test_files(command: Command, service: FakeService) -> None:
    service.files = {"specs/plan.md": b"# Plan", "tests/a.spec.ts": b"x" * 2000, "tests/b.spec.ts": b""}
    assert command("files", "task-1").out.splitlines()[2].split() == ["tests/a.spec.ts", "2.0", "kB"]
    document = json.loads(command("files", "task-1", "-r", "-o", "json").out)
    assert document["session_id"] == "task-1"
    assert len(document["files"]) == 3


def test_download_takes_every_artifact_unless_told_which(
    command: Command, service: FakeService, tmp_path: Path
) -> None:
    service.artifacts = {"specs/plan.md": b"# Plan", "artifacts/run-1/trace.zip": b"PK", "junit.xml": b"<x/>"}
    ran = command("download", "task-1", "-o", str(tmp_path))
    assert ran.code == 0
    assert {str(tmp_path / path) for path in service.artifacts} == set(ran.out.splitlines())
    assert (tmp_path / "artifacts/run-1/trace.zip").read_bytes() == b"PK"


def test_download_by_path_folder_and_artifact(command: Command, service: FakeService, tmp_path: Path) -> None:
    service.artifacts = {"specs/plan.md": b"# Plan", "junit.xml": b"<x/>"}
    service.files = {"tests/a.spec.ts": b"a", "tests/deep/b.spec.ts": b"b", "package.json": b"{}"}
    assert command("download", "task-1", "specs-plan.md", "tests", "-o", str(tmp_path)).code == 0
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"specs/plan.md", "tests/a.spec.ts", "tests/deep/b.spec.ts"}
    missing = command("download", "task-1", "nothing", "-o", str(tmp_path))
    assert (missing.code, missing.err.count("'nothing'")) == (5, 1)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.zip", {"artifacts/run-1/trace.zip", "artifacts/run-2/trace.zip"}),
        ("artifacts/run-1/*", {"artifacts/run-1/trace.zip"}),
        ("artifacts/run-[2-9]/", {"artifacts/run-2/trace.zip"}),
        ("artifacts/run-[2-9]", {"artifacts/run-2/trace.zip"}),
        ("*.spec.ts", {"tests/a.spec.ts", "tests/deep/b.spec.ts"}),
        ("tests/?.spec.ts", {"tests/a.spec.ts"}),
        ("specs/", {"specs/plan.md"}),
    ],
)
def test_download_by_glob(
    command: Command, service: FakeService, tmp_path: Path, pattern: str, expected: set[str]
) -> None:
    service.artifacts = {"artifacts/run-1/trace.zip": b"1", "artifacts/run-2/trace.zip": b"2", "specs/plan.md": b"p"}
    service.files = {"tests/a.spec.ts": b"a", "tests/deep/b.spec.ts": b"b", "specs/plan.md": b"p"}
    ran = command("download", "task-1", pattern, "-o", str(tmp_path))
    assert set(ran.out.splitlines()) == {str(tmp_path / path) for path in expected}
    assert len(ran.out.splitlines()) == len(expected)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == expected


def test_download_never_leaves_its_folder(command: Command, service: FakeService, tmp_path: Path) -> None:
    service.artifacts = {"../evil": b"x"}
    ran = command("download", "task-1", "-o", str(tmp_path / "inside"))
    assert (ran.code, "outside the folder" in ran.err) == (1, True)
    assert not (tmp_path / "evil").exists()
