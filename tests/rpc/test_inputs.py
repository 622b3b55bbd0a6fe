"""Questions of a running task to people, over a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.type.money_pb2 import Money

from agent_runtime.v1 import event_pb2, input_pb2, service_pb2, task_pb2
from agent_runtime_server.domain.agent import ToolCall, ToolCallState
from agent_runtime_server.domain.inputs import Answer, InputDecision, InputKind, Question
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.ports import Emit, PhaseJob, PhaseReport
from agent_runtime_server.testing.driver import ScriptedDriver
from tests.rpc.support import Line, invalid, line, refused
from tests.rpc.test_tasks import PASSWORD, SIGN_IN

ALLOW, REJECT, ABORT, ANSWER = (
    *(task_pb2.INPUT_DECISION_ALLOW_ONCE, task_pb2.INPUT_DECISION_REJECT),
    *(task_pb2.INPUT_DECISION_ABORT, task_pb2.INPUT_DECISION_ANSWER),
)
AWAITING = task_pb2.TASK_STATUS_AWAITING_INPUT
CALL = ToolCall("c1", "bash", ToolCallState.STARTED, "Log in", {"command": f"login {PASSWORD}", "tries": [1, True]})
MAY = Question(InputKind.PERMISSION, f"May it log in with {PASSWORD}?", CALL, f"login {PASSWORD}")
WHICH = Question(InputKind.QUESTION, "Which coupon?", choices=("SPRING", "AUTUMN"))
MORE = Question(InputKind.BUDGET, "Go on with more?")


class Asking(ScriptedDriver):
    """Asks everything at once when it plans."""

    def __init__(self, *questions: Question) -> None:
        super().__init__(name="explorer")
        self._questions = questions
        self.answers: list[Answer] = []

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Ask, and keep the answers."""
        if job.kind is PhaseKind.PLAN:
            self.answers += await asyncio.gather(*map(job.ask, self._questions))
        return await super().run(job, emit)


async def listed(server: Line, task_id: str = "-", **fields: Any) -> list[input_pb2.InputRequest]:
    """Questions over all pages."""
    found: list[input_pb2.InputRequest] = []
    token = ""
    while True:
        request = service_pb2.ListInputRequestsRequest(task_id=task_id, page_token=token, **fields)
        page = await server.runtime.ListInputRequests(request)
        found += page.inputs
        token = page.next_page_token
        if not token:
            return found


async def respond(server: Line, asked: input_pb2.InputRequest, decision: int, **fields: Any) -> input_pb2.InputRequest:
    """Answer a question."""
    request = service_pb2.RespondToInputRequest(
        task_id=asked.task_id,
        input_id=asked.id,
        decision=decision,  # type: ignore[arg-type]
        **fields,
    )
    answered: input_pb2.InputRequest = (await server.runtime.RespondToInput(request)).input
    return answered


async def asks(server: Line, count: int = 1, **fields: Any) -> task_pb2.Task:
    """A new task, once it has so many open questions."""
    task = await server.create(**fields)
    return await server.until(task.id, lambda task: len(task.pending_input_ids) == count)


async def test_a_task_waits_for_a_person_and_goes_on(tmp_path: Path) -> None:
    driver = Asking(MAY, WHICH)
    async with line(tmp_path, driver) as server:
        task = await asks(server, 2, configuration={"sign_in": SIGN_IN})
        assert (task.status, task.done) == (AWAITING, False)
        may, which = sorted(await listed(server, task.id, page_size=1), key=lambda asked: asked.kind)
        assert {may.id, which.id} == set(task.pending_input_ids)
        assert (may.task_id, may.kind, may.prompt) == (
            *(task.id, input_pb2.INPUT_KIND_PERMISSION),
            "May it log in with [redacted]?",
        )
        assert MessageToDict(may.tool_call.arguments) == {"command": "login [redacted]", "tries": [1, True]}
        assert (list(which.choices), list(which.allowed_decisions)) == (["SPRING", "AUTUMN"], [ANSWER, REJECT, ABORT])
        assert which.expire_time.ToDatetime() > which.create_time.ToDatetime()

        answered = await respond(server, which, ANSWER, text="AUTUMN")
        assert (answered.resolution.text, answered.resolution.resolver) == ("AUTUMN", "user")
        assert (await server.get(task.id)).status == AWAITING
        await respond(server, may, REJECT, text="not here")
        done = await server.done(task.id)
        assert (done.status, len(done.pending_input_ids)) == (task_pb2.TASK_STATUS_COMPLETED, 0)
        assert [(answer.decision, answer.text) for answer in driver.answers] == [
            (InputDecision.REJECT, "not here"),
            (InputDecision.ANSWER, "AUTUMN"),
        ]
        assert await listed(server) == []
        assert [asked.resolution.decision for asked in await listed(server, include_resolved=True)] == [
            *(found.resolution.decision for found in await listed(server, task.id, include_resolved=True))
        ]
        told = [event.WhichOneof("payload") for event in await server.events(task.id)]
        assert (told.count("input_requested"), told.count("input_resolved")) == (2, 2)
        moves = [event.status.new_status for event in await server.events(task.id) if event.HasField("status")]
        assert moves[1:] == [
            *(task_pb2.TASK_STATUS_RUNNING, AWAITING, task_pb2.TASK_STATUS_RUNNING),
            task_pb2.TASK_STATUS_COMPLETED,
        ]


async def test_waiting_for_a_task_ends_when_it_asks(tmp_path: Path) -> None:
    async with line(tmp_path, Asking(WHICH)) as server:
        task = await server.create()
        until = service_pb2.WAIT_CONDITION_DONE_OR_INPUT
        waited = await server.runtime.WaitTask(service_pb2.WaitTaskRequest(task_id=task.id, until=until))
        assert (waited.met, waited.task.status) == (True, AWAITING)
        only_done = service_pb2.WaitTaskRequest(task_id=task.id, timeout=Duration(nanos=50_000_000))
        assert not (await server.runtime.WaitTask(only_done)).met
        await respond(server, (await listed(server))[0], REJECT)
        await server.done(task.id)
        assert (await server.runtime.WaitTask(service_pb2.WaitTaskRequest(task_id=task.id, until=until))).met


async def test_answers_that_cannot_be_taken(tmp_path: Path) -> None:
    async with line(tmp_path, Asking(WHICH)) as server:
        task = await asks(server)
        [asked] = await listed(server, task.id)
        await invalid(respond(server, asked, ALLOW), "decision")
        await invalid(respond(server, asked, 0), "decision")
        await invalid(respond(server, asked, 99), "decision")
        await invalid(respond(server, asked, ANSWER), "text")
        await invalid(respond(server, asked, ANSWER, text="WINTER"), "text")
        await invalid(respond(server, asked, REJECT, added_budget=task_pb2.Budget(max_tokens=1)), "added_budget")
        euros = task_pb2.Budget(max_cost=Money(currency_code="EUR", units=1))
        await invalid(respond(server, asked, REJECT, added_budget=euros), "added_budget.max_cost")
        too_much = task_pb2.Budget(max_cost=Money(currency_code="USD", units=10**9))
        await invalid(respond(server, asked, REJECT, added_budget=too_much), "added_budget.max_cost.units")
        other = input_pb2.InputRequest(task_id=task.id, id="other")
        await refused(respond(server, other, REJECT), grpc.StatusCode.NOT_FOUND, "INPUT_NOT_FOUND")
        other.task_id = "other"
        await refused(respond(server, other, REJECT), grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
        await refused(listed(server, "other"), grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
        await respond(server, asked, ANSWER, text="SPRING")
        await respond(server, asked, ANSWER, text="SPRING")
        late = respond(server, asked, ANSWER, text="AUTUMN")
        await refused(late, grpc.StatusCode.FAILED_PRECONDITION, "INPUT_ALREADY_RESOLVED")


async def test_nobody_answers(tmp_path: Path) -> None:
    driver = Asking(WHICH)
    policy = task_pb2.InputPolicy(answer_timeout=Duration(nanos=200_000_000), on_timeout=ABORT)
    async with line(tmp_path, driver) as server:
        task = await server.create(input_policy=policy)
        await server.done(task.id)
        assert driver.answers == [Answer(InputDecision.ABORT, resolver="timeout")]
        [asked] = await listed(server, include_resolved=True)
        assert (asked.default_decision, asked.resolution.resolver) == (ABORT, "timeout")


async def test_rules_answer_unasked(tmp_path: Path) -> None:
    driver = Asking(MAY)
    rule = task_pb2.InputRule(tool="b*", argument_pattern="login *", decision=ALLOW)
    async with line(tmp_path, driver) as server:
        task = await server.create(input_policy=task_pb2.InputPolicy(rules=[rule]))
        await server.done(task.id)
        assert driver.answers == [Answer(InputDecision.ALLOW_ONCE, resolver="rule")]
        logs = [entry.message for event in await server.events(task.id) for entry in event.log.entries]
        assert any("by a standing answer" in message for message in logs)


async def test_a_budget_that_is_allowed_grows(tmp_path: Path) -> None:
    driver = Asking(MORE)
    two = task_pb2.Budget(max_cost=Money(currency_code="USD", units=2), ask_at_limit=True)
    async with line(tmp_path, driver) as server:
        task = await asks(server, budget=two)
        half = Money(currency_code="USD", nanos=500_000_000)
        await respond(server, (await listed(server))[0], ALLOW, added_budget=task_pb2.Budget(max_cost=half))
        done = await server.done(task.id)
        expected = Money(currency_code="USD", units=2, nanos=500_000_000)
        assert done.budget == task_pb2.Budget(max_cost=expected, ask_at_limit=True)
        assert driver.answers[0].added_budget.max_cost == 500_000_000


async def test_a_task_that_waits_is_cancelled_and_leaves_no_question(tmp_path: Path) -> None:
    async with line(tmp_path, Asking(WHICH, MAY)) as server:
        task = await asks(server, 2)
        await server.cancel(task.id, reason="enough")
        done = await server.done(task.id)
        assert (done.status, len(done.pending_input_ids)) == (task_pb2.TASK_STATUS_CANCELLED, 0)
        assert await listed(server) == []
        resolvers = [asked.resolution.resolver for asked in await listed(server, include_resolved=True)]
        assert resolvers == ["server", "server"]


async def test_questions_of_a_server_that_is_gone_are_asked_again(tmp_path: Path) -> None:
    driver = Asking(WHICH)
    async with line(tmp_path, driver) as server:
        task = await asks(server)
    async with line(tmp_path, Asking(WHICH)) as server:
        again = await server.until(task.id, lambda task: task.status == AWAITING)
        assert set(again.pending_input_ids).isdisjoint(task.pending_input_ids)
        first, second = await listed(server, task.id, include_resolved=True)
        assert (first.resolution.resolver, second.HasField("resolution")) == ("server", False)
        await respond(server, second, ANSWER, text="SPRING")
        assert (await server.done(task.id)).status == task_pb2.TASK_STATUS_COMPLETED


async def test_watchers_see_questions_come_and_go(tmp_path: Path) -> None:
    kinds = [event_pb2.TASK_EVENT_KIND_INPUT_REQUESTED, event_pb2.TASK_EVENT_KIND_INPUT_RESOLVED]
    async with line(tmp_path, Asking(WHICH)) as server:
        task = await asks(server)
        [asked] = await listed(server)
        await respond(server, asked, ANSWER, text="SPRING")
        updates = await server.watch(task.id, after_sequence=0, kinds=kinds)
        requested, resolved = [event for update in updates for event in update.events.events]
        assert requested.input_requested == asked
        assert resolved.input_resolved.input_id == asked.id
