"""Texts that are there already, such as articles that all may edit: a line is added, and the text put back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from playwright.async_api import Error

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Action,
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
PUT_BACK = "Put the text back"
_LONGER = BEFORE + "\n\n" + ADDED
_PREVIEW = re.compile(r"\bpreview\b", re.IGNORECASE)


def text_in(form: Form) -> Element | None:
    """The field with a text that is there already, where there is just one to write in."""
    fields = [each for each in form.fields if each.tag == "textarea" and not each.disabled]
    return fields[0] if len(fields) == 1 and fields[0].value.strip() and "readonly" not in fields[0].attrs else None


async def mine_text(kit: Kit, place: Place) -> None:
    """A preview shows a line that is added, and keeps nothing of it; saved, it is shown and kept.

    That is one flow: two that change the same text would be in each other's way.
    """
    if not kit.wants("edit", text=f"edit {place.visit.name} {place.visit.path}"):
        return
    preview = next((each.name for each in place.form.buttons if _PREVIEW.search(each.name)), "")
    if not (preview and await _change(kit, place, preview)):
        await _change(kit, place)


async def _change(kit: Kit, place: Place, preview: str = "") -> bool:
    """Add a line, after looking at it with the button for a ``preview``; whether that went well."""
    what = f"adding to the text on {place.visit.path}"
    async with kit.attempt(what, signed_in=place.visit.signed_in, changes_account=True) as hand:
        elsewhere = next((each.path for each in kit.site.good if each.path != place.visit.path), None)
        if elsewhere is None:
            raise LostError("there is no other page to come back from, to see whether the text is put back")
        target = await _text_field(hand, await place.open(hand))
        saves = await hand.find(_sender(place.again(hand.view)))
        await hand.step("Keep the text as it is", RememberText("text_before", target))
        async with _put_back(hand, *_way(place), Fill(target, BEFORE), Click(saves)):
            if preview:
                await _look_at_it_before(hand, place, target, preview)
            await _add_to_it(hand, place, target, saves)
        # What is seen after another page cannot be what was typed; nor has putting it back to be left out to prove it.
        await hand.step("Come back to see whether it is there", Goto(elsewhere), *_way(place), tidies=True)
        if not await hand.expect("the text is the one before", HasValue(target, BEFORE)):
            raise LostError("the text could not be put back as it was")
        title = f"“{place.visit.name}” keeps what is added{', and nothing of a preview' if preview else ''}"
        identity = f"{slug(place.visit.name)}-is-added-to"
        flow = hand.flow(identity, SUITE, title, "@crud", "@form", session=place.session)
        kit.keep(flow, "form", "edit", changes_account=True)
        return True
    return False


@asynccontextmanager
async def _put_back(hand: Hand, *back: Action) -> AsyncIterator[None]:
    """The step that puts the text back comes after the block, also where that could not be done to its end."""
    try:
        yield
        await hand.step(PUT_BACK, *back, tidies=True)
    except BaseException:
        with suppress(LostError, Error):
            await hand.step(PUT_BACK, *back, tidies=True)
        raise


def _way(place: Place) -> list[Action]:
    """From anywhere to the form."""
    opener = [Click(place.visit.opener.target)] if place.visit.opener else []
    return [*(Goto(path) for path in place.way or (place.visit.path,)), *opener]


async def _text_field(hand: Hand, form: Form) -> Locator:
    field = text_in(form)
    if field is None:
        raise LostError("the text is gone")
    return await hand.find(field)


async def _look_at_it_before(hand: Hand, place: Place, target: Locator, preview: str) -> None:
    """The steps that show a line that is added, and keep nothing of it. Raises ``LostError``."""
    button = next((each for each in place.again(hand.view).buttons if each.name == preview), None)
    if button is None:
        raise LostError("the button for a preview is gone")
    shows = await hand.find(button)
    await hand.step(f"Add a line to the text and click “{preview}”", Fill(target, _LONGER), Click(shows))
    await _expect_shown(hand, "the line is shown")
    await hand.step(f"Open {place.visit.path} again", *_way(place))
    if not await hand.expect("nothing was kept of it", HasValue(target, BEFORE)):
        raise LostError("what should only be shown is kept")


async def _add_to_it(hand: Hand, place: Place, target: Locator, saves: Locator) -> None:
    """The steps that add a line, and see that it is kept. Raises ``LostError``."""
    title = f"Add a line to the text and click “{place.sends}”"
    effect = await hand.step(title, Fill(target, _LONGER), Click(saves))
    await expect_message(hand, effect, "the app answers", pattern=other_than(hand.values["uid"]))
    await _expect_shown(hand, "the line is shown")
    if effect.navigated:
        path = hand.view.path
        await hand.step(f"Open {path} again", Goto(path))
        await _expect_shown(hand, "it is still there")
    await hand.step(f"Open {place.visit.path} again", *_way(place))
    await hand.expect("the text is the one before with the line after it", HasValue(target, _LONGER))


def _sender(form: Form) -> Element:
    if form.submit is None:
        raise LostError("the text has no button to save it")
    return form.submit


async def _expect_shown(hand: Hand, text: str) -> None:
    """Raises ``LostError`` where the line is not shown outside of the field."""
    found = await bearer_of(hand, ADDED)
    if found is None:
        raise LostError("the line is shown nowhere")
    await hand.expect(text, IsVisible(found.locator))
