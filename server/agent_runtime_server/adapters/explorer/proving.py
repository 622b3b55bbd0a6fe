"""Proves that a flow can be repeated, and that each of its expectations can fail.

A flow is acted out twice, in fresh contexts and with other unique data; what does not hold both times is dropped. The
second time, each step stops before its last action: an expectation that already holds there needs that action for
nothing. What nothing can make fail by then is tried again with earlier actions left out, first that which brought the
same before, and dropped in the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from playwright.async_api import Browser, StorageState

from agent_runtime_server.adapters.explorer import words
from agent_runtime_server.adapters.explorer.cases import Case, acts, changes, is_acting, told_of, what_is_left
from agent_runtime_server.adapters.explorer.doorkeeper import Doorkeeper
from agent_runtime_server.adapters.explorer.flow import Flow, SignInRecipe
from agent_runtime_server.adapters.explorer.language import Action, Goto
from agent_runtime_server.adapters.explorer.player import ActionError
from agent_runtime_server.adapters.explorer.protocol import Line
from agent_runtime_server.adapters.explorer.stage import Credentials, Scene, Stage
from agent_runtime_server.adapters.explorer.turns import Turns

__all__ = ["Credentials", "Rejected", "prove"]

HOLD_MS = 5000
"""How long an expectation may take to come true, as in the printed tests."""
FAIL_MS = 700
"""How long an expectation is watched for not coming true when an action was left out."""
BEFORE_MS = 50
"""One look."""
LEFT_OUT_RUNS = 3
"""Further runs a flow, each with another action left out."""


class Rejected(NamedTuple):
    """Why a flow becomes no test."""

    reason: str
    by_chance: bool = False
    """The app answered with an error meanwhile, or let nobody in so often: it may go well another time."""
    failed: bool = False
    """It answered with an error."""


class _Place(NamedTuple):
    """Where an action stands in its flow."""

    step: int
    action: int


async def prove(
    browser: Browser,
    base_url: str,
    flow: Flow,
    sign_in: SignInRecipe | None,
    credentials: Credentials,
    emit: Callable[[Line], None],
    doorkeeper: Doorkeeper | None = None,
    storage: StorageState | None = None,
    turns: Turns | None = None,
) -> Flow | Rejected:
    """The flow with only those expectations that hold repeatedly and can fail, each with its proof.

    Several flows may be proved at the same time. What is said of one flow is emitted together, at its end. For
    ``doorkeeper``, ``storage`` and ``turns`` see ``Stage``.
    """
    stage = Stage(browser, base_url, flow, sign_in, credentials, doorkeeper, storage, turns)
    trial = _Trial(flow, stage)
    try:
        await trial.act_out()
        await trial.act_out_stopping_before_each_last_action()
        await trial.leave_out_more()
    except ActionError as error:
        return Rejected(f"it cannot be repeated: {error}", stage.failed or stage.refused, stage.failed)
    if (stage.failed or stage.refused) and trial.lost:
        return Rejected("the app answers with an error", by_chance=True, failed=stage.failed)
    for line in told_of(trial.cases):
        emit(line)
    return what_is_left(flow, trial.cases) or Rejected(
        "no expectation is left that its actions make true and that can fail"
    )


class _Trial:
    def __init__(self, flow: Flow, stage: Stage) -> None:
        self._flow = flow
        self._stage = stage
        self.cases = [
            Case(number, each, each.outcome) for number, step in enumerate(flow.steps) for each in step.expectations
        ]
        self._acts = acts(flow)

    async def act_out(self) -> None:
        """As the printed test will do; also sees what was true before already."""
        async with self._stage.scene() as scene:
            for number, step in enumerate(self._flow.steps):
                first = next((at for at, action in enumerate(step.actions) if changes(action)), len(step.actions))
                await _do(scene, step.actions[:first])
                if not scene.blank:
                    cases = self._kept(number)
                    for case, failure in zip(cases, await _look(scene, cases, BEFORE_MS), strict=True):
                        case.outcome = case.expectation.outcome and failure is not None
                await _do(scene, step.actions[first:])
                await self._require(scene, number, "it did not hold when acted out again")

    async def act_out_stopping_before_each_last_action(self) -> None:
        """A second time, with other data: one run that is also a left-out run for each step."""
        async with self._stage.scene() as scene:
            for number, step in enumerate(self._flow.steps):
                first_page = scene.blank or (self._flow.bare and not self._acts)
                if first_page and len(step.actions) == 1 and isinstance(step.actions[0], Goto):
                    await self._see_elsewhere(number, step.actions[0])
                    await _do(scene, step.actions)
                elif step.actions and changes(step.actions[-1]):
                    await _do(scene, step.actions[:-1])
                    left_out = await _without(scene, step.actions[-1])
                    await self._see_failures(scene, self._kept(number), step.actions[-1], left_out)
                    await _do(scene, step.actions[-1:])
                else:
                    await _do(scene, step.actions)
                await self._require(scene, number, "it held once but not with other data")

    async def _see_elsewhere(self, number: int, first: Goto) -> None:
        """What is expected of the first page, looked for on another one, in a scene that nothing comes after: opening a
        page may change the language or more. Where that one shows all of it as well, it may be the same under another
        address, and a third one is looked at."""
        async with self._stage.scene() as aside:
            cases = self._kept(number)
            await self._see_failures(aside, cases, first, await _without(aside, first))
            if cases and not any(case.proof for case in cases) and (other := await aside.another(first)):
                await self._see_failures(aside, cases, first, f"{words.action(first)} (on {other} instead)")

    async def leave_out_more(self) -> None:
        """For what is not proved yet, leave out what brought the same before, and then other actions from the last."""
        tried: set[_Place] = set()
        for _ in range(LEFT_OUT_RUNS):
            place = next((place for place in self._candidates() if place not in tried), None)
            if place is None:
                return
            tried.add(place)
            await self._run_without(place)

    def _candidates(self) -> Iterator[_Place]:
        wanted = [case for case in self.cases if not case.dropped and case.proof is None]
        for case in reversed(wanted):
            yield from self._brought_by(case)
            yield from self._places(case.step, changes)
        if self._acts and not any(case.proven_by_acting and case.outcome for case in self.cases):
            for case in reversed(self.cases):
                if case.outcome and not case.dropped:
                    yield from self._places(case.step, is_acting)

    def _brought_by(self, case: Case) -> Iterator[_Place]:
        """The end of the step where the same was first expected, and could fail: what is still so came of that."""
        for same in self.cases:
            if same.step < case.step and same.proof and same.expectation.check == case.expectation.check:
                actions = self._flow.steps[same.step].actions
                if actions and changes(actions[-1]):
                    yield _Place(same.step, len(actions) - 1)
                return

    def _places(self, last_step: int, wanted: Callable[[Action], bool]) -> Iterator[_Place]:
        for number in range(last_step, -1, -1):
            actions = self._flow.steps[number].actions
            seen = 1 if number == last_step and actions and changes(actions[-1]) else 0
            yield from (_Place(number, at) for at in range(len(actions) - 1 - seen, -1, -1) if wanted(actions[at]))

    async def _run_without(self, place: _Place) -> None:
        """Act the flow out without one action, as far as that goes."""
        async with self._stage.scene() as scene:
            for number, step in enumerate(self._flow.steps[: place.step]):
                await _do(scene, step.actions)
                if any(await _look(scene, self._kept(number), HOLD_MS)):
                    return
            left_out = self._flow.steps[place.step].actions[place.action]
            what = ""
            for number, step in enumerate(self._flow.steps[place.step :], start=place.step):
                try:
                    if number == place.step:
                        await _do(scene, step.actions[: place.action])
                        what = await _without(scene, left_out)
                        await _do(scene, step.actions[place.action + 1 :], FAIL_MS)
                    else:
                        await _do(scene, step.actions, FAIL_MS)
                except ActionError:
                    # The rest cannot be done: what it should have led to is looked for right here.
                    cases = [case for later in range(number, len(self._flow.steps)) for case in self._kept(later)]
                    known = [case for case in cases if scene.player.knows(case.expectation.check)]
                    await self._see_failures(scene, known, left_out, what)
                    return
                await self._see_failures(scene, self._kept(number), left_out, what)

    async def _see_failures(self, scene: Scene, cases: list[Case], action: Action, left_out: str) -> None:
        for case, failure in zip(cases, await _look(scene, cases, FAIL_MS), strict=True):
            if failure is not None:
                case.prove(left_out, is_acting(action), failure)

    async def _require(self, scene: Scene, number: int, why: str) -> None:
        cases = self._kept(number)
        for case, failure in zip(cases, await _look(scene, cases, HOLD_MS), strict=True):
            if failure is not None:
                case.dropped = f"{why}: {failure}"

    @property
    def lost(self) -> bool:
        """Something did not hold when it was acted out again."""
        return any(case.dropped for case in self.cases)

    def _kept(self, step: int) -> list[Case]:
        return [case for case in self.cases if case.step == step and not case.dropped]


async def _do(scene: Scene, actions: Iterable[Action], timeout_ms: float = HOLD_MS) -> None:
    for action in actions:
        await scene.player.act(action, timeout_ms)


async def _without(scene: Scene, action: Action) -> str:
    """Be where one is without the action; what was left out, in words."""
    if not isinstance(action, Goto):
        return words.action(action)
    return f"{words.action(action)} (on {await scene.stand_in(action)} instead)"


async def _look(scene: Scene, cases: list[Case], timeout_ms: float) -> list[str | None]:
    """How each expectation fails now, all watched at the same time."""
    return await asyncio.gather(*(scene.player.failure(case.expectation.check, timeout_ms) for case in cases))
