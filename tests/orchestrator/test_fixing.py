"""What becomes of repairs: the next run and the rules decide, not the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime_server.domain.event import Fact
from agent_runtime_server.domain.inputs import Answer, InputDecision
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseResult
from agent_runtime_server.domain.results import (
    Location,
    Produced,
    Repair,
    RepairCause,
    RepairVerdict,
    TestCase,
    TestOutcome,
    TestSummary,
)
from agent_runtime_server.domain.task import (
    Failure,
    FailureReason,
    RepairOptions,
    RunOptions,
    Task,
    TaskType,
)
from agent_runtime_server.orchestrator.fixing import Fixing
from agent_runtime_server.orchestrator.secrecy import Secrecy
from agent_runtime_server.orchestrator.stage import Stage
from agent_runtime_server.ports import Diagnosis, PhaseReport, StopSign, TestReport
from agent_runtime_server.testing.asking import Answers, Tally
from agent_runtime_server.testing.clock import ManualClock
from agent_runtime_server.testing.workspaces import PlainWorkspaces
from tests.orchestrator.house import nothing_to_scrub
from tests.orchestrator.support import NOW, SPEC

GOOD = "await expect(page.getByRole('button', { name: 'Cart' })).toHaveText('3');"
BAD = "await expect(page.getByRole('button', { name: 'Basket' })).toHaveText('3');"
OTHER = "await expect(page.getByRole('button', { name: 'Cart' })).toHaveText('4');"
CART, PAY = "tests/cart.spec.ts", "tests/pay.spec.ts"

Edit = Callable[[Path], Sequence[Diagnosis]]


class World:
    """A suite, an app that decides by a test's text whether it passes, and an agent that plays one edit a round."""

    def __init__(self, folder: Path, passing: Callable[[str], bool], *edits: Edit | Failure) -> None:
        self.workspaces = PlainWorkspaces(folder)
        self.folder = folder / "session"
        self.passing = passing
        self.edits = list(edits)
        self.runs: list[RunOptions] = []
        self.facts: list[Fact] = []
        self.ask = Answers()
        self.asked_to_repair: list[list[str]] = []

    def write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    def text(self, path: str) -> str:
        return (self.folder / path).read_text()

    async def run_suite(self, stage: Stage, options: RunOptions) -> tuple[TestReport, str]:
        self.runs.append(options)
        cases = []
        for file in sorted(self.folder.glob("tests/*.spec.ts")):
            name = file.relative_to(self.folder).as_posix()
            if options.only and name not in [test.title_path[0] for test in options.only]:
                continue
            text = file.read_text()
            outcome = TestOutcome.EXPECTED if self.passing(text) else TestOutcome.UNEXPECTED
            outcome = TestOutcome.SKIPPED if "fixme" in text else outcome
            cases.append(TestCase(name, "chromium", (name, "works"), Location(name), outcome, ()))
        failed = sum(case.outcome is TestOutcome.UNEXPECTED for case in cases)
        passed = sum(case.outcome is TestOutcome.EXPECTED for case in cases)
        return TestReport(TestSummary(len(cases), passed, failed), tests=tuple(cases)), f"report-{len(self.runs)}"

    async def drive(self, stage: Stage, failing: Sequence[TestCase], number: int) -> PhaseReport:
        self.asked_to_repair.append([test.id for test in failing])
        edit = self.edits.pop(0)
        if isinstance(edit, Failure):
            self.write({CART: "half done"})
            return PhaseReport(edit)
        return PhaseReport(diagnoses=tuple(edit(self.folder)))

    async def fix(self, **options: object) -> PhaseResult:
        spec = replace(
            SPEC,
            task_type=TaskType.FIX,
            session_id="session",
            repair=replace(RepairOptions(), **options),  # type: ignore[arg-type]
        )
        task = Task("t", spec, NOW, NOW)
        secrecy = Secrecy((), self.folder, nothing_to_scrub)
        stage = Stage(
            *(task, PhaseInputs(), self.folder, "", self.facts.append, secrecy, NOW, StopSign(), self.ask, Tally())
        )
        return await Fixing(self.workspaces, ManualClock(NOW), self.drive, self.run_suite).fix(stage)


def edit(path: str, old: str, new: str, cause: RepairCause = RepairCause.LOCATOR) -> Edit:
    def play(folder: Path) -> Sequence[Diagnosis]:
        file = folder / path
        file.write_text(file.read_text().replace(old, new))
        return [Diagnosis(path, cause, "the button is called otherwise")]

    return play


def only(result: PhaseResult) -> Repair:
    assert len(result.repairs) == 1
    return result.repairs[0]


def finds_cart(text: str) -> bool:
    return "'Cart'" in text and "'3'" in text


async def test_a_repaired_locator_is_kept_with_its_diff(tmp_path: Path) -> None:
    world = World(tmp_path, finds_cart, edit(CART, "Basket", "Cart"))
    world.write({CART: BAD, PAY: GOOD})
    result = await world.fix()
    repair = only(result)
    assert (repair.verdict, repair.cause, repair.outcome) == (
        RepairVerdict.REPAIRED,
        RepairCause.LOCATOR,
        TestOutcome.EXPECTED,
    )
    assert not repair.assertion_changed
    assert repair.explanation == "the button is called otherwise"
    assert world.text(CART) == GOOD
    produced = [fact for fact in world.facts if isinstance(fact, Produced)]
    assert "+" + GOOD in world.text(produced[0].path)
    assert "-" + BAD in world.text(produced[0].path)
    assert result.test_paths == (CART,)
    assert result.summary == TestSummary(2, 2, 0), "of a whole run after the last repair"
    assert [bool(run.only) for run in world.runs] == [False, True, False]


async def test_a_defect_of_the_app_leaves_the_test_as_it_was(tmp_path: Path) -> None:
    wrong = edit(CART, "toHaveText('3')", "toBeVisible()", RepairCause.APP_DEFECT)
    world = World(tmp_path, lambda text: False, wrong)
    world.write({CART: GOOD})
    result = await world.fix()
    assert only(result).verdict is RepairVerdict.APP_DEFECT
    assert only(result).diff_artifact_id == ""
    assert world.text(CART) == GOOD, "also when the agent touched it"
    assert result.summary is not None
    assert result.summary.unexpected == 1
    assert len(world.runs) == 2


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [
        (RepairCause.ASSERTION, RepairVerdict.BEHAVIOR_CHANGED),
        (RepairCause.LOCATOR, RepairVerdict.REFUSED),
        (RepairCause.APP_DEFECT, RepairVerdict.APP_DEFECT),
    ],
)
async def test_a_driver_that_would_say_the_same_again_is_not_asked_again(
    tmp_path: Path, cause: RepairCause, verdict: RepairVerdict
) -> None:
    world = World(tmp_path, finds_cart, lambda _: [Diagnosis(CART, cause, "nothing is like it", final=True)])
    world.write({CART: BAD})
    repair = only(await world.fix())
    assert (repair.verdict, repair.cause, repair.explanation) == (verdict, cause, "nothing is like it")
    assert len(world.asked_to_repair) == 1
    assert world.text(CART) == BAD


async def test_what_was_said_last_is_told_of_a_test_that_is_given_up(tmp_path: Path) -> None:
    world = World(tmp_path, finds_cart, edit(CART, "Basket", "Trolley"))
    world.write({CART: BAD})
    repair = only(await world.fix(max_rounds=1))
    assert repair.explanation == "No change was found that makes it pass. Last said: the button is called otherwise"


async def test_a_changed_assertion_does_not_count_unless_it_is_allowed(tmp_path: Path) -> None:
    for options, verdict, text in (
        ({}, RepairVerdict.BEHAVIOR_CHANGED, GOOD),
        ({"accept_assertion_changes": True}, RepairVerdict.REPAIRED, OTHER),
    ):
        world = World(tmp_path / verdict.value, lambda text: "'4'" in text, edit(CART, "'3'", "'4'"))
        world.write({CART: GOOD})
        repair = only(await world.fix(**options))
        assert (repair.verdict, repair.cause, repair.assertion_changed) == (verdict, RepairCause.ASSERTION, True)
        assert repair.diff_artifact_id, "the diff is there to look at, taken or not"
        assert world.text(CART) == text


@pytest.mark.parametrize(
    ("decision", "verdict", "text"),
    [
        (InputDecision.ALLOW_ONCE, RepairVerdict.REPAIRED, OTHER),
        (InputDecision.REJECT, RepairVerdict.REFUSED, GOOD),
    ],
)
async def test_a_person_reviews_changed_assertions(
    tmp_path: Path, decision: InputDecision, verdict: RepairVerdict, text: str
) -> None:
    world = World(tmp_path, lambda text: "'4'" in text, edit(CART, "'3'", "'4'"))
    world.ask = Answers(Answer(decision, resolver="user"))
    world.write({CART: GOOD})
    repair = only(await world.fix(review_assertion_changes=True))
    assert (repair.verdict, repair.reviewer) == (verdict, "user")
    assert "-" + GOOD in world.ask.questions[0].prompt
    assert world.text(CART) == text


async def test_a_disabled_test_is_not_repaired(tmp_path: Path) -> None:
    world = World(tmp_path, lambda text: "fixme" in text or "it" not in text, edit(CART, "test(", "test.fixme("))
    world.write({CART: "test('it')"})
    repair = only(await world.fix())
    assert repair.verdict is RepairVerdict.REFUSED
    assert "disabled" in repair.explanation
    assert world.text(CART) == "test('it')"


async def test_rounds_are_bounded_and_what_is_not_repaired_is_put_back(tmp_path: Path) -> None:
    tries = [edit(CART, "Basket", "Trolley"), edit(CART, "Trolley", "Bag"), edit(CART, "Bag", "Cart")]
    for rounds, verdict, text in ((2, RepairVerdict.REFUSED, BAD), (3, RepairVerdict.REPAIRED, GOOD)):
        world = World(tmp_path / str(rounds), finds_cart, *tries)
        world.write({CART: BAD})
        repair = only(await world.fix(max_rounds=rounds))
        assert repair.verdict is verdict
        assert world.text(CART) == text
        assert len(world.asked_to_repair) == rounds


async def test_new_files_of_a_failed_repair_are_removed(tmp_path: Path) -> None:
    def help_out(folder: Path) -> Sequence[Diagnosis]:
        (folder / "tests/helper.ts").write_text("export {}")
        return []

    world = World(tmp_path, finds_cart, help_out)
    world.write({CART: BAD})
    assert only(await world.fix(max_rounds=1)).verdict is RepairVerdict.REFUSED
    assert not (world.folder / "tests/helper.ts").exists()


async def test_each_test_is_decided_for_itself(tmp_path: Path) -> None:
    def both(folder: Path) -> Sequence[Diagnosis]:
        return [*edit(CART, "Basket", "Cart")(folder), Diagnosis(PAY, RepairCause.APP_DEFECT, "the total is wrong")]

    world = World(tmp_path, finds_cart, both)
    world.write({CART: BAD, PAY: OTHER})
    result = await world.fix()
    assert {repair.test_id: repair.verdict for repair in result.repairs} == {
        CART: RepairVerdict.REPAIRED,
        PAY: RepairVerdict.APP_DEFECT,
    }
    assert (world.text(CART), world.text(PAY)) == (GOOD, OTHER)
    assert "the total is wrong" in result.summary_markdown


async def test_an_agent_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    world = World(tmp_path, finds_cart, Failure(FailureReason.MODEL_PROVIDER, "silent", retryable=True))
    world.write({CART: BAD})
    result = await world.fix()
    assert result.failure is not None
    assert result.failure.reason is FailureReason.MODEL_PROVIDER
    assert world.text(CART) == BAD


async def test_an_agent_that_fails_leaves_earlier_repairs(tmp_path: Path) -> None:
    world = World(
        tmp_path, finds_cart, edit(CART, "Basket", "Cart"), Failure(FailureReason.AGENT_ERROR, "it was killed")
    )
    world.write({CART: BAD, PAY: OTHER})
    result = await world.fix()
    assert result.failure is not None
    assert [repair.verdict for repair in result.repairs] == [RepairVerdict.REPAIRED, RepairVerdict.REFUSED]
    assert (world.text(CART), world.text(PAY)) == (GOOD, OTHER)


async def test_nothing_fails_nothing_is_asked(tmp_path: Path) -> None:
    world = World(tmp_path, finds_cart)
    world.write({CART: GOOD})
    result = await world.fix()
    assert (result.repairs, world.asked_to_repair) == ((), [])
    assert result.summary == TestSummary(1, 1, 0)


async def test_what_helpers_of_tests_assert_counts_too(tmp_path: Path) -> None:
    helper = "tests/pages/cart.ts"

    def weaken(folder: Path) -> Sequence[Diagnosis]:
        (folder / helper).write_text("export const total = () => {};")
        return edit(CART, "Basket", "Cart")(folder)

    world = World(tmp_path, finds_cart, weaken)
    world.write({CART: BAD, helper: "export const total = () => expect(1).toBe(2);"})
    assert only(await world.fix()).verdict is RepairVerdict.BEHAVIOR_CHANGED
    assert world.text(helper).endswith("toBe(2);")


async def test_a_later_round_does_not_spoil_an_earlier_repair_in_the_same_file(tmp_path: Path) -> None:
    """Two tests in a file: one is repaired at first, then the agent weakens the other."""
    first = "// first\n" + BAD + "\n"
    second = "// second\nawait expect(page.locator('#b')).toHaveText('9');\n"
    world = World(tmp_path, finds_cart, edit(CART, "Basket", "Cart"), edit(CART, "toHaveText('9')", "toBeVisible()"))
    world.write({CART: first + second})
    ran = world.run_suite

    async def run_suite(stage: Stage, options: RunOptions) -> tuple[TestReport, str]:
        """The same file for two tests, the second of which passes once it asks for less."""
        report, report_id = await ran(stage, options)
        case = report.tests[0]
        weak = "toHaveText('9')" not in world.text(CART)
        outcome = TestOutcome.EXPECTED if weak else TestOutcome.UNEXPECTED
        other = replace(case, id="second", title_path=(CART, "other"), outcome=outcome)
        return replace(report, tests=(case, other)), report_id

    world.run_suite = run_suite  # type: ignore[method-assign]
    result = await world.fix()
    assert [repair.verdict for repair in result.repairs] == [RepairVerdict.REPAIRED, RepairVerdict.BEHAVIOR_CHANGED]
    assert world.text(CART) == first.replace("Basket", "Cart") + second


async def test_a_repair_that_is_cancelled_leaves_the_suite_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path, finds_cart, edit(CART, "Basket", "Trolley"))
    world.write({CART: BAD})
    ran = world.run_suite

    async def run_suite(stage: Stage, options: RunOptions) -> tuple[TestReport, str]:
        if options.only:
            raise asyncio.CancelledError
        return await ran(stage, options)

    world.run_suite = run_suite  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await world.fix()
    assert world.text(CART) == BAD


async def test_a_file_that_was_too_big_to_be_a_source_is_never_removed(tmp_path: Path) -> None:
    def shrink(folder: Path) -> Sequence[Diagnosis]:
        (folder / "tests/data.json").write_text("[]")
        return []

    world = World(tmp_path, finds_cart, shrink)
    world.write({CART: BAD, "tests/data.json": "[" + " " * 1_100_000 + "]"})
    await world.fix(max_rounds=1)
    assert (world.folder / "tests/data.json").exists()


async def test_a_refused_change_does_not_count_against_another_test_of_the_file(tmp_path: Path) -> None:
    """In the first round the agent weakens the second test of a file, in the next one it repairs the first."""
    first, second = BAD + "\n", "await expect(page.locator('#b')).toHaveText('9');\n"
    world = World(tmp_path, finds_cart, edit(CART, "toHaveText('9')", "toBeVisible()"), edit(CART, "Basket", "Cart"))
    world.write({CART: first + second})
    ran = world.run_suite

    async def run_suite(stage: Stage, options: RunOptions) -> tuple[TestReport, str]:
        report, report_id = await ran(stage, options)
        weak = "toHaveText('9')" not in world.text(CART)
        outcome = TestOutcome.EXPECTED if weak else TestOutcome.UNEXPECTED
        case = report.tests[0]
        other = replace(case, id="second", title_path=(CART, "other"), outcome=outcome)
        return replace(report, tests=(case, other)), report_id

    world.run_suite = run_suite  # type: ignore[method-assign]
    result = await world.fix()
    assert [repair.verdict for repair in result.repairs] == [RepairVerdict.REPAIRED, RepairVerdict.BEHAVIOR_CHANGED]
    assert world.text(CART) == first.replace("Basket", "Cart") + second
