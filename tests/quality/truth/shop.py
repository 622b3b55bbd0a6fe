"""The main flows of the shop, in its first look."""

from __future__ import annotations

import re
import secrets

from playwright.async_api import Locator, Page, expect

from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.quality.changes import PageChange, WireChange
from tests.quality.truth import Asked, Flow, Form, Instruction, Truth, named

NAME = "Indigo Chopping Board"


def _link(page: Page, area: str, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("navigation", name=area).get_by_role("link", name=name)


def _status(page: Page, text: str) -> Locator:
    return page.get_by_role("status").filter(has_text=text)


async def browse(page: Page) -> None:
    """From a category to a product."""
    await page.goto("/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("All products")
    category = page.get_by_role("navigation", name="Categories").get_by_role("link").first
    name = (await category.inner_text()).strip()
    await category.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)
    product = page.get_by_role("main").get_by_role("heading", level=2).get_by_role("link").first
    title = (await product.inner_text()).strip()
    await product.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)


async def search_hit(page: Page) -> None:
    """A product is found by its name."""
    await page.goto("/")
    await page.get_by_role("searchbox").fill(NAME)
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("main").get_by_role("link", name=NAME)).to_be_visible()


async def search_miss(page: Page) -> None:
    """A word that no product has finds none, and that is said."""
    await page.goto("/")
    await page.get_by_role("searchbox").fill("zzqx")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("main")).to_contain_text("No products match")


async def sort(page: Page) -> None:
    """Products are in the order of their prices."""
    await page.goto("/")
    await page.get_by_role("combobox", name="Sort by").select_option("Price: low to high")
    await page.wait_for_url(re.compile("sort="))
    prices = await page.get_by_role("main").get_by_role("listitem").get_by_text(re.compile(r"^£\d")).all_inner_texts()
    amounts = [float(price.replace("£", "").replace(",", "")) for price in prices]
    assert amounts == sorted(amounts)
    assert len(amounts) > 1


async def _sign_in(page: Page, password: str) -> None:
    await page.goto("/")
    await _link(page, "Account", "Sign in").click()
    await page.get_by_role("main").get_by_label("Email address").fill(CUSTOMER_EMAIL)
    await page.get_by_role("main").get_by_label("Password").fill(password)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()


async def sign_in(page: Page) -> None:
    """A customer signs in, and out again."""
    await _sign_in(page, CUSTOMER_PASSWORD)
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(_status(page, "signed out")).to_be_visible()


async def wrong_password(page: Page) -> None:
    """Nobody signs in with a wrong password."""
    await _sign_in(page, "wrong")
    await expect(page.get_by_role("alert")).to_contain_text("not correct")


async def register(page: Page) -> None:
    """A new customer is welcomed."""
    await page.goto("/")
    await _link(page, "Account", "Register").click()
    main = page.get_by_role("main")
    await main.get_by_label("Name").fill("Ada Example")
    await main.get_by_label("Email address").fill(f"ada-{secrets.token_hex(6)}@example.com")
    await main.get_by_label("Password", exact=True).fill("correct horse 1")
    await main.get_by_label("Repeat password").fill("correct horse 1")
    await main.get_by_role("button", name="Create account").click()
    await expect(_status(page, "Ada Example")).to_be_visible()


async def _add(page: Page) -> None:
    await page.goto("/")
    await page.get_by_role("searchbox").fill(NAME)
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("main").get_by_role("link", name=NAME).click()
    await page.get_by_role("button", name="Add to cart").click()
    await expect(_status(page, "added to your cart")).to_be_visible()


async def _open_cart(page: Page) -> None:
    await _link(page, "Account", re.compile("Cart")).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your cart")


async def cart(page: Page) -> None:
    """Put in, change the quantity, look at the total, take out."""
    await _add(page)
    await _open_cart(page)
    total = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Total", exact=True))
    single = _amount(await total.inner_text())
    await page.get_by_role("main").get_by_role("spinbutton").fill("3")
    await page.get_by_role("button", name="Update").click()
    await expect(_status(page, "updated")).to_be_visible()
    assert _amount(await total.inner_text()) == 3 * single
    await page.get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("main")).to_contain_text("Your cart is empty")


def _amount(text: str) -> int:
    found = re.search(r"£([\d,]+)\.(\d\d)", text)
    assert found is not None, text
    return int(found[1].replace(",", "") + found[2])


async def checkout(page: Page) -> None:
    """From the cart to the thanks, and into the order history."""
    await _sign_in(page, CUSTOMER_PASSWORD)
    await _add(page)
    await _open_cart(page)
    await page.get_by_role("link", name="Proceed to checkout").click()
    main = page.get_by_role("main")
    await main.get_by_label("Full name").fill("Ada Example")
    await main.get_by_label("Street address").fill("1 Example Road")
    await main.get_by_label("City").fill("London")
    await main.get_by_label("Postcode").fill("SW1A 1AA")
    await main.get_by_role("radio", name=re.compile("Standard")).check()
    await main.get_by_label("I accept the terms").check()
    await main.get_by_role("button", name="Place order").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order!")
    number = re.search(r"order number is (\w+)", await main.inner_text())
    assert number is not None
    await page.get_by_role("link", name="My orders").first.click()
    await expect(main).to_contain_text(number[1])


async def contact(page: Page) -> None:
    """A message is thanked for."""
    await page.goto("/")
    await page.get_by_role("link", name="Contact").click()
    main = page.get_by_role("main")
    for label, text in (("Name", "Ada"), ("Email address", "ada@example.com"), ("Message", "Do you ship to Kent?")):
        await main.get_by_label(label).fill(text)
    await main.get_by_role("button", name="Send message").click()
    await expect(_status(page, "we will reply")).to_be_visible()


def _posted(path: str, status: int = 303) -> tuple[Asked, ...]:
    return (Asked("POST", path, status),)


def _got(path: str, *fields: str) -> tuple[Asked, ...]:
    return (Asked("GET", path, fields=frozenset(fields)),)


def _swallowed(path: str) -> tuple[WireChange, ...]:
    return (WireChange("swallowed", "POST", path),)


TRUTH = Truth(
    flows=named(
        Flow(
            browse,
            (
                PageChange("heading_changed", "h1", path="/category/*"),
                PageChange("list_empty", "li", path="/category/*"),
            ),
            (*_got("/category/*"), *_got("/product/*")),
        ),
        Flow(search_hit, (PageChange("list_empty", path="/search"),), _got("/search", "q")),
        Flow(search_miss, (WireChange("query_dropped", "GET", "/search"),), _got("/search", "q")),
        Flow(sort, (WireChange("query_dropped", "GET", "/"),), _got("/", "sort")),
        Flow(sign_in, _swallowed("/sign-in"), (*_posted("/sign-in"), *_posted("/sign-out"))),
        Flow(
            wrong_password,
            (WireChange("accepts_anything", "POST", "/sign-in"), PageChange("message_removed", path="/sign-in")),
            _posted("/sign-in", 200),
        ),
        Flow(register, _swallowed("/register"), _posted("/register")),
        Flow(
            cart,
            (*_swallowed("/cart/update"), *_swallowed("/cart/remove")),
            (*_posted("/cart/add"), *_posted("/cart/update"), *_posted("/cart/remove")),
        ),
        Flow(checkout, _swallowed("/checkout"), _posted("/checkout")),
        Flow(contact, _swallowed("/contact"), _posted("/contact")),
    ),
    templates=(
        "/",
        "/category/*",
        "/product/*",
        "/search",
        "/sign-in",
        "/register",
        "/account",
        "/orders",
        "/cart",
        "/checkout",
        "/checkout/complete/*",
        "/about",
        "/contact",
    ),
    forms=(
        Form("GET", "/search", frozenset({"q"})),
        Form("GET", "/", frozenset({"sort"})),
        Form("POST", "/sign-in", frozenset({"email", "password"})),
        Form("POST", "/sign-out", frozenset()),
        Form("POST", "/register", frozenset({"email", "password", "repeat"})),
        Form("POST", "/cart/add", frozenset()),
        Form("POST", "/cart/update", frozenset()),
        Form("POST", "/cart/remove", frozenset()),
        Form("POST", "/checkout", frozenset({"street", "postcode", "terms"})),
        Form("POST", "/contact", frozenset({"email", "message"})),
        Form("POST", "/newsletter", frozenset({"email"})),
    ),
    instructions=(
        Instruction("Test searching and sorting products.", ("search_hit", "search_miss", "sort")),
        Instruction("Test the cart, but do not buy anything.", ("cart",), _posted("/checkout", 0)),
        Instruction("Test buying a product.", ("checkout",)),
        Instruction(
            "Test signing in, with a wrong password too, and registering.", ("sign_in", "wrong_password", "register")
        ),
        Instruction("Test the contact form only.", ("contact",), (Asked("GET", "/cart"),)),
    ),
    username=CUSTOMER_EMAIL,
    password=CUSTOMER_PASSWORD,
    credentials={"email": CUSTOMER_EMAIL, "password": CUSTOMER_PASSWORD},
    equivalent={},
)
