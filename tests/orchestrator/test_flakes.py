"""The flake filter: which tests count as steady, and what is nobody's fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent_runtime_server.domain.results import Location, TestCase, TestOutcome, TestSummary
from agent_runtime_server.orchestrator.flakes import FlakeFilter, Sifted
from agent_runtime_server.ports import Availability, Emit, RunJob, TestReport
from agent_runtime_server.testing.clock import ManualClock
from agent_runtime_server.testing.workspaces import PlainWorkspaces
from tests.orchestrator.support import NOW, SPEC

GOOD, SET_UP = "tests/good.spec.ts", "tests/auth.setup.ts"
PASSED, FAILED, SKIPPED = TestOutcome.EXPECTED, TestOutcome.UNEXPECTED, TestOutcome.SKIPPED
RIGHT, REFUSED = {SET_UP: PASSED, GOOD: PASSED}, {SET_UP: FAILED, GOOD: SKIPPED}


class ToldRunner:
    """Each run ends as it was told, the last way for ever."""

    def __init__(self, *runs: Mapping[str, TestOutcome]) -> None:
        self._runs = list(runs)
        self.runs = 0

    def availability(self) -> Availability:
        return Availability(True, "1")

    async def check(self, workspace: Path) -> Sequence[str]:
        return ()

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        self.runs += 1
        outcomes = self._runs.pop(0) if len(self._runs) > 1 else self._runs[0]
        tests = tuple(
            TestCase(path, "p", (path, "one"), Location(path, 1), outcome, ()) for path, outcome in outcomes.items()
        )
        return TestReport(TestSummary(len(tests)), None, tests)


async def sift(folder: Path, *runs: Mapping[str, TestOutcome]) -> tuple[Sifted, int]:
    workspaces, runner = PlainWorkspaces(folder), ToldRunner(*runs)
    workspace = await workspaces.prepare(SPEC.session_id)
    (workspace / "tests").mkdir(exist_ok=True)
    (workspace / GOOD).write_text("test('one', () => {});")
    flakes = FlakeFilter(runner, workspaces, ManualClock(NOW))
    return await flakes.sift(workspace, SPEC, {}, [GOOD], lambda _: None, str), runner.runs


async def test_tests_that_pass_twice_are_kept(tmp_path: Path) -> None:
    assert await sift(tmp_path, RIGHT) == (Sifted((GOOD,)), 2)


async def test_a_test_that_fails_the_second_time_is_set_aside(tmp_path: Path) -> None:
    sifted, _ = await sift(tmp_path, RIGHT, {SET_UP: PASSED, GOOD: FAILED})
    assert sifted.set_aside == ((GOOD, "unexpected (run 2 of 2)"),)


async def test_tests_that_their_set_up_kept_from_running_run_once_more(tmp_path: Path) -> None:
    assert await sift(tmp_path, RIGHT, REFUSED, RIGHT) == (Sifted((GOOD,)), 3)


async def test_tests_that_never_run_are_set_aside(tmp_path: Path) -> None:
    sifted, runs = await sift(tmp_path, REFUSED)
    assert sifted.set_aside == ((GOOD, "skipped (run 1 of 2)"),)
    assert runs == 4
