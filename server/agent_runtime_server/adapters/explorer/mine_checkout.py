"""The checkout: an order is placed, confirmed, and found in the history; a form with mistakes is refused.

Where nobody asks for an order, all but the last click is acted out.
"""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.buying import Buyer, buying, finish
from agent_runtime_server.adapters.explorer.checkout_limits import needs_sign_in, needs_something, refuse_mistakes
from agent_runtime_server.adapters.explorer.checkout_walk import Passage, Walk, fill_cart, learn_walk
from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.flow import Skipped
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    CountOf,
    Equals,
    Goto,
    IsVisible,
    Literally,
    Locator,
    NumberIn,
    Plus,
    Recall,
    Remember,
)
from agent_runtime_server.adapters.explorer.locators import group
from agent_runtime_server.adapters.explorer.messages import expect_message, standing_words
from agent_runtime_server.adapters.explorer.mine_pages import around_pages, expect_main
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.own_account import may_join
from agent_runtime_server.adapters.explorer.shopping import Product, find_products, open_cart
from agent_runtime_server.adapters.explorer.site import Site, Visit
from agent_runtime_server.adapters.explorer.totals import expect_total, find_total, lasting
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import EMPTY, speaks_of


async def mine_checkout(kit: Kit) -> None:
    """All flows about buying; an order is placed only if that is allowed."""
    products = await find_products(kit)
    if not products:
        return
    product = products[0]
    members: list[Buyer] = ["own"] if await may_join(kit) else []
    members += ["known"] if kit.site.sign_in is not None else []
    closed = kit.site.sign_in is not None and await needs_sign_in(kit, product)
    order = kit.may_change_data or bool({"checkout", "orders"} & kit.wish.asked)
    if not order:
        kit.site.skipped.append(Skipped("placing an order", "the instructions do not ask for it"))
        kit.log("not placing an order: the instructions do not ask for it")
    found = await _find_way(kit, product, members if closed else ["guest", *members], order)
    if found is None:
        return
    buyer, walk = found
    await _go_through(kit, product, buyer, walk, order)
    if order and members:
        await _history(kit, product, members[0])
    if buyer != "known":
        await needs_something(kit, buyer, walk)
    await refuse_mistakes(kit, product, buyer, walk)


async def _find_way(kit: Kit, product: Product, buyers: list[Buyer], order: bool) -> tuple[Buyer, Walk] | None:
    for buyer in buyers:
        async with buying(kit, buyer, "finding the way through the checkout") as hand:
            await fill_cart(hand, kit, product)
            walk = await learn_walk(hand, kit, product, order=order)
            kit.log(f"the way through the checkout has {len(walk.passages)} steps and ends at “{_name(walk.end)}”")
            return buyer, walk
    return None


def _name(view: View) -> str:
    return view.heading.name if view.heading else view.path


async def _go_through(kit: Kit, product: Product, buyer: Buyer, walk: Walk, order: bool) -> None:
    """The whole way, from the list to the confirmation or to where the order could be placed."""
    async with buying(kit, buyer, "placing an order" if order else "going up to the order") as hand:
        await fill_cart(hand, kit, product)
        total = find_total(hand.view)
        amount = 0.0
        if total is not None and (locator := await lasting(hand, total)):
            amount = amounts(total.text)[0]
            await hand.step("Note the total of the cart", Remember("total", NumberIn(locator)))
        effect = await _go(hand, walk.passages, kit.site)
        if order:
            await _expect_confirmation(hand, effect)
        if amount:
            await expect_total(hand, "the order's total is that of the cart", Recall("total"), amount, [])
        view = hand.view
        named = [each for each in view.elements if product.name in each.name and each.inside(view.main)]
        for element in [each for each in named if not each.in_chrome][:1]:
            if locator := await hand.try_find(element):
                await hand.expect(f"“{product.name}” is part of the order", IsVisible(locator))
        if order:
            await _expect_empty_cart(hand, kit)
            finish(kit, hand, buyer, "place-order", "Places an order up to the confirmation", "@smoke")
        else:
            finish(kit, hand, buyer, "checkout-up-to-the-order", "Goes through the checkout up to the order")


async def _go(hand: Hand, passages: tuple[Passage, ...], looking: Site | None = None) -> Effect:
    """The steps of the way; each but the last leads to a page that calls itself otherwise.

    ``looking`` at what the pages of a site have, too.
    """
    around = around_pages(looking) if looking else frozenset()
    for passage in passages:
        effect = await hand.step(passage.title, *passage.actions)
        if passage is not passages[-1]:
            await hand.expect_heading(effect, "the next page is")
        if looking:
            await expect_main(hand, looking, around)
    return effect


async def _expect_confirmation(hand: Hand, effect: Effect) -> None:
    heading = effect.after.heading
    words = standing_words(heading.name) if heading else ""
    if heading is not None and words and words != heading.name:
        named = Locator(by="role", value="heading", level=heading.level, has_text=words)
        await hand.expect(f"the order is confirmed by the heading “{words}”", IsVisible(named))
    else:
        await hand.expect_heading(effect, "the order is confirmed by the heading")
    await expect_message(hand, effect, "the confirmation says")


async def _expect_empty_cart(hand: Hand, kit: Kit) -> None:
    try:
        effect = await open_cart(hand, kit)
    except LostError:
        return
    await expect_message(hand, effect, "the cart is empty now", pattern=EMPTY)


async def _history(kit: Kit, product: Product, member: Buyer) -> None:
    """One order more is listed; how, is seen by placing one."""
    known: tuple[Walk, Visit, Locator] | None = None
    async with buying(kit, member, "seeing how past orders are listed") as hand:
        visit = _history_page(kit)
        await fill_cart(hand, kit, product)
        walk = await learn_walk(hand, kit, product, order=True)
        await hand.visit(visit.path)
        entries = _entries(hand.view)
        if entries is None:
            raise LostError(f"{visit.path} shows no list of orders")
        known = walk, visit, entries
    if known is None:
        return
    walk, visit, entries = known
    async with buying(kit, member, "finding the order in the history") as hand:
        await hand.step(
            f"Open {visit.path} and count the orders", Goto(visit.path), Remember("orders", CountOf(entries))
        )
        await fill_cart(hand, kit, product)
        await _go(hand, walk.passages)
        await hand.step(f"Open {visit.path} again", Goto(visit.path))
        await hand.expect("there is one order more", Equals(CountOf(entries), Plus(Recall("orders"), Literally(1))))
        finish(kit, hand, member, "order-in-history", "The order is in the history", concepts=("checkout", "orders"))


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
