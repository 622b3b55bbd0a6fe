"""What questions to people make of a task: pure changes, to be applied in the store's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agent_runtime_server.domain.event import Event, Payload, StatusChanged, told
from agent_runtime_server.domain.inputs import InputDecision, InputRequest, InputResolution
from agent_runtime_server.domain.status import move
from agent_runtime_server.domain.task import Status, Task
from agent_runtime_server.domain.usage import Budget

Step = tuple[Task, Sequence[Event]]

MOST_OPEN = 20
"""Questions of one task that may be open at once."""


def put(task: Task, request: InputRequest) -> Step:
    """The task with one more question, halted for it; unchanged if it does not run or too many questions are open."""
    if task.status not in (Status.RUNNING, Status.AWAITING_INPUT) or len(task.pending_inputs) >= MOST_OPEN:
        return task, ()
    step = told(task, _event(task, request.create_time, request))
    return _moved(step, Status.RUNNING, Status.AWAITING_INPUT, request.create_time)


def answered(task: Task, resolution: InputResolution) -> Step:
    """The task with an answer; it goes on after the last one. Unchanged if the question is not open any more."""
    if resolution.input_id not in task.pending_inputs:
        return task, ()
    if resolution.added_budget != Budget():
        task = replace(task, budget=task.budget.plus(resolution.added_budget))
    step = told(task, _event(task, resolution.resolve_time, resolution))
    if step[0].pending_inputs:
        return step
    return _moved(step, Status.AWAITING_INPUT, Status.RUNNING, resolution.resolve_time)


def dropped(task: Task, now: datetime) -> Step:
    """The task without open questions: nobody waits for their answers any more."""
    events: list[Event] = []
    for input_id in task.pending_inputs:
        task, more = answered(task, withdrawal(input_id, now))
        events += more
    return task, events


def withdrawal(input_id: str, now: datetime) -> InputResolution:
    """The end of a question whose asker is gone."""
    return InputResolution(input_id, InputDecision.REJECT, now, resolver="server")


def _moved(step: Step, old: Status, new: Status, now: datetime) -> Step:
    """After a step the task in another status, if it is in the old one."""
    task, events = step
    if task.status is not old:
        return step
    task, more = told(task, _event(task, now, StatusChanged(old, move(old, new))))
    return task, (*events, *more)


def _event(task: Task, now: datetime, payload: Payload) -> Event:
    return Event(task.id, now, payload, task.phase, task.attempt)
