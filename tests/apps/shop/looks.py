"""The looks of the shop: the same shop in other words, routes, markup and prices.

A look is data. No other module asks which look it is, only what the look says.
"""

from dataclasses import dataclass
from typing import Literal

from tests.apps.shop import wordings
from tests.apps.shop.catalogue import Category, Product
from tests.apps.shop.words import Words


@dataclass(frozen=True)
class Routes:
    """The paths of one look. `category`, `product` and `confirmation` are followed by `/` and a slug, id or number."""

    category: str = "/category"
    product: str = "/product"
    search: str = "/search"
    suggest: str = "/search/suggest"
    sign_in: str = "/sign-in"
    sign_out: str = "/sign-out"
    register: str = "/register"
    account: str = "/account"
    orders: str = "/orders"
    cart: str = "/cart"
    cart_add: str = "/cart/add"
    cart_update: str = "/cart/update"
    cart_remove: str = "/cart/remove"
    checkout: str = "/checkout"
    confirmation: str = "/checkout/complete"
    about: str = "/about"
    contact: str = "/contact"
    newsletter: str = "/newsletter"
    language: str = "/language"


@dataclass(frozen=True)
class Markup:
    """How the look's HTML is built where shops differ."""

    cards: Literal["list", "article", "table"] = "list"
    label: Literal["for", "wrap"] = "for"
    search_label: Literal["visible", "placeholder"] = "visible"
    delivery: Literal["radio", "select"] = "radio"
    cart_count: Literal["inside", "beside"] = "inside"
    """Whether the number of items is part of the cart link's name or a text beside it."""


@dataclass(frozen=True)
class Money:
    """How prices are written. Amounts are whole cents."""

    symbol: str = "£"
    after: bool = False
    point: str = "."

    def text(self, cents: int) -> str:
        amount = f"{cents // 100}{self.point}{cents % 100:02}"
        return f"{amount} {self.symbol}" if self.after else f"{self.symbol}{amount}"


@dataclass(frozen=True)
class Look:
    """One whole appearance of the shop."""

    theme: str
    """Which products it sells, and its colours."""
    words: Words
    routes: Routes = Routes()
    markup: Markup = Markup()
    money: Money = Money()
    postcode: str = r"[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}"
    """What the server accepts as a whole postcode."""
    order_prefix: str = ""
    express_price: int = 495
    """What express delivery costs, in cents. Standard delivery is free."""
    languages: tuple[str, ...] = ("English", "Deutsch", "Français", "Español", "Polski")

    def category_path(self, category: Category) -> str:
        return f"{self.routes.category}/{category.slug}"

    def product_path(self, product: Product) -> str:
        return f"{self.routes.product}/{product.id}-{product.slug}"

    def confirmation_path(self, number: int) -> str:
        return f"{self.routes.confirmation}/{number}"

    def order_number(self, number: int) -> str:
        return f"{self.order_prefix}{number}"


LOOKS: tuple[Look, ...] = (
    Look(theme="home", words=wordings.FERNHILL),
    Look(
        theme="outdoor",
        words=wordings.TRAILBOUND,
        routes=Routes(
            category="/shop/c",
            product="/p",
            search="/find",
            suggest="/find/typing",
            sign_in="/login",
            sign_out="/logout",
            register="/join",
            account="/me",
            orders="/me/purchases",
            cart="/basket",
            cart_add="/basket/items",
            cart_update="/basket/change",
            cart_remove="/basket/take-out",
            checkout="/shipping",
            confirmation="/purchase",
            about="/story",
            contact="/help",
            newsletter="/news",
            language="/settings/language",
        ),
        markup=Markup(cards="article", label="wrap", delivery="select", cart_count="beside"),
        money=Money(symbol="$"),
        postcode=r"\d{5}(-\d{4})?",
        order_prefix="TB-",
        express_price=1200,
        languages=("English", "Español"),
    ),
    Look(
        theme="paper",
        words=wordings.PAPERIE,
        routes=Routes(
            category="/collections",
            product="/items",
            search="/s",
            suggest="/s/complete",
            sign_in="/profile/login",
            sign_out="/profile/logout",
            register="/profile/new",
            account="/profile",
            orders="/profile/orders",
            cart="/bag",
            cart_add="/bag/put",
            cart_update="/bag/save",
            cart_remove="/bag/delete",
            checkout="/payment",
            confirmation="/payment/done",
            about="/imprint",
            contact="/write",
            newsletter="/letter",
            language="/lang",
        ),
        markup=Markup(cards="table", search_label="placeholder", cart_count="beside"),
        money=Money(symbol="€", after=True, point=","),
        postcode=r"\d{5}",
        order_prefix="#",
        express_price=790,
        languages=("English", "Deutsch", "Italiano", "Nederlands"),
    ),
    Look(
        theme="pantry",
        words=wordings.PANTRY,
        routes=Routes(
            category="/aisle",
            product="/shelf",
            search="/look-up",
            suggest="/look-up/hints",
            sign_in="/members/enter",
            sign_out="/members/leave",
            register="/members/new",
            account="/members/me",
            orders="/members/orders",
            cart="/trolley",
            cart_add="/trolley/put",
            cart_update="/trolley/set",
            cart_remove="/trolley/put-back",
            checkout="/till",
            confirmation="/till/receipt",
            about="/house",
            contact="/talk",
            newsletter="/recipes",
            language="/tongue",
        ),
        markup=Markup(label="wrap", delivery="select"),
        money=Money(symbol="€"),
        order_prefix="KC",
        express_price=350,
        languages=("English", "Gaeilge", "Cymraeg"),
    ),
)
