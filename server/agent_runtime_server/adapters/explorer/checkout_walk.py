"""Finding the way from a full cart to the confirmation of an order, form by form, and keeping it to go it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fields import kind_of, words_of
from agent_runtime_server.adapters.explorer.forms import (
    Entry,
    action_for,
    is_search,
    is_sign_in,
    radio_choices,
    wanted_fields,
)
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Action, Click, Locator
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.shopping import Product, add_to_cart, open_cart, open_product
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import CHECKOUT_STEP, ORDER_FINISHED, PLACES_ORDER, speaks_of

MOST_PASSAGES = 8
MOST_TRIES = 4
_NOT_ONWARD = re.compile(
    r"shopping|browse|browsing|keep|back|edit|change|remove|delete|update|cancel|voucher|coupon|promo|apply|print|home|previous",
    re.IGNORECASE,
)
_SIDE_FORM = re.compile(r"voucher|coupon|promo|gift|newsletter|language|currency|search", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Passage:
    """One page on the way: what is filled in there, and what is clicked to go on."""

    page: str
    """What the page calls itself."""
    entries: tuple[Entry, ...]
    send: Action
    sends: str
    """The name of the control that is clicked."""

    @property
    def title(self) -> str:
        """The step in words."""
        if not self.entries:
            return f"Click “{self.sends}”"
        only = self.entries[0].field.name if len(self.entries) == 1 else ""
        return f"Fill in {f'“{only}”' if only else 'the form'} and click “{self.sends}”"

    @property
    def actions(self) -> tuple[Action, ...]:
        """All that is done on the page."""
        return (*(entry.action for entry in self.entries), self.send)


@dataclass(frozen=True, eq=False)
class Walk:
    """The way through the checkout, with what its ends looked like."""

    passages: tuple[Passage, ...]
    """What was done."""
    ahead: Passage | None
    """What would have placed the order, where that was not asked for."""
    start: str
    """Path where the cart's control leads to."""
    end: View
    """The confirmation, or the page on which the order could be placed."""


async def fill_cart(hand: Hand, kit: Kit, product: Product) -> None:
    """Steps from the list of products to a cart with one of them."""
    await open_product(hand, product)
    await add_to_cart(hand)
    await open_cart(hand, kit)


async def learn_walk(hand: Hand, kit: Kit, product: Product, *, order: bool) -> Walk:
    """Go on from a full cart: to the confirmation, placing an order, or else to where it could be placed.

    Raises:
        LostError: The way ends elsewhere; says where.
    """
    last, start = hand.view, ""
    passages: list[Passage] = []
    for _ in range(MOST_PASSAGES):
        way = _way_on(hand.view, kit, product, passages)
        if way is None:
            break
        last = hand.view
        if not order and passages and _places_order(way):
            return Walk(tuple(passages), await _ahead(hand, way), start, hand.view)
        passages.append(await _pass(hand, way))
        start = start or hand.view.path
        if len(passages) > 1 and _is_confirmation(hand.view):
            break
    if not order or not passages or (not any(passage.entries for passage in passages) and len(passages) < 2):
        raise LostError(f"no way to pay was found on {hand.view.path}")
    if hand.view.path == last.path:
        raise LostError(f"the checkout does not go on from {hand.view.path}")
    return Walk(tuple(passages), None, start, hand.view)


def _places_order(way: Form | Element) -> bool:
    button = way if isinstance(way, Element) else way.submit
    return button is not None and bool(PLACES_ORDER.search(button.name))


async def _ahead(hand: Hand, way: Form | Element) -> Passage:
    if isinstance(way, Element):
        return Passage(_page(hand.view), (), Click(await hand.find(way)), way.name)
    assert way.submit is not None
    entries = await fill_entries(hand, way, {})
    return Passage(_page(hand.view), tuple(entries), Click(await hand.find(way.submit)), way.submit.name)


def _page(view: View) -> str:
    return view.heading.name if view.heading else view.path


def _is_confirmation(view: View) -> bool:
    said = f"{view.title} {view.heading.name if view.heading else ''}"
    asks = any(each.required and each.inside(view.main) for each in view.controls if each.is_field)
    return bool(ORDER_FINISHED.search(said)) and not asks


def checkout_form(view: View) -> Form | None:
    """The form of the main part that leads on: not that of a line, a voucher or a search."""
    found = []
    for form in view.forms:
        said = f"{form.action} {form.element.attrs.get('id', '')} {' '.join(words_of(each) for each in form.fields)}"
        if not form.element.inside(view.main) or form.element.in_chrome or is_search(form):
            continue
        if form.submit is None or form.submit.disabled:
            continue
        if _SIDE_FORM.search(said) or row_of(form.element) is not None or _only_quantities(form):
            continue
        found.append(form)
    return max(
        found,
        key=lambda form: (bool(CHECKOUT_STEP.search(form.submit.name if form.submit else "")), len(form.fields)),
        default=None,
    )


def asks_for_sign_in(form: Form) -> bool:
    """One must have an account to go on: there is no other choice for which the password does not matter."""
    return is_sign_in(form) and not any(each.disabled for each in form.of_kind("password"))


def _only_quantities(form: Form) -> bool:
    """There is nothing to fill in, or only how many of each thing."""
    return all(each.kind == "number" or row_of(each) is not None for each in form.fields)


def _way_on(view: View, kit: Kit, product: Product, passages: list[Passage]) -> Form | Element | None:
    form = checkout_form(view)
    if form is not None and asks_for_sign_in(form):
        raise LostError(f"{view.path} asks for a sign-in")
    if form is not None:
        return form
    controls = [
        each
        for each in view.controls
        if not each.is_field
        and each.inside(view.main)
        and not each.in_chrome
        and each.name
        and not each.disabled
        and row_of(each) is None
        and not _NOT_ONWARD.search(each.name)
        and product.name not in each.name
    ]
    said = [each for each in controls if speaks_of("checkout", each.name)]
    step = [each for each in controls if CHECKOUT_STEP.search(each.name)]
    chosen = next(iter((*said, *step)), None)
    if chosen is not None or passages:
        return chosen
    return next(
        (each for each in controls if each.role == "link" and kit.site.own(view.target(each)) not in kit.site.visits),
        None,
    )


async def _pass(hand: Hand, way: Form | Element) -> Passage:
    page = _page(hand.view)
    if isinstance(way, Element):
        send = Click(await hand.find(way))
        await hand.act(send)
        return Passage(page, (), send, way.name)
    tries: dict[str, int] = {}
    for _ in range(MOST_TRIES):
        form = checkout_form(hand.view)
        if form is None or form.submit is None:
            raise LostError(f"the form on {hand.view.path} is gone")
        before = hand.view.path
        entries = await fill_entries(hand, form, tries)
        passage = Passage(page, tuple(entries), Click(await hand.find(form.submit)), form.submit.name)
        await hand.act(*passage.actions)
        again = checkout_form(hand.view)
        refused = [each for each in again.fields if each.attrs.get("aria-invalid") == "true"] if again else []
        if hand.view.path != before and not refused:
            return passage
        if again is None:
            return passage
        for field in refused or [entry.field for entry in entries if entry.kind == "postcode"]:
            name = field.attrs.get("name", field.name)
            tries[name] = tries.get(name, 0) + 1
    raise LostError(f"the form on {hand.view.path} refuses what was filled in")


async def fill_entries(hand: Hand, form: Form, tries: Mapping[str, int]) -> list[Entry]:
    """How to fill in the wanted fields of a form; ``tries`` says by field how many values were refused.

    Raises:
        LostError: It cannot be filled in, or is not to be.
    """
    if form.guarded:
        raise LostError("the form asks whether a person sends it")
    entries = []
    for field in radio_choices(wanted_fields(form)):
        target: Locator = await hand.find(field)
        action = action_for(field, target, attempt=tries.get(field.attrs.get("name", field.name), 0))
        if action is not None:
            entries.append(Entry(field, target, action, kind_of(field)))
    return entries
