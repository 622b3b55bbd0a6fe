"""Forms that filter a list by several choices: the choices stay, and what does not fit them is not listed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import IsHidden, IsVisible, Locator, UrlIs
from agent_runtime_server.adapters.explorer.may_send import asks, may_be_sent
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.other_choices import fields_to_choose_in, other_choices
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.records import bearer_of, make_one
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.text import escape
from agent_runtime_server.adapters.explorer.view import View

MOST_FILTERS = 3
_TELLING = frozenset({"heading", "link", "cell", "rowheader"})


async def mine_filters(kit: Kit) -> None:
    """The filters of lists whatever these hold."""
    for place in _places(kit):
        async with place.attempt(kit, f"filtering by “{place.name}”") as hand:
            await (await place.reached(kit)).open(hand)
            effect = await _filter(hand, place)
            shows_less = await _expect_others_gone(hand, effect.before)
            if not shows_less:
                await _expect_address(hand, kit, effect)
            _keep(kit, hand, place, "decides what is listed" if shows_less else "keeps what is chosen")


async def mine_listed(kit: Kit, maker: Place) -> None:
    """Filters of the lists that show what a form makes: it is listed, and with other choices it is not."""
    for place in _places(kit, maker.visit):
        async with maker.attempt(kit, f"filtering what “{maker.name}” made by “{place.name}”") as hand:
            record = await make_one(hand, kit.site, maker)
            await place.open(hand)
            listed = await bearer_of(hand, record.text)
            if listed is None:
                raise LostError("the list does not show it")
            await hand.expect("what was made is listed", IsVisible(listed.locator))
            await _filter(hand, place)
            if not await hand.expect("it is not listed any more", IsHidden(listed.locator)):
                raise LostError("the list does not follow the choices")
            _keep(kit, hand, place, "decides what is listed")


def _places(kit: Kit, beside: Visit | None = None) -> list[Place]:
    """Forms of several fields with choices, one of each name; a group of boxes first, as lists follow these.

    ``beside`` another page: only those of who sees that one.
    """
    found = [place for place in _found(kit) if beside is None or place.visit.signed_in == beside.signed_in]
    found.sort(key=lambda place: -len(fields_to_choose_in(place.form)))
    named = {_identity(place): place for place in reversed(found)}
    return [place for name, place in reversed(named.items()) if name not in kit.taken][:MOST_FILTERS]


def _identity(place: Place) -> str:
    return f"{slug(place.name)}-filters"


def _found(kit: Kit) -> Iterator[Place]:
    for visit, form in kit.site.forms():
        place = Place(visit, form)
        several = len(form.fields) > 1 and form.submit is not None
        keeps = form.method == "post" and visit.signed_in and not kit.may_change_data
        if several and not keeps and asks(place) and fields_to_choose_in(form) and may_be_sent(kit, place, "filter"):
            yield place


async def _filter(hand: Hand, place: Place) -> Effect:
    form = place.again(hand.view)
    fields = fields_to_choose_in(form)
    actions, checks, _ = await other_choices(hand, fields)
    title = f"Choose what is not chosen and click “{place.sends}”"
    effect = await hand.step(title, *actions, await place.submit(hand, form))
    for field, check in zip(fields, checks, strict=True):
        if check is None:
            continue
        await hand.expect(f"“{field.name}” stays as it was chosen", check)
    return effect


async def _expect_address(hand: Hand, kit: Kit, effect: Effect) -> None:
    """Expect the address to tell of the choices, all but numbers and dates in it.

    Raises:
        LostError: No choice stays, or nothing shows that they were sent at all.
    """
    path = kit.site.own(hand.page.url)
    if not hand.has_outcome or path is None or path == effect.before.path or "?" not in path:
        raise LostError("no choice stays, or nothing shows that it was sent")
    await hand.expect("the address says so", UrlIs(re.sub(r"=[^&#]*\d[^&#]*", "=*", path)))


async def _expect_others_gone(hand: Hand, before: View) -> bool:
    """Expect that a thing which was listed before, and does not fit the choices, is not listed any more; whether there
    is one."""
    left = " ".join(row.text for row in _rows(hand.view))
    for row in _rows(before):
        for text in [each.text for each in row.walk() if each.role in _TELLING or not each.children]:
            lasts = len(text) > 2 and not any(map(str.isdigit, text)) and text not in left
            if lasts and await hand.expect(f"“{text}” is not listed any more", _hidden(row, text)):
                return True
    return False


def _rows(view: View) -> list[Element]:
    rows = view.by_role("row", "listitem", "article")
    return [each for each in rows if each.text and each.inside(view.main) and not each.in_chrome]


def _hidden(row: Element, text: str) -> IsHidden:
    return IsHidden(Locator(by="role", value=row.role, has_text=escape(text)))


def _keep(kit: Kit, hand: Hand, place: Place, what: str) -> None:
    flow = hand.flow(_identity(place), "Filters", f"“{place.name}” {what}", "@form", session=place.session)
    kit.keep(flow, "filter", "form", changes_account=place.visit.signed_in)
