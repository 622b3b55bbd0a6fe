"""The can-fail proof: tests of which nobody has proved yet that they can fail are run once more, as mutants.

In that run each assertion tells that it was decided (``ports.Mutations``). One that tells nothing, or that stands where
something may catch what it throws, is then made to fail, in a second run: a test that passes all the same does not need
it. Tests go their whole way in the first run, and few are broken off in the second: what they change in the app is
mostly what they always change.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent_runtime_server.domain.event import Fact
from agent_runtime_server.domain.results import TestCase, TestOutcome
from agent_runtime_server.domain.task import Progress, RunOptions, TaskSpec, TestName
from agent_runtime_server.ports import Assertion, Emit, Mutant, Mutations, RunJob, StopSign, TestRunner

SECONDS = 300.0
"""How long the mutants may take; what has not run by then is not proved."""
MOST_MUTANTS = 300
"""Files; what would need more is not proved."""

_FAILED = (TestOutcome.UNEXPECTED, TestOutcome.FLAKY)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of the assertions of tests."""

    cannot_fail: tuple[Assertion, ...] = ()
    unproved: tuple[Assertion, ...] = ()
    pointless: Mapping[str, str] = field(default_factory=dict)
    """Why, by path, for files with a test that passes whatever the app does."""
    trouble: str = ""
    """Why not everything could be proved, if the machinery knows."""


_Test = tuple[str, tuple[str, ...]]
"""A test of whatever project: the path of its file and its titles."""


class CanFail:
    """Proves that tests can fail."""

    def __init__(self, runner: TestRunner, mutations: Mutations, *, seconds: float = SECONDS) -> None:
        """``seconds`` bound the runs of one proof."""
        self._runner = runner
        self._mutations = mutations
        self._seconds = seconds

    async def prove(
        self, workspace: Path, spec: TaskSpec, environment: Mapping[str, str], tests: Sequence[TestCase], emit: Emit
    ) -> Proof:
        """What the assertions of these tests, which pass, are good for. Tells the progress alone.

        The runs' own files are the caller's to remove.
        """
        paths = sorted({test.location.path for test in tests})
        try:
            suite = _Suite(tests, await self._mutations.assertions(workspace, paths))
        except (OSError, ValueError) as problem:
            return Proof(trouble=str(problem))
        job = RunJob(workspace, spec.app_url, RunOptions(), environment, round=0, stop=StopSign(), record=False)
        trouble = await self._run_both(suite, job, emit)
        return replace(suite.proof(), trouble=trouble)

    async def _run_both(self, suite: _Suite, job: RunJob, emit: Emit) -> str:
        """Run all mutants, in time; why some have not run."""
        trouble = ""
        try:
            async with asyncio.timeout(self._seconds) as limit:
                for wanted in (suite.telling, suite.failing):
                    trouble = await self._run(suite, wanted(), job, emit) or trouble
        except TimeoutError:
            if not limit.expired():
                raise
            return f"it took longer than {self._seconds:g} seconds"
        except (OSError, ValueError) as problem:
            return str(problem)
        return trouble

    async def _run(self, suite: _Suite, wanted: Sequence[Mutant], job: RunJob, emit: Emit) -> str:
        if not wanted:
            return ""
        async with self._mutations.mutants(job.workspace, wanted) as mutants:

            def hear(fact: Fact) -> None:
                if isinstance(fact, TestCase):
                    suite.judge(mutants, fact)
                elif isinstance(fact, Progress):
                    emit(fact)

            names = tuple(name for path, mutant in mutants.items() for name in suite.names(path, mutant))
            options = RunOptions(test_paths=tuple(mutants), workers=1, only=names)
            report = await self._runner.run(replace(job, options=options), hear)
        return report.failure.message if report.failure else ""


class _Suite:
    """Tests, their assertions, and what has come out about them."""

    def __init__(self, tests: Sequence[TestCase], found: Sequence[Assertion]) -> None:
        lines = {(test.location.path, test.location.line) for test in tests}
        self._assertions: dict[str, list[Assertion]] = defaultdict(list)
        for each in found:
            # What belongs to no test that has run may be part of any of its file.
            own = (each.path, each.test_line) in lines
            self._assertions[each.path].append(each if own else replace(each, test_line=0))
        self._tests: dict[_Test, list[TestCase]] = defaultdict(list)
        for test in tests:
            self._tests[test.location.path, test.title_path[1:]].append(test)
        self._steady: set[_Test] = set()
        self._shaky: set[_Test] = set()
        self._noticed: set[tuple[Assertion, _Test]] = set()
        self._unnoticed: set[tuple[Assertion, _Test]] = set()

    def telling(self) -> list[Mutant]:
        """Copies in which all assertions tell that they were decided."""
        return [Mutant(path) for path in self._assertions][:MOST_MUTANTS]

    def failing(self) -> list[Mutant]:
        """Copies in which those fail of which nobody knows yet whether they can. The first ones of all tests come
        first."""
        suspects = {each for test in self._tests if self._is_judged(test) for each in self._suspects(test)}
        rounds = {
            path: _rounds([each for each in assertions if each in suspects])
            for path, assertions in self._assertions.items()
        }
        most = max(map(len, rounds.values()), default=0)
        wanted = [Mutant(path, each[n]) for n in range(most) for path, each in rounds.items() if n < len(each)]
        return wanted[:MOST_MUTANTS]

    def names(self, path: str, mutant: Mutant) -> Iterator[TestName]:
        """The tests of a mutant that are to run."""
        for (original, titles), cases in self._tests.items():
            for case in cases:
                if original == mutant.original and (not mutant.failing or any(_in(mutant, case))):
                    yield TestName(case.project, (path, *titles))

    def judge(self, mutants: Mapping[str, Mutant], case: TestCase) -> None:
        """Take in how a test of a mutant has ended."""
        mutant = mutants.get(case.title_path[0])
        if mutant is None:
            return
        test, passed = (mutant.original, case.title_path[1:]), case.outcome is TestOutcome.EXPECTED
        if not mutant.failing:
            (self._steady if passed else self._shaky).add(test)
            told = {step.title for attempt in case.attempts for step in attempt.steps}
            heard = (each for each in self._assertions[mutant.original] if each.direct and each.mark in told)
            self._noticed.update((each, test) for each in heard)
        elif passed:
            self._unnoticed.update((each, test) for each in _in(mutant, case))
        elif case.outcome in _FAILED:
            self._noticed.update((each, test) for each in _in(mutant, case))

    def proof(self) -> Proof:
        """What that comes to."""
        able, unproved = self._able(), set[Assertion]()
        pointless: dict[str, str] = {}
        for test, cases in self._tests.items():
            mine, judged = self._of(test), self._is_judged(test)
            open_ones = [each for each in mine if not judged or not self._is_settled(each, test)]
            unproved.update(open_ones)
            if open_ones or any((each, test) in self._noticed for each in mine):
                continue
            path, title = test[0], " > ".join(test[1])
            if any(each.test_line for each in mine):
                pointless[path] = f"no assertion of “{title}” can fail"
            elif not any(map(_asserts, cases)):
                pointless[path] = f"“{title}” asserts nothing"
        rest = [each for assertions in self._assertions.values() for each in assertions if each not in able]
        return Proof(
            tuple(each for each in rest if each not in unproved),
            tuple(each for each in rest if each in unproved),
            pointless,
        )

    def _suspects(self, test: _Test) -> Iterator[Assertion]:
        """What has not made a test fail: its own, and what nobody has noticed, or this test is left with."""
        mine = self._of(test)
        toothless = not any((each, test) in self._noticed for each in mine)
        able = self._able()
        return (
            each
            for each in mine
            if (each, test) not in self._noticed and (each.test_line or each not in able or toothless)
        )

    def _of(self, test: _Test) -> list[Assertion]:
        """What may be part of a test."""
        cases = self._tests[test]
        return [each for each in self._assertions[test[0]] if any(_concerns(each, case) for case in cases)]

    def _able(self) -> set[Assertion]:
        return {assertion for assertion, test in self._noticed if self._is_judged(test)}

    def _is_judged(self, test: _Test) -> bool:
        """Whether what a test does in mutants says something: in the first one, it does what it always does."""
        return test in self._steady and test not in self._shaky

    def _is_settled(self, assertion: Assertion, test: _Test) -> bool:
        return (assertion, test) in self._noticed or (assertion, test) in self._unnoticed


def _rounds(assertions: Sequence[Assertion]) -> list[tuple[Assertion, ...]]:
    """Sets of assertions no two of which any test has."""
    waiting: dict[int, list[Assertion]] = defaultdict(list)
    for assertion in assertions:
        waiting[assertion.test_line].append(assertion)
    shared = waiting.pop(0, [])
    most = max(map(len, waiting.values()), default=0)
    own = [tuple(each[number] for each in waiting.values() if number < len(each)) for number in range(most)]
    return own + [(each,) for each in shared]


def _in(mutant: Mutant, test: TestCase) -> Iterator[Assertion]:
    """What fails in a mutant that concerns a test."""
    return (each for each in mutant.failing if _concerns(each, test))


def _concerns(assertion: Assertion, test: TestCase) -> bool:
    return assertion.test_line in (0, test.location.line)


def _asserts(test: TestCase) -> bool:
    """Whether something was asserted in the run of a test, wherever that is written."""
    return any(step.category == "expect" for attempt in test.attempts for step in attempt.steps)
