"""What a person made of the plan: the flows that stay, as edited, and what the model knows nothing of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.flow import Flow, Step
from agent_runtime_server.adapters.explorer.plan_text import PlannedStep, PlannedTest, planned_as, step_title
from agent_runtime_server.adapters.explorer.test_file import path_of
from agent_runtime_server.adapters.explorer.text import names_in, remembered

_GIVEN = frozenset({"uid", "username", "password"})


class Edited(NamedTuple):
    """The flows to print, by the path of their file, and one line for each thing of the plan that was not done."""

    flows: dict[str, Flow]
    not_done: list[str]


def apply_plan(flows: Sequence[Flow], plan: Sequence[PlannedTest]) -> Edited:
    """Keep what the plan has, in its order; report, and never guess, what it has besides."""
    known = {path_of(flow): flow for flow in flows}
    edited = Edited({}, [])
    for test in plan:
        flow = known.get(test.path)
        if flow is None:
            edited.not_done.append(f"“{test.name}”: nobody has acted out this test")
        elif test.path in edited.flows:
            edited.not_done.append(f"“{test.name}”: another test of the plan has the same file")
        else:
            _apply(flow, test, edited)
    return edited


def _apply(flow: Flow, test: PlannedTest, edited: Edited) -> None:
    if planned_as(flow) == test:
        edited.flows[test.path] = flow
        return
    steps: list[Step] = []
    left = list(flow.steps)
    for planned in test.steps:
        step = next((step for step in left if step_title(step.title) == planned.perform), None)
        if step is None:
            edited.not_done.append(f"“{test.name}”: the step “{planned.perform}” is not known")
            continue
        left.remove(step)
        steps.append(_narrowed(step, planned, test, edited))
    if missing := names_in(tuple(steps)) - _GIVEN - remembered(steps).keys():
        edited.not_done.append(f"“{test.name}”: a step that is gone found out {', '.join(sorted(missing))}")
    elif not any(expectation.outcome for step in steps for expectation in step.expectations):
        edited.not_done.append(f"“{test.name}”: no expectation of an outcome is left")
    else:
        suite, title = (test.suite or flow.suite), test.name
        edited.flows[test.path] = replace(flow, suite=suite, title=title, steps=tuple(steps))


def _narrowed(step: Step, planned: PlannedStep, test: PlannedTest, edited: Edited) -> Step:
    """The step with those of its expectations that the plan has."""
    known = {" ".join(expectation.text.split()): expectation for expectation in step.expectations}
    for text in planned.expectations:
        if text not in known:
            edited.not_done.append(f"“{test.name}”: the expectation “{text}” is not known")
    kept = tuple(expectation for text, expectation in known.items() if text in planned.expectations)
    return replace(step, expectations=kept)
