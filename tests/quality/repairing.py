"""What becomes of a suite when the app is changed so that locators no longer find their elements, and it is repaired.

The proxy knows which element it has changed. A repair is *right* if the test, its expectations unchanged, passes on the
changed app, and fails as soon as that very element is taken away: so it works on no other. It is *wrong* if it passes
without it, or expects something else. It is *refused* if the test is as it was, or does not pass. Where the element was
taken away from the beginning, only a refusal is right. Tests that fail in the outline of a page are not counted: no
locator is to blame, and they should pass with another expectation only.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agent_runtime.v1 import task_pb2
from tests.line.support import carry_out, server
from tests.quality.cache import Cache
from tests.quality.changes import BREAKING, Change, PageChange, PageKind
from tests.quality.making import Made, NotMade
from tests.quality.proxy import IN_PAGE, Proxy
from tests.quality.rates import Rate
from tests.quality.scoring import Examiner, OutOfTime, Reset, Survey, meeting
from tests.quality.suites import Suite
from tests.quality.truth import Truth

SECONDS = 600.0
TRIES = 5
"""How many elements are changed in one way until a test fails for it, those first that tests name by themselves."""
_EXPECTED = re.compile(r"toMatchAriaSnapshot|^Expected (?:sub)?string: .*^Received string: ", re.DOTALL | re.MULTILINE)
"""In the error of a test that expects something else of an element that it has found: a repair leaves that alone."""
TESTS = 4
"""How many tests that fail for one change are repaired."""
_EXPECTATION = re.compile(r"\)\s*\.((?:not\.)?to[A-Z]\w*\(.*)")
_QUOTED = re.compile(r"""(['"`])((?:\\.|(?!\1).)+)\1""")
_ELEMENTS: dict[str, tuple[str, ...]] = {
    "reworded": ("submit_disabled", "link_swapped"),
    "recased": ("submit_disabled", "link_swapped"),
    "button_to_link": ("submit_disabled",),
    "placeholder_for_label": (),
    "heading_level": ("heading_changed",),
    "doubled": ("submit_disabled", "link_swapped"),
    "in_menu": ("submit_disabled", "link_swapped"),
    "in_dialog": ("submit_disabled", "link_swapped"),
    "field_order": ("field_removed",),
    "gone": ("submit_disabled", "link_swapped", "heading_changed", "field_removed"),
}
"""Which elements may be changed so, by the faults that they can have. What a heading says is an expectation of the
tests that look at it: with other words it is another behaviour."""

Verdict = Literal["right", "wrong", "refused"]


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of one test after one change."""

    change: PageChange
    test: str
    verdict: Verdict


class NotOffered(Exception):
    """The driver repairs nothing."""


def rates(repairs: Sequence[Repair]) -> dict[str, Rate]:
    """Right and wrong ones of those that could be repaired, and refusals of those that could not."""
    able = [each for each in repairs if each.change.kind != "gone"]
    gone = [each for each in repairs if each.change.kind == "gone"]
    return {
        "repairs right": Rate(sum(each.verdict == "right" for each in able), len(able)),
        "repairs wrong": Rate(sum(each.verdict == "wrong" for each in able), len(able)),
        "removed elements refused": Rate(sum(each.verdict == "refused" for each in gone), len(gone)),
    }


async def unrepaired(changes: Iterable[PageChange], examiner: Examiner, survey: Survey) -> list[Repair]:
    """What becomes of a suite after these changes where nobody repairs anything: what fails goes on failing.

    Raises OutOfTime.
    """
    found: list[Repair] = []
    for change in changes:
        if tests := meeting(change, survey):
            outcome, _ = await examiner.run((change,), only=[survey.places[test] for test in tests])
            found += [Repair(change, test, "refused") for test in sorted(outcome.failed & survey.sound)[:TESTS]]
    return found


class Repairer:
    """Has a suite repaired that the service has made, again and again from where it was."""

    def __init__(
        self,
        made: Made,
        truth: Truth,
        proxy: Proxy,
        reset: Reset,
        app_url: str,
        healthy: Examiner,
        repaired: Examiner,
        cache: Cache,
        deadline: float,
    ) -> None:
        """``repaired`` examines a copy of the suite, into which each repair is put to be judged."""
        self._made = made
        self._truth = truth
        self._proxy = proxy
        self._reset = reset
        self._app_url = app_url
        self._healthy = healthy
        self._repaired = repaired
        self._cache = cache
        self._deadline = deadline

    async def offered(self) -> bool:
        """Whether the default driver repairs at all."""
        with server(self._made.place / "server") as running:
            async with running.client() as client:
                info = await client.get_server_info()
        drivers = {driver.name: driver for driver in info.drivers}
        return task_pb2.TASK_TYPE_FIX in drivers[info.default_driver].task_types

    async def repairs(self, flows: Mapping[str, Sequence[Change]], survey: Survey, seed: int) -> AsyncIterator[Repair]:
        """One change of each kind, if one can be found that makes a test fail. Raises NotOffered and OutOfTime."""
        if not await self.offered():
            raise NotOffered
        said = {text for source in self._made.suite.tests().values() for text in _quoted(source)}
        kinds: tuple[PageKind, ...] = (*BREAKING, "gone")
        for kind in kinds:
            targets = sorted(_targets(kind, flows, seed), key=lambda target: target.text not in said)
            for change in targets[:TRIES]:
                tests = meeting(change, survey)
                if not tests:
                    continue
                only = [survey.places[test] for test in tests]
                outcome, _ = await self._healthy.run((change,), only=only)
                expecting = {test for test, error in outcome.errors.items() if _EXPECTED.search(error)}
                failed = sorted((outcome.failed & survey.sound) - expecting)
                if kind == "gone" and change.text:
                    failed = [test for test in failed if self._names(test, change.text, survey)]
                if failed:
                    random.Random(seed).shuffle(failed)
                    try:
                        repairs = await self._repair(change, sorted(failed[:TESTS]), survey)
                    except NotMade as trouble:
                        print(f"  {change.id}: not counted, {trouble}", file=sys.stderr, flush=True)
                        continue
                    for repair in repairs:
                        yield repair
                    if repairs:
                        break

    def _names(self, test: str, text: str, survey: Survey) -> bool:
        """The element itself is looked for: one that was only a part of another, such as a link in the label of a
        field, may be gone while the other one is still there to be found."""
        source = (self._made.suite.folder / "tests" / survey.places[test].rpartition(":")[0]).read_text()
        return text in _quoted(source)

    async def _repair(self, change: PageChange, failed: Sequence[str], survey: Survey) -> list[Repair]:
        files = {test: survey.places[test].rpartition(":")[0] for test in failed}
        asked = ("repair", IN_PAGE, self._made.place.name, self._made.suite.digest, change, tuple(failed))
        if asked not in self._cache:
            after = await self._fixed(change, files.values())
            verdicts = {}
            for test, file in files.items():
                old, new = (suite.folder / "tests" / file for suite in (self._made.suite, after))
                verdicts[test] = await self._verdict(change, test, file, old, new)
            self._cache.put(asked, verdicts)
        return [Repair(change, test, verdict) for test, verdict in self._cache.get(asked).items() if verdict]

    async def _verdict(self, change: PageChange, test: str, file: str, old: Path, new: Path) -> Verdict | None:
        """None for a test that passes as it is: it had failed for another reason."""
        if not new.exists() or new.read_text() == old.read_text():
            untouched, _ = await self._healthy.run((change,), only=[file], remember=False)
            return None if test in untouched.passed else "refused"
        copy = self._repaired.suite.folder / "tests" / file
        copy.write_text(new.read_text())
        try:
            fixed, _ = await self._repaired.run((change,), only=[file], remember=False)
            if test not in fixed.passed:
                return "refused"
            if change.kind == "gone" or _expectations(old) != _expectations(new):
                return "wrong"
            without, _ = await self._repaired.run((replace(change, without=True),), only=[file], remember=False)
            return "wrong" if test in without.passed else "right"
        finally:
            copy.write_text(old.read_text())

    async def _fixed(self, change: PageChange, files: Collection[str]) -> Suite:
        """These files of the suite after the service has been asked to repair them. Raises OutOfTime and NotMade."""
        if time.monotonic() > self._deadline:
            raise OutOfTime
        self._reset()
        with server(self._made.place / "server") as running:
            workspace = running.workspaces / self._made.session
            self._made.suite.copied_over(workspace, files)
            self._proxy.changes = (change,)
            try:
                async with running.client() as client:
                    done = await carry_out(
                        client,
                        task_pb2.TASK_TYPE_FIX,
                        self._app_url,
                        SECONDS,
                        from_task_id=self._made.task,
                        username=self._truth.username,
                        password=self._truth.password,
                    )
            finally:
                self._proxy.changes = ()
            if done.task.status != task_pb2.TASK_STATUS_COMPLETED:
                raise NotMade(done.trouble())
            return Suite(workspace).copied(self._made.place / "fixed")


def _targets(kind: PageKind, flows: Mapping[str, Sequence[Change]], seed: int) -> list[PageChange]:
    pool = {change for changes in flows.values() for change in changes if isinstance(change, PageChange)}
    same = sorted((change for change in pool if change.kind in _ELEMENTS[kind]), key=lambda change: change.id)
    if kind == "placeholder_for_label":
        same = [PageChange("gone", path=path) for path in sorted({change.path for change in pool})]
    random.Random(seed).shuffle(same)
    return [replace(change, kind=kind) for change in same]


def _quoted(source: str) -> set[str]:
    """All texts that a source has between quotes, with ``#`` for every run of digits."""
    texts = (re.sub(r"\\(.)", r"\1", quoted) for _, quoted in _QUOTED.findall(source))
    return {re.sub(r"\d+", "#", text) for text in texts}


def _expectations(file: Path) -> list[str]:
    return _EXPECTATION.findall(file.read_text())
