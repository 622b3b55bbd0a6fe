"""The cart at its limits: a quantity that is too large, nothing in it, a voucher that there is not."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.cart_lines import put_in, update_button
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fields import words_of, wrong_value
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.language import Action, Click, Fill, Goto, IsInvalid, Press
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.shopping import (
    Product,
    add_to_cart,
    open_cart,
    open_product,
)
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import EMPTY, VOUCHER


async def refuse_wrong_quantity(kit: Kit, product: Product) -> None:
    """Far more than there is."""
    async with kit.attempt("giving a wrong quantity") as hand:
        line, _ = await put_in(hand, kit, product)
        wrong = _wrong_quantity_for(line.quantity) if line.quantity is not None else None
        if line.quantity is None or wrong is None:
            raise LostError("the quantity has no limits")
        field = await hand.find(line.quantity)
        button = update_button(hand.view, line)
        send: Action = Click(await hand.find(button)) if button else Press(field, "Enter")
        effect = await hand.step(f"Try to change the quantity to {wrong}", Fill(field, wrong), send)
        if not await hand.expect(f"the quantity {wrong} is refused by the field", IsInvalid(field)):
            await expect_message(hand, effect, "the quantity is refused")
        flow = hand.flow("cart-wrong-quantity", "Cart", "Refuses a wrong quantity", "@cart", "@negative")
        kit.keep(flow, "cart", "form")


async def open_empty(kit: Kit, product: Product) -> None:
    """A cart with nothing in it says so."""
    async with kit.attempt("opening the cart with nothing in it") as hand:
        path = await _cart_path(kit, product)
        await hand.visit(product.listing)
        effect = await hand.step(f"Open {path} with nothing in the cart", Goto(path))
        if not await expect_message(hand, effect, "the cart says that it is empty", pattern=EMPTY):
            raise LostError("nothing says that the cart is empty")
        await hand.expect_heading(effect, "the heading is")
        kit.keep(hand.flow("empty-cart", "Cart", "Says that the cart is empty", "@cart"), "cart")


async def _cart_path(kit: Kit, product: Product) -> str:
    async with kit.hand() as scout:
        await open_product(scout, product)
        await add_to_cart(scout)
        await open_cart(scout, kit)
        return scout.view.path


async def refuse_voucher(kit: Kit, product: Product) -> None:
    """A code that nobody ever gave away."""
    async with kit.attempt("using a voucher that there is not") as hand:
        await put_in(hand, kit, product)
        field = _voucher_field(hand.view)
        opener = next((each for each in hand.view.controls if not each.is_field and VOUCHER.search(each.name)), None)
        if field is None and opener is not None:
            await hand.step(f"Click “{opener.name}”", Click(await hand.find(opener)))
            field = _voucher_field(hand.view)
        form = hand.view.form_of(field) if field is not None else None
        if field is None or form is None or form.submit is None:
            raise LostError("the cart takes no vouchers")
        target, submit = await hand.find(field), Click(await hand.find(form.submit))
        effect = await hand.step("Try a voucher that there is not", Fill(target, "NONE-${uid}"), submit)
        if not await expect_message(hand, effect, "the voucher is refused"):
            raise LostError("nothing says that the voucher is refused")
        flow = hand.flow("voucher-refused", "Cart", "Refuses a voucher that there is not", "@cart", "@negative")
        kit.keep(flow, "cart", "form")


def _voucher_field(view: View) -> Element | None:
    typed = [each for each in view.controls if each.is_field and each.kind == "text"]
    return next((each for each in typed if VOUCHER.search(_about(view, each))), None)


def _about(view: View, field: Element) -> str:
    form = view.form_of(field)
    return f"{words_of(field)} {form.action if form else ''} {form.submit.name if form and form.submit else ''}"


def _wrong_quantity_for(field: Element) -> str | None:
    """Far above what the field takes: the limit may be the stock, which is another one day to day."""
    wrong = wrong_value(field) if field.kind == "number" else None
    return f"{wrong}00" if wrong and int(wrong) > 0 else wrong
