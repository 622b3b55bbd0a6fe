"""What a suite notices, and what it should not."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_runtime_server.adapters.toolchain import Toolchain
from tests.quality.cache import Cache
from tests.quality.changes import BENIGN, Change, PageChange, WireChange, fits
from tests.quality.proxy import IN_PAGE, Exchange, Proxy
from tests.quality.rates import Rate
from tests.quality.suites import SET_UP, Outcome, Suite, run

Reset = Callable[[], object]
"""Puts the app back to where it began, if that can be done at all."""

BENIGN_CHANGES: tuple[Change, ...] = (*(PageChange(kind) for kind in BENIGN), WireChange("delayed", "GET", "*"))
CROWD = 4
"""Workers of every second run for stability."""


class OutOfTime(Exception):
    """The budget is used up; what has not been looked at is not known."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant, and the first test that failed for it; empty for one that lives."""

    mutant: Change
    caught_by: str
    met: bool = True
    """Whether a test sends the request, or opens the page, that it is in."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A suite on the app as it is."""

    stability: Rate
    sound: frozenset[str]
    """Tests that pass every time."""
    traffic: Mapping[str, Sequence[Exchange]]
    """What each of them asks the app; ``SET_UP`` is what is asked before them."""
    places: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    """Tests that do not, and how often."""


class Examiner:
    """Runs one suite again and again, with and without changes of the app."""

    def __init__(
        self,
        suite: Suite,
        toolchain: Toolchain,
        proxy: Proxy,
        reset: Reset,
        *,
        workers: int,
        cache: Cache,
        deadline: float = float("inf"),
    ) -> None:
        """``deadline`` is a time of ``time.monotonic``; from then on nothing is run, but for what the cache knows."""
        self.suite = suite
        self._toolchain = toolchain
        self._proxy = proxy
        self._reset = reset
        self._workers = workers
        self._cache = cache
        self._deadline = deadline
        self._digest = suite.digest

    async def survey(self, runs: int, scratch: Path) -> Survey:
        """So many runs, each in another order but the first; every second one with ``CROWD`` workers."""
        outcomes = [await self.run((), workers=1)]
        first, exchanges = outcomes[0]
        for number in range(1, runs):
            suite = self.suite.shuffled(scratch, number)
            outcomes.append(await self.run((), workers=CROWD if number % 2 else 1, order=number, suite=suite))
        every = sorted(frozenset().union(*(outcome.passed | outcome.failed for outcome, _ in outcomes)))
        failed = {test: sum(test not in outcome.passed for outcome, _ in outcomes) for test in every}
        sound = frozenset(test for test in every if not failed[test])
        spans = {name: span for name, span in first.spans.items() if name in sound | {SET_UP}}
        return Survey(
            stability=Rate(len(sound), len(every)),
            sound=sound,
            traffic={
                name: [each for each in exchanges if begin <= each.at <= end] for name, (begin, end) in spans.items()
            },
            places=first.places,
            failed={test: times for test, times in failed.items() if times},
        )

    async def mutation(self, mutants: Sequence[Change], survey: Survey) -> AsyncIterator[Tried]:
        """Whether one of the sound tests fails for each mutant; each run ends at the first that does.

        Only tests that meet the changed page or request are run. Raises OutOfTime.
        """
        for mutant in mutants:
            yield await self.tried(mutant, meeting(mutant, survey), survey)

    async def tried(self, mutant: Change, tests: Sequence[str], survey: Survey) -> Tried:
        """Whether one of these tests fails for a mutant. Raises OutOfTime."""
        if not tests:
            return Tried(mutant, "", met=False)
        outcome, _ = await self.run(
            (mutant,), stop_at_first=True, only=[survey.places[test] for test in tests if test in survey.places]
        )
        failed = sorted(outcome.failed & survey.sound)
        return Tried(mutant, failed[0] if failed else "set-up" if outcome.set_up_failed else "")

    async def false_alarms(self, survey: Survey) -> dict[str, Rate]:
        """Sound tests that fail though nobody would call it a change, by the change.

        All changes are made at once first: tests that bear that, bear each of them. Raises OutOfTime.
        """
        together, _ = await self.run(BENIGN_CHANGES)
        upset = sorted(survey.sound - together.passed)
        alarms: dict[str, Rate] = {}
        for change in BENIGN_CHANGES:
            alarmed = 0
            if upset:
                outcome, _ = await self.run((change,), only=[survey.places[test] for test in upset])
                alarmed = len(set(upset) - outcome.passed)
            alarms[change.kind] = Rate(alarmed, len(survey.sound))
        return alarms

    async def run(
        self,
        changes: Sequence[Change],
        *,
        workers: int = 0,
        stop_at_first: bool = False,
        only: Sequence[str] = (),
        order: int = 0,
        suite: Suite | None = None,
        remember: bool = True,
    ) -> tuple[Outcome, list[Exchange]]:
        """One run, from fresh data, and what passed meanwhile; or what is known of such a run. Raises OutOfTime."""
        workers = workers or self._workers
        asked = (self._digest, changes and IN_PAGE, tuple(changes), workers, stop_at_first, tuple(only), order)
        if remember and asked in self._cache:
            return _read(self._cache.get(asked))
        if time.monotonic() > self._deadline:
            raise OutOfTime
        self._reset()
        self._proxy.changes = tuple(changes)
        begin = len(self._proxy.exchanges)
        try:
            outcome = await run(
                suite or self.suite,
                self._toolchain,
                self._proxy.base_url,
                workers=workers,
                stop_at_first=stop_at_first,
                only=only,
            )
        finally:
            self._proxy.changes = ()
        exchanges = self._proxy.exchanges[begin:]
        if remember:
            self._cache.put(asked, _written(outcome, exchanges if not changes and not order else []))
        return outcome, exchanges


def meeting(change: Change, survey: Survey) -> list[str]:
    """The sound tests whose traffic a change is in; one that stands for all, if only the set-up meets it."""
    met = [name for name, exchanges in survey.traffic.items() if any(_meets(change, each) for each in exchanges)]
    tests = sorted(set(met) & survey.sound)
    if not tests and SET_UP in met:
        tests = sorted(survey.sound)[:1]
    return tests


def _meets(change: Change, exchange: Exchange) -> bool:
    if isinstance(change, WireChange):
        return change.method == exchange.method and fits(change.path, exchange.path)
    return exchange.media_type == "text/html" and fits(change.path, exchange.path)


def score(tried: Sequence[Tried]) -> Rate:
    """Mutants that were caught."""
    return Rate(sum(bool(each.caught_by) for each in tried), len(tried))


def _written(outcome: Outcome, exchanges: Sequence[Exchange]) -> dict[str, Any]:
    return {
        **dataclasses.asdict(outcome),
        "passed": sorted(outcome.passed),
        "failed": sorted(outcome.failed),
        "exchanges": [dataclasses.asdict(each) | {"fields": sorted(each.fields)} for each in exchanges],
    }


def _read(answer: dict[str, Any]) -> tuple[Outcome, list[Exchange]]:
    exchanges = [Exchange(**each | {"fields": frozenset(each["fields"])}) for each in answer["exchanges"]]
    known = {name: value for name, value in answer.items() if name != "exchanges"}
    known |= {name: frozenset(known[name]) for name in ("passed", "failed")}
    return Outcome(**known), exchanges
