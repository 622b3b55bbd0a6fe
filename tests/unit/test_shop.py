"""The sample shop: what a healthy one does, and that each fault and look changes what it should and nothing else."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import date
from urllib.parse import urlencode

import pytest

from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_NAME, CUSTOMER_PASSWORD, FAULTS, LOOKS, Fault, Look
from tests.apps.shop.catalogue import Catalogue
from tests.apps.shop.launch import ROOT, Shop, ShopNotStarted
from tests.apps.shop.looks import Routes
from tests.apps.shop.store import Order, Store
from tests.apps.shop.visitor import Page, Visitor
from tests.ports import port_to_come_back_to

LOOK = LOOKS[0]
WORDS = LOOK.words
ROUTES = LOOK.routes
CATALOGUE = Catalogue(LOOK.theme, seed=0)
FIRST, SECOND = CATALOGUE.products[:2]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """One healthy shop for all tests that leave nothing behind that another would see."""
    with Shop() as shop:
        yield shop.start()


@pytest.fixture
def visitor(address: str) -> Visitor:
    return Visitor(address)


def put_in_cart(visitor: Visitor, name: str, quantity: int = 1, look: Look = LOOK) -> Page:
    """Finds the product by searching, and adds it on its own page."""
    visitor.open(f"{look.routes.search}?{urlencode({'q': name})}")
    visitor.follow(name)
    return visitor.submit(look.words.add, {look.words.quantity: str(quantity)})


def sign_in(visitor: Visitor, look: Look = LOOK, password: str = CUSTOMER_PASSWORD) -> Page:
    words = look.words
    if visitor.page.path != look.routes.sign_in:
        visitor.open(look.routes.sign_in)
    return visitor.submit(words.sign_in_button, {words.email: CUSTOMER_EMAIL, words.password: password})


def address_form(look: Look = LOOK) -> dict[str, str | bool]:
    words = look.words
    postcode = "12345" if r"\d{5}" in look.postcode else "SW1A 1AA"
    return {
        words.full_name: "Ann Example",
        words.street: "1 High Street",
        words.city: "Anytown",
        words.postcode: postcode,
        words.terms: True,
    }


def join_shop(visitor: Visitor, email: str, **changes: str) -> Page:
    visitor.open(ROUTES.register)
    values: dict[str, str | bool] = {
        WORDS.name: "Robin <New>",
        WORDS.email: email,
        WORDS.password: changes.get("password", "long enough"),
        WORDS.repeat: changes.get("repeat", changes.get("password", "long enough")),
    }
    return visitor.submit(WORDS.register_button, values)


@pytest.mark.parametrize("number", range(len(LOOKS)))
def test_every_look_sells(shop: Shop, number: int) -> None:
    look = LOOKS[number]
    words, money = look.words, look.money
    first, last = Catalogue(look.theme, seed=5).products[0], Catalogue(look.theme, seed=5).products[-1]
    visitor = Visitor(shop.start(look=number, seed=5))

    put_in_cart(visitor, first.name, 2, look)
    cart = put_in_cart(visitor, last.name, 1, look)
    assert cart.path == look.routes.cart
    assert cart.all("status")[-1] == words.added.format(product=last.name)
    assert cart.row(first.name)[2] == money.text(first.price * 2)
    assert cart.row(words.total) == [money.text(first.price * 2 + last.price)]

    assert visitor.follow(words.to_checkout).path == look.routes.sign_in
    assert sign_in(visitor, look).path == look.routes.checkout
    done = visitor.submit(words.place_order, address_form(look))
    total = money.text(first.price * 2 + last.price)
    assert done.path == look.confirmation_path(1001)
    assert done.all("h1") == [words.thanks_heading]
    assert words.thanks.format(number=look.order_number(1001)) in done.all("p")
    assert done.row(words.total) == [total]
    assert visitor.open(look.routes.orders).row(look.order_number(1001))[-1] == total
    assert words.cart_empty in visitor.open(look.routes.cart).all("p")
    assert visitor.submit(words.sign_out).all("status")[-1] == words.signed_out


def test_looks_differ_in_routes_and_words() -> None:
    for name in ("shop_name", "sign_in_button", "add", "cart", "place_order", "postcode", "thanks_heading"):
        assert len({getattr(look.words, name) for look in LOOKS}) >= 3, name
    for route in (field.name for field in fields(Routes)):
        assert len({getattr(look.routes, route) for look in LOOKS}) == len(LOOKS), route


def test_a_seed_fixes_names_and_prices() -> None:
    assert CATALOGUE.products == Catalogue(LOOK.theme, seed=0).products
    other = Catalogue(LOOK.theme, seed=1).products
    assert [product.name for product in other] != [product.name for product in CATALOGUE.products]
    assert [product.price for product in other] != [product.price for product in CATALOGUE.products]
    assert len({product.name for product in CATALOGUE.products}) == 14


def test_catalogue_has_pages_categories_and_sorting(visitor: Visitor) -> None:
    second = visitor.follow(WORDS.next)
    assert second.all("h2") == [product.name for product in CATALOGUE.products[8:]]
    category = CATALOGUE.categories[1]
    assert visitor.follow(category.name).all("h2") == [product.name for product in CATALOGUE.within(category)]
    visitor.open("/")
    visitor.submit(WORDS.sort_button, {WORDS.sort: "dearest"})
    prices = [product.price for product in sorted(CATALOGUE.products, key=lambda product: -product.price)]
    listed = {product.name: product.price for product in CATALOGUE.products}
    assert [listed[name] for name in visitor.page.all("h2")] == prices[:8]


def test_search_finds_by_words_and_says_when_nothing_is_found(visitor: Visitor) -> None:
    found = visitor.submit(WORDS.search_button, {WORDS.search: FIRST.name.upper()})
    assert found.all("h2") == [FIRST.name]
    assert WORDS.found.format(term=FIRST.name.upper(), count=1) in found.all("p")
    missed = visitor.submit(WORDS.search_button, {WORDS.search: "<zebra>"})
    assert missed.all("h2") == []
    assert WORDS.not_found.format(term="<zebra>") in missed.all("p")
    assert visitor.json(f"{ROUTES.suggest}?q={FIRST.slug[:6]}") == [
        {"name": FIRST.name, "path": LOOK.product_path(FIRST)}
    ]


def test_cart_changes_quantities_and_removes(visitor: Visitor) -> None:
    put_in_cart(visitor, FIRST.name)
    put_in_cart(visitor, SECOND.name, 2)
    changed = visitor.submit(WORDS.update, {WORDS.quantity: "4"})
    assert changed.row(FIRST.name)[2] == LOOK.money.text(FIRST.price * 4)
    assert changed.row(WORDS.total) == [LOOK.money.text(FIRST.price * 4 + SECOND.price * 2)]
    refused = visitor.submit(WORDS.update, {WORDS.quantity: "0"})
    assert refused.all("alert") == [WORDS.bad_quantity.format(most=20)]
    assert refused.row(WORDS.total) == changed.row(WORDS.total)
    assert visitor.submit(WORDS.remove).all("status")[-1] == WORDS.removed.format(product=FIRST.name)
    assert WORDS.cart_empty in visitor.submit(WORDS.remove).all("p")


def test_script_adds_without_leaving_the_page(visitor: Visitor) -> None:
    form = visitor.page.form(WORDS.add, 1)
    answer = visitor.json(form.action, {**form.values, "quantity": "3"})
    assert answer == {"count": 3, "message": WORDS.added.format(product=SECOND.name)}
    assert f"{WORDS.cart} (3)" in visitor.open("/").links


def test_wrong_password_stays_on_the_sign_in_page(visitor: Visitor) -> None:
    refused = sign_in(visitor, password="wrong")
    assert refused.path == ROUTES.sign_in
    assert refused.all("alert") == [WORDS.bad_credentials]
    assert visitor.open(ROUTES.account).path == ROUTES.sign_in


@pytest.mark.parametrize("route", ["account", "orders", "checkout"])
def test_private_pages_ask_to_sign_in_and_lead_back(visitor: Visitor, route: str) -> None:
    put_in_cart(visitor, FIRST.name)
    path = getattr(ROUTES, route)
    asked = visitor.open(path)
    assert (asked.path, asked.all("status")[-1]) == (ROUTES.sign_in, WORDS.sign_in_first)
    assert sign_in(visitor).path == path


@pytest.mark.parametrize("target", ["//elsewhere.example/", "https://elsewhere.example/", "/\\elsewhere.example"])
def test_signing_in_never_leads_out_of_the_shop(visitor: Visitor, address: str, target: str) -> None:
    visitor.open(f"{ROUTES.sign_in}?next={target}")
    assert sign_in(visitor).address == address


def test_registration(visitor: Visitor) -> None:
    assert WORDS.mismatch in join_shop(visitor, "robin@example.com", repeat="something else").all("p")
    assert WORDS.password_short in join_shop(visitor, "robin@example.com", password="short").all("p")
    assert WORDS.bad_email in join_shop(visitor, "robin").all("p")
    assert WORDS.email_taken in join_shop(visitor, CUSTOMER_EMAIL.upper()).all("p")
    assert visitor.page.all("alert") == [WORDS.problems]
    joined = join_shop(visitor, "robin@example.com")
    assert (joined.path, joined.all("status")[-1]) == (ROUTES.account, WORDS.welcome.format(name="Robin <New>"))
    assert WORDS.no_orders in visitor.follow(WORDS.orders).all("p")


def test_checkout_says_beside_each_field_what_is_wrong(visitor: Visitor) -> None:
    put_in_cart(visitor, FIRST.name)
    sign_in(visitor)
    visitor.open(ROUTES.checkout)
    refused = visitor.submit(WORDS.place_order, {WORDS.postcode: "nowhere", WORDS.city: "Anytown"})
    assert refused.path == ROUTES.checkout
    assert refused.all("alert") == [WORDS.problems]
    required = [WORDS.required.format(label=label) for label in (WORDS.street, WORDS.terms)]
    assert {*required, WORDS.bad_postcode} <= set(refused.all("p"))
    assert WORDS.required.format(label=WORDS.city) not in refused.all("p")
    kept = refused.form(WORDS.place_order).values
    assert (kept["full_name"], kept["city"]) == (CUSTOMER_NAME, "Anytown")


def test_express_delivery_is_paid_for(visitor: Visitor) -> None:
    put_in_cart(visitor, FIRST.name)
    sign_in(visitor)
    visitor.open(ROUTES.checkout)
    express = f"{WORDS.express} ({LOOK.money.text(LOOK.express_price)})"
    done = visitor.submit(WORDS.place_order, {**address_form(), express: True})
    assert done.row(WORDS.express) == [LOOK.money.text(LOOK.express_price)]
    assert done.row(WORDS.total) == [LOOK.money.text(FIRST.price + LOOK.express_price)]


def test_a_checkout_sent_twice_makes_one_order_and_only_its_owner_sees_it(shop: Shop) -> None:
    url = shop.start()
    owner, stranger = Visitor(url), Visitor(url)
    put_in_cart(owner, FIRST.name)
    sign_in(owner)
    form = owner.open(ROUTES.checkout).form(WORDS.place_order)
    values = {**form.values, "street": "1 High Street", "city": "Anytown", "postcode": "SW1A 1AA", "terms": "yes"}
    values["delivery"] = "standard"
    assert owner.open(form.action, values).path == LOOK.confirmation_path(1001)
    assert owner.open(form.action, values).path == ROUTES.cart
    assert owner.open(ROUTES.orders).row("1001")
    assert not owner.page.row("1002")
    join_shop(stranger, "stranger@example.com")
    assert stranger.open(LOOK.confirmation_path(1001)).status == 404


def test_an_order_is_refused_when_its_cart_has_changed() -> None:
    store = Store()
    session = store.add_to_cart(store.session(None), FIRST.id, 1)
    order = Order(CUSTOMER_EMAIL, [], WORDS.standard, delivery_price=0, total=FIRST.price, placed=date(2024, 2, 29))
    store.add_to_cart(session, SECOND.id, 1)
    assert store.place_order(session, order) is None
    latest = store.session(session.id)
    assert store.place_order(latest, order) == replace(order, number=1001)
    assert store.place_order(latest, order) is None


def test_visitors_at_the_same_time_do_not_disturb_each_other(shop: Shop) -> None:
    url = shop.start()

    def buy(number: int) -> tuple[str, list[str]]:
        visitor, product = Visitor(url), CATALOGUE.products[number]
        put_in_cart(visitor, product.name, number + 1)
        sign_in(visitor)
        visitor.open(ROUTES.checkout)
        done = visitor.submit(WORDS.place_order, address_form())
        return done.path, done.row(WORDS.total)

    with ThreadPoolExecutor(8) as pool:
        bought = list(pool.map(buy, range(8)))
    expected = [[LOOK.money.text(CATALOGUE.products[number].price * (number + 1))] for number in range(8)]
    assert [total for _, total in bought] == expected
    assert {path for path, _ in bought} == {LOOK.confirmation_path(1001 + number) for number in range(8)}


def test_footer_forms(visitor: Visitor) -> None:
    visitor.open(ROUTES.about)
    subscribed = visitor.submit(WORDS.newsletter_button, {WORDS.newsletter: "ann@example.com"})
    assert (subscribed.path, subscribed.all("status")[-1]) == (ROUTES.about, WORDS.newsletter_thanks)
    assert visitor.submit(WORDS.newsletter_button, {WORDS.newsletter: "ann"}).all("alert") == [WORDS.bad_email]
    chosen = visitor.submit(WORDS.language_button, {WORDS.language: "Polski"})
    assert chosen.all("status")[-1] == WORDS.language_saved.format(language="Polski")
    assert visitor.open("/").form(WORDS.language_button).values["language"] == "Polski"


def test_contact_form(visitor: Visitor) -> None:
    visitor.open(ROUTES.contact)
    values: dict[str, str | bool] = {WORDS.name: "Ann", WORDS.email: "ann@example.com"}
    refused = visitor.submit(WORDS.contact_button, values)
    assert WORDS.required.format(label=WORDS.message) in refused.all("p")
    sent = visitor.submit(WORDS.contact_button, {WORDS.message: "Hello"})
    assert sent.all("status")[-1] == WORDS.contact_thanks


def test_posts_without_the_token_and_unknown_addresses_are_refused(visitor: Visitor) -> None:
    values = {"email": CUSTOMER_EMAIL, "password": CUSTOMER_PASSWORD}
    assert visitor.open(ROUTES.sign_in, values).status == 403
    assert visitor.open(ROUTES.sign_out).status == 405
    for path in ("/nowhere", f"{ROUTES.product}/999-nothing", f"{ROUTES.category}/nothing", "/static/../app.py"):
        assert visitor.open(path).status == 404, path


def observe(url: str) -> dict[str, object]:
    """What a visitor sees of each thing that a fault may break."""
    visitor = Visitor(url)
    seen: dict[str, object] = {}
    hit = visitor.submit(WORDS.search_button, {WORDS.search: FIRST.name})
    seen["search that finds"] = hit.all("h2")
    seen["search that misses"] = visitor.submit(WORDS.search_button, {WORDS.search: "zebra"}).all("h2")
    visitor.open(LOOK.product_path(FIRST))
    cart = visitor.submit(WORDS.add, {WORDS.quantity: "2"})
    seen["cart line"] = cart.row(FIRST.name)[2]
    seen["cart total"] = cart.row(WORDS.total)
    seen["wrong sign-in"] = sign_in(Visitor(url), password="wrong").all("alert")
    sign_in(visitor)
    seen["checkout total"] = visitor.open(ROUTES.checkout).row(WORDS.total)
    done = visitor.submit(WORDS.place_order, address_form())
    seen["page after checkout"] = done.path
    seen["thanks"] = done.all("h1")
    seen["number"] = WORDS.thanks.format(number=1001) in done.all("p")
    seen["bought"] = done.row(FIRST.name)[1:3]
    history = visitor.open(ROUTES.orders)
    seen["order in history"] = bool(history.row("1001"))
    seen["total in history"] = history.row("1001")[-1:]
    return seen


CHANGES: dict[Fault, set[str]] = {
    "wrong-total": {"cart total", "checkout total", "total in history"},
    "swallowed-order": {
        "page after checkout",
        "thanks",
        "number",
        "bought",
        "order in history",
        "total in history",
    },
    "broken-search": {"search that finds", "search that misses"},
    "open-sign-in": {"wrong sign-in"},
    "missing-confirmation": {"thanks", "number"},
}


@pytest.fixture(scope="module")
def healthy() -> dict[str, object]:
    with Shop() as shop:
        return observe(shop.start())


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_changes_what_it_should_and_nothing_else(
    shop: Shop, healthy: dict[str, object], fault: Fault
) -> None:
    seen = observe(shop.start(fault=[fault]))
    assert {name for name in healthy if seen[name] != healthy[name]} == CHANGES[fault]


def test_faults_combine(shop: Shop, healthy: dict[str, object]) -> None:
    faults: list[Fault] = ["wrong-total", "broken-search", "missing-confirmation"]
    seen = observe(shop.start(fault=faults))
    expected = set().union(*(CHANGES[fault] for fault in faults))
    assert {name for name in healthy if seen[name] != healthy[name]} == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_one_line_and_ends_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.apps.shop", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("READY http://127.0.0.1:")
        assert Visitor(line.split()[1]).page.status == 200
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")


def test_a_shop_that_cannot_start_says_why(shop: Shop, address: str) -> None:
    taken = int(address.rstrip("/").rpartition(":")[2])
    with pytest.raises(ShopNotStarted, match="Address already in use"):
        shop.start(port=taken)


def test_a_stopped_shop_can_start_again_at_the_same_address(shop: Shop) -> None:
    port = port_to_come_back_to()
    url = shop.start(port=port)
    Visitor(url)
    assert shop.start(fault=["open-sign-in"], port=port) == url
    assert sign_in(Visitor(url), password="wrong").path == ROUTES.account
