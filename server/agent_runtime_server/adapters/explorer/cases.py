"""Expectations on trial: whether each held and could fail, what is said of them, and what is left of their flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, Proof
from agent_runtime_server.adapters.explorer.language import Action, Goto, Reload, Remember, RememberText
from agent_runtime_server.adapters.explorer.protocol import Log
from agent_runtime_server.adapters.explorer.text import names_in, remembered


@dataclass
class Case:
    """An expectation on trial."""

    step: int
    expectation: Expectation
    outcome: bool
    proof: Proof | None = None
    proven_by_acting: bool = False
    """An action that was left out did more than open a page."""
    dropped: str = ""
    """Why."""

    def prove(self, left_out: str, acting: bool, failure: str) -> None:
        """It fails when something is left out; what acts tells more than what opens a page."""
        if self.proof is None or (acting and not self.proven_by_acting):
            self.proof = Proof(left_out, failure)
            self.proven_by_acting = acting


def told_of(cases: Sequence[Case]) -> Iterator[Log]:
    """One line for each expectation."""
    for case in cases:
        text = case.expectation.text
        if case.dropped:
            yield Log("info", f"dropped: “{text}” — {case.dropped}")
        elif case.proof is None:
            yield Log("info", f"dropped: “{text}” — it holds whatever is left out")
        else:
            yield Log("info", f"can fail: “{text}” — without {case.proof.left_out}: {case.proof.failure}")


def what_is_left(flow: Flow, cases: Sequence[Case]) -> Flow | None:
    """The flow with the expectations that held and could fail, and no step after the last of them but what tidies up,
    or finds out what is needed for that; None where none of these is an outcome of it."""
    kept = [case for case in cases if not case.dropped and case.proof]
    for case in kept:
        case.outcome = case.outcome or _outlasts(flow, case)
    tells = (case for case in kept if case.outcome and not flow.steps[case.step].tidies)
    if not any(case.proven_by_acting or not acts(flow) for case in tells):
        return None
    steps = [
        replace(step, expectations=tuple(_proved(case) for case in kept if case.step == number))
        for number, step in enumerate(flow.steps)
    ]
    needed = names_in(tuple(step for step in steps if step.tidies))
    kept_for = (step.expectations or remembered([step]).keys() & needed for step in steps)
    last = max(number for number, use in enumerate(kept_for) if use and not steps[number].tidies)
    return replace(flow, steps=tuple(step for number, step in enumerate(steps) if number <= last or step.tidies))


def _outlasts(flow: Flow, case: Case) -> bool:
    """What an earlier step made true is looked at again, on a page that is loaded anew."""
    return case.proven_by_acting and not any(map(is_acting, flow.steps[case.step].actions))


def _proved(case: Case) -> Expectation:
    return replace(case.expectation, outcome=case.outcome, proof=case.proof)


def acts(flow: Flow) -> bool:
    """The flow does more than open pages."""
    return any(is_acting(action) for step in flow.steps for action in step.actions)


def changes(action: Action) -> bool:
    """Without it the page may be another one: it does more than remember something."""
    return not isinstance(action, Remember | RememberText)


def is_acting(action: Action) -> bool:
    """It does something in the app, more than open a page."""
    return changes(action) and not isinstance(action, Goto | Reload)
