"""A form where it stands: found again when its page is opened anew, filled in, and sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Literal

from agent_runtime_server.adapters.explorer.checkout_walk import fill_entries
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.forms import Entry, action_for, key_of, wanted_fields
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Action, Check, Click, Goto
from agent_runtime_server.adapters.explorer.messages import message_texts
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import SUCCEEDED

_SAYS_LITTLE = re.compile(
    r"((submit|save|apply)( (the |my )?changes)?|ok|send|go|add|create|update|continue|confirm|done|post|change"
    r"|preview)?",
    re.IGNORECASE,
)
_LONGEST_CAPTION = 60


@dataclass(frozen=True, eq=False)
class Place:
    """A form on a page."""

    visit: Visit
    form: Form
    way: tuple[str, ...] = ()
    """The paths to open to get there; empty for the page's own."""
    called: str = ""
    """Another name than its own, where several forms have that."""
    lean: bool = False
    """No more is filled in than it needs: what it says is required, and one thing to know again what it makes."""

    @property
    def session(self) -> Literal["anonymous", "fresh"]:
        """What a flow about it starts from."""
        return "fresh" if self.visit.signed_in else "anonymous"

    @property
    def sends(self) -> str:
        """The name of the button that sends it."""
        return self.form.submit.name if self.form.submit else ""

    @property
    def name(self) -> str:
        """What the form is called: by its button, or where that says little by its caption, else by the page."""
        if self.called:
            return self.called
        if self.sends and not _SAYS_LITTLE.fullmatch(self.sends):
            return self.sends
        heading = self.visit.view.heading
        alone = self.form.fields[0].name if len(self.form.fields) == 1 else ""
        said = (self._caption(), heading.name if heading else "", alone, self.visit.label, self.sends)
        return next(filter(None, said), self.visit.name)

    def _caption(self) -> str:
        """The form's own name, its legend, or the heading that stands before it."""
        inner = [each for each in self.form.element.walk() if each.role == "heading" or each.tag == "legend"]
        before = _heading_before(self.form.element)
        said = (self.form.element.name, *(each.text for each in inner[:1]), before.name if before else "")
        return next((text for text in said if text and len(text) <= _LONGEST_CAPTION), "")

    def again(self, view: View) -> Form:
        """The same form in another view, where it may show more fields than before. Raises ``LostError``."""
        names = _field_names(self.form)  # how many choices there are may change
        for form in view.forms:
            if _field_names(form) == names:
                return form
        for form in view.forms:
            if len(names) > 1 and self._has_grown_to(form):
                return form
        raise LostError("the form is gone")

    def _has_grown_to(self, form: Form) -> bool:
        """It shows more of the same form: what is sent where, and by which button, is as it was."""
        known = set(_field_names(self.form))
        more = [each for each in form.fields if each.attrs.get("name", each.name) not in known]
        return (
            (form.method, form.action) == (self.form.method, self.form.action)
            and (form.submit.name if form.submit else "") == self.sends
            and known <= set(_field_names(form))
            and not form.guarded
            and not any(each.kind in ("password", "file") for each in more)
        )

    def attempt(self, kit: Kit, what: str) -> AbstractAsyncContextManager[Hand]:
        """A hand for a flow about it, alone with the data of the signed-in user where there is one."""
        signed_in = self.visit.signed_in
        return kit.attempt(what, signed_in=signed_in, changes_account=signed_in)

    async def reached(self, kit: Kit) -> Place:
        """The same place with the way there from the beginning. Raises ``LostError``."""
        return replace(self, way=await kit.way_to(self.visit))

    async def open(self, hand: Hand) -> Form:
        """The steps to the form. Raises ``LostError``."""
        for path in self.way or (self.visit.path,):
            await hand.step(f"Open {path}", Goto(path))
        if opener := self.visit.opener:
            await hand.step(f"Open “{opener.name}”", Click(opener.target))
        return self.again(hand.view)

    async def entries(self, hand: Hand, form: Form) -> list[Entry]:
        """How its fields are filled in rightly."""
        return self.needed(await fill_entries(hand, form, {}))

    def needed(self, entries: Sequence[Entry], also: Entry | None = None) -> list[Entry]:
        """Those that it takes, and another one; all, unless no more is to be filled in than it takes."""
        kept = key_of(entries), also
        return [each for each in entries if not self.lean or each.field.required or each in kept]

    async def send(self, hand: Hand, title: str) -> tuple[Effect, Sequence[Entry]]:
        """The steps to the form, and one that fills it in and sends it."""
        form = await self.open(hand)
        entries = await self.entries(hand, form)
        effect = await hand.step(title, *(entry.action for entry in entries), await self.submit(hand, form))
        return effect, entries

    async def submit(self, hand: Hand, form: Form) -> Action:
        """The click that sends it. Raises ``LostError``."""
        if form.submit is None:
            raise LostError("the form has no button")
        return Click(await hand.find(form.submit))

    def require_taken(self, effect: Effect) -> None:
        """Raises ``LostError`` if the form is still there with what was typed, and nothing says that it was taken."""
        if any(map(SUCCEEDED.search, message_texts(effect))):
            return
        try:
            again = self.again(effect.after)
        except LostError:
            return
        typed = [each for each in again.fields if each.kind not in ("checkbox", "radio", "select", "number", "date")]
        empty_at_first = {each.attrs.get("name") for each in self.form.fields if not each.value}
        kept = [each for each in typed if each.value and each.attrs.get("name") in empty_at_first]
        if kept or any(each.attrs.get("aria-invalid") == "true" for each in again.fields):
            raise LostError("the app did not take what was filled in")


def _field_names(form: Form) -> list[str]:
    return list(dict.fromkeys(each.attrs.get("name", each.name) for each in form.fields))


def _heading_before(element: Element) -> Element | None:
    """The last heading before an element among what stands with it, as near as can be."""
    child = element
    for above in element.ancestors():
        before = above.children[: next(at for at, each in enumerate(above.children) if each is child)]
        found = [each for one in before for each in one.walk() if _is_heading(each)]
        if found:
            return found[-1]
        if above.role in ("main", "dialog", "document"):
            return None
        child = above
    return None


def _is_heading(element: Element) -> bool:
    return element.role == "heading" and element.visible and bool(element.name) and not element.in_chrome


async def choose_back_if_shared(
    hand: Hand, kit: Kit, place: Place, checks: Sequence[Check], back: list[Action]
) -> None:
    """What is chosen for everybody is chosen back: whoever comes anew sees it, too.

    Raises:
        LostError: It was.
    """
    async with kit.hand() as other:
        await place.open(other)
        shared = any([await other.holds(check) for check in checks])
    if shared:
        await hand.visit(place.visit.path)
        await hand.act(*back, await place.submit(hand, place.again(hand.view)))
        raise LostError("what is chosen is chosen for everybody; it was chosen back")


async def also_required(hand: Hand, form: Form, known: Sequence[Element]) -> list[Action]:
    """How to fill in what else a form must have and does not. Raises ``LostError``."""
    missing = [each for each in wanted_fields(form) if each.required and not each.value and each not in known]
    actions = [action_for(each, await hand.find(each)) for each in missing]
    return [each for each in actions if each is not None]
