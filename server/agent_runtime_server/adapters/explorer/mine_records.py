"""Things that forms make: shown and kept, changed, deleted, and refused when they are there already."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.flow import Flow
from agent_runtime_server.adapters.explorer.forms import key_of
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Action, Click, Fill, HasValue, IsHidden, Locator, Reload
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mine_filters import mine_listed
from agent_runtime_server.adapters.explorer.mine_own_page import mine_own_page
from agent_runtime_server.adapters.explorer.mine_pages import around_pages, expect_main
from agent_runtime_server.adapters.explorer.mining import Kit, quoted, slug
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.record_controls import locate, reach
from agent_runtime_server.adapters.explorer.records import Record, find_record, leanest, make_one, see_again
from agent_runtime_server.adapters.explorer.refusals import expect_refusal
from agent_runtime_server.adapters.explorer.templates import pattern
from agent_runtime_server.adapters.explorer.text import substitute
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import CONFIRM, concepts_in

SUITE = "Records"
CHANGED = "Changed ${uid}"


async def mine_record(kit: Kit, place: Place) -> Place | None:
    """All flows about what a form makes; None where it makes nothing that can be seen, else the form to go on with."""
    made = await _make(kit, place)
    if made != "thing":
        return place if made else None
    await _edit(kit, place)
    lean = await leanest(kit, place)
    await _delete(kit, lean)
    await _twice(kit, lean)
    await mine_own_page(kit, lean)
    await mine_listed(kit, lean)
    return lean


def _keep(kit: Kit, hand: Hand, place: Place, what: str, title: str, *concepts: str) -> None:
    _deliver(kit, place, _flow(hand, place, what, title), *concepts)


def _flow(hand: Hand, place: Place, what: str, title: str) -> Flow:
    return hand.flow(f"{slug(place.name)}-{what}", SUITE, title, "@crud", "@form", session=place.session)


def _deliver(kit: Kit, place: Place, flow: Flow, *concepts: str) -> None:
    kit.keep(flow, "form", *concepts, *concepts_in(place.name), changes_account=place.visit.signed_in)


async def _make(kit: Kit, place: Place) -> Literal["thing", "setting"] | None:
    """What the form makes; a setting stands in the form that it was sent with, and there is only one."""
    async with place.attempt(kit, f"sending “{place.name}”") as hand:
        effect, entries = await place.send(hand, f"Fill in the form and click “{place.sends}”")
        place.require_taken(effect)
        await expect_message(hand, effect, "the app answers")
        record = await find_record(hand, kit.site, place, entries)
        await hand.expect("what was made is shown", record.check)
        for fact in record.facts:
            await hand.expect(f"with “{fact.text}”", fact)
        if effect.navigated or record.listed_on:
            await hand.step("Load the page again", Reload())
            await hand.expect("it is still there", record.check)
        made = _flow(hand, place, "is-made", f"“{place.name}” makes what it says")
        if await _is_in_its_form(place, record, hand):
            _deliver(kit, place, replace(made, title=f"“{place.name}” keeps what it is given"), "create")
            return "setting"
        _deliver(kit, place, made, "create")
        return "thing"
    return None


async def _is_in_its_form(place: Place, record: Record, hand: Hand) -> bool:
    with suppress(LostError):
        form = place.again(await hand.visit(place.visit.path))
        return any(_holds(field, record, hand) for field in form.fields)
    return False


async def _edit(kit: Kit, place: Place) -> None:
    async with place.attempt(kit, f"changing what “{place.name}” made") as hand:
        record = await make_one(hand, kit.site, place)
        form = await _edit_form(hand, record)
        field = next(each for each in form.fields if _holds(each, record, hand))
        target = await hand.find(field)
        await hand.expect("the form has what was typed", HasValue(target, record.text))
        if not _has_a_test_of_its_own(kit, hand.view):
            await expect_main(hand, kit.site, around_pages(kit.site))
        sends = form.submit
        if sends is None:
            raise LostError("the form to change it has no button")
        effect = await hand.step(
            f"Change “{field.name}” and click “{sends.name}”", Fill(target, CHANGED), Click(await hand.find(sends))
        )
        await expect_message(hand, effect, "the app answers")
        changed = await see_again(hand, record, CHANGED)
        await hand.expect("the change is shown", changed.check)
        for fact in changed.facts:
            await hand.expect(f"with “{fact.text}” as before", fact)
        await hand.expect("what it said before is gone", IsHidden(Locator(by="text", value=record.text, exact=False)))
        _keep(kit, hand, place, "is-changed", f"What “{place.name}” made can be changed", "edit")


def _has_a_test_of_its_own(kit: Kit, view: View) -> bool:
    """A page of this kind was met before, so its outline is looked at where that is opened."""
    return any(pattern(view.path) == pattern(visit.path) for visit in kit.site.good)


async def _edit_form(hand: Hand, record: Record) -> Form:
    """The step to the form that holds the record. Raises ``LostError``."""
    edit = await reach(hand, record, "edit")
    await hand.step(f"Click {quoted(edit)}", Click(await locate(hand, record, edit)))
    form = next((each for each in hand.view.forms if any(_holds(field, record, hand) for field in each.fields)), None)
    if form is None:
        raise LostError("no form with its data is shown")
    return form


def _holds(field: Element, record: Record, hand: Hand) -> bool:
    return field.value == substitute(record.text, hand.values)


async def _delete(kit: Kit, place: Place) -> None:
    async with place.attempt(kit, f"deleting what “{place.name}” made") as hand:
        record = await make_one(hand, kit.site, place)
        remove = await reach(hand, record, "remove")
        effect = await hand.step(f"Click {quoted(remove)}", Click(await locate(hand, record, remove)))
        if (sure := _confirmation(hand.view, effect.before)) is not None and await hand.holds(record.check):
            effect = await hand.step(f"Click {quoted(sure)}", Click(await locate(hand, record, sure)))
        await expect_message(hand, effect, "the app answers", without=substitute("${uid}", hand.values))
        gone = IsHidden(record.shown)
        if not await hand.expect("it is gone", gone):
            raise LostError("it was not deleted")
        await hand.step("Load the page again", Reload())
        await hand.expect("it stays away", gone)
        _keep(kit, hand, place, "is-deleted", f"What “{place.name}” made can be deleted", "remove")


def _confirmation(view: View, before: View) -> Element | None:
    """A button that came with the click and says that one is sure."""
    known = {(each.role, each.name) for each in before.controls}
    new = [each for each in view.controls if not each.is_field and (each.role, each.name) not in known]
    return next((each for each in new if CONFIRM.search(each.name)), None)


def _kept_by_the_form(effect: Effect, place: Place) -> bool:
    try:
        place.require_taken(effect)
    except LostError:
        return True
    return False


async def _twice(kit: Kit, place: Place) -> None:
    """The same data again, where the app refuses that."""
    async with place.attempt(kit, f"sending “{place.name}” twice") as hand:
        await make_one(hand, kit.site, place)
        form = await place.open(hand)
        entries = await place.entries(hand, form)
        key = key_of(entries)
        assert key is not None
        actions: list[Action] = [each.action for each in entries]
        effect = await hand.step("Send the same data again", *actions, await place.submit(hand, form))
        await expect_refusal(hand, effect, key.target, key.field.name)
        if not _kept_by_the_form(effect, place):
            raise LostError("the app takes the same data twice")
        _keep(kit, hand, place, "is-refused-twice", f"“{place.name}” refuses what is there already", "create")
