"""What a suite notices, and what it should not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from agent_runtime_server.adapters.toolchain import Toolchain
from tests.quality.changes import BENIGN, Change, PageChange, WireChange
from tests.quality.proxy import Proxy
from tests.quality.rates import Rate
from tests.quality.suites import Outcome, Suite, run

Reset = Callable[[], None]
"""Puts the app back to where it began, if that can be done at all."""

BENIGN_CHANGES: tuple[Change, ...] = (*(PageChange(kind) for kind in BENIGN), WireChange("delayed", "GET", "*"))


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant, and the first test that failed for it; empty for one that lives."""

    mutant: Change
    caught_by: str


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one suite."""

    name: str
    tests: int
    """Sound ones: they pass on the healthy app."""
    stability: Rate
    tried: Sequence[Tried]
    alarms: dict[str, Rate]


class Examiner:
    """Runs one suite again and again, with and without changes of the app."""

    def __init__(self, suite: Suite, toolchain: Toolchain, proxy: Proxy, reset: Reset, *, workers: int) -> None:
        self._suite = suite
        self._toolchain = toolchain
        self._proxy = proxy
        self._reset = reset
        self._workers = workers

    async def healthy(self, workers: int | None = None) -> Outcome:
        """One run of the suite on the app as it is."""
        return await self._run(None, workers)

    async def stability(self, runs: int) -> Rate:
        """Tests that pass in each of so many runs, half of them with one worker. Goal: 99.5 %."""
        outcomes = [await self.healthy(1 if number % 2 else None) for number in range(runs)]
        every = frozenset().union(*(outcome.passed | outcome.failed for outcome in outcomes))
        return Rate(sum(all(test in outcome.passed for outcome in outcomes) for test in every), len(every))

    async def mutation(self, mutants: Sequence[Change], sound: frozenset[str]) -> AsyncIterator[Tried]:
        """Whether one of the ``sound`` tests fails for each mutant; each run ends at the first that does."""
        for mutant in mutants:
            outcome = await self._run(mutant, stop_at_first=True)
            yield Tried(mutant, next(iter(sorted(outcome.failed & sound)), ""))

    async def false_alarms(self, sound: frozenset[str]) -> dict[str, Rate]:
        """Sound tests that fail though nobody would call it a change, by the change. Goal: 2 %."""
        alarms: dict[str, Rate] = {}
        for change in BENIGN_CHANGES:
            outcome = await self._run(change)
            alarms[change.kind] = Rate(len(sound - outcome.passed), len(sound))
        return alarms

    async def _run(self, change: Change | None, workers: int | None = None, *, stop_at_first: bool = False) -> Outcome:
        self._reset()
        self._proxy.change = change
        try:
            return await run(
                self._suite,
                self._toolchain,
                self._proxy.base_url,
                workers=workers or self._workers,
                stop_at_first=stop_at_first,
            )
        finally:
            self._proxy.change = None


def score(tried: Sequence[Tried]) -> Rate:
    """Mutants that were caught."""
    return Rate(sum(bool(each.caught_by) for each in tried), len(tried))
