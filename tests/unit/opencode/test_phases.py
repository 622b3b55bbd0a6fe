"""What the phases make of what an agent does: only what was asked for stays, and nothing of a person's is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime_server.adapters.opencode.custom import custom
from agent_runtime_server.adapters.opencode.fixing import MAX_GROUP, fix
from agent_runtime_server.adapters.opencode.generating import RECORD, generate
from agent_runtime_server.adapters.opencode.plan_file import PLAN_PATH
from agent_runtime_server.adapters.opencode.planning import plan
from agent_runtime_server.adapters.opencode.turn import Prompt, Said
from agent_runtime_server.domain.event import FileChanged
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import ArtifactKind, Produced, RepairCause
from agent_runtime_server.domain.task import Failure, FailureReason, Progress
from agent_runtime_server.ports import Diagnosis
from tests.unit.opencode.support import Act, failing_test, job_in, logged, work_on

DOWN = Failure(FailureReason.MODEL_PROVIDER, "the provider is down", retryable=True)
PLAN = """## Test Scenarios

### 1. Cart

#### 1.1. Add

**File:** `tests/cart/add.spec.ts`

**Steps:**
  1. Add an item
    - expect: It is there

#### 1.2. Remove

**File:** `tests/cart/remove.spec.ts`

**Steps:**
  1. Remove it
    - expect: It is gone
"""
ADD, REMOVE = "tests/cart/add.spec.ts", "tests/cart/remove.spec.ts"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    put(tmp_path, "tests/seed.spec.ts", "// seed")
    put(tmp_path, "tests/mine.spec.ts", "// a person's")
    return tmp_path


def put(workspace: Path, path: str, text: str) -> None:
    (workspace / path).parent.mkdir(parents=True, exist_ok=True)
    (workspace / path).write_text(text)


def writes(workspace: Path, *files: tuple[str, str], says: str = "Done.", failure: Failure | None = None) -> Act:
    def act(prompt: Prompt) -> Said:
        for path, text in files:
            put(workspace, path, text)
        return Said(says, failure, 3)

    return act


def planned(workspace: Path) -> Path:
    put(workspace, PLAN_PATH, PLAN)
    return workspace


# --- plan ------------------------------------------------------------------------------------------------------------


async def test_a_plan_is_told_kept_and_counted(workspace: Path) -> None:
    work, agent, facts = work_on(job_in(workspace, PhaseKind.PLAN), writes(workspace, (PLAN_PATH, PLAN)))
    report = await plan(work)
    assert report.failure is None
    assert report.summary_markdown.startswith("2 tests planned in 1 suites, with 2 expectations.")
    assert Produced(ArtifactKind.PLAN, PLAN_PATH, "text/markdown") in facts
    assert agent.prompts[0].agent == "planner"
    assert "tests/mine.spec.ts" in agent.prompts[0].text


async def test_the_planner_is_told_of_an_earlier_exploration_where_there_was_one(workspace: Path) -> None:
    job = job_in(workspace, PhaseKind.PLAN)
    work, stranger, _ = work_on(job, writes(workspace, (PLAN_PATH, PLAN)))
    await plan(work)
    put(workspace, "specs/model.json", "{}")
    work, informed, _ = work_on(job, writes(workspace, (PLAN_PATH, PLAN)))
    await plan(work)
    assert "specs/model.json" not in stranger.prompts[0].text
    assert "`specs/model.json`" in informed.prompts[0].text
    assert "It is a hint" in informed.prompts[0].text
    assert (workspace / "specs/model.json").read_text() == "{}"


async def test_an_old_plan_is_no_new_one(workspace: Path) -> None:
    work, _, _ = work_on(job_in(planned(workspace), PhaseKind.PLAN), writes(workspace, says="I could not."))
    failure = (await plan(work)).failure
    assert failure is not None
    assert failure.reason is FailureReason.NOTHING_GENERATED
    assert "I could not." in failure.message


async def test_a_plan_with_another_name_is_found(workspace: Path) -> None:
    work, _, _ = work_on(job_in(workspace, PhaseKind.PLAN), writes(workspace, ("spec/test.plan.md", PLAN)))
    assert (await plan(work)).failure is None
    assert (workspace / PLAN_PATH).read_text() == PLAN
    assert not (workspace / "spec/test.plan.md").exists()


async def test_a_plan_without_tests_is_nothing(workspace: Path) -> None:
    work, _, _ = work_on(job_in(workspace, PhaseKind.PLAN), writes(workspace, (PLAN_PATH, "# Plan\n")))
    failure = (await plan(work)).failure
    assert failure is not None
    assert failure.reason is FailureReason.NOTHING_GENERATED


async def test_a_planner_changes_no_tests(workspace: Path) -> None:
    act = writes(workspace, (PLAN_PATH, PLAN), ("tests/mine.spec.ts", "# Plan"), ("tests/more.md", "# Plan"))
    work, _, _ = work_on(job_in(workspace, PhaseKind.PLAN), act)
    assert (await plan(work)).failure is None
    assert (workspace / "tests/mine.spec.ts").read_text() == "// a person's"
    assert not (workspace / "tests/more.md").exists()


async def test_a_failure_of_the_agent_is_that_of_the_phase(workspace: Path) -> None:
    act = writes(workspace, (PLAN_PATH, PLAN), failure=DOWN)
    work, _, _ = work_on(job_in(workspace, PhaseKind.PLAN), act)
    assert (await plan(work)).failure == DOWN


# --- generate --------------------------------------------------------------------------------------------------------


async def test_each_planned_file_is_written_by_a_prompt_of_its_own(workspace: Path) -> None:
    job = job_in(planned(workspace), PhaseKind.GENERATE)
    work, agent, facts = work_on(job, writes(workspace, (ADD, "// add")), writes(workspace, (REMOVE, "// remove")))
    report = await generate(work)
    assert report.failure is None
    assert report.test_paths == (ADD, REMOVE)
    assert [prompt.agent for prompt in agent.prompts] == ["generator", "generator"]
    assert "Remove it" not in agent.prompts[0].text
    assert [fact.path for fact in facts if isinstance(fact, FileChanged)] == [ADD, REMOVE]
    assert [(fact.completed, fact.total) for fact in facts if isinstance(fact, Progress)] == [(0, 2), (1, 2), (2, 2)]


async def test_each_written_file_is_saved_before_the_next_one_is_begun(workspace: Path) -> None:
    seen: list[list[str]] = []

    async def save() -> None:
        seen.append([path for path in (ADD, REMOVE) if (workspace / path).exists()])

    job = replace(job_in(planned(workspace), PhaseKind.GENERATE), save=save)
    work, _, _ = work_on(job, writes(workspace, (ADD, "// add")), writes(workspace, (REMOVE, "// remove")))
    await generate(work)
    assert seen == [[ADD], [ADD, REMOVE]]


async def test_what_is_written_already_is_not_written_again(workspace: Path) -> None:
    job = job_in(planned(workspace), PhaseKind.GENERATE)
    work, _, _ = work_on(job, writes(workspace, (ADD, "// add")), writes(workspace, failure=DOWN))
    assert (await generate(work)).failure == DOWN
    work, agent, _ = work_on(job, writes(workspace, (REMOVE, "// remove")))
    assert (await generate(work)).test_paths == (ADD, REMOVE)
    assert [prompt.title for prompt in agent.prompts] == [REMOVE]


async def test_what_the_plan_says_otherwise_now_is_written_again(workspace: Path) -> None:
    job = job_in(planned(workspace), PhaseKind.GENERATE)
    work, _, _ = work_on(job, writes(workspace, (ADD, "// 1")), writes(workspace, (REMOVE, "// 1")))
    await generate(work)
    put(workspace, PLAN_PATH, PLAN.replace("It is gone", "The cart is empty"))
    work, agent, _ = work_on(job, writes(workspace, (REMOVE, "// 2")))
    assert (await generate(work)).test_paths == (ADD, REMOVE)
    assert [prompt.title for prompt in agent.prompts] == [REMOVE]
    assert (workspace / REMOVE).read_text() == "// 2"


async def test_a_test_that_was_cut_off_is_ours_to_write_again(workspace: Path) -> None:
    job = job_in(planned(workspace), PhaseKind.GENERATE)
    work, _, _ = work_on(job, writes(workspace, (ADD, "// ha"), failure=DOWN))
    await generate(work)
    work, _, _ = work_on(job, writes(workspace, (ADD, "// whole")), writes(workspace, (REMOVE, "// 1")))
    assert (await generate(work)).test_paths == (ADD, REMOVE)
    assert (workspace / ADD).read_text() == "// whole"


async def test_a_persons_file_is_never_written_over(workspace: Path) -> None:
    put(planned(workspace), ADD, "// a person's")
    job = job_in(workspace, PhaseKind.GENERATE)
    act = writes(workspace, (REMOVE, "// 1"), (ADD, "// stray"), ("tests/mine.spec.ts", "// stray"), ("tests/x.ts", ""))
    work, agent, facts = work_on(job, act)
    report = await generate(work)
    assert report.test_paths == (REMOVE,)
    assert len(agent.prompts) == 1
    assert (workspace / ADD).read_text() == (workspace / "tests/mine.spec.ts").read_text() == "// a person's"
    assert not (workspace / "tests/x.ts").exists()
    assert "is there already, and was not generated" in logged(facts)
    assert ADD in report.summary_markdown


async def test_a_test_beside_its_planned_name_gets_it(workspace: Path) -> None:
    job = job_in(planned(workspace), PhaseKind.GENERATE)
    acts = writes(workspace, ("tests/cart/add-one.spec.ts", "// add")), writes(workspace, (REMOVE, "// remove"))
    work, _, _ = work_on(job, *acts)
    assert (await generate(work)).test_paths == (ADD, REMOVE)
    assert (workspace / ADD).read_text() == "// add"
    assert not (workspace / "tests/cart/add-one.spec.ts").exists()


async def test_a_test_that_was_not_written_is_left_out_and_said(workspace: Path) -> None:
    job = job_in(planned(workspace), PhaseKind.GENERATE)
    work, _, facts = work_on(job, writes(workspace, says="No button."), writes(workspace, (REMOVE, "// remove")))
    report = await generate(work)
    assert report.test_paths == (REMOVE,)
    assert "No button." in report.summary_markdown
    assert "No button." in logged(facts)


async def test_no_test_at_all_is_a_failure(workspace: Path) -> None:
    job = job_in(planned(workspace), PhaseKind.GENERATE)
    work, _, _ = work_on(job, writes(workspace), writes(workspace))
    failure = (await generate(work)).failure
    assert failure is not None
    assert failure.reason is FailureReason.NOTHING_GENERATED


@pytest.mark.parametrize("text", [None, "# Plan\n"])
async def test_without_a_plan_nothing_is_generated(workspace: Path, text: str | None) -> None:
    if text is not None:
        put(workspace, PLAN_PATH, text)
    work, agent, _ = work_on(job_in(workspace, PhaseKind.GENERATE))
    failure = (await generate(work)).failure
    assert failure is not None
    assert failure.reason is FailureReason.NOTHING_GENERATED
    assert agent.prompts == []


async def test_at_the_limit_of_model_calls_what_is_written_counts(workspace: Path) -> None:
    job = job_in(planned(workspace), PhaseKind.GENERATE)
    work, agent, facts = work_on(job, writes(workspace, (ADD, "// add")), max_turns=3)
    report = await generate(work)
    assert report.failure is None
    assert report.test_paths == (ADD,)
    assert agent.prompts[0].max_turns == 3
    assert "max_turns" in logged(facts)


@pytest.mark.parametrize("kind", [PhaseKind.GENERATE, PhaseKind.FIX])
async def test_the_limit_of_model_calls_hides_no_other_failure(workspace: Path, kind: PhaseKind) -> None:
    refused = Failure(FailureReason.BUDGET_EXCEEDED, "spent")
    job = replace(job_in(planned(workspace), kind), failing=(failing_test(1),))
    work, _, _ = work_on(job, writes(workspace, (ADD, "// add"), failure=refused), max_turns=3)
    assert (await (generate if kind is PhaseKind.GENERATE else fix)(work)).failure == refused


@pytest.mark.parametrize("record", ["", "[]", '{"tests/mine.spec.ts": 7}', "\x00"])
async def test_a_record_that_makes_no_sense_breaks_nothing(workspace: Path, record: str) -> None:
    put(planned(workspace), RECORD, record)
    job = job_in(workspace, PhaseKind.GENERATE)
    work, _, _ = work_on(job, writes(workspace, (ADD, "// add")), writes(workspace, (REMOVE, "// remove")))
    assert (await generate(work)).test_paths == (ADD, REMOVE)


# --- fix and custom --------------------------------------------------------------------------------------------------


async def test_failing_tests_are_looked_at_file_by_file(workspace: Path) -> None:
    failing = (*(failing_test(number) for number in range(1, MAX_GROUP + 2)), failing_test(1, "tests/other.spec.ts"))
    says = '[{"test": 1, "cause": "timing", "explanation": "Slow."}]'
    work, agent, facts = work_on(
        job_in(workspace, PhaseKind.FIX, failing=failing, number=1), *[writes(workspace, says=says)] * 3
    )
    report = await fix(work)
    assert report.failure is None
    assert [prompt.title for prompt in agent.prompts] == [
        "Repair tests/cart.spec.ts",
        "Repair tests/cart.spec.ts",
        "Repair tests/other.spec.ts",
    ]
    looked_at = (failing[0], failing[MAX_GROUP], failing[-1])
    assert report.diagnoses == tuple(Diagnosis(test.id, RepairCause.TIMING, "Slow.") for test in looked_at)
    assert f"of 1 of {MAX_GROUP} tests" in logged(facts)


async def test_a_change_in_spite_of_a_broken_app_is_undone(workspace: Path) -> None:
    says = '[{"test": 1, "cause": "app_defect", "explanation": "The total is wrong."}]'
    act = writes(workspace, ("tests/mine.spec.ts", "// weaker"), says=says)
    failing = (failing_test(1, "tests/mine.spec.ts"),)
    work, _, facts = work_on(job_in(workspace, PhaseKind.FIX, failing=failing, number=1), act)
    assert (await fix(work)).diagnoses[0].cause is RepairCause.APP_DEFECT
    assert (workspace / "tests/mine.spec.ts").read_text() == "// a person's"
    assert "undone" in logged(facts)


async def test_what_was_said_before_a_failure_is_kept(workspace: Path) -> None:
    failing = (failing_test(1), failing_test(1, "tests/other.spec.ts"))
    acts = writes(workspace, says='[{"test": 1, "cause": "locator"}]'), writes(workspace, failure=DOWN)
    work, _, _ = work_on(job_in(workspace, PhaseKind.FIX, failing=failing, number=1), *acts)
    report = await fix(work)
    assert report.failure == DOWN
    assert [diagnosis.test_id for diagnosis in report.diagnoses] == [failing[0].id]


async def test_whatever_a_custom_agent_changes_is_told(workspace: Path) -> None:
    def act(prompt: Prompt) -> Said:
        put(workspace, "tests/new.spec.ts", "// new")
        put(workspace, "notes/readme.md", "note")
        (workspace / "tests/mine.spec.ts").unlink()
        return Said("I did it.", None, 1)

    work, agent, facts = work_on(job_in(workspace, PhaseKind.CUSTOM, instructions="Tidy up"), act)
    report = await custom(work)
    assert report.failure is None
    assert report.summary_markdown == "I did it."
    assert report.test_paths == ("tests/new.spec.ts",)
    assert {(fact.path, fact.removed) for fact in facts if isinstance(fact, FileChanged)} == {
        ("tests/new.spec.ts", False),
        ("notes/readme.md", False),
        ("tests/mine.spec.ts", True),
    }
    assert "Tidy up" in agent.prompts[0].text


async def test_each_phase_of_each_attempt_has_a_transcript_of_its_own(workspace: Path) -> None:
    def act(prompt: Prompt) -> Said:
        put(workspace, prompt.transcript, "{}")
        return Said("", None, 1)

    paths = []
    for _ in range(2):
        work, _, facts = work_on(job_in(workspace, PhaseKind.CUSTOM), act)
        await custom(work)
        await work.keep_transcript()
        paths += [fact.path for fact in facts if isinstance(fact, Produced)]
    assert paths == ["artifacts/transcripts/task-1/custom.jsonl", "artifacts/transcripts/task-1/custom-2.jsonl"]


def test_a_file_is_told_again_only_when_it_has_changed_again(workspace: Path) -> None:
    work, _, facts = work_on(job_in(workspace, PhaseKind.CUSTOM))
    first, second = FileChanged("a.ts", 1, "digest-1"), FileChanged("a.ts", 1, "digest-2")
    for fact in (first, first, second, first, FileChanged("a.ts", removed=True)):
        work.emit(fact)
    assert facts == [first, second, first, FileChanged("a.ts", removed=True)]


async def test_what_an_agent_says_is_bounded_wherever_it_is_quoted(workspace: Path) -> None:
    words = "word " * 20_000
    work, _, facts = work_on(job_in(workspace, PhaseKind.PLAN), writes(workspace, says=words))
    failure = (await plan(work)).failure
    assert failure is not None
    assert len(failure.message) < 1000
    work, _, facts = work_on(job_in(planned(workspace), PhaseKind.GENERATE), *[writes(workspace, says=words)] * 2)
    await generate(work)
    assert len(logged(facts)) < 3000
    work, _, _ = work_on(job_in(workspace, PhaseKind.CUSTOM), writes(workspace, says=words))
    assert len((await custom(work)).summary_markdown) < 10_000
