"""Questions of running work: rules, people, expiry, and work that goes away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent_runtime_server.adapters.embedded import EmbeddedDispatcher
from agent_runtime_server.domain.event import Event, LogEntry
from agent_runtime_server.domain.faults import InputAlreadyResolved, InputNotFound, InvalidField, TaskNotFound
from agent_runtime_server.domain.inputs import Answer, InputDecision, InputKind, InputRule, Question
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult
from agent_runtime_server.domain.task import Failure, FailureReason, Status, Task, Timeouts, Token
from agent_runtime_server.domain.usage import NANOS, Budget, ModelUsage
from agent_runtime_server.orchestrator import endings, questions
from agent_runtime_server.orchestrator.disk import DiskGuard
from agent_runtime_server.orchestrator.phases import Executor
from agent_runtime_server.orchestrator.recovery import Recovery
from agent_runtime_server.orchestrator.stage import Stage
from agent_runtime_server.orchestrator.work import Work
from agent_runtime_server.ports import Change, Fenced, StopSign
from agent_runtime_server.testing.blobs import MemoryBlobs
from agent_runtime_server.testing.secrets import PlainSecrets
from agent_runtime_server.testing.workspaces import PlainWorkspaces
from tests.orchestrator.asked import MINUTE, MORE, REVIEW, WHICH, asked, may
from tests.orchestrator.house import nothing_to_scrub
from tests.orchestrator.support import NOW, TOKEN
from tests.orchestrator.test_disk import Tank

ALLOW, ALWAYS, REJECT, ABORT, ANSWER = (
    *(InputDecision.ALLOW_ONCE, InputDecision.ALLOW_FOR_TASK, InputDecision.REJECT),
    *(InputDecision.ABORT, InputDecision.ANSWER),
)


# --- rules ---
async def test_rules_answer_first_and_leave_a_line_in_the_log() -> None:
    rules = (InputRule("bash", ALLOW, "npx playwright *"), InputRule("bash", ABORT), InputRule("web*", REJECT))
    async with asked(rules=rules, password="hunter2") as stage:
        assert await stage.ask(may("bash", "npx playwright test")) == Answer(ALLOW, resolver="rule")
        assert await stage.ask(may("bash", "rm -rf /")) == Answer(ABORT, resolver="rule")
        assert await stage.ask(may("webfetch", "http://app.test/")) == Answer(REJECT, resolver="rule")
        told = [fact.message for fact in stage.facts if isinstance(fact, LogEntry)]
        assert told[0] == "bash npx playwright test: allow once, by a standing answer"
        assert len(told) == 3
        assert await stage.every() == []
        assert (await stage.task()).status is Status.RUNNING


async def test_the_default_answers_permissions_and_no_other_questions() -> None:
    async with asked(default_decision=REJECT) as stage:
        assert await stage.ask(may("bash", "ls")) == Answer(REJECT, resolver="rule")
        await stage.asking(WHICH)
        [request] = await stage.open()
        await stage.inputs.respond("t", request.id, ANSWER, "SPRING")


async def test_what_is_allowed_for_the_task_is_asked_once_for_each_tool() -> None:
    async with asked() as stage:
        [first] = await stage.asking(may("bash", "ls"))
        await stage.inputs.respond("t", (await stage.open())[0].id, ALWAYS)
        assert (await first).decision is ALWAYS
        assert await stage.ask(may("bash", "cat x")) == Answer(ALWAYS, resolver="rule")
        [other] = await stage.asking(may("edit", "x"))
        await stage.inputs.respond("t", (await stage.open())[0].id, ALLOW)
        assert (await other).decision is ALLOW
        [again] = await stage.asking(may("edit", "y"))
        again.cancel()


# --- people ---
async def test_a_person_answers() -> None:
    async with asked() as stage:
        [answer] = await stage.asking(replace(WHICH, choices=("SPRING", "AUTUMN")))
        task = await stage.task()
        assert task.status is Status.AWAITING_INPUT
        [request] = await stage.open()
        assert task.pending_inputs == (request.id,)
        assert (request.kind, request.prompt, request.choices) == (
            *(InputKind.QUESTION, "Which coupon?"),
            ("SPRING", "AUTUMN"),
        )
        assert (request.create_time, request.expire_time) == (NOW, NOW + MINUTE)
        assert (request.default_decision, request.allowed_decisions) == (REJECT, (ANSWER, REJECT, ABORT))
        stage.clock.advance(timedelta(seconds=5))
        answered = await stage.inputs.respond("t", request.id, ANSWER, "AUTUMN")
        assert await answer == Answer(ANSWER, "AUTUMN", resolver="user")
        assert answered.resolution is not None
        assert (answered.resolution.answer, answered.resolution.resolve_time) == (
            Answer(ANSWER, "AUTUMN", resolver="user"),
            NOW + timedelta(seconds=5),
        )
        assert (await stage.task()).status is Status.RUNNING
        assert (await stage.kinds())[3:] == ["InputRequest", "awaiting_input", "InputResolution", "running"]


async def test_with_two_questions_the_task_goes_on_after_the_last_answer() -> None:
    async with asked() as stage:
        first, second = await stage.asking(may("bash"), may("edit"))
        one, other = await stage.open()
        await stage.inputs.respond("t", other.id, REJECT, "not this file")
        assert await second == Answer(REJECT, "not this file", resolver="user")
        assert ((await stage.task()).status, first.done()) == (Status.AWAITING_INPUT, False)
        await stage.inputs.respond("t", one.id, ALLOW)
        assert (await first).allowed
        assert (await stage.task()).status is Status.RUNNING
        assert (await stage.kinds()).count("awaiting_input") == 1


async def test_the_first_answer_wins_and_may_be_repeated() -> None:
    async with asked() as stage:
        [answer] = await stage.asking(may("bash"))
        [request] = await stage.open()
        first = await stage.inputs.respond("t", request.id, REJECT, "no")
        stage.clock.advance(MINUTE)
        assert await stage.inputs.respond("t", request.id, REJECT, "no") == first
        for decision, text in ((ALLOW, "no"), (REJECT, "never")):
            with pytest.raises(InputAlreadyResolved):
                await stage.inputs.respond("t", request.id, decision, text)
        assert (await answer).text == "no"
        assert (await stage.kinds()).count("InputResolution") == 1


@pytest.mark.parametrize(
    ("question", "decision", "text", "added", "field"),
    [
        (WHICH, ALLOW, "", Budget(), "decision"),
        (may("bash"), ANSWER, "yes", Budget(), "decision"),
        (MORE, ALWAYS, "", Budget(), "decision"),
        (REVIEW, ALWAYS, "", Budget(), "decision"),
        (WHICH, ANSWER, "", Budget(), "text"),
        (replace(WHICH, choices=("a", "b")), ANSWER, "c", Budget(), "text"),
        (may("bash"), ALLOW, "", Budget(max_tokens=1), "added_budget"),
        (MORE, REJECT, "", Budget(max_tokens=1), "added_budget"),
    ],
)
async def test_answers_that_do_not_fit_are_refused(
    question: Question, decision: InputDecision, text: str, added: Budget, field: str
) -> None:
    async with asked() as stage:
        [answer] = await stage.asking(question)
        [request] = await stage.open()
        with pytest.raises(InvalidField) as refused:
            await stage.inputs.respond("t", request.id, decision, text, added)
        assert [violation.field for violation in refused.value.violations] == [field]
        assert not answer.done()
        answer.cancel()


async def test_unknown_tasks_and_questions_are_not_found() -> None:
    async with asked() as stage:
        with pytest.raises(InputNotFound):
            await stage.inputs.respond("t", "i", ALLOW)
        with pytest.raises(TaskNotFound):
            await stage.inputs.respond("u", "i", ALLOW)


# --- budgets ---
async def test_an_allowed_budget_is_the_tasks_from_then_on() -> None:
    async with asked(budget=Budget(2 * NANOS, 100, ask_at_limit=True)) as stage:
        await stage.store.append("t", TOKEN, 1, [Event("t", NOW, ModelUsage("p/m", 90, 10, cost=NANOS))])
        [answer] = await stage.asking(MORE)
        [request] = await stage.open()
        with pytest.raises(InvalidField, match="added_budget is not enough: 100 tokens are used, and the budget is 10"):
            await stage.inputs.respond("t", request.id, ALLOW, added_budget=Budget(max_cost=NANOS))
        await stage.inputs.respond("t", request.id, ALLOW, added_budget=Budget(max_tokens=50))
        assert (await answer).added_budget == Budget(max_tokens=50)
        assert (await stage.task()).budget == Budget(2 * NANOS, 150, ask_at_limit=True)
        await stage.inputs.respond("t", request.id, ALLOW, added_budget=Budget(max_tokens=50))
        assert (await stage.task()).budget.max_tokens == 150, "a repeated answer adds nothing"


async def test_an_allowed_budget_without_an_amount_is_as_much_again() -> None:
    async with asked(budget=Budget(2 * NANOS, 100, ask_at_limit=True)) as stage:
        [answer] = await stage.asking(MORE)
        [request] = await stage.open()
        await stage.inputs.respond("t", request.id, ALLOW)
        assert (await answer).added_budget == Budget(2 * NANOS, 100)
        assert (await stage.task()).budget == Budget(4 * NANOS, 200, ask_at_limit=True)
        await stage.inputs.respond("t", request.id, ALLOW)


# --- nobody answers ---
@pytest.mark.parametrize("default", [REJECT, ABORT])
async def test_a_question_that_nobody_answers_expires(default: InputDecision) -> None:
    async with asked(on_timeout=default) as stage:
        [answer] = await stage.asking(WHICH)
        stage.clock.advance(MINUTE - timedelta(seconds=1))
        await asyncio.sleep(0)
        assert not answer.done()
        stage.clock.advance(timedelta(seconds=2))
        async with asyncio.timeout(60):
            assert await answer == Answer(default, resolver="timeout")
        task = await stage.task()
        assert (task.status, task.pending_inputs) == (Status.RUNNING, ())
        with pytest.raises(InputAlreadyResolved):
            await stage.inputs.respond("t", (await stage.every())[0].id, ANSWER, "late")


async def test_without_a_timeout_of_the_task_the_servers_holds() -> None:
    async with asked(answer_timeout=timedelta()) as stage:
        [answer] = await stage.asking(WHICH)
        assert (await stage.open())[0].expire_time == NOW + timedelta(hours=1)
        answer.cancel()


# --- work that goes away ---
async def test_a_question_whose_asker_is_cancelled_is_withdrawn() -> None:
    async with asked() as stage:
        first, second = await stage.asking(may("bash"), may("edit"))
        first.cancel()
        await asyncio.wait([first])
        assert (first.cancelled(), second.done()) == (True, False)
        assert len((await stage.task()).pending_inputs) == 1
        second.cancel()
        await asyncio.wait([second])
        task = await stage.task()
        assert (task.status, task.pending_inputs) == (Status.RUNNING, ())
        resolutions = [request.resolution for request in await stage.every()]
        assert [found.answer for found in resolutions if found] == [Answer(REJECT, resolver="server")] * 2


async def test_a_question_is_withdrawn_however_early_its_asker_is_cancelled() -> None:
    for steps in range(12):
        async with asked() as stage:
            asking = asyncio.create_task(stage.ask(WHICH))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait([asking])
            task = await stage.task()
            assert (task.status, task.pending_inputs) == (Status.RUNNING, ())


async def test_a_task_that_is_cancelled_while_it_waits_stays_cancelling() -> None:
    async with asked() as stage:
        [answer] = await stage.asking(WHICH)
        await stage.cancel()
        answer.cancel()
        await asyncio.wait([answer])
        task = await stage.task()
        assert (task.status, task.pending_inputs) == (Status.CANCELLING, ())
        assert await stage.ask(may("bash")) == Answer(REJECT, resolver="server")
        assert len(await stage.every()) == 1, "a task that is being stopped asks nobody"


async def test_work_that_was_taken_over_cannot_ask() -> None:
    async with asked() as stage:
        await stage.store.advance("t", Token(1, 1))
        with pytest.raises(Fenced):
            await stage.ask(WHICH)
        assert await stage.every() == []


async def test_too_many_open_questions_are_rejected() -> None:
    async with asked() as stage:
        waiting = await stage.asking(*[WHICH] * questions.MOST_OPEN)
        assert await stage.ask(WHICH) == Answer(REJECT, resolver="server")
        for answer in waiting:
            answer.cancel()
        await asyncio.wait(waiting)
        assert (await stage.task()).status is Status.RUNNING


BROKE = Failure(FailureReason.AGENT_ERROR, "broke", retryable=True)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda task: endings.ended(task, Status.COMPLETED, NOW), Status.COMPLETED),
        (lambda task: endings.failed(task, NOW, replace(BROKE, retryable=False)), Status.FAILED),
        (lambda task: endings.failed(task, NOW, BROKE), Status.PENDING),
        (lambda task: endings.interrupted(task, NOW, "going away"), Status.PENDING),
    ],
)
async def test_no_end_of_an_attempt_leaves_a_question_open(end: Change, status: Status) -> None:
    async with asked() as stage:
        waiting = await stage.asking(WHICH, may("bash"))
        done = await stage.store.transition("t", end)
        assert (done.status, done.pending_inputs, done.attempts[-1].end_time) == (status, (), NOW)
        assert (await stage.kinds())[6:10] == ["InputResolution", "InputResolution", "running", "Attempt"]
        for answer in waiting:
            assert await answer == Answer(REJECT, resolver="server")
        assert await stage.open() == []


class Submitted(EmbeddedDispatcher):
    """Remembers what it is to run."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def submit(self, task: Task) -> None:
        """Remember it."""
        self.tasks.append(task)


async def test_a_task_that_waited_when_the_server_was_killed_is_tried_again(tmp_path: Path) -> None:
    async with asked() as stage:
        [lost] = await stage.asking(WHICH)
        dispatcher = Submitted()
        recovery = Recovery(stage.store, PlainWorkspaces(tmp_path), PlainSecrets(), nothing_to_scrub, stage.clock)
        await recovery.run(dispatcher)
        [task] = dispatcher.tasks
        failure = task.attempts[-1].failure
        assert failure is not None
        assert (task.status, task.pending_inputs, failure.reason) == (Status.PENDING, (), FailureReason.WORKER_LOST)
        [request] = await stage.every()
        assert request.resolution is not None
        assert request.resolution.answer == Answer(REJECT, resolver="server")
        await lost


# --- what is shown ---
async def test_no_secret_is_in_a_question_or_an_answer() -> None:
    async with asked(password="hunter2") as stage:
        call = may("bash", "login hunter2").tool_call
        assert call is not None
        nested = {"env": {"PASSWORD": "hunter2"}, "args": ["-p", "hunter2", 3, None, True]}
        call = replace(call, title="Say hunter2", arguments=nested, output="hunter2")
        [answer] = await stage.asking(
            Question(InputKind.QUESTION, "Is it hunter2?", call, "hunter2", ("hunter2", "other"))
        )
        [request] = await stage.open()
        assert "hunter2" not in repr(request)
        assert request.tool_call is not None
        assert request.tool_call.arguments == {
            "env": {"PASSWORD": "[redacted]"},
            "args": ["-p", "[redacted]", 3, None, True],
        }
        await stage.inputs.respond("t", request.id, REJECT, "no hunter2 here")
        assert (await answer).text == "no [redacted] here"
        await stage.inputs.respond("t", request.id, REJECT, "no hunter2 here")


async def test_a_long_prompt_is_cut() -> None:
    async with asked() as stage:
        [answer] = await stage.asking(replace(WHICH, prompt="y" * 10_001))
        assert (await stage.open())[0].prompt == "y" * 10_000 + "… [1 characters cut]"
        answer.cancel()


# --- time ---
async def test_time_that_people_take_is_counted_once() -> None:
    async with asked() as stage:
        first, second = await stage.asking(may("bash"), may("edit"))
        one, other = await stage.open()
        stage.clock.advance(timedelta(seconds=10))
        await stage.inputs.respond("t", one.id, REJECT)
        stage.clock.advance(timedelta(seconds=5))
        await stage.inputs.respond("t", other.id, REJECT)
        await asyncio.wait([first, second])
        stage.clock.advance(timedelta(seconds=100))
        [third] = await stage.asking(may("bash"))
        stage.clock.advance(timedelta(seconds=3))
        assert await stage.inputs.waited(await stage.task()) == timedelta(seconds=18)
        third.cancel()


async def test_a_time_limit_stands_still_while_a_person_is_waited_for() -> None:
    loop = asyncio.get_running_loop()
    async with asked() as stage, asyncio.timeout(100) as limit:
        with stage.pause.of(limit, loop.time() + 500):
            before = limit.when()
            assert before is not None
            first, second = await stage.asking(may("bash"), may("edit"))
            async with asyncio.timeout(60):
                while limit.when() == before:
                    await asyncio.sleep(0)
            assert limit.when() == pytest.approx(before + 400, abs=10)
            for request in await stage.open():
                await stage.inputs.respond("t", request.id, REJECT)
            await asyncio.wait([first, second])
            after = limit.when()
            assert after is not None
            assert before <= after <= before + 50
        with stage.pause.waiting():
            assert limit.when() == after


class Asker(Work):
    """Asks when it plans, and takes a moment to generate."""

    def __init__(self) -> None:
        """Without hands: it needs none."""

    async def plan(self, stage: Stage) -> PhaseResult:
        """Ask."""
        await stage.ask(WHICH)
        return PhaseResult()

    async def generate(self, stage: Stage) -> PhaseResult:
        """Give a time limit that is over the chance to strike."""
        for _ in range(5):
            await asyncio.sleep(0)
        return PhaseResult()


async def test_an_attempt_may_take_longer_than_its_time_by_what_people_take(tmp_path: Path) -> None:
    async with asked(answer_timeout=timedelta(days=1)) as stage:
        limits = Timeouts(run=timedelta(hours=2), total=timedelta(hours=5))
        task = await stage.store.transition("t", lambda task: (replace(task, timeouts=limits), ()))
        executor = Executor(
            *(stage.store, MemoryBlobs(), PlainWorkspaces(tmp_path), PlainSecrets(), nothing_to_scrub),
            *(DiskGuard(Tank(1 << 40), 1 << 20), stage.clock, stage.inputs, Asker()),
        )
        planning = asyncio.create_task(executor.run_phase(task, 1, PhaseKind.PLAN, PhaseInputs(), StopSign()))
        await stage.until(lambda task: bool(task.pending_inputs))
        stage.clock.advance(timedelta(hours=3))
        await stage.inputs.respond("t", (await stage.open())[0].id, ANSWER, "SPRING")
        assert (await planning).failure is None
        assert (await executor.run_phase(task, 2, PhaseKind.GENERATE, PhaseInputs(), StopSign())).failure is None
        stage.clock.advance(timedelta(hours=2))
        late = await executor.run_phase(task, 3, PhaseKind.GENERATE, PhaseInputs(), StopSign())
        assert late.failure is not None
        assert late.failure.reason is FailureReason.TOTAL_TIMEOUT
