"""Handlers for cart, checkout and confirmation."""

from collections.abc import Sequence
from datetime import date

from tests.apps.shop import order_pages
from tests.apps.shop.exchange import Response, json_answer, page, whole_number
from tests.apps.shop.forms import checkout_fields, problems
from tests.apps.shop.looks import Routes
from tests.apps.shop.membership import ask_to_sign_in
from tests.apps.shop.store import MOST_OF_ONE_PRODUCT, Flash, Line, Order
from tests.apps.shop.visit import Handler, Handlers, Visit

SURCHARGE = 100
"""By how many cents a wrong total is wrong."""


def handlers(routes: Routes) -> Handlers:
    return {
        routes.cart: {"GET": cart},
        routes.cart_add: {"POST": add},
        routes.cart_update: {"POST": update},
        routes.cart_remove: {"POST": remove},
        routes.checkout: {"GET": checkout, "POST": place_order},
    }


def families(routes: Routes) -> dict[str, Handler]:
    return {routes.confirmation: confirmation}


def cart(visit: Visit) -> Response:
    lines = _lines(visit)
    return page(order_pages.cart(visit.shell(), lines, _total(visit, lines)))


def add(visit: Visit) -> Response | None:
    product = visit.catalogue.product(whole_number(visit.form.get("product")) or 0)
    if product is None:
        return None
    quantity = _quantity(visit, "1")
    if quantity is None:
        flash, session = _bad_quantity(visit), visit.session
    else:
        flash = Flash(visit.words.added.format(product=product.name))
        session = visit.store.add_to_cart(visit.session, product.id, quantity)
    if visit.request.wants_json:
        return json_answer({"count": sum(session.cart.values()), "message": flash.text})
    return visit.go(visit.look.routes.cart, flash)


def update(visit: Visit) -> Response:
    quantity = _quantity(visit, "")
    if quantity is None:
        return visit.go(visit.look.routes.cart, _bad_quantity(visit))
    visit.store.set_quantity(visit.session, whole_number(visit.form.get("product")) or 0, quantity)
    return visit.go(visit.look.routes.cart, Flash(visit.words.updated))


def remove(visit: Visit) -> Response | None:
    product = visit.catalogue.product(whole_number(visit.form.get("product")) or 0)
    if product is None:
        return None
    visit.store.set_quantity(visit.session, product.id, 0)
    return visit.go(visit.look.routes.cart, Flash(visit.words.removed.format(product=product.name)))


def checkout(visit: Visit) -> Response:
    user, lines = visit.user, _lines(visit)
    if user is None:
        return ask_to_sign_in(visit)
    if not lines:
        return visit.go(visit.look.routes.cart)
    total = _total(visit, lines)
    return page(order_pages.checkout(visit.shell(), lines, total, {"full_name": user.name}, {}))


def place_order(visit: Visit) -> Response:
    user, lines = visit.user, _lines(visit)
    if user is None:
        return ask_to_sign_in(visit)
    if not lines or "swallowed-order" in visit.faults:
        return visit.go(visit.look.routes.cart)
    errors = problems(checkout_fields(visit.look), visit.form, visit.words)
    if errors:
        return page(order_pages.checkout(visit.shell(), lines, _total(visit, lines), visit.form, errors))
    placed = visit.store.place_order(visit.session, _order(visit, user.email, lines))
    return visit.go(visit.look.confirmation_path(placed.number) if placed else visit.look.routes.cart)


def confirmation(visit: Visit) -> Response | None:
    if visit.user is None:
        return ask_to_sign_in(visit)
    order = next((order for order in visit.store.orders(visit.user.email) if str(order.number) == visit.rest), None)
    if order is None:
        return None
    confirmed = "missing-confirmation" not in visit.faults
    return page(order_pages.confirmation(visit.shell(), order, confirmed=confirmed))


def _order(visit: Visit, email: str, lines: Sequence[Line]) -> Order:
    words = visit.words
    express = visit.form["delivery"] == "express"
    price = visit.look.express_price if express else 0
    return Order(
        email=email,
        lines=lines,
        delivery=words.express if express else words.standard,
        delivery_price=price,
        total=_total(visit, lines) + price,
        placed=date.today(),
    )


def _lines(visit: Visit) -> list[Line]:
    """The cart's lines, in the order in which they were put in."""
    return [
        Line(product.id, product.name, product.price, quantity)
        for number, quantity in visit.session.cart.items()
        if (product := visit.catalogue.product(number))
    ]


def _total(visit: Visit, lines: Sequence[Line]) -> int:
    return sum(line.total for line in lines) + (SURCHARGE if "wrong-total" in visit.faults else 0)


def _quantity(visit: Visit, default: str) -> int | None:
    quantity = whole_number(visit.form.get("quantity", default))
    return quantity if quantity and quantity <= MOST_OF_ONE_PRODUCT else None


def _bad_quantity(visit: Visit) -> Flash:
    return Flash(visit.words.bad_quantity.format(most=MOST_OF_ONE_PRODUCT), "alert")
