"""The main flows of the Oscar shop."""

from __future__ import annotations

import re
import secrets

from playwright.async_api import Locator, Page, expect

from tests.quality.changes import PageChange, WireChange
from tests.quality.truth import Asked, Flow, Form, Instruction, Truth, named
from tests.quality.truth.spoiling import accepted, missing, unasked

CUSTOMER, PASSWORD = "customer@example.com", "Passw0rd-123"
STAFF, STAFF_PASSWORD = "admin@example.com", "Admin-pass-123"
PRODUCT, PAGE = "Dracula", "/catalogue/dracula_3/"


def _message(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.locator(".alert").filter(has_text=text)


async def _log_in(page: Page, email: str = CUSTOMER, password: str = PASSWORD) -> None:
    await page.goto("/accounts/login/")
    await page.locator("[name=login-username]").fill(email)
    await page.locator("[name=login-password]").fill(password)
    await page.locator("[name=login_submit]").click()


async def _customer(page: Page) -> None:
    await _log_in(page)
    await expect(page.get_by_role("link", name="Logout")).to_be_visible()


async def _staff(page: Page) -> None:
    await _log_in(page, STAFF, STAFF_PASSWORD)
    await expect(page).not_to_have_url(re.compile("/accounts/login/"))


async def browse(page: Page) -> None:
    """All products are listed."""
    await page.goto("/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("All products")
    await expect(page.get_by_role("article").filter(has_text=PRODUCT)).to_be_visible()


async def category(page: Page) -> None:
    """Only those of the category are listed."""
    await page.goto("/catalogue/")
    await page.get_by_role("link", name="Crime").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Crime")
    await expect(page.get_by_role("article").filter(has_text="Moonstone")).to_be_visible()
    await expect(page.get_by_role("article").filter(has_text=PRODUCT)).to_have_count(0)


async def product_page(page: Page) -> None:
    """A product has its name and its price."""
    await page.goto("/catalogue/")
    await page.get_by_role("article").filter(has_text=PRODUCT).get_by_role("link", name=PRODUCT).last.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(PRODUCT)
    await expect(page.locator(".product_main .price_color").first).to_have_text("£6.25")


async def _search(page: Page, text: str) -> None:
    await page.goto("/catalogue/")
    await page.locator("#id_q").fill(text)
    await page.get_by_role("button", name="Search").click()


async def search_hit(page: Page) -> None:
    """What has the word is listed."""
    await _search(page, PRODUCT)
    await expect(page.get_by_role("article").filter(has_text=PRODUCT)).to_be_visible()


async def search_miss(page: Page) -> None:
    """That there is none, is said."""
    await _search(page, "zzqxv")
    await expect(page.get_by_text(re.compile("Found 0 results|0 results"))).to_be_visible()


async def sort(page: Page) -> None:
    """Products are in the order of their prices."""
    await page.goto("/catalogue/")
    await page.locator("#id_sort_by").select_option("price-asc")
    await page.wait_for_url(re.compile("sort_by=price-asc"))
    prices = [float(text.lstrip("£")) for text in await page.locator(".price_color").all_inner_texts()]
    assert prices == sorted(prices)
    assert len(prices) > 1


async def _register(page: Page, again: str) -> str:
    email = f"ada-{secrets.token_hex(4)}@example.com"
    await page.goto("/accounts/login/")
    await page.locator("[name=registration-email]").fill(email)
    await page.locator("[name=registration-password1]").fill("correct-horse-1")
    await page.locator("[name=registration-password2]").fill(again)
    await page.locator("[name=registration_submit]").click()
    return email


async def register(page: Page) -> None:
    """Who registers is signed in."""
    await _register(page, "correct-horse-1")
    await expect(page.get_by_role("link", name="Logout")).to_be_visible()


async def mismatched_passwords(page: Page) -> None:
    """They are refused."""
    await _register(page, "correct-horse-2")
    await expect(page.get_by_text(re.compile("password fields didn.t match"))).to_be_visible()


async def log_in(page: Page) -> None:
    """A customer has an account."""
    await _log_in(page)
    await expect(page.get_by_role("link", name="Logout")).to_be_visible()


async def wrong_password(page: Page) -> None:
    """Nobody gets in with it."""
    await _log_in(page, password="wrong-1234")
    await expect(page.get_by_text("Please enter a correct username and password").first).to_be_visible()


async def _fill_basket(page: Page) -> None:
    await page.goto(PAGE)
    await page.locator("#add_to_basket_form").get_by_role("button", name="Add to basket").click()
    await expect(_message(page, "has been added to your basket").first).to_be_visible()


async def add_to_basket(page: Page) -> None:
    """That is said, and what it comes to."""
    await _fill_basket(page)
    await expect(page.locator(".basket-mini")).to_contain_text("£6.25")


def _line(page: Page) -> Locator:
    return page.locator("#basket_formset .basket-items")


async def change_quantity(page: Page) -> None:
    """The total follows."""
    await _fill_basket(page)
    await page.goto("/basket/")
    await page.locator("#id_form-0-quantity").fill("3")
    await _line(page).get_by_role("button", name="Update").click()
    await expect(page.locator("#id_form-0-quantity")).to_have_value("3")
    await expect(page.locator("#basket_totals")).to_contain_text("£18.75")


async def remove_line(page: Page) -> None:
    """It is gone."""
    await _fill_basket(page)
    await page.goto("/basket/")
    await _line(page).get_by_role("link", name="Remove").click()
    await expect(page.get_by_text("Your basket is empty").last).to_be_visible()


async def empty_basket(page: Page) -> None:
    """It says that it is."""
    await page.goto("/basket/")
    await expect(page.locator("#content_inner")).to_contain_text("Your basket is empty")


async def voucher_refused(page: Page) -> None:
    """A code that there is not."""
    await _fill_basket(page)
    await page.goto("/basket/")
    await page.locator("#voucher_form_link a").click()
    await page.locator("#id_code").fill("NOSUCH")
    await page.get_by_role("button", name="Add voucher").click()
    await expect(_message(page, "No voucher found").first).to_be_visible()


async def _as_guest(page: Page) -> None:
    await _fill_basket(page)
    await page.goto("/checkout/")
    await page.locator("[name=username]").fill("guest@example.com")
    await page.locator("[name=options][value=anonymous]").check()
    await page.get_by_role("button", name="Continue").click()


async def guest_checkout(page: Page) -> None:
    """A guest is asked for an address."""
    await _as_guest(page)
    await expect(page).to_have_url(re.compile("/checkout/shipping-address/"))
    await expect(page.locator("#id_line1")).to_be_visible()


async def _address(page: Page, *without: str) -> None:
    fields = {"first_name": "Ada", "last_name": "Example", "line1": "1 Road", "line4": "London", "postcode": "SW1A 1AA"}
    for name, text in fields.items():
        await page.locator(f"#id_{name}").fill("" if name in without else text)
    await page.locator("#id_country").select_option("GB")


async def address_incomplete(page: Page) -> None:
    """It is refused."""
    await _as_guest(page)
    await _address(page, "line1")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("#id_line1:invalid")).to_be_visible()


async def _order(page: Page) -> str:
    await _address(page)
    await page.get_by_role("button", name="Continue").click()
    await expect(page).to_have_url(re.compile("/checkout/(payment-details|preview)/"))
    await page.get_by_role("button", name="Continue").or_(page.get_by_role("link", name="Continue")).click()
    await page.get_by_role("button", name="Place order").click()
    await expect(page).to_have_url(re.compile("/checkout/thank-you/"))
    found = re.search(r"order number is\s+(\d+)", await page.locator("body").inner_text())
    assert found is not None
    return found[1]


async def checkout(page: Page) -> None:
    """From the basket to the thanks."""
    await _as_guest(page)
    await _order(page)


async def order_history(page: Page) -> None:
    """An order is listed there."""
    await _customer(page)
    await _fill_basket(page)
    await page.goto("/checkout/")
    number = await _order(page)
    await page.goto("/accounts/orders/")
    await expect(page.get_by_role("table")).to_contain_text(number)


async def add_address(page: Page) -> None:
    """It is in the address book."""
    await _customer(page)
    await page.goto("/accounts/addresses/add/")
    await _address(page)
    await page.get_by_role("button", name="Save").click()
    await expect(page).to_have_url(re.compile("/accounts/addresses/$"))
    await expect(page.get_by_text("1 Road").first).to_be_visible()


async def change_password(page: Page) -> None:
    """The new one is taken."""
    await _customer(page)
    await page.goto("/accounts/change-password/")
    await page.locator("#id_old_password").fill(PASSWORD)
    for field in ("new_password1", "new_password2"):
        await page.locator(f"#id_{field}").fill("correct-horse-1")
    await page.get_by_role("button", name="Save").click()
    await expect(_message(page, "Password updated")).to_be_visible()


async def wish_list(page: Page) -> None:
    """The product is on it."""
    await _customer(page)
    await page.goto(PAGE)
    await page.get_by_role("button", name="Add to wish list").click()
    await expect(_message(page, "was added to your wish list")).to_be_visible()


async def review(page: Page) -> None:
    """It is thanked for."""
    await _customer(page)
    await page.goto(f"{PAGE}reviews/add/")
    await page.locator("#id_title").fill("Good")
    await page.locator("#id_score").select_option("4", force=True)
    await page.locator("#id_body").fill("I could not sleep.")
    await page.get_by_role("button", name="Save review").click()
    await expect(_message(page, "Thank you for reviewing")).to_be_visible()


async def out_of_stock(page: Page) -> None:
    """It cannot be bought."""
    await page.goto("/catalogue/out-of-stock-handbook_12/")
    await expect(page.locator(".product_main .availability").first).to_contain_text("Unavailable")
    await expect(page.locator("#add_to_basket_form")).to_have_count(0)


async def staff_products(page: Page) -> None:
    """Staff has them in a table."""
    await _staff(page)
    await page.goto("/dashboard/catalogue/")
    await expect(page.get_by_role("table")).to_contain_text(PRODUCT)


async def staff_add_product(page: Page) -> None:
    """It is there then."""
    await _staff(page)
    await page.goto("/dashboard/catalogue/products/create/book/")
    await page.locator("#id_title").fill("New Book")
    await page.locator("#id_upc").fill(secrets.token_hex(5))
    await page.get_by_role("link", name="Categories").click()
    await page.locator("#id_productcategory_set-0-category").select_option("1", force=True)
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(_message(page, "Created product")).to_be_visible()


async def staff_edit_product(page: Page) -> None:
    """It has its new name."""
    await _staff(page)
    await page.goto("/dashboard/catalogue/products/3/")
    await page.locator("#id_title").fill("Dracula Returns")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(_message(page, "Updated product")).to_be_visible()


async def staff_find_order(page: Page) -> None:
    """By its number."""
    await _as_guest(page)
    number = await _order(page)
    await _staff(page)
    await page.goto("/dashboard/orders/")
    await page.locator("#id_order_number").first.fill(number)
    await page.get_by_role("button", name="Search", exact=True).first.click()
    await expect(page.get_by_role("heading", name=re.compile(f"#?{number}")).first).to_be_visible()


def _posted(path: str, *fields: str, status: int = 302) -> tuple[Asked, ...]:
    return (Asked("POST", path, status, frozenset(fields)),)


def _got(path: str, *fields: str) -> tuple[Asked, ...]:
    return (Asked("GET", path, fields=frozenset(fields)),)


def _swallowed(path: str) -> tuple[WireChange, ...]:
    return (WireChange("swallowed", "POST", path),)


_LOGIN = "/accounts/login/"
_ORDERED = (Asked("POST", "/checkout/preview/", 302), Asked("GET", "/checkout/thank-you/"))

TRUTH = Truth(
    flows=named(
        Flow(
            browse,
            (
                PageChange("heading_changed", "h1", path="/catalogue/"),
                PageChange("list_empty", "li", path="/catalogue/"),
            ),
            _got("/catalogue/"),
        ),
        Flow(
            category,
            (PageChange("heading_changed", "h1", path="/catalogue/category/*/*/"),),
            _got("/catalogue/category/*/*/"),
        ),
        Flow(
            product_page,
            (
                PageChange("heading_changed", "h1", path="/catalogue/*/"),
                PageChange("number_plus_one", "p", path="/catalogue/*/"),
            ),
            _got("/catalogue/*_*/"),
        ),
        Flow(search_hit, (missing("nothing is found", "article.product_pod"),), _got("/search/", "q")),
        Flow(
            search_miss,
            (accepted("something is found", "#id_q", "Dracula"),),
            _got("/search/", "q"),
        ),
        Flow(sort, (WireChange("query_dropped", "GET", "/catalogue/"),), _got("/catalogue/", "sort_by")),
        Flow(register, _swallowed(_LOGIN), _posted(_LOGIN, "registration-email")),
        Flow(
            mismatched_passwords,
            (
                accepted(
                    "passwords may differ",
                    "[name=registration-password2]",
                    "correct-horse-1",
                    "(field) => { const first = field.form.querySelector('[name=registration-password1]');"
                    " first.value = 'correct-horse-1'; return true; }",
                ),
                missing(
                    "nothing is said of passwords",
                    "#register_form .error-block, #register_form .invalid-feedback, #register_form .alert",
                ),
            ),
            _posted(_LOGIN, "registration-email", status=200),
        ),
        Flow(log_in, _swallowed(_LOGIN), _posted(_LOGIN, "login-username")),
        Flow(
            wrong_password,
            (WireChange("accepts_anything", "POST", _LOGIN),),
            _posted(_LOGIN, "login-username", status=200),
        ),
        Flow(add_to_basket, _swallowed("/basket/add/*/"), _posted("/basket/add/*/")),
        Flow(
            change_quantity,
            (accepted("the quantity stays as it is", "[name=form-0-quantity]", "1"),),
            _posted("/basket/", "form-0-quantity", status=0),
        ),
        Flow(
            remove_line,
            (WireChange("swallowed", "POST", "/basket/"),),
            _posted("/basket/", "form-0-DELETE", status=0),
        ),
        Flow(
            empty_basket,
            (missing("an empty basket says nothing", "#content_inner p"),),
            _got("/basket/"),
        ),
        Flow(voucher_refused, _swallowed("/basket/vouchers/add/"), _posted("/basket/vouchers/add/", "code")),
        Flow(guest_checkout, _swallowed("/checkout/"), _posted("/checkout/", "options")),
        Flow(
            address_incomplete,
            (
                unasked(
                    "an address may be incomplete",
                    "#id_line1, #id_first_name, #id_last_name, #id_line4, #id_postcode",
                    "AB1 2CD",
                ),
            ),
            _got("/checkout/shipping-address/"),
        ),
        Flow(checkout, _swallowed("/checkout/preview/"), _ORDERED),
        Flow(
            order_history,
            (PageChange("list_empty", "tr", path="/accounts/orders/"),),
            (*_ORDERED, *_got("/accounts/orders/")),
        ),
        Flow(add_address, _swallowed("/accounts/addresses/add/"), _posted("/accounts/addresses/add/")),
        Flow(change_password, _swallowed("/accounts/change-password/"), _posted("/accounts/change-password/")),
        Flow(wish_list, _swallowed("/accounts/wishlists/add/*/"), _posted("/accounts/wishlists/add/*/")),
        Flow(review, _swallowed("/catalogue/*/reviews/add/"), _posted("/catalogue/*/reviews/add/")),
        Flow(
            out_of_stock,
            (missing("nothing is said of the stock", ".availability"),),
            _got("/catalogue/out-of-stock-handbook_12/"),
        ),
        Flow(
            staff_products,
            (PageChange("list_empty", "tr", path="/dashboard/catalogue/"),),
            _got("/dashboard/catalogue/"),
            beyond=True,
        ),
        Flow(
            staff_add_product,
            _swallowed("/dashboard/catalogue/products/create/*/"),
            _posted("/dashboard/catalogue/products/create/*/"),
            beyond=True,
        ),
        Flow(
            staff_edit_product,
            _swallowed("/dashboard/catalogue/products/*/"),
            _posted("/dashboard/catalogue/products/*/"),
            beyond=True,
        ),
        Flow(
            staff_find_order,
            (WireChange("query_dropped", "GET", "/dashboard/orders/"),),
            _got("/dashboard/orders/", "order_number"),
            beyond=True,
        ),
    ),
    templates=(
        "/",
        "/catalogue/",
        "/catalogue/category/*/",
        "/catalogue/category/*/*/",
        "/catalogue/*_*/",
        "/catalogue/*/reviews/add/",
        "/search/",
        "/offers/",
        "/basket/",
        "/accounts/login/",
        "/password-reset/",
        "/accounts/profile/",
        "/accounts/profile/edit/",
        "/accounts/change-password/",
        "/accounts/orders/",
        "/accounts/addresses/",
        "/accounts/addresses/add/",
        "/accounts/emails/",
        "/accounts/alerts/",
        "/accounts/notifications/inbox/",
        "/accounts/wishlists/",
        "/accounts/wishlists/create/",
        "/checkout/shipping-address/",
        "/checkout/payment-details/",
        "/checkout/preview/",
        "/checkout/thank-you/",
    ),
    forms=(
        Form("GET", "/search/", frozenset({"q"})),
        Form("GET", "/catalogue/", frozenset({"sort_by"})),
        Form("POST", "/i18n/setlang/", frozenset({"language"})),
        Form("POST", _LOGIN, frozenset({"login-username", "login-password"})),
        Form("POST", _LOGIN, frozenset({"registration-email", "registration-password1"})),
        Form("POST", "/password-reset/", frozenset({"email"})),
        Form("POST", "/basket/add/*/", frozenset({"quantity"})),
        Form("POST", "/basket/", frozenset({"form-0-quantity"})),
        Form("POST", "/basket/vouchers/add/", frozenset({"code"})),
        Form("POST", "/checkout/shipping-address/", frozenset({"line1", "postcode", "country"})),
        Form("POST", "/checkout/preview/", frozenset()),
        Form("POST", "/accounts/profile/edit/", frozenset({"first_name", "email"})),
        Form("POST", "/accounts/change-password/", frozenset({"old_password", "new_password1"})),
        Form("POST", "/accounts/addresses/add/", frozenset({"line1", "postcode", "country"})),
        Form("POST", "/accounts/wishlists/create/", frozenset({"name"})),
        Form("POST", "/accounts/wishlists/add/*/", frozenset()),
        Form("POST", "/catalogue/*/reviews/add/", frozenset({"title", "score", "body"})),
    ),
    instructions=(
        Instruction(
            "Test the basket: adding, changing quantities and removing.",
            ("add_to_basket", "change_quantity", "remove_line"),
        ),
        Instruction("Test searching and sorting the catalogue.", ("search_hit", "search_miss", "sort")),
        Instruction(
            "Test logging in and registering, but never change the password.",
            ("log_in", "wrong_password", "register", "mismatched_passwords"),
            (Asked("GET", "/accounts/change-password/"), Asked("POST", "/accounts/change-password/")),
        ),
        Instruction("Test buying a product up to the thank-you page.", ("checkout",)),
        Instruction(
            "Test the address book and the wish lists, not the checkout.",
            ("add_address", "wish_list"),
            (Asked("GET", "/checkout/"), Asked("POST", "/checkout/"), Asked("POST", "/checkout/preview/")),
        ),
    ),
    username=CUSTOMER,
    password=PASSWORD,
    credentials={"login-username": CUSTOMER, "login-password": PASSWORD},
    equivalent={},
)
