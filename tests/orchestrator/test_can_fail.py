"""The can-fail proof, over mutants that are made line by line and run by reading them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.results import (
    AttemptStatus,
    Location,
    TestAttempt,
    TestCase,
    TestOutcome,
    TestStep,
    TestSummary,
)
from agent_runtime_server.domain.results import (
    test_id as stable_id,
)
from agent_runtime_server.domain.task import Failure, FailureReason, Progress
from agent_runtime_server.orchestrator import can_fail as module
from agent_runtime_server.orchestrator.can_fail import CanFail, Proof
from agent_runtime_server.orchestrator.flakes import FlakeFilter, Sifted
from agent_runtime_server.ports import Availability, Emit, RunJob, TestReport
from agent_runtime_server.testing.clock import ManualClock
from agent_runtime_server.testing.mutations import LineMutations
from agent_runtime_server.testing.workspaces import PlainWorkspaces
from tests.orchestrator.support import NOW, SPEC

ENVIRONMENT = {"TEST_PASSWORD": "hunter2"}
GOOD = "test('good', () => {\n  await expect(a).toBe(1);\n});\n"
IDLE = (
    "test('idle', () => {\n  await expect(a).toBe(1);\n  if (b) await expect(b).toBe(2);\n  expect(c).toBe(3);\n});\n"
)
POINTLESS = "test('pointless', () => {\n  expect(a).toBe(1);\n  if (b) await expect(b).toBe(2);\n});\n"
EMPTY = "test('empty', () => {\n  open(a);\n});\n"
HELPED = "test('helped', () => {\n  helper(a);\n});\n"
SHARED = (
    "test.beforeEach(() => {\n  await expect(all).toBe(1);\n  if (b) await expect(b).toBe(2);\n});\n"
    "test('one', () => {\n  open(a);\n});\ntest('two', () => {\n  await expect(a).toBe(1);\n});\n"
)
SHAKY = "test('shaky', () => {\n  shake();\n  await expect(a).toBe(1);\n});\n"


class ReadingRunner:
    """Runs tests by reading them: one fails if a line of its own, or of what all share, throws in its project or for
    itself; where a line there begins with ``reach``, that is a step."""

    def __init__(
        self, *, stops_after: int = 1000, failure: Failure | None = None, projects: Sequence[str] = ("p",)
    ) -> None:
        self.jobs: list[RunJob] = []
        self._stops_after = stops_after
        self._failure = failure
        self._projects = projects

    def availability(self) -> Availability:
        return Availability(True, "1")

    async def check(self, workspace: Path) -> Sequence[str]:
        return ()

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        self.jobs.append(job)
        paths = job.options.test_paths
        cases = [case for path in paths for project in self._projects for case in _run(job.workspace, path, project)]
        wanted = {(name.project, name.title_path) for name in job.options.only}
        chosen = [case for case in cases if not wanted or (case.project, case.title_path) in wanted]
        for number, case in enumerate(chosen, start=1):
            if number > self._stops_after:
                await asyncio.Event().wait()
            emit(LogEntry(NOW, LogLevel.ERROR, LogSource.TEST_RUNNER, f"{case.title_path[-1]} failed"))
            emit(Progress(number, len(chosen), "test"))
            emit(case)
        return TestReport(TestSummary(len(chosen)), self._failure, tuple(chosen))


def _run(workspace: Path, path: str, project: str = "p") -> list[TestCase]:
    text = (workspace / path).read_text()
    mutant = Path(path).name.startswith(".")
    shared = text.partition("test('")[0]
    cases = []
    for found in re.finditer(r"^test\('(\w+)'.*?^}\);$", text, re.MULTILINE | re.DOTALL):
        read = [re.sub(rf"^ *(if \(({project}|{found[1]})\) )?", "", line) for line in (shared + found[0]).split("\n")]
        thrown = any(line.startswith("throw ") for line in read) or (mutant and "shake();" in read)
        titles = [line[len("reach('") : -len("');")] for line in read if line.startswith("reach('")]
        titles += ["Expect"] if "helper" in found[0] else []
        steps = tuple(TestStep(title, "expect", timedelta()) for title in titles)
        attempt = TestAttempt(0, AttemptStatus.PASSED, NOW, timedelta(), steps=steps)
        outcome = TestOutcome.UNEXPECTED if thrown else TestOutcome.EXPECTED
        line = text.count("\n", 0, found.start()) + 1
        names = (path, found[1])
        cases.append(TestCase(stable_id(project, names), project, names, Location(path, line), outcome, (attempt,)))
    return cases


def put(workspace: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text(text)


async def prove(
    workspace: Path, runner: ReadingRunner, *paths: str, seconds: float = 30.0, projects: Sequence[str] = ("p",)
) -> Proof:
    tests = [case for path in paths for project in projects for case in _run(workspace, path, project)]
    proof = CanFail(runner, LineMutations(), seconds=seconds)
    return await proof.prove(workspace, SPEC, ENVIRONMENT, tests, lambda _: None)


def lines(proof: Proof) -> tuple[list[str], list[str]]:
    """What cannot fail, and what is not proved."""
    return [each.text for each in proof.cannot_fail], [each.text for each in proof.unproved]


async def test_assertions_that_are_decided_need_no_more_than_one_run(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"tests/a.spec.ts": GOOD, "tests/b.spec.ts": SHARED.replace("  if (b) await expect(b).toBe(2);\n", "")},
    )
    runner = ReadingRunner()
    assert await prove(tmp_path, runner, "tests/a.spec.ts", "tests/b.spec.ts") == Proof()
    (job,) = runner.jobs
    assert (job.environment, job.record, job.options.workers) == (ENVIRONMENT, False, 1)
    assert (len(job.options.test_paths), len(job.options.only)) == (2, 3)


async def test_what_is_not_decided_is_made_to_fail_and_alone(tmp_path: Path) -> None:
    put(tmp_path, {"tests/good.spec.ts": GOOD, "tests/idle.spec.ts": IDLE})
    runner = ReadingRunner()
    proof = await prove(tmp_path, runner, "tests/good.spec.ts", "tests/idle.spec.ts")
    assert lines(proof) == (["expect(b).toBe(2)", "expect(c).toBe(3)"], [])
    assert (proof.pointless, proof.trouble) == ({}, "")
    _, job = runner.jobs
    assert [name.title_path[-1] for name in job.options.only] == ["idle", "idle"]
    assert sorted(path.name for path in (tmp_path / "tests").iterdir()) == ["good.spec.ts", "idle.spec.ts"]


async def test_what_may_be_caught_is_made_to_fail(tmp_path: Path) -> None:
    """In these tests nothing is caught in the end: it all counts."""
    put(tmp_path, {"a.spec.ts": "test('tries', () => {\n  try {\n    await expect(a).toBe(1);\n  } finally {}\n});\n"})
    runner = ReadingRunner()
    assert await prove(tmp_path, runner, "a.spec.ts") == Proof()


@pytest.mark.parametrize(
    ("text", "reason"),
    [(POINTLESS, "no assertion of “pointless” can fail"), (EMPTY, "“empty” asserts nothing")],
)
async def test_a_test_that_passes_whatever_happens_is_pointless(text: str, reason: str, tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": GOOD + text})
    proof = await prove(tmp_path, ReadingRunner(), "a.spec.ts")
    assert proof.pointless == {"a.spec.ts": reason}


async def test_what_is_asserted_elsewhere_is_nobodys_fault(tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": HELPED})
    assert await prove(tmp_path, ReadingRunner(), "a.spec.ts") == Proof()


async def test_hooks_and_helpers_count_for_every_test_that_they_make_fail(tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": SHARED})
    proof = await prove(tmp_path, ReadingRunner(), "a.spec.ts")
    assert lines(proof) == (["expect(b).toBe(2)"], [])
    assert proof.pointless == {}


async def test_a_test_lives_by_what_it_notices_itself(tmp_path: Path) -> None:
    hook = "test.beforeEach(() => {\n  if (good) await expect(all).toBe(1);\n});\n"
    put(tmp_path, {"a.spec.ts": hook + GOOD + POINTLESS})
    proof = await prove(tmp_path, ReadingRunner(), "a.spec.ts")
    assert lines(proof) == (["expect(a).toBe(1)", "expect(b).toBe(2)"], [])
    assert proof.pointless == {"a.spec.ts": "no assertion of “pointless” can fail"}


async def test_an_assertion_counts_wherever_the_runner_says_that_its_test_begins(tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": GOOD})
    elsewhere = [replace(case, location=Location("a.spec.ts", 7)) for case in _run(tmp_path, "a.spec.ts")]
    proof = await CanFail(ReadingRunner(), LineMutations()).prove(tmp_path, SPEC, {}, elsewhere, lambda _: None)
    assert proof == Proof()


async def test_what_one_project_notices_counts_for_all(tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": "test('wide', () => {\n  if (q) await expect(a).toBe(1);\n});\n"})
    both = ("p", "q")
    assert await prove(tmp_path, ReadingRunner(projects=both), "a.spec.ts", projects=both) == Proof()
    alone = await prove(tmp_path, ReadingRunner(), "a.spec.ts")
    assert alone.pointless == {"a.spec.ts": "no assertion of “wide” can fail"}


async def test_what_does_not_pass_in_an_unchanged_copy_is_not_judged(tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": SHAKY + POINTLESS})
    proof = await prove(tmp_path, ReadingRunner(), "a.spec.ts")
    assert lines(proof) == (["expect(a).toBe(1)", "expect(b).toBe(2)"], ["expect(a).toBe(1)"])
    assert proof.pointless == {"a.spec.ts": "no assertion of “pointless” can fail"}


async def test_what_has_run_when_the_time_is_over_counts(tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": IDLE})
    proof = await prove(tmp_path, ReadingRunner(stops_after=1), "a.spec.ts", seconds=2)
    assert lines(proof) == (["expect(b).toBe(2)"], ["expect(c).toBe(3)"])
    assert proof.trouble == "it took longer than 2 seconds"
    assert [path.name for path in tmp_path.iterdir()] == ["a.spec.ts"]


async def test_there_is_a_bound_to_what_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MUTANTS", 1)
    put(tmp_path, {"a.spec.ts": IDLE, "b.spec.ts": GOOD})
    runner = ReadingRunner()
    proof = await prove(tmp_path, runner, "a.spec.ts", "b.spec.ts")
    assert lines(proof) == (["expect(b).toBe(2)"], ["expect(c).toBe(3)", "expect(a).toBe(1)"])
    assert [len(job.options.test_paths) for job in runner.jobs] == [1, 1]


async def test_a_runner_that_breaks_proves_what_it_has_run(tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": GOOD})
    failure = Failure(FailureReason.RUNNER_CRASHED, "the runner ended early")
    proof = await prove(tmp_path, ReadingRunner(failure=failure), "a.spec.ts")
    assert proof == Proof(trouble="the runner ended early")


async def test_tests_that_cannot_be_read_are_not_judged(tmp_path: Path) -> None:
    put(tmp_path, {"a.spec.ts": POINTLESS})
    tests = _run(tmp_path, "a.spec.ts")
    (tmp_path / "a.spec.ts").unlink()
    proof = await CanFail(ReadingRunner(), LineMutations()).prove(tmp_path, SPEC, {}, tests, lambda _: None)
    assert "a.spec.ts" in proof.trouble
    assert replace(proof, trouble="") == Proof()


# --- in the flake filter ---------------------------------------------------------------------------------------------


async def sift(folder: Path, files: Mapping[str, str], *, prove: bool) -> tuple[Sifted, list[Fact], ReadingRunner]:
    workspaces = PlainWorkspaces(folder)
    workspace = await workspaces.prepare(SPEC.session_id)
    put(workspace, files)
    facts: list[Fact] = []
    runner = ReadingRunner()
    sifted = await FlakeFilter(runner, workspaces, ManualClock(NOW)).sift(
        workspace,
        SPEC,
        ENVIRONMENT,
        list(files),
        facts.append,
        lambda text: text.replace("secret", "***"),
        can_fail=CanFail(runner, LineMutations()) if prove else None,
    )
    return sifted, facts, runner


FILES = {
    "tests/good.spec.ts": GOOD,
    "tests/idle.spec.ts": IDLE.replace("toBe(3)", "toBe('secret')"),
    "tests/pointless.spec.ts": POINTLESS,
}


async def test_what_cannot_fail_is_told_and_a_pointless_test_is_set_aside(tmp_path: Path) -> None:
    sifted, facts, _ = await sift(tmp_path, FILES, prove=True)
    assert sifted.kept == ("tests/good.spec.ts", "tests/idle.spec.ts")
    assert sifted.set_aside == (("tests/pointless.spec.ts", "no assertion of “pointless” can fail"),)
    assert sifted.markdown() == (
        "Set aside:\n\n- `tests/pointless.spec.ts`: no assertion of “pointless” can fail\n\n"
        "Assertions that cannot fail:\n\n- `tests/idle.spec.ts:3` ``expect(b).toBe(2)``\n"
        "- `tests/idle.spec.ts:4` ``expect(c).toBe('***')``: nobody waits for it"
    )
    warnings = [fact.message for fact in facts if isinstance(fact, LogEntry) and fact.level is LogLevel.WARNING]
    assert "this assertion cannot fail: tests/idle.spec.ts:3 expect(b).toBe(2)" in warnings
    assert not [message for message in warnings if "secret" in message]
    workspace = tmp_path / SPEC.session_id
    assert "test.fixme('pointless'" in (workspace / "tests/quarantine/pointless.spec.ts").read_text()
    assert not (workspace / "tests/pointless.spec.ts").exists()


async def test_mutants_that_fail_are_no_errors_in_the_tasks_log(tmp_path: Path) -> None:
    _, facts, _ = await sift(tmp_path, {"tests/good.spec.ts": GOOD}, prove=True)
    steady_runs = 2
    assert len([fact for fact in facts if isinstance(fact, LogEntry) and fact.level is LogLevel.ERROR]) == steady_runs


async def test_tests_that_are_proved_already_only_run_twice(tmp_path: Path) -> None:
    sifted, _, runner = await sift(tmp_path, FILES, prove=False)
    assert sifted == Sifted(tuple(FILES))
    assert sifted.markdown() == ""
    assert len(runner.jobs) == 2
