"""Forms with something to type: which of them may be sent, and what becomes of right and of wrong data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.flow import Skipped
from agent_runtime_server.adapters.explorer.forms import Entry, is_registration, is_search, is_sign_in, key_of
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Fill, Goto, HasValue
from agent_runtime_server.adapters.explorer.may_send import asks, may_be_sent, typed
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mine_records import mine_record
from agent_runtime_server.adapters.explorer.mine_texts import mine_text, text_in
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.mistakes import mistakes
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.view import Form
from agent_runtime_server.adapters.explorer.vocabulary import concepts_in

MOST_FORMS = 6


async def mine_forms(kit: Kit) -> None:
    """What forms make, or where that is not to be seen what they answer; and one mistake at a time.

    Texts that are there already come first, as they take little time.
    """
    places = sorted(_places(kit), key=lambda place: text_in(place.form) is None)
    for found in places[:MOST_FORMS]:
        try:
            place = await found.reached(kit)
        except LostError as error:
            kit.log(f"left out the form “{found.name}”: {error}")
            continue
        if text_in(place.form) is not None:
            await mine_text(kit, place)
            continue
        if place.visit.path not in kit.own_things:
            made = await mine_record(kit, place)
            if made is None:
                await _valid(kit, place)
            place = made or place
        await mistakes(kit, place, "Forms")


def _places(kit: Kit) -> Iterator[Place]:
    """The forms that may be sent, those of signed-in users before others with the same fields."""
    known: set[tuple[str, ...]] = set()
    names: set[str] = set()
    for visit, form in sorted(kit.site.forms(), key=lambda each: not each[0].signed_in):
        fields = tuple(each.attrs.get("name", each.name) for each in form.fields)
        place = Place(visit, form)
        if not _is_for_typing(place) or fields in known or not may_be_sent(kit, place):
            continue
        if place.name in names and visit.label:
            place = replace(place, called=f"{place.name}: {visit.label}")
        if place.name in names:  # whatever is learnt of it would be taken for what is known of the other one
            kit.site.leave_out(
                Skipped(f"another form “{place.name}” on {visit.path}", "it is called as one that is covered")
            )
            continue
        if len(fields) > 1:
            known.add(fields)
        names.add(place.name)
        yield place


def _is_for_typing(place: Place) -> bool:
    """It is about something that is typed, and not about money, a row of a list, or who one is."""
    form = place.form
    if not typed(form) or form.submit is None or is_search(form) or is_sign_in(form) or is_registration(form):
        return False
    if _in_a_row(form) or amounts(form.element.text) or _waits_for_a_file(form):
        return False
    return not asks(place)


def _in_a_row(form: Form) -> bool:
    """It belongs to one of many things; what bears the main heading is what the page is about."""
    row = row_of(form.element)
    return row is not None and not any(each.role == "heading" and each.level == 1 for each in row.walk())


def _waits_for_a_file(form: Form) -> bool:
    """Nothing can be sent before a file is chosen."""
    files = form.of_kind("file")
    return any(each.required for each in files) or (bool(files) and form.submit is not None and form.submit.disabled)


async def _valid(kit: Kit, place: Place) -> None:
    async with place.attempt(kit, f"sending “{place.name}”") as hand:
        effect, entries = await place.send(hand, f"Fill in the form and click “{place.sends}”")
        place.require_taken(effect)
        if not await expect_message(hand, effect, "the app answers"):
            await expect_arrival(hand, effect)
        await _expect_kept(hand, place, entries)
        identity = f"form-{slug(place.name)}"
        flow = hand.flow(identity, "Forms", f"“{place.name}” takes right data", "@form", session=place.session)
        kit.keep(flow, "form", *concepts_in(place.name), changes_account=place.visit.signed_in)


async def _expect_kept(hand: Hand, place: Place, entries: Sequence[Entry]) -> None:
    """Settings: what was typed is in the form when it is opened again."""
    key = key_of(entries)
    if key is None or not isinstance(key.action, Fill):
        return
    way = [Goto(path) for path in place.way or (place.visit.path,)]
    await hand.act(*way)
    kept = HasValue(key.target, key.action.value)
    if not place.visit.opener and await hand.holds(kept):
        await hand.step(f"Open {place.visit.path} again", *way)
        await hand.expect(f"“{key.field.name}” was kept", kept)


async def expect_arrival(hand: Hand, effect: Effect) -> None:
    """Expect the page that the form led to."""
    if effect.navigated:
        await hand.expect_heading(effect, "the page that follows has the heading")
