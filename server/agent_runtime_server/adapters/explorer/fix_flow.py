"""The repair of a flow: it is acted out until it fails, its locator is put right, and that until it holds twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer import words
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fingerprints import Hidden, fingerprint
from agent_runtime_server.adapters.explorer.fix_choice import CONTROLS, Choice, choose, told
from agent_runtime_server.adapters.explorer.fix_openers import is_new, openers, put_away
from agent_runtime_server.adapters.explorer.fix_places import Place, is_used, with_click, with_locator
from agent_runtime_server.adapters.explorer.fix_trouble import Trouble, not_found_once, played
from agent_runtime_server.adapters.explorer.flow import Fingerprint, Flow, Located
from agent_runtime_server.adapters.explorer.hand import locators_of
from agent_runtime_server.adapters.explorer.known_elements import KnownElements
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Click,
    Goto,
    Hover,
    IsVisible,
    Locator,
    Reload,
    Remember,
    RememberText,
)
from agent_runtime_server.adapters.explorer.locators import has_digits
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.perceive import perceive
from agent_runtime_server.adapters.explorer.player import ActionError
from agent_runtime_server.adapters.explorer.settle import SERVER_ERROR, origin_of
from agent_runtime_server.adapters.explorer.similarity import texts
from agent_runtime_server.adapters.explorer.stage import Scene, Stage
from agent_runtime_server.adapters.explorer.text import escape, locators_in, rewritten
from agent_runtime_server.adapters.explorer.verdict import Verdict

PASSES = 2
"""How often a repaired flow must hold, in fresh contexts and with other data."""
OPEN_MS = 1500
"""How long what an opener opens is waited for."""
MOST_CHANGES = 6
MOST_OPENERS = 4

GIVEN = ("uid", "username", "password")
"""What is known before a flow begins."""
_LOOKING = Goto | Reload | Hover | Remember | RememberText


@dataclass
class FlowRepair:
    """The repair of the flow of a stage."""

    stage: Stage
    base_url: str
    path: str
    """Of the flow's test."""
    known: KnownElements
    usual: Collection[str]
    """Script errors and bad addresses that the app had before already."""
    changes: list[str] = field(default_factory=list)
    learnt: dict[Locator, Fingerprint] = field(default_factory=dict)
    opening: set[Click] = field(default_factory=set)
    """Clicks that it has added."""

    @property
    def flow(self) -> Flow:
        """As far as it is repaired by now."""
        return self.stage.flow

    @flow.setter
    def flow(self, flow: Flow) -> None:
        self.stage.flow = flow

    async def run(self) -> Verdict:
        """See why it fails, and put that right if it is the test's fault. Raises ActionError if it cannot sign in."""
        passes = 0
        while passes < PASSES:
            async with self.stage.scene() as scene:
                trouble = await played(self.flow, scene, self.base_url)
                verdict = await self._mend(trouble) if trouble else None
            if verdict is not None:
                return verdict
            passes = passes + 1 if trouble is None else 0
        if not self.changes:
            return Verdict("timing", f"it passes when it is acted out, {PASSES} times in a row")
        said = "; ".join(self.changes)
        repaired = replace(self.flow, elements=tuple(self._elements()))
        return Verdict("locator", f"{said}; acted out {PASSES} times with all expectations as they were", repaired)

    def _elements(self) -> Iterator[Located]:
        for locator in dict.fromkeys(locators_in(self.flow)):
            if known := self._known(locator):
                yield Located(locator, known)

    def _known(self, locator: Locator) -> Fingerprint | None:
        return self.learnt.get(locator) or self.known.of(self.path, locator)

    async def _mend(self, trouble: Trouble) -> Verdict | None:
        """Change the flow so that it may get further; why that cannot be done, if it cannot."""
        if defect := self._defect(trouble):
            return Verdict("app_defect", f"{defect}; {trouble.error}")
        if isinstance(trouble.what, Goto | Reload):
            return Verdict("app_defect", trouble.error)
        if len(self.changes) >= MOST_CHANGES:
            return Verdict("locator", f"more than {MOST_CHANGES} changes would be needed; {trouble.error}")
        target = await not_found_once(trouble)
        if target is None:
            used = next(locators_in(trouble.what), None)
            if trouble.place.expecting or used is None or await trouble.scene.player.locate(used).is_disabled():
                return self._otherwise(trouble)
            if await self._open_the_way(trouble, used, put_away(trouble.view, trouble.scene.player.resolved(used))):
                return None
            return Verdict("locator", f"{trouble.error}; nothing that opens the way to it was found")
        choice = self._choose(trouble, target)
        meant = trouble.scene.player.resolved(target)
        away = None if choice.ambiguous else put_away(trouble.view, meant)
        may_open = not choice.ambiguous and (choice.element is None or away is not None)
        if may_open and await self._open_the_way(trouble, target, away, only_new=choice.element is not None):
            return None
        said = meant.name if meant.by == "role" else meant.value
        if choice.element is None or (away is not None and texts(said or "", choice.element.name) < 1):
            return Verdict("locator", f"{trouble.error}; {choice.account()}")
        locator = await self._locator(trouble, choice.element, target)
        if locator is None:
            return Verdict("locator", f"no locator tells {told(choice.element)} from others; {trouble.error}")
        self.flow = with_locator(self.flow, trouble.place, target, locator)
        self.learnt[locator] = fingerprint(trouble.view, choice.element, self._hidden(trouble))
        self.changes.append(f"{words.element(target)} is now {words.element(locator)} ({choice.confidence})")
        return None

    def _defect(self, trouble: Trouble) -> str:
        """What the app itself did wrong just before, in words; empty if nothing."""
        for bad in trouble.bad:
            broken = bad.status >= SERVER_ERROR or (bad.is_page and bad.status in (404, 410))
            if broken and not any(bad.url in known for known in self.usual):
                return f"{bad.method} {bad.url.removeprefix(origin_of(bad.url))} answers {bad.status}"
        for message in trouble.exceptions:
            if not any(message in known for known in self.usual):
                return f"the page has a script error: {message}"
        return ""

    def _otherwise(self, trouble: Trouble) -> Verdict:
        """The app does something else than the test expects; after a change that is the fault of the change."""
        if self.changes:
            return Verdict("locator", f"not taken: {'; '.join(self.changes)}, as then {trouble.error}")
        return Verdict("assertion", trouble.error)

    def _choose(self, trouble: Trouble, target: Locator) -> Choice:
        view, resolved = trouble.view, trouble.scene.player.resolved(target)
        return choose(
            view.elements,
            view,
            resolved,
            self._known(target),
            matches(view, resolved),
            self._hidden(trouble),
            asserted=isinstance(trouble.what, IsVisible),
        )

    async def _locator(self, trouble: Trouble, element: Element, old: Locator) -> Locator | None:
        """A locator for an element, by what will not change from run to run if there is a choice."""
        hidden = self._hidden(trouble)
        spare = None
        async for found in locators_of(trouble.scene.player, trouble.view, element):
            locator = rewritten(found, lambda text: hidden.references(escape(text)))
            if not has_digits(locator) or has_digits(old):
                return locator
            spare = spare or locator
        return spare

    async def _open_the_way(
        self, trouble: Trouble, target: Locator, away: Element | None, *, only_new: bool = False
    ) -> bool:
        """Find the menu, tab or dialog that an element is in now, and have it opened first.

        Only for what is there to be used: that a message is not shown any more is another behaviour. So is that an
        action does not show any more what it showed: no click is to do that in its stead. What was not on the page
        at all before the action is another matter: the action has brought it. ``only_new``: by what was not there
        before.
        """
        is_control = target.by in ("role", "label") and (target.by == "label" or target.value in CONTROLS)
        if not (is_control or is_used(self.flow, trouble.place, target)):
            return False
        if self._is_brought_about(trouble.place) and (away is None or await self._was_there_before(trouble, target)):
            return False
        was, hidden = self._known(target), self._hidden(trouble)
        found = openers(trouble.view, was, hidden, away)
        found = [each for each in found if not only_new or is_new(each, was, hidden)]
        for opener in found[:MOST_OPENERS]:
            locator = await self._locator(trouble, opener, target)
            if locator is None or not await self._opens(locator, trouble):
                continue
            self.flow = with_click(self.flow, trouble.place, opening := Click(locator))
            self.opening.add(opening)
            self.learnt[locator] = fingerprint(trouble.view, opener, hidden)
            self.changes.append(f"{words.element(target)} shows after a click on {words.element(locator)}")
            return True
        return False

    def _is_brought_about(self, place: Place) -> bool:
        """What is expected there comes of what the step does, other than opening a page or looking at one."""
        actions = [action for action in self.flow.steps[place.step].actions if action not in self.opening]
        return place.expecting and not all(isinstance(action, _LOOKING) for action in actions)

    async def _was_there_before(self, trouble: Trouble, target: Locator) -> bool:
        """Whether the page has the element, shown or not, when the step begins; also where that cannot be seen."""
        async with self.stage.scene() as scene:
            if await self._arrive(scene, Place(trouble.place.step, 0, False)) is not None:
                return True
            session = await scene.page.context.new_cdp_session(scene.page)
            view = await perceive(session, scene.page.url)
            meant = scene.player.resolved(target)
            return bool(matches(view, meant)) or put_away(view, meant) is not None

    async def _arrive(self, scene: Scene, place: Place) -> Trouble | None:
        return await played(self.flow, scene, self.base_url, place)

    async def _opens(self, locator: Locator, trouble: Trouble) -> bool:
        """Whether what failed goes well after a click there."""
        async with self.stage.scene() as scene:
            if await self._arrive(scene, trouble.place) is not None:
                return False
            try:
                await scene.player.act(Click(locator), OPEN_MS)
                if not isinstance(trouble.what, Action):
                    return await scene.player.failure(trouble.what, OPEN_MS) is None
                await scene.player.act(trouble.what, OPEN_MS)
            except ActionError:
                return False
        return True

    def _hidden(self, trouble: Trouble) -> Hidden:
        texts = trouble.scene.player.texts
        return Hidden({name: texts[name] for name in GIVEN})
