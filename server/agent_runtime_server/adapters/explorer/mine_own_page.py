"""What can be done on the page that a thing has of its own: something is said about it, and its state is changed."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer import menus
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fields import words_of
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.instructions import stems_of
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Check,
    Choose,
    Click,
    Fill,
    IsVisible,
    Locator,
    Reload,
    SetChecked,
)
from agent_runtime_server.adapters.explorer.messages import expect_message, other_than
from agent_runtime_server.adapters.explorer.mine_pages import around_pages, expect_main
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.naming import NAMED_ROLES
from agent_runtime_server.adapters.explorer.place import Place, also_required
from agent_runtime_server.adapters.explorer.records import Record, bearer_of, make_one
from agent_runtime_server.adapters.explorer.text import escape
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import RISKY

SUITE = "Records"
COMMENT = "A test has this to say, ${uid}."
MOST_CHOICES = 3
"""States that are tried until one is shown."""
MOST_SIGNS = 2
_TRIED_SIGNS = 6
_LONGEST_SIGN = 40
_STATE = re.compile(r"\b(state|status|stage|priority|severity|action)\b", re.IGNORECASE)
_SAYS = re.compile(r"comment|reply|answer|message|note|text", re.IGNORECASE)


async def mine_own_page(kit: Kit, place: Place) -> None:
    """It has what such pages have; a comment is shown and kept; so is another state."""
    if not await _look(kit, place):
        return
    await _comment(kit, place)
    for number in range(MOST_CHOICES):
        if await _change_state(kit, place, number):
            return


async def _look(kit: Kit, place: Place) -> bool:
    """Whether the thing has a page of its own."""
    async with place.attempt(kit, f"opening what “{place.name}” made") as hand:
        await _open_own_page(hand, kit, place)
        if await expect_main(hand, kit.site, around_pages(kit.site)):
            _keep(kit, hand, place, "has-a-page", f"What “{place.name}” made has a page of its own", "create")
        return True
    return False


async def _comment(kit: Kit, place: Place) -> None:
    if not kit.wants("form", text=f"comment on {place.name}"):
        return
    async with place.attempt(kit, f"saying something about what “{place.name}” made") as hand:
        await _open_own_page(hand, kit, place)
        form, field = _field_for_a_comment(hand.view, place)
        fills = [Fill(await hand.find(field), COMMENT), *await also_required(hand, form, [field])]
        effect = await _send(hand, form, f"Write a comment and click “{_sender(form).name}”", fills)
        await expect_message(hand, effect, "the app answers", pattern=other_than(hand.values["uid"]))
        found = await bearer_of(hand, COMMENT)
        if found is None:
            raise LostError("the comment is shown nowhere")
        await hand.expect("the comment is shown", IsVisible(found.locator))
        await _expect_after_reload(hand, [IsVisible(found.locator)])
        title = f"What “{place.name}” made can be commented on"
        _keep(kit, hand, place, "is-commented-on", title, "create")


async def _change_state(kit: Kit, place: Place, number: int) -> bool:
    """Choose the state of this number; whether that is shown, or there is nothing left to try."""
    if not kit.wants("form", text=f"state of {place.name}"):
        return True
    async with place.attempt(kit, f"changing the state of what “{place.name}” made") as hand:
        await _open_own_page(hand, kit, place)
        if not _choices(hand.view, place) and (opener := _opener_of_choices(hand.view)):
            await hand.step(f"Open “{opener.name}”", Click(await hand.find(opener)))
        choices = _choices(hand.view, place)
        if number >= len(choices):
            return True
        form, field, option = choices[number]
        target = await hand.find(field)
        action: Action = Choose(target, option) if option else SetChecked(target)
        chosen = option or field.name
        effect = await _send(hand, form, f"Choose “{chosen}” and click “{_sender(form).name}”", [action])
        signs = await _signs(hand, effect, chosen)
        for sign in signs:
            await hand.expect("it is shown", sign)
        if not signs:
            raise LostError(f"nothing shows “{chosen}”")
        await _expect_after_reload(hand, signs)
        _keep(kit, hand, place, "changes-its-state", f"What “{place.name}” made can be set to “{chosen}”", "edit")
        return True
    return False


async def _open_own_page(hand: Hand, kit: Kit, place: Place) -> Record:
    """The steps that make a thing and open its page. Raises ``LostError``."""
    record = await make_one(hand, kit.site, place)
    if record.listed_on:
        link = Locator(by="role", value="link", name=record.text, exact=False)
        if await hand.count(link) != 1:
            raise LostError("no link leads to a page of what was made")
        await hand.step("Open what was made", Click(link))
    if hand.view.path == record.listed_on or any(hand.view.path == each.path for each in kit.site.good):
        raise LostError("what was made has no page of its own")
    return record


def _own_forms(view: View, place: Place) -> list[Form]:
    """The forms of the page that may be sent, but not the one that made the thing."""
    names = [each.attrs.get("name") for each in place.form.fields]
    return [
        form
        for form in view.forms
        if form.method == "post"
        and form.submit is not None
        and not form.guarded
        and not form.element.in_chrome
        and not RISKY.search(form.submit.name)
        and [each.attrs.get("name") for each in form.fields] != names
    ]


def _sender(form: Form) -> Element:
    if form.submit is None:
        raise LostError("the form has no button")
    return form.submit


def _field_for_a_comment(view: View, place: Place) -> tuple[Form, Element]:
    found = [
        (form, field)
        for form in _own_forms(view, place)
        for field in form.fields
        if field.tag == "textarea" and not field.value and not field.disabled
    ]
    if not found:
        raise LostError("there is nothing to write a comment in")
    return min(found, key=lambda each: not _SAYS.search(words_of(each[1])))


async def _send(hand: Hand, form: Form, title: str, actions: list[Action]) -> Effect:
    return await hand.step(title, *actions, Click(await hand.find(_sender(form))))


Choice = tuple[Form, Element, str]
"""A form, its field, and the option where that is a select."""


def _choices(view: View, place: Place) -> list[Choice]:
    """Other states than the present one; those that need nothing more come first."""
    found: list[Choice] = []
    for form in _own_forms(view, place):
        radios = [each for each in form.of_kind("radio") if not each.disabled and not RISKY.search(each.name)]
        found += [(form, each, "") for each in radios if not each.checked and each.name]
        for field in form.of_kind("select"):
            options = [each for each in field.walk() if each.tag == "option" and each.text and each.attrs.get("value")]
            options = [each for each in options if not RISKY.search(each.text)]
            if _STATE.search(words_of(field)) and not field.disabled:
                found += [(form, field, each.text) for each in options if each.attrs["value"] != field.value][:1]
    return sorted(found, key=lambda each: (bool(each[2]), _needs_more(each[1])))


def _needs_more(field: Element) -> bool:
    around = field.parent.walk() if field.parent is not None else iter(())
    return any(each.is_field and each.kind != "radio" for each in around)


def _opener_of_choices(view: View) -> Element | None:
    """What unfolds the part of the page where states are chosen: the opener that stands nearest to it."""
    near: list[tuple[int, Element]] = []
    for opener in menus.openers(view):
        for distance, above in enumerate(opener.ancestors()):
            if any(each.kind == "radio" and not each.visible and each.is_field for each in above.walk()):
                near.append((distance, opener))
                break
    return min(near, key=lambda each: each[0])[1] if near else None


async def _signs(hand: Hand, effect: Effect, chosen: str) -> list[Check]:
    """Short texts that were not there before: those that speak of what was chosen, or where none does, any."""
    old = {each.text for each in effect.before.elements}
    new = [
        each
        for each in effect.after.elements
        if each.inside(effect.after.main)
        and 2 < len(each.text) <= _LONGEST_SIGN
        and each.text not in old
        and not any(map(str.isdigit, each.text))
        and not (each.is_field or each.is_button or each.tag in ("option", "label", "legend"))
        and not any(child.visible for child in each.children)
    ]
    found: list[Check] = []
    for element in ([each for each in new if _speaks_of(each.text, chosen)] or new)[:_TRIED_SIGNS]:
        locator = Locator(by="text", value=escape(element.text))
        if element.role in NAMED_ROLES and element.name:
            locator = Locator(by="role", value=element.role, name=escape(element.name))
        if len(found) < MOST_SIGNS and await hand.count(locator) == 1:
            found.append(IsVisible(locator))
    return found


def _speaks_of(text: str, chosen: str) -> bool:
    return bool(stems_of(text) & stems_of(chosen))


async def _expect_after_reload(hand: Hand, checks: list[Check]) -> None:
    """Where loading the page again sends nothing a second time."""
    await hand.act(Reload())
    held = [each for each in checks if await hand.holds(each)]
    if held:
        await hand.step("Load the page again", Reload())
    for each in held:
        await hand.expect("it is still there", each)


def _keep(kit: Kit, hand: Hand, place: Place, what: str, title: str, concept: str) -> None:
    flow = hand.flow(f"{slug(place.name)}-{what}", SUITE, title, "@crud", "@form", session=place.session)
    kit.keep(flow, "form", concept, changes_account=place.visit.signed_in)
