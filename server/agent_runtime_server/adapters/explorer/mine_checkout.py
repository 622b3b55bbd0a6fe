"""The checkout: an order is placed, confirmed, and found in the history; a form with mistakes is refused."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.checkout_walk import Passage, Walk, fill_cart, learn_walk
from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.flow import (
    Action,
    Click,
    CountOf,
    Equals,
    Fill,
    Flow,
    Goto,
    IsVisible,
    Literally,
    Locator,
    NumberIn,
    Plus,
    Recall,
    Remember,
    SetChecked,
    Skipped,
)
from agent_runtime_server.adapters.explorer.forms import Entry, wrong_value
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.locators import group
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.perceive import View
from agent_runtime_server.adapters.explorer.refusals import expect_refusal
from agent_runtime_server.adapters.explorer.shopping import (
    Product,
    expect_total,
    find_products,
    find_total,
    lasting,
    open_cart,
)
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.vocabulary import EMPTY, speaks_of


async def mine_checkout(kit: Kit) -> None:
    """All flows about buying, if that is allowed."""
    products = await find_products(kit)
    if not products:
        return
    product = products[0]
    if kit.site.sign_in is not None:
        await _needs_sign_in(kit, product)
    if not (kit.may_change_data or {"checkout", "orders"} & kit.wish.asked):
        kit.site.skipped.append(Skipped("placing an order", "the instructions do not ask for it"))
        kit.log("not placing an order: the instructions do not ask for it")
        return
    signed_in = kit.site.sign_in is not None
    walk: Walk | None = None
    async with kit.attempt(
        "finding the way through the checkout", signed_in=signed_in, changes_account=signed_in
    ) as hand:
        walk = await learn_walk(hand, kit, product)
        kit.log(f"an order was placed in {len(walk.passages)} steps, confirmed by “{_name(walk.end)}”")
    if walk is None:
        return
    await _order(kit, product, walk)
    if signed_in:
        await _history(kit, product, walk)
    await _refusals(kit, product, walk)


def _name(view: View) -> str:
    return view.heading.name if view.heading else view.path


def _finish(
    kit: Kit, hand: Hand, identity: str, title: str, *tags: str, concepts: tuple[str, ...] = ("checkout",)
) -> None:
    flow: Flow = hand.flow(
        identity, "Checkout", title, "@checkout", *tags, session="fresh" if kit.site.sign_in else "anonymous"
    )
    kit.keep(flow, *concepts, changes_account=kit.site.sign_in is not None)


async def _needs_sign_in(kit: Kit, product: Product) -> None:
    """Where a stranger who wants to buy is asked to sign in."""
    async with kit.attempt("buying without signing in") as hand:
        await fill_cart(hand, kit, product)
        link = next(
            (each for each in hand.view.controls if each.inside(hand.view.main) and speaks_of("checkout", each.name)),
            None,
        )
        if link is None:
            raise LostError("the cart offers no way to pay")
        await hand.step(f"Click “{link.name}” without having signed in", Click(await hand.find(link)))
        fields = [
            field
            for form in hand.view.forms
            if form.element.inside(hand.view.main)
            for field in form.of_kind("password")
        ]
        if not fields:
            raise LostError("strangers may buy")
        await hand.expect("the form to sign in is shown first", IsVisible(await hand.find(fields[0])))
        flow = hand.flow(
            "checkout-needs-sign-in", "Checkout", "Asks strangers to sign in", "@checkout", "@auth", "@negative"
        )
        kit.keep(flow, "checkout", "sign_in")


async def _order(kit: Kit, product: Product, walk: Walk) -> None:
    async with kit.attempt("placing an order", signed_in=kit.site.sign_in is not None, changes_account=True) as hand:
        await fill_cart(hand, kit, product)
        total = find_total(hand.view)
        amount = 0.0
        if total is not None and (locator := await lasting(hand, total)):
            amount = amounts(total.text)[0]
            await hand.step("Note the total of the cart", Remember("total", NumberIn(locator)))
        effect = await _go(hand, walk.passages)
        await _expect_confirmation(hand, effect)
        if amount:
            await expect_total(hand, "the order's total is that of the cart", Recall("total"), amount, [])
        named = [each for each in hand.view.elements if product.name in each.name and each.inside(hand.view.main)]
        if named and (locator := await hand.try_find(named[0])):
            await hand.expect(f"“{product.name}” is part of the order", IsVisible(locator))
        await _expect_empty_cart(hand, kit)
        _finish(kit, hand, "place-order", "Places an order up to the confirmation", "@smoke")


async def _go(hand: Hand, passages: tuple[Passage, ...]) -> Effect:
    effect: Effect | None = None
    for passage in passages:
        effect = await hand.step(passage.title, *passage.actions)
    assert effect is not None
    return effect


async def _expect_confirmation(hand: Hand, effect: Effect) -> None:
    await hand.expect_heading(effect, "the order is confirmed by the heading")
    await expect_message(hand, effect, "the confirmation says")


async def _expect_empty_cart(hand: Hand, kit: Kit) -> None:
    try:
        effect = await open_cart(hand, kit)
    except LostError:
        return
    await expect_message(hand, effect, "the cart is empty now", pattern=EMPTY)


async def _history(kit: Kit, product: Product, walk: Walk) -> None:
    async with kit.attempt("finding the order in the history", signed_in=True, changes_account=True) as hand:
        visit = _history_page(kit)
        await hand.visit(visit.path)
        entries = _entries(hand.view)
        if entries is None:
            raise LostError(f"{visit.path} shows no list of orders")
        await hand.step(
            f"Open {visit.path} and count the orders", Goto(visit.path), Remember("orders", CountOf(entries))
        )
        await fill_cart(hand, kit, product)
        await _go(hand, walk.passages)
        await hand.step(f"Open {visit.path} again", Goto(visit.path))
        await hand.expect("there is one order more", Equals(CountOf(entries), Plus(Recall("orders"), Literally(1))))
        _finish(kit, hand, "order-in-history", "The order is in the history", concepts=("checkout", "orders"))


def _history_page(kit: Kit) -> Visit:
    signed = [visit for visit in kit.site.good if visit.signed_in]
    for visit in signed:
        if speaks_of("orders", f"{visit.path} {_name(visit.view)}"):
            return visit
    raise LostError("no page with past orders was seen")


def _entries(view: View) -> Locator | None:
    """What matches each order of the history, and only these."""
    for role in ("row", "article", "listitem"):
        rows = [each for each in view.by_role(role) if each.inside(view.main) and not each.in_chrome]
        rows = [each for each in rows if amounts(each.text)] or [
            each for each in rows if any(map(str.isdigit, each.text))
        ]
        if rows and (found := group(view, rows)) is not None:
            return found
    return None


async def _refusals(kit: Kit, product: Product, walk: Walk) -> None:
    """One mistake of each kind in the longest form of the checkout."""
    number, passage = max(enumerate(walk.passages), key=lambda each: len(each[1].entries))
    known = set[str]()
    for entry in passage.entries:
        mistake = _mistake(entry)
        if mistake is None or mistake[0] in known:
            continue
        kind, title, action = mistake
        if await _refusal(kit, product, walk.passages[:number], passage, entry, title, action):
            known.add(kind)


def _mistake(entry: Entry) -> tuple[str, str, Action] | None:
    """A way to make the field wrong: its kind, the title of the flow, and the action."""
    field, target = entry.field, entry.target
    if wrong := wrong_value(field):
        return entry.kind, f"Refuses “{wrong}” as {field.name}", Fill(target, wrong)
    if field.required and isinstance(entry.action, Fill):
        return "blank", f"Refuses an order without {field.name}", Fill(target, "")
    if field.required and field.kind == "checkbox":
        return "consent", f"Refuses an order without “{field.name}”", SetChecked(target, checked=False)
    return None


async def _refusal(
    kit: Kit, product: Product, way: tuple[Passage, ...], passage: Passage, entry: Entry, title: str, mistake: Action
) -> bool:
    async with kit.attempt(title, signed_in=kit.site.sign_in is not None, changes_account=True) as hand:
        await fill_cart(hand, kit, product)
        for earlier in way:
            await hand.step(earlier.title, *earlier.actions)
        await hand.step("Fill in the form", *(each.action for each in passage.entries))
        effect = await hand.step(f"Spoil “{entry.field.name}” and click “{passage.sends}”", mistake, passage.send)
        await expect_refusal(hand, effect, entry.target, entry.field.name)
        _finish(kit, hand, f"checkout-{slug(title)}", title, "@form", "@negative", concepts=("checkout", "form"))
        return True
    return False
