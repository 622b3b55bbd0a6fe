"""The cart: what is put in is there, totals are the sum of price times quantity, and what is taken out is gone."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.cart_counter import expect_more_in_cart
from agent_runtime_server.adapters.explorer.cart_limits import open_empty, refuse_voucher, refuse_wrong_quantity
from agent_runtime_server.adapters.explorer.cart_lines import (
    Line,
    find_in,
    line_locator,
    line_of,
    put_in,
    try_find_in,
    update_button,
)
from agent_runtime_server.adapters.explorer.currency import amounts, currency, same
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Choose,
    Click,
    Equals,
    Fill,
    HasValue,
    IsHidden,
    IsVisible,
    Literally,
    Locator,
    Plus,
    Press,
    Recall,
    Reload,
    SumOf,
    Times,
)
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mine_pages import around_pages, expect_main
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.scopes import row_named
from agent_runtime_server.adapters.explorer.shopping import (
    Product,
    add_to_cart,
    find_products,
    open_cart,
    open_product,
    remember_price,
)
from agent_runtime_server.adapters.explorer.totals import expect_total, twice
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import EMPTY, REMOVE, speaks_of

MANY = 3


async def mine_cart(kit: Kit) -> None:
    """All flows about the cart, if the app has one."""
    products = await find_products(kit)
    if not products:
        return
    first = products[0]
    kit.log(f"this is a shop: “{first.name}” costs {first.price:g} and can be put into a cart")
    await _add(kit, first)
    await _change_quantity(kit, first)
    if len(products) > 1:
        await _two_products(kit, first, products[1])
    if not any([await _remove(kit, first, other) for other in products[1:2]]):
        await _remove(kit, first)
    await _persists(kit, first)
    await refuse_wrong_quantity(kit, first)
    await open_empty(kit, first)
    await refuse_voucher(kit, first)


async def _add(kit: Kit, product: Product) -> None:
    async with kit.attempt(f"putting “{product.name}” into the cart") as hand:
        await open_product(hand, product)
        effect = await add_to_cart(hand)
        await expect_message(hand, effect, "a message says that it was added")
        await expect_more_in_cart(hand, effect)
        before = (await open_cart(hand, kit)).before
        line = line_of(hand.view, product)
        await hand.expect(
            f"the cart has a line for “{product.name}”", IsVisible(await line_locator(hand, line, product, before))
        )
        if line.quantity is not None and line.quantity.value == "1":
            field = await find_in(hand, line, product, line.quantity)
            await hand.expect("its quantity is 1", HasValue(field, "1"))
        await expect_main(hand, kit.site, around_pages(kit.site))
        kit.keep(hand.flow("add-to-cart", "Cart", "Puts a product into the cart", "@cart"), "cart")


async def _change_quantity(kit: Kit, product: Product) -> None:
    async with kit.attempt("changing the quantity in the cart") as hand:
        line, _ = await put_in(hand, kit, product)
        await expect_total(hand, "the total is the product's price", Recall("price"), product.price, [line])
        await _set_quantity(hand, line, MANY, product)
        line = line_of(hand.view, product)
        amount = product.price * MANY
        if line.quantity is not None:
            field = await find_in(hand, line, product, line.quantity)
            await hand.expect(f"the quantity is {MANY}", HasValue(field, str(MANY)))
        await _expect_line_total(hand, line, product)
        total = f"the total is {MANY} times the price"
        await expect_total(hand, total, twice("price", MANY), amount, [line])
        flow = hand.flow("cart-quantity", "Cart", "Total is price times quantity", "@cart")
        kit.keep(flow, "cart")


async def _set_quantity(hand: Hand, line: Line, quantity: int, product: Product) -> Effect:
    """The step that changes the quantity, by what the app has for it: a button, the Enter key, or the field alone."""
    if line.quantity is None:
        raise LostError("the quantity cannot be changed in the cart")
    field = await find_in(hand, line, product, line.quantity)
    fill: Action = Choose(field, str(quantity)) if line.quantity.tag == "select" else Fill(field, str(quantity))
    send: list[Action] = []
    button = update_button(hand.view, line)
    if button is not None and (target := await try_find_in(hand, line, product, button)) is not None:
        send = [Click(target)]
    elif line.quantity.tag != "select":
        send = [Press(field, "Enter")]
    return await hand.step(f"Change the quantity of “{product.name}” to {quantity}", fill, *send)


async def _expect_line_total(hand: Hand, line: Line, product: Product) -> None:
    """Expect that the line shows its own total; where only amounts tell, by their sum: the price and its multiple."""
    locator = row_named(hand.view, line.row, product.name) if line.row.role else None
    if locator is None:
        return
    cells = [each for each in line.row.walk() if each.role == "cell" and len(amounts(each.text)) == 1]
    if len(cells) == 2 and same(sum(amounts(each.text)[0] for each in cells), product.price * (MANY + 1)):
        target = Locator(by="role", value="cell", has_text=currency(cells[0].text), within=locator)
        if matches(hand.view, target) == cells:
            text = f"the amounts in its line are the price and {MANY} times the price"
            await hand.expect(text, Equals(SumOf(target), twice("price", MANY + 1)))


async def _two_products(kit: Kit, one: Product, other: Product) -> None:
    async with kit.attempt("putting two products into the cart") as hand:
        await open_product(hand, one)
        await add_to_cart(hand, await remember_price(hand, "firstPrice"))
        await open_product(hand, other)
        await add_to_cart(hand, await remember_price(hand, "secondPrice"))
        before = (await open_cart(hand, kit)).before
        lines = [line_of(hand.view, one), line_of(hand.view, other)]
        for line, product in zip(lines, (one, other), strict=True):
            text = f"the cart has a line for “{product.name}”"
            await hand.expect(text, IsVisible(await line_locator(hand, line, product, before)))
        both = Plus(Recall("firstPrice"), Recall("secondPrice"))
        await expect_total(hand, "the total is the sum of both prices", both, one.price + other.price, lines)
        await _set_quantity(hand, lines[1], 2, other)
        lines = [line_of(hand.view, one), line_of(hand.view, other)]
        both = Plus(Recall("firstPrice"), Times(Recall("secondPrice"), Literally(2)))
        text = "the total is the first price and twice the second"
        await expect_total(hand, text, both, one.price + 2 * other.price, lines)
        kit.keep(hand.flow("cart-total", "Cart", "Total is the sum of all lines", "@cart"), "cart")


async def _remove(kit: Kit, product: Product, other: Product | None = None) -> bool:
    """One of two is taken out, and the other one stays; or the only one, which any button for that would do."""
    async with kit.attempt("taking a product out of the cart") as hand:
        if other is not None:
            await open_product(hand, other)
            await add_to_cart(hand)
        line, before = await put_in(hand, kit, product)
        target = await line_locator(hand, line, product, before)
        await hand.expect(f"the cart has a line for “{product.name}”", IsVisible(target), outcome=True)
        button = _remove_button(hand.view, line)
        if button is None:
            raise LostError("nothing to take a line out of the cart was seen")
        title = f"Click “{button.name}” in the line of “{product.name}”"
        effect = await hand.step(title, Click(await find_in(hand, line, product, button)))
        gone = await hand.expect(f"the line of “{product.name}” is gone", IsHidden(target))
        if other is not None:
            if not gone:
                raise LostError("the line stays")
            stays = await line_locator(hand, line_of(hand.view, other), other, before)
            await hand.expect(f"the line of “{other.name}” is still there", IsVisible(stays), outcome=False)
        if not await expect_message(hand, effect, "the cart says that it is empty", pattern=EMPTY):
            await expect_message(hand, effect, "a message says that it was taken out")
        kit.keep(hand.flow("remove-from-cart", "Cart", "Takes a product out of the cart", "@cart"), "cart", "remove")
        return True
    return False


def _remove_button(view: View, line: Line) -> Element | None:
    """By its words, else the one in the line that is neither the product's link nor changes the quantity."""
    controls = [each for each in line.row.walk() if each.visible and (each.is_button or each.role == "link")]
    said = [each for each in controls if REMOVE.search(each.name) or speaks_of("remove", each.name)]
    update = update_button(view, line) if line.quantity is not None else None
    other = [each for each in controls if each.is_button and each is not update]
    return next(iter((*said, *other)), None)


async def _persists(kit: Kit, product: Product) -> None:
    async with kit.attempt("loading the cart again") as hand:
        line, before = await put_in(hand, kit, product)
        target = await line_locator(hand, line, product, before)
        await hand.step("Load the page again", Reload())
        await hand.expect(f"the line of “{product.name}” is still there", IsVisible(target))
        kit.keep(hand.flow("cart-persists", "Cart", "The cart outlives a reload", "@cart"), "cart")
