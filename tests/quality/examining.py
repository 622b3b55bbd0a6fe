"""Everything that is measured of one app, in the order in which it is worth most, for as long as there is time."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from tests.contract.runner_fixtures import toolchain
from tests.quality import baseline, code
from tests.quality.adherence import Adherence, adherence
from tests.quality.apps import App
from tests.quality.cache import Cache
from tests.quality.coverage import covered
from tests.quality.making import Made, NotMade, environment, is_made, made
from tests.quality.mutants import sample
from tests.quality.pool import pool_of
from tests.quality.proxy import Proxy, before
from tests.quality.repairing import NotOffered, Repairer, unrepaired
from tests.quality.replay import without_expectations
from tests.quality.report import Report, Scores, Wanted
from tests.quality.scoring import Examiner, OutOfTime
from tests.quality.seeded import Defect, defects, judged, noticed, of_the_app_itself
from tests.quality.suites import Suite, SuiteBroken
from tests.quality.truth import Instruction, Truth

SEED = 1
WORKERS = 2


async def examined(
    name: str, app: App, truth: Truth, wanted: Wanted, keep: Callable[[Report], None] = lambda _: None
) -> Report:
    """Make a suite of an app, or take one, and measure it and its baselines. Raises NotMade.

    What is known is kept after each step, so that nothing is lost where the work is broken off.
    """
    begin = time.monotonic()
    url = app.start()
    cache = Cache(wanted.folder / "cache.jsonl")
    async with before(url, truth.credentials) as proxy:
        flows, titles = await pool_of(name, app, proxy, truth, cache)
        beyond = [flow for flow, each in truth.flows.items() if each.beyond]
        within = {flow: changes for flow, changes in flows.items() if flow not in beyond}
        pool = {change for changes in within.values() for change in changes if change.id not in truth.equivalent}
        report = Report(name, within, sample(pool, wanted.mutants, SEED), truth.equivalent, beyond)
        bench = _Bench(report, app, truth, wanted, proxy, cache, begin + wanted.minutes * 60, url, keep)
        await bench.work(titles)
    report.seconds = time.monotonic() - begin
    return report


class _Bench:
    """Where an app and its suites are; each step of the work fills in a part of the report."""

    def __init__(
        self,
        report: Report,
        app: App,
        truth: Truth,
        wanted: Wanted,
        proxy: Proxy,
        cache: Cache,
        deadline: float,
        url: str,
        keep: Callable[[Report], None],
    ) -> None:
        self._report = report
        self._app = app
        self._truth = truth
        self._wanted = wanted
        self._folder = wanted.folder
        self._proxy = proxy
        self._cache = cache
        self._deadline = deadline
        self._url = url
        self._keep = keep

    async def work(self, titles: Mapping[str, str]) -> None:
        """Everything, in this order, for as long as there is time."""
        if self._wanted.suite is None:
            self._app.start()
            self._report.made = await made(self._url, self._truth, self._folder, "plain")
            suite = self._report.made.suite
        else:
            suite = Suite(self._wanted.suite, environment(self._truth))
        baseline.write(self._folder / "titles", titles)
        main = await self._looked_at("suite", suite, self._wanted.runs)
        await self._step("code", lambda: self._code(main, suite))
        await self._step("false alarms", lambda: self._alarms(main, suite))
        if plain := self._report.made:
            await self._step("repair", lambda: self._repairs(plain, main))
            for number, instruction in enumerate(self._truth.instructions, 1):
                await self._step(f"instruction {number}", partial(self._heeded, main, number, instruction))
        await self._mutated(main, suite)
        if plain:
            await self._step("findings", lambda: self._findings(plain, main))
            await self._step("determinism", lambda: self._again(plain))
        baselines: dict[str, Callable[[Suite, str], Suite]] = {
            "replay without expectations": lambda of, name: without_expectations(of, self._folder / name),
            "titles only": lambda _of, _name: Suite(self._folder / "titles"),
        }
        for called, derived in baselines.items():
            if self._is_wanted(called):
                await self._compared(called, derived, suite, main)
            else:
                self._report.left_out.append(called)

    async def _compared(self, called: str, derived: Callable[[Suite, str], Suite], suite: Suite, main: Scores) -> None:
        """What is made of a suite, beside it: it tells of defects by failing, and repairs nothing."""
        beside = derived(suite, "replay")
        scores = await self._looked_at(called, beside, 1)
        await self._mutated(scores, beside)
        if main.adherence:
            await self._step(f"{called}: instructions", lambda: self._beside_heeded(scores, derived, main))
        if main.findings:
            await self._step(f"{called}: findings", lambda: self._noticed(scores, beside))
        if main.repairs:
            await self._step(f"{called}: repair", lambda: self._unrepaired(scores, beside, main))

    def _examiner(self, suite: Suite) -> Examiner:
        return Examiner(
            suite,
            toolchain(),
            self._proxy,
            self._app.start,
            workers=WORKERS,
            cache=self._cache,
            deadline=self._deadline,
        )

    def _is_wanted(self, called: str) -> bool:
        return not self._wanted.parts or any(part in called for part in self._wanted.parts)

    async def _step(self, called: str, work: Callable[[], Awaitable[None]], *, needed: bool = False) -> bool:
        """Whether it could be done; ``needed``: whatever is wanted, as it is what other steps begin with."""
        if not needed and not self._is_wanted(called):
            self._report.left_out.append(called)
            return False
        print(f"{self._report.app}: {called}", file=sys.stderr, flush=True)
        try:
            await work()
        except OutOfTime:
            self._report.left_out.append(called)
            return False
        except (NotMade, NotOffered, SuiteBroken) as trouble:
            self._report.left_out.append(f"{called} ({type(trouble).__name__}: {str(trouble)[:200]})")
            return False
        finally:
            self._keep(self._report)
        return True

    async def _looked_at(self, called: str, suite: Suite, runs: int) -> Scores:
        scores = Scores(called)
        self._report.scores.append(scores)
        examiner = self._examiner(suite)
        if await self._step(f"{called}: stability", lambda: self._surveyed(scores, examiner, runs), needed=True):
            await self._step(f"{called}: coverage", lambda: self._covered(scores, examiner))
        return scores

    async def _mutated(self, scores: Scores, suite: Suite) -> None:
        if scores.survey is not None:
            await self._step(f"{scores.name}: mutation", lambda: self._tried(scores, self._examiner(suite)))

    async def _surveyed(self, scores: Scores, examiner: Examiner, runs: int) -> None:
        scores.survey = await examiner.survey(runs, self._folder / "shuffled")

    async def _tried(self, scores: Scores, examiner: Examiner) -> None:
        assert scores.survey is not None
        scores.tried = []
        async for one in examiner.mutation(self._report.mutants, scores.survey):
            print(f"  {one.mutant.id}: {one.caught_by or 'LIVES'}", file=sys.stderr, flush=True)
            scores.tried.append(one)

    async def _covered(self, scores: Scores, examiner: Examiner) -> None:
        assert scores.survey is not None
        scores.covered = await covered(examiner, scores.survey, self._truth)

    async def _code(self, scores: Scores, suite: Suite) -> None:
        scores.code = await code.looked_at(suite, toolchain(), self._folder / "linted")

    async def _alarms(self, scores: Scores, suite: Suite) -> None:
        if scores.survey is None:
            raise OutOfTime
        scores.alarms = await self._examiner(suite).false_alarms(scores.survey)

    async def _made(self, url: str, name: str, instructions: str = "") -> Made:
        if time.monotonic() > self._deadline and not is_made(self._folder, name):
            raise OutOfTime
        self._app.start()
        return await made(url, self._truth, self._folder, name, instructions)

    def _seeded(self) -> list[Defect]:
        return defects(self._report.flows, urlsplit(self._url).path, SEED)

    async def _findings(self, plain: Made, main: Scores) -> None:
        seeded = self._seeded()
        self._proxy.changes = tuple(defect.change for defect in seeded)
        try:
            broken = await self._made(self._through(), "defects")
        finally:
            self._proxy.changes = ()
        itself = await of_the_app_itself(broken.findings, self._app.start())
        main.findings = judged(seeded, broken.findings, [*plain.findings, *itself])

    async def _noticed(self, scores: Scores, suite: Suite) -> None:
        if scores.survey is None:
            raise OutOfTime
        scores.findings = await noticed(self._seeded(), self._examiner(suite), scores.survey)

    async def _again(self, plain: Made) -> None:
        again = await self._made(self._url, "again")
        self._report.same_again = {
            "plan": _without_ports(plain.plan) == _without_ports(again.plan),
            "tests": plain.suite.tests() == again.suite.tests(),
        }

    async def _heeded(self, main: Scores, number: int, instruction: Instruction) -> None:
        suite = await self._asked_for(number, instruction)
        main.adherence.append(await self._adherence(suite, number, instruction))

    async def _beside_heeded(self, scores: Scores, derived: Callable[[Suite, str], Suite], main: Scores) -> None:
        """What is made of the suites of the instructions that were measured; by the same mutants."""
        texts = {each.text for each in main.adherence}
        for number, instruction in enumerate(self._truth.instructions, 1):
            if instruction.text in texts:
                suite = derived(await self._asked_for(number, instruction), f"replay-{number}")
                scores.adherence.append(await self._adherence(suite, number, instruction))

    async def _asked_for(self, number: int, instruction: Instruction) -> Suite:
        return (await self._made(self._url, f"instruction-{number}", instruction.text)).suite

    async def _adherence(self, suite: Suite, number: int, instruction: Instruction) -> Adherence:
        examiner = self._examiner(suite)
        survey = await examiner.survey(1, self._folder / "shuffled")
        mutants = [change for name in instruction.asked for change in self._report.flows.get(name, ())]
        known = [change for change in mutants if change.id not in self._truth.equivalent]
        return await adherence(examiner, survey, self._truth, instruction, known, SEED + number)

    async def _unrepaired(self, scores: Scores, suite: Suite, main: Scores) -> None:
        if scores.survey is None:
            raise OutOfTime
        changes = dict.fromkeys(each.change for each in main.repairs or ())
        scores.repairs = await unrepaired(changes, self._examiner(suite), scores.survey)

    async def _repairs(self, plain: Made, main: Scores) -> None:
        if main.survey is None:
            raise OutOfTime
        copy = plain.suite.copied(self._folder / "repaired")
        repairer = Repairer(
            plain,
            self._truth,
            self._proxy,
            self._app.start,
            self._through(),
            self._examiner(plain.suite),
            self._examiner(copy),
            self._cache,
            self._deadline,
        )
        main.repairs = []
        async for repair in repairer.repairs(self._report.flows, main.survey, SEED):
            print(f"  {repair.change.id}: {repair.test}: {repair.verdict}", file=sys.stderr, flush=True)
            main.repairs.append(repair)

    def _through(self) -> str:
        """The app's address behind the proxy."""
        return self._proxy.base_url + urlsplit(self._url).path


def _without_ports(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", text)
