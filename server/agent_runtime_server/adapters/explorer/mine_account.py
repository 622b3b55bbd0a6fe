"""A member's own things, in an account that the flow registers itself: made, shown, taken away; wishes too.

Nothing of the user whose sign-in data were given is touched, and no two flows meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.checkout_walk import fill_entries
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.forms import Entry, is_registration, is_search, is_sign_in
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Action, Click, Fill, Goto, IsHidden, IsVisible, Locator
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.own_account import join, may_join
from agent_runtime_server.adapters.explorer.records import facts
from agent_runtime_server.adapters.explorer.scopes import row_named, row_of
from agent_runtime_server.adapters.explorer.shopping import Product, find_products, open_product
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import ALWAYS_RISKY, REMOVE, WISH, concepts_in, speaks_of

MOST_THINGS = 3
_SHOWN_AS = ("row", "article", "listitem", "heading")
"""Roles of what shows a thing that was made, the nearest first."""
_NAMING = ("title", "name", "last_name", "company", "street", "text", "")
"""Kinds of fields that may carry what tells one thing from others, the best first."""


async def mine_things(kit: Kit) -> None:
    """What a member can add: an address, a list, a card."""
    places = [(visit, form) for visit, form in kit.site.forms() if visit.signed_in and _makes_something(visit, form)]
    places = [each for each in places if kit.wants("create", "account", "form", text=each[0].path)]
    if not places or not await may_join(kit):
        return
    for visit, _ in places[:MOST_THINGS]:
        await _make(kit, visit)
        await _take_away(kit, visit)


def _makes_something(visit: Visit, form: Form) -> bool:
    typed = [each for each in form.fields if each.kind in ("text", "email", "tel", "url", "textarea")]
    said = f"{visit.path} {_name(visit.view)} {form.action}"
    plain = not (is_search(form) or is_sign_in(form) or is_registration(form) or form.of_kind("password"))
    return bool(typed) and plain and speaks_of("create", said) and not ALWAYS_RISKY.search(said)


def _name(view: View) -> str:
    return view.heading.name if view.heading else view.path


class _Made(NamedTuple):
    """What sending a form has made."""

    effect: Effect
    shown: Locator
    row: Element
    typed: Sequence[Action]


async def _making(hand: Hand, kit: Kit, visit: Visit) -> _Made:
    """Three steps: an account, the page of the form, and the form; what shows the thing that was made.

    Raises:
        LostError: Nothing with the unique text is shown afterwards.
    """
    await join(hand, kit)
    await hand.step(f"Open {visit.path}", Goto(visit.path))
    form = next((each for each in hand.view.forms if _makes_something(visit, each)), None)
    if form is None or form.submit is None:
        raise LostError("the form is gone")
    actions = _unique(await fill_entries(hand, form, {}))
    submit = Click(await hand.find(form.submit))
    effect = await hand.step(f"Fill in the form and click “{form.submit.name}”", *actions, submit)
    told = [each.value.split("${uid}")[0] for each in actions if isinstance(each, Fill) and "${uid}" in each.value]
    for role in _SHOWN_AS:
        named = [each for each in hand.view.by_role(role) if not each.in_chrome]
        shown = [each for each in named if any(text in each.text for text in told)]
        locator = Locator(by="role", value=role, has_text="${uid}")
        if len(shown) == 1 and hand.view.path != visit.path and await hand.count(locator) == 1:
            return _Made(effect, locator, shown[0], actions)
    raise LostError("what was typed is not shown anywhere")


def _unique(entries: list[Entry]) -> list[Action]:
    """What to fill in, one field with the unique text."""
    actions = [entry.action for entry in entries]
    if any(isinstance(each, Fill) and "${uid}" in each.value for each in actions):
        return actions
    typed = [entry for entry in entries if isinstance(entry.action, Fill) and entry.kind in _NAMING]
    chosen = min(typed, key=lambda each: _NAMING.index(each.kind), default=None)
    return [
        replace(each, value=f"{each.value} ${{uid}}")
        if chosen is not None and each is chosen.action and isinstance(each, Fill)
        else each
        for each in actions
    ]


async def _make(kit: Kit, visit: Visit) -> None:
    name = _name(visit.view)
    async with kit.attempt(f"making something of one's own: {name}") as hand:
        made = await _making(hand, kit, visit)
        await hand.expect("what was typed is shown", IsVisible(made.shown))
        for fact in facts(made.row, made.shown, made.typed):
            await hand.expect(f"with “{fact.text}”", fact)
        await expect_message(hand, made.effect, "a message says that it was made")
        flow = hand.flow(f"own-{slug(name)}", "Account", f"“{name}” makes what was typed", "@crud", "@form")
        kit.keep(flow, "create", "account", *concepts_in(name))
        kit.own_things.add(visit.path)


async def _take_away(kit: Kit, visit: Visit) -> None:
    name = _name(visit.view)
    async with kit.attempt(f"taking something of one's own away: {name}") as hand:
        made = await _making(hand, kit, visit)
        await hand.expect("what was made is shown", IsVisible(made.shown))
        await _remove(hand, made.shown, made.row)
        flow = hand.flow(f"removes-own-{slug(name)}", "Account", f"What “{name}” made can be taken away", "@crud")
        kit.keep(flow, "remove", "account", *concepts_in(name))


async def _remove(hand: Hand, place: Locator, shown: Element) -> None:
    """Take away what is shown at a place: by the control there, if need be in a menu, and confirm it.

    Raises:
        LostError: Nothing there takes it away.
    """
    control = _remover(shown)
    if control is None:
        menus = [each for each in shown.walk() if each.visible and each.is_button]
        menu = Locator(by="role", value="button", name=menus[0].name or None, within=place) if menus else None
        if menu is None or await hand.count(menu) != 1:
            raise LostError("nothing to take it away was seen")
        await hand.step("Open the menu beside it", Click(menu))
        control = next(
            (each for row in hand.view.by_role(shown.role) if row.text and (each := _remover(row)) is not None), None
        )
    if control is None:
        raise LostError("nothing to take it away was seen")
    click = Click(Locator(by="role", value=control.role, name=control.name, within=place))
    effect = await hand.step(f"Click “{control.name}”", click)
    for button in [each for each in hand.view.buttons if REMOVE.search(each.name)][:1]:
        if effect.navigated or effect.appeared_by_role("dialog", "alertdialog"):
            effect = await hand.step(f"Confirm with “{button.name}”", Click(await hand.find(button)))
    await hand.expect("it is shown no longer", IsHidden(place))
    await expect_message(hand, effect, "a message says that it was taken away")


def _remover(place: Element) -> Element | None:
    controls = [each for each in place.walk() if each.visible and (each.is_button or each.role in ("link", "menuitem"))]
    return next((each for each in controls if REMOVE.search(each.name)), None)


async def mine_wishes(kit: Kit) -> None:
    """A product is put on a list of wishes, is there, and is taken off it."""
    products = await find_products(kit)
    pages = [visit for visit in kit.site.good if visit.signed_in and WISH.search(f"{visit.path} {_name(visit.view)}")]
    if not products or not pages or not await may_join(kit):
        return
    async with kit.attempt("putting a product on the list of wishes") as hand:
        effect = await _wish(hand, kit, products[0])
        await expect_message(hand, effect, "a message says that it was put there")
        place = await _open_wishes(hand, pages[0], products[0])
        await hand.expect(f"“{products[0].name}” is on the list", IsVisible(place))
        flow = hand.flow("wish", "Wishes", "Puts a product on the list of wishes", "@crud")
        kit.keep(flow, "wishes", "account")
    async with kit.attempt("taking a product off the list of wishes") as hand:
        await _wish(hand, kit, products[0])
        place = await _open_wishes(hand, pages[0], products[0])
        await hand.expect(f"“{products[0].name}” is on the list", IsVisible(place))
        await _remove(hand, place, matches(hand.view, place)[0])
        flow = hand.flow("wish-no-more", "Wishes", "Takes a product off the list of wishes", "@crud")
        kit.keep(flow, "wishes", "account")


async def _wish(hand: Hand, kit: Kit, product: Product) -> Effect:
    await join(hand, kit)
    await open_product(hand, product)
    wishing = [each for each in hand.view.controls if not each.is_field and each.inside(hand.view.main)]
    button = next((each for each in wishing if WISH.search(each.name) and not each.in_chrome), None)
    if button is None or button.disabled:
        raise LostError("the product cannot be wished for")
    return await hand.step(f"Click “{button.name}”", Click(await hand.find(button)))


async def _open_wishes(hand: Hand, page: Visit, product: Product) -> Locator:
    """The steps to the list with the product; where it is there."""
    await hand.step(f"Open {page.path}", Goto(page.path))
    for _ in range(2):
        for element in hand.view.elements:
            shows = product.name in element.text and element.role in _SHOWN_AS and not element.in_chrome
            if shows and (locator := row_named(hand.view, element, product.name)):
                return locator
        link = next((each for each in hand.view.links if row_of(each) and not each.in_chrome and each.name), None)
        if link is None:
            break
        await hand.step(f"Open “{link.name}”", Click(await hand.find(link)))
    raise LostError(f"“{product.name}” is on no list")
