"""The pages for buying and for the account: cart, checkout, confirmation, sign-in, registration, orders."""

from collections.abc import Mapping, Sequence

from tests.apps.shop.elements import Html, element
from tests.apps.shop.forms import checkout_fields, registration_fields, sign_in_fields
from tests.apps.shop.layout import Shell
from tests.apps.shop.store import MOST_OF_ONE_PRODUCT, Line, Order, User


def sign_in(shell: Shell, target: str, values: Mapping[str, str], errors: Mapping[str, str]) -> Html:
    """`target` is the path to go to after signing in."""
    words, routes = shell.look.words, shell.look.routes
    form = shell.form(
        routes.sign_in, "sign-in", sign_in_fields(words), words.sign_in_button, values, errors, next=target
    )
    return shell.page(
        words.sign_in_heading,
        element("h1", words.sign_in_heading),
        form,
        element("p", element("a", words.new_here, href=routes.register)),
    )


def register(shell: Shell, values: Mapping[str, str], errors: Mapping[str, str]) -> Html:
    words = shell.look.words
    form = shell.form(
        shell.look.routes.register, "register", registration_fields(words), words.register_button, values, errors
    )
    return shell.page(words.register_heading, element("h1", words.register_heading), form)


def account(shell: Shell, user: User) -> Html:
    words = shell.look.words
    facts = [(words.name, user.name), (words.email, user.email)]
    return shell.page(
        words.account_heading,
        element("h1", words.account_heading),
        element("dl", [part for name, value in facts for part in (element("dt", name), element("dd", value))]),
        element("p", element("a", words.orders_heading, href=shell.look.routes.orders)),
    )


def orders(shell: Shell, placed: Sequence[Order]) -> Html:
    words, look = shell.look.words, shell.look
    rows = [
        [
            element("th", look.order_number(order.number), scope="row"),
            element("td", element("time", order.placed.isoformat(), datetime=order.placed.isoformat())),
            element("td", look.money.text(order.total)),
        ]
        for order in placed
    ]
    table = _table(words.orders_heading, [words.order, words.date, words.total], rows)
    return shell.page(
        words.orders_heading,
        element("h1", words.orders_heading),
        table if rows else element("p", words.no_orders),
    )


def cart(shell: Shell, lines: Sequence[Line], total: int) -> Html:
    words, look = shell.look.words, shell.look
    heading = element("h1", words.cart_heading)
    onward = element("a", words.continue_shopping, href="/")
    if not lines:
        return shell.page(words.cart_heading, heading, element("p", words.cart_empty), element("p", onward))
    rows = [
        [
            element("th", line.name, scope="row"),
            element("td", look.money.text(line.unit_price)),
            element("td", _quantity(shell, line)),
            element("td", look.money.text(line.total)),
            element("td", _removal(shell, line)),
        ]
        for line in lines
    ]
    titles = [words.product, words.unit_price, words.quantity, words.line_total, ""]
    return shell.page(
        words.cart_heading,
        heading,
        _table(words.cart_heading, titles, rows, [(words.total, look.money.text(total))]),
        element("p", onward, " ", element("a", words.to_checkout, href=look.routes.checkout, class_="button")),
    )


def checkout(
    shell: Shell, lines: Sequence[Line], total: int, values: Mapping[str, str], errors: Mapping[str, str]
) -> Html:
    words, look = shell.look.words, shell.look
    return shell.page(
        words.checkout_heading,
        element("h1", words.checkout_heading),
        element("h2", words.summary_heading),
        _summary(shell, lines, [(words.total, look.money.text(total))]),
        element("h2", words.address_heading),
        shell.form(look.routes.checkout, "checkout", checkout_fields(look), words.place_order, values, errors),
    )


def confirmation(shell: Shell, order: Order, *, confirmed: bool) -> Html:
    """The page after an order; without `confirmed` it lacks the thanks and the number."""
    words, look = shell.look.words, shell.look
    thanks = [
        element("h1", words.thanks_heading),
        element("p", words.thanks.format(number=look.order_number(order.number))),
        element("p", words.confirmation.format(email=order.email)),
    ]
    delivery = look.money.text(order.delivery_price) if order.delivery_price else words.free
    return shell.page(
        words.thanks_heading if confirmed else "",
        thanks if confirmed else None,
        _summary(shell, order.lines, [(order.delivery, delivery), (words.total, look.money.text(order.total))]),
        element("p", element("a", words.continue_shopping, href="/")),
    )


def _summary(shell: Shell, lines: Sequence[Line], totals: Sequence[tuple[str, str]]) -> Html:
    words, money = shell.look.words, shell.look.money
    rows = [
        [
            element("th", line.name, scope="row"),
            element("td", money.text(line.unit_price)),
            element("td", str(line.quantity)),
            element("td", money.text(line.total)),
        ]
        for line in lines
    ]
    return _table(
        words.summary_heading, [words.product, words.unit_price, words.quantity, words.line_total], rows, totals
    )


def _table(
    name: str, titles: Sequence[str], rows: Sequence[Sequence[Html]], totals: Sequence[tuple[str, str]] = ()
) -> Html:
    """A table called `name`; each total stands under the last titled column."""
    span = max(index for index, title in enumerate(titles) if title)
    head = [element("th", title, scope="col") if title else element("td") for title in titles]
    foot = [
        element("tr", element("th", label, scope="row", colspan=span), element("td", amount))
        for label, amount in totals
    ]
    return element(
        "table",
        element("thead", element("tr", head)),
        element("tbody", [element("tr", row) for row in rows]),
        element("tfoot", foot) if foot else None,
        aria_label=name,
    )


def _quantity(shell: Shell, line: Line) -> Html:
    words = shell.look.words
    field_id = f"quantity-{line.product_id}"
    return shell.post(
        shell.look.routes.cart_update,
        element("label", words.quantity, for_=field_id, class_="unseen"),
        element(
            "input",
            type="number",
            name="quantity",
            id=field_id,
            value=line.quantity,
            min=1,
            max=MOST_OF_ONE_PRODUCT,
            required=True,
        ),
        element("button", words.update, type="submit"),
        product=str(line.product_id),
    )


def _removal(shell: Shell, line: Line) -> Html:
    button = element("button", shell.look.words.remove, type="submit")
    return shell.post(shell.look.routes.cart_remove, button, product=str(line.product_id))
