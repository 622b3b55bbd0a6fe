"""Texts that are there already, such as articles that all may edit: a line is added, and the text put back."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Click,
    Fill,
    Goto,
    HasValue,
    IsVisible,
    Locator,
    RememberText,
)
from agent_runtime_server.adapters.explorer.messages import expect_message, other_than
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.records import bearer_of
from agent_runtime_server.adapters.explorer.view import Form

SUITE = "Texts"
ADDED = "A test added this line, ${uid}."
BEFORE = "${text_before}"
_LONGER = BEFORE + "\n\n" + ADDED
_PREVIEW = re.compile(r"\bpreview\b", re.IGNORECASE)


def text_in(form: Form) -> Element | None:
    """The field with a text that is there already, where there is just one to write in."""
    fields = [each for each in form.fields if each.tag == "textarea" and not each.disabled]
    return fields[0] if len(fields) == 1 and fields[0].value.strip() and "readonly" not in fields[0].attrs else None


async def mine_text(kit: Kit, place: Place) -> None:
    """A line that is added is shown and kept; a preview shows it and keeps nothing."""
    if not kit.wants("edit", text=f"edit {place.visit.name} {place.visit.path}"):
        return
    await _add(kit, place)
    await _preview(kit, place)


def _attempt(kit: Kit, place: Place, what: str) -> AbstractAsyncContextManager[Hand]:
    """One at a time: two people who change a text together get in each other's way."""
    return kit.attempt(what, signed_in=place.visit.signed_in, changes_account=True)


async def _write(hand: Hand, place: Place, button: Element) -> tuple[Effect, Locator]:
    field = text_in(place.again(hand.view))
    if field is None:
        raise LostError("the text is gone")
    target = await hand.find(field)
    click = Click(await hand.find(button))
    title = f"Add a line to the text and click “{button.name}”"
    return await hand.step(title, RememberText("text_before", target), Fill(target, _LONGER), click), target


def _sender(form: Form) -> Element:
    if form.submit is None:
        raise LostError("the text has no button to save it")
    return form.submit


async def _add(kit: Kit, place: Place) -> None:
    async with _attempt(kit, place, f"adding to the text on {place.visit.path}") as hand:
        form = await place.open(hand)
        effect, target = await _write(hand, place, _sender(form))
        await expect_message(hand, effect, "the app answers", pattern=other_than(hand.values["uid"]))
        await _expect_shown(hand, "the line is shown")
        if effect.navigated:
            path = hand.view.path
            await hand.step(f"Open {path} again", Goto(path))
            await _expect_shown(hand, "it is still there")
        await hand.step(f"Open {place.visit.path} again", Goto(place.visit.path))
        await hand.expect("the text is the one before with the line after it", HasValue(target, _LONGER))
        await hand.step(
            "Put the text back", Fill(target, BEFORE), Click(await hand.find(_sender(place.again(hand.view))))
        )
        _keep(kit, hand, place, "is-added-to", f"“{place.visit.name}” keeps what is added")


async def _preview(kit: Kit, place: Place) -> None:
    buttons = [each for each in place.form.buttons if _PREVIEW.search(each.name)]
    if not buttons:
        return
    async with _attempt(kit, place, f"previewing the text on {place.visit.path}") as hand:
        form = await place.open(hand)
        button = next((each for each in form.buttons if each.name == buttons[0].name), None)
        if button is None:
            raise LostError("the button for a preview is gone")
        _, target = await _write(hand, place, button)
        await _expect_shown(hand, "the line is shown")
        await hand.step(f"Open {place.visit.path} again", Goto(place.visit.path))
        await hand.expect("nothing was kept of it", HasValue(target, BEFORE))
        _keep(kit, hand, place, "is-previewed", f"“{place.visit.name}” shows a preview and keeps nothing of it")


async def _expect_shown(hand: Hand, text: str) -> None:
    """Raises ``LostError`` where the line is not shown outside of the field."""
    found = await bearer_of(hand, ADDED)
    if found is None:
        raise LostError("the line is shown nowhere")
    await hand.expect(text, IsVisible(found.locator))


def _keep(kit: Kit, hand: Hand, place: Place, what: str, title: str) -> None:
    identity = f"{slug(place.visit.name)}-{what}"
    flow = hand.flow(identity, SUITE, title, "@crud", "@form", session=place.session)
    kit.keep(flow, "form", "edit", changes_account=True)
