"""Questions of running work: answered by rules, by a person, or by the end of their time."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from agent_runtime_server.domain.event import LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.faults import InputAlreadyResolved, InvalidField, TaskNotFound
from agent_runtime_server.domain.inputs import (
    ALLOWED,
    Answer,
    InputDecision,
    InputKind,
    InputRequest,
    InputResolution,
    Question,
)
from agent_runtime_server.domain.redaction import Redactor
from agent_runtime_server.domain.task import Task, Token
from agent_runtime_server.domain.usage import Budget
from agent_runtime_server.orchestrator import questions
from agent_runtime_server.orchestrator.conversation import cut
from agent_runtime_server.orchestrator.ids import new_id
from agent_runtime_server.orchestrator.pausing import Pause
from agent_runtime_server.orchestrator.signals import Signals, Waiter
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Clock, Emit, Fenced, Secrets, Store

_log = logging.getLogger("agent_runtime.inputs")

_PROMPT_CHARACTERS = 10_000
_PAGE = 100
_NOTHING = Budget()


class Inputs:
    """Asks for running work, and takes people's answers."""

    def __init__(
        self, store: Store, sealing: Secrets, signals: Signals, clock: Clock, answer_timeout: timedelta
    ) -> None:
        """``answer_timeout`` is for tasks that have none of their own."""
        self._store = store
        self._sealing = sealing
        self._signals = signals
        self._clock = clock
        self._answer_timeout = answer_timeout

    async def ask(self, task_id: str, token: Token, pause: Pause, emit: Emit, question: Question) -> Answer:
        """The answer of a rule or of a person; the policy's default when nobody answers in time.

        The task is AWAITING_INPUT meanwhile, and the time that ``pause`` holds stands still. A question whose asker is
        cancelled is withdrawn. One that cannot be put any more, for the task is being stopped or has too many open
        already, is rejected by "server". Raises Fenced.
        """
        task = await self._store.get(task_id)
        if (decision := await self._standing_answer(task, question)) is not None:
            emit(LogEntry(self._clock.now(), LogLevel.INFO, LogSource.RUNTIME, _told(question, decision)))
            return Answer(decision, resolver="rule")
        timeout = task.input_policy.answer_timeout or self._answer_timeout
        request = self._request(task, question, timeout, await self._redactor(task_id))
        deadline = self._clock.monotonic() + timeout.total_seconds()
        try:
            put = self._store.transition(task_id, lambda task: questions.put(task, request), token=token)
            if request.id not in (await to_the_end(put)).pending_inputs:
                return Answer(InputDecision.REJECT, resolver="server")
            with pause.waiting():
                return (await self._resolution(request, token, deadline)).answer
        except BaseException:
            await to_the_end(self._withdraw(request, token))
            raise

    async def respond(
        self, task_id: str, input_id: str, decision: InputDecision, text: str = "", added_budget: Budget = _NOTHING
    ) -> InputRequest:
        """Take a person's answer. The first one wins; the same one again is fine.

        A BUDGET question that is allowed adds ``added_budget`` to the task's budget; nothing given adds as much again
        as the budget is. Raises TaskNotFound, InputNotFound, InvalidField, InputAlreadyResolved.
        """
        request = await self._store.input_request(task_id, input_id)
        _check(request, decision, text, added_budget)
        said = (await self._redactor(task_id)).redact(text)
        resolution = InputResolution(input_id, decision, self._clock.now(), said, "user", added_budget)
        if request.resolution is None:
            await self._store.transition(task_id, lambda task: _answered(task, request, resolution))
            request = await self._store.input_request(task_id, input_id)
        if request.resolution is None or not _same(request.resolution, resolution):
            raise InputAlreadyResolved(input_id=input_id)
        return request

    async def waited(self, task: Task) -> timedelta:
        """How long people have been waited for in the task's attempt so far: time that its ``run_timeout`` does not
        count."""
        total, end = timedelta(), task.attempts[-1].start_time
        for request in await self._all(task.id):
            until = request.resolution.resolve_time if request.resolution else self._clock.now()
            total += max(timedelta(), until - max(end, request.create_time))
            end = max(end, until)
        return total

    async def _standing_answer(self, task: Task, question: Question) -> InputDecision | None:
        if question.kind is not InputKind.PERMISSION:
            return None
        tool = question.tool_call.tool if question.tool_call else ""
        standing = task.input_policy.standing_answer(tool, question.argument)
        if standing is not None:
            return standing
        for request in await self._all(task.id):
            lasting = request.resolution and request.resolution.decision is InputDecision.ALLOW_FOR_TASK
            if lasting and request.tool_call and request.tool_call.tool == tool:
                return InputDecision.ALLOW_FOR_TASK
        return None

    async def _all(self, task_id: str) -> list[InputRequest]:
        """A task's questions, in the order they came."""
        page = await self._store.input_requests(task_id, _PAGE, "", resolved=True)
        found = list(page.items)
        while page.next_token:
            page = await self._store.input_requests(task_id, _PAGE, page.next_token, resolved=True)
            found += page.items
        return found

    async def _redactor(self, task_id: str) -> Redactor:
        return Redactor(self._sealing.unseal(await self._store.secrets(task_id), task_id).values())

    def _request(self, task: Task, question: Question, timeout: timedelta, redactor: Redactor) -> InputRequest:
        now = self._clock.now()
        return InputRequest(
            new_id(now),
            task.id,
            question.kind,
            cut(redactor.redact(question.prompt), _PROMPT_CHARACTERS),
            now,
            now + timeout,
            task.input_policy.on_timeout,
            ALLOWED[question.kind],
            redactor.redact_fact(question.tool_call) if question.tool_call else None,
            tuple(map(redactor.redact, question.choices)),
        )

    async def _resolution(self, request: InputRequest, token: Token, deadline: float) -> InputResolution:
        """How a question is answered: by a person, by the deadline, or because the task ends."""
        waiter = Waiter()
        self._signals.join(request.task_id, waiter)
        try:
            while True:
                waiter.arm()
                if request.id not in (await self._store.get(request.task_id)).pending_inputs:
                    resolution = (await self._store.input_request(request.task_id, request.id)).resolution
                    assert resolution is not None, "what is not pending is resolved"
                    return resolution
                if self._clock.monotonic() >= deadline:
                    now = self._clock.now()
                    await self._resolve(
                        request, token, InputResolution(request.id, request.default_decision, now, resolver="timeout")
                    )
                    continue
                await self._signals.sleep(waiter, deadline)
        finally:
            self._signals.leave(request.task_id, waiter)

    async def _resolve(self, request: InputRequest, token: Token, resolution: InputResolution) -> None:
        await self._store.transition(request.task_id, lambda task: questions.answered(task, resolution), token=token)

    async def _withdraw(self, request: InputRequest, token: Token) -> None:
        """Leave no question behind that nobody waits for; whatever fails here, the end of the attempt does it too."""
        try:
            await self._resolve(request, token, questions.withdrawal(request.id, self._clock.now()))
        except (Fenced, TaskNotFound):
            return
        except Exception:
            _log.warning("a question cannot be withdrawn yet", exc_info=True, extra={"task_id": request.task_id})


def _check(request: InputRequest, decision: InputDecision, text: str, added_budget: Budget) -> None:
    if decision not in request.allowed_decisions:
        allowed = ", ".join(allowed.name for allowed in request.allowed_decisions)
        raise InvalidField.of("decision", f"must be one of {allowed}")
    if decision is InputDecision.ANSWER:
        if not text:
            raise InvalidField.of("text", "is required: it is the answer")
        if request.choices and text not in request.choices:
            raise InvalidField.of("text", f"must be one of {', '.join(request.choices)}")
    if added_budget != _NOTHING and (request.kind is not InputKind.BUDGET or decision is not InputDecision.ALLOW_ONCE):
        raise InvalidField.of("added_budget", "is for a BUDGET question that is allowed")


def _answered(task: Task, request: InputRequest, resolution: InputResolution) -> questions.Step:
    if request.kind is InputKind.BUDGET and resolution.decision is InputDecision.ALLOW_ONCE:
        if resolution.added_budget == _NOTHING:
            again = Budget(task.budget.max_cost, task.budget.max_tokens)
            resolution = replace(resolution, added_budget=again)
        if still := task.budget.plus(resolution.added_budget).spent(task.usage):
            raise InvalidField.of("added_budget", f"is not enough: {still}")
    return questions.answered(task, resolution)


def _same(first: InputResolution, later: InputResolution) -> bool:
    """Whether a later answer says what the first one does."""
    added = later.added_budget in (_NOTHING, first.added_budget)
    return added and (first.decision, first.text) == (later.decision, later.text)


def _told(question: Question, decision: InputDecision) -> str:
    tool = question.tool_call.tool if question.tool_call else "a tool"
    what = f"{tool} {cut(question.argument, 200)}".rstrip()
    return f"{what}: {decision.value.replace('_', ' ')}, by a standing answer"
