"""The main flows of I Hate Money."""

from __future__ import annotations

import re
import secrets

from playwright.async_api import Locator, Page, expect

from tests.quality.changes import PageChange, WireChange
from tests.quality.truth import Asked, Flow, Form, Instruction, Truth, named
from tests.quality.truth.spoiling import accepted, unasked

PROJECT, PASSWORD = "rome", "rome-pass"


async def _log_in(page: Page, password: str = PASSWORD) -> None:
    await page.goto("/")
    form = page.locator("#authentication-form")
    await form.get_by_label("Project identifier").fill(PROJECT)
    await form.locator("[name=password]").fill(password)
    await form.get_by_role("button", name="Log in").click()


async def _member_of(page: Page) -> None:
    await _log_in(page)
    await expect(page.get_by_role("link", name="Trip to Rome")).to_be_visible()


def _bill(page: Page, what: str) -> Locator:
    return page.locator("#bill_table tbody tr").filter(has_text=what)


async def _fill_bill(page: Page, what: str, payer: str, amount: str) -> None:
    main = page.get_by_role("main")
    await main.get_by_label("What?").fill(what)
    if payer:
        await main.get_by_label("Who paid?").select_option(payer)
    await main.get_by_label("How much?").fill(amount)
    await main.get_by_role("button", name="Submit", exact=True).click()


async def _create(page: Page, email: str) -> str:
    await page.goto("/create")
    name = f"p{secrets.token_hex(4)}"
    main = page.get_by_role("main")
    for field, text in (("id", name), ("name", f"Project {name}"), ("password", "abc"), ("contact_email", email)):
        await main.locator(f"[name={field}]").fill(text)
    await main.get_by_role("button").click()
    return name


async def log_in(page: Page) -> None:
    """Into a project."""
    await _log_in(page)
    await expect(page).to_have_url(re.compile("/rome/$"))
    await expect(page.get_by_role("link", name="Trip to Rome")).to_be_visible()


async def wrong_password(page: Page) -> None:
    """Nobody gets in with a wrong code."""
    await _log_in(page, "wrong")
    await expect(page.locator(".alert").filter(has_text="not the right one")).to_be_visible()


async def create_project(page: Page) -> None:
    """A new one is there at once."""
    name = await _create(page, "ada@example.com")
    await expect(page.get_by_role("link", name=f"Project {name}")).to_be_visible()


async def create_without_email(page: Page) -> None:
    """An address is asked for."""
    await _create(page, "")
    await expect(page.locator("[name=contact_email]:invalid")).to_be_visible()


async def create_invalid_email(page: Page) -> None:
    """What is no address is refused."""
    await _create(page, "nonsense")
    await expect(page.locator(".alert").filter(has_text="Invalid email address")).to_be_visible()


async def open_demo(page: Page) -> None:
    """The demo has bills."""
    await page.goto("/")
    await page.get_by_role("link", name="Try out the demo").click()
    await expect(page.get_by_role("table").filter(has_text="Food shopping")).to_be_visible()


async def add_bill(page: Page) -> None:
    """It is listed."""
    await _member_of(page)
    await page.goto("/rome/add")
    await _fill_bill(page, "Ice cream", "Alice", "12")
    await expect(_bill(page, "Ice cream")).to_contain_text("12.00")


async def bill_incomplete(page: Page) -> None:
    """A bill needs a payer and an amount."""
    await _member_of(page)
    await page.goto("/rome/add")
    await _fill_bill(page, "Ice cream", "", "12")
    await expect(page.locator("select:invalid")).to_be_visible()
    await _fill_bill(page, "Ice cream", "Alice", "")
    await expect(page.locator("input[name=amount]:invalid")).to_be_visible()


async def edit_bill(page: Page) -> None:
    """It is listed with its new amount."""
    await _member_of(page)
    await _bill(page, "Dinner").get_by_role("link", name="edit").click()
    await page.get_by_label("How much?").fill("99")
    await page.get_by_role("button", name="Submit").click()
    await expect(_bill(page, "Dinner")).to_contain_text("99.00")


async def delete_bill(page: Page) -> None:
    """It is no longer listed."""
    await _member_of(page)
    await _bill(page, "Museum").get_by_role("button").click()
    await _bill(page, "Museum").get_by_role("button").click()
    await expect(_bill(page, "Museum")).to_have_count(0)


async def filter_bills(page: Page) -> None:
    """Only those that fit are listed."""
    await _member_of(page)
    await page.get_by_role("button", name="Toggle filters").click()
    await page.locator("#filterCollapse [name=search]").fill("Hotel")
    await page.get_by_role("button", name="Filter", exact=True).click()
    await expect(_bill(page, "Hotel")).to_have_count(1)
    await expect(_bill(page, "Dinner")).to_have_count(0)


async def _add_member(page: Page, name: str) -> None:
    await page.locator("#add-member-form [name=name]").fill(name)
    await page.locator("#add-member-form").get_by_role("button", name="Add").click()


def _member(page: Page, name: str) -> Locator:
    return page.locator("table.balance tr").filter(has_text=name)


async def add_member(page: Page) -> None:
    """It has a balance."""
    await _member_of(page)
    await _add_member(page, "Dora")
    await expect(_member(page, "Dora")).to_be_visible()


async def duplicate_member(page: Page) -> None:
    """A name can be taken but once."""
    await _member_of(page)
    await _add_member(page, "Alice")
    await expect(page.locator(".alert").filter(has_text="already")).to_be_visible()


async def deactivate_member(page: Page) -> None:
    """It can be made active again."""
    await _member_of(page)
    row = _member(page, "Carol")
    await row.hover()
    for _ in range(2):
        await row.locator("form.delete button").click(force=True)
    await expect(_member(page, "Carol").locator("form.reactivate")).to_have_count(1)


async def settle_page(page: Page) -> None:
    """Who owes what to whom."""
    await _member_of(page)
    await page.get_by_role("link", name="Settle").click()
    await expect(page.get_by_role("main").get_by_role("row").filter(has_text="71.17")).to_be_visible()


async def statistics_page(page: Page) -> None:
    """What each one paid, and each month took."""
    await _member_of(page)
    await page.get_by_role("link", name="Statistics").click()
    await expect(page.get_by_role("row").filter(has_text="240.00")).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="January 2026")).to_contain_text("348.50")


async def change_settings(page: Page) -> None:
    """The project has its new name."""
    await _member_of(page)
    await page.goto("/rome/edit")
    await page.get_by_label("Project name").fill("Trip to Ostia")
    await page.get_by_label("Current private code").fill(PASSWORD)
    await page.get_by_role("button", name="Save changes").click()
    await expect(page.get_by_role("link", name="Trip to Ostia")).to_be_visible()


async def invite_page(page: Page) -> None:
    """It has a link that can be passed on."""
    await _member_of(page)
    await page.get_by_role("link", name="Invite people").click()
    main = page.get_by_role("main")
    await expect(main.get_by_role("heading", level=1)).to_have_text("Invite people to join this project")
    await expect(main.locator("a[href*='/rome/join/']").first).to_be_visible()


async def log_out(page: Page) -> None:
    """Nobody sees the bills then."""
    await _member_of(page)
    await page.get_by_role("link", name="Trip to Rome").click()
    await page.get_by_role("button", name="Logout").click()
    await expect(page.get_by_role("link", name="Trip to Rome")).to_have_count(0)
    await page.goto("/rome/")
    await expect(page.get_by_role("heading", name="Authentication")).to_be_visible()


def _posted(path: str, status: int = 302) -> tuple[Asked, ...]:
    return (Asked("POST", path, status),)


def _swallowed(path: str) -> tuple[WireChange, ...]:
    return (WireChange("swallowed", "POST", path),)


_TAKEN = "(field) => document.body.innerText.includes(field.value)"

TRUTH = Truth(
    flows=named(
        Flow(log_in, _swallowed("/authenticate"), _posted("/authenticate")),
        Flow(
            wrong_password,
            (
                WireChange("accepts_anything", "POST", "/authenticate"),
                PageChange("message_removed", "p", path="/authenticate"),
            ),
            _posted("/authenticate", 200),
        ),
        Flow(create_project, _swallowed("/create"), _posted("/create")),
        Flow(create_without_email, (unasked("no e-mail is accepted", "[name=contact_email]", "a@example.com"),)),
        Flow(
            create_invalid_email,
            (
                PageChange("message_removed", "p", path="/create"),
                accepted(
                    "an invalid e-mail is accepted",
                    "[name=contact_email]",
                    "a@example.com",
                    "(field) => field.value && !field.value.includes('.')",
                ),
            ),
            _posted("/create", 200),
        ),
        Flow(
            open_demo,
            (WireChange("sent_home", "GET", "/demo"), PageChange("list_empty", "tr", path="/*/")),
            (Asked("GET", "/demo", 302), Asked("GET", "/demo/")),
        ),
        Flow(add_bill, _swallowed("/*/add"), _posted("/*/add")),
        Flow(
            bill_incomplete,
            (
                unasked("a bill needs no payer", "select[name=payer]", ""),
                unasked("a bill needs no amount", "input[name=amount]", "1"),
            ),
        ),
        Flow(edit_bill, _swallowed("/*/edit/*"), _posted("/*/edit/*")),
        Flow(delete_bill, _swallowed("/*/delete/*"), _posted("/*/delete/*")),
        Flow(
            filter_bills,
            (WireChange("query_dropped", "GET", "/*/"),),
            (Asked("GET", "/*/", fields=frozenset({"search", "payer"})),),
        ),
        Flow(add_member, _swallowed("/*/members/add"), _posted("/*/members/add")),
        Flow(
            duplicate_member,
            (
                PageChange("message_removed", "p", path="/*/members/add"),
                accepted("a name may be taken twice", "[name=name]", "Somebody else", _TAKEN),
            ),
            _posted("/*/members/add", 200),
        ),
        Flow(deactivate_member, _swallowed("/*/members/*/delete"), _posted("/*/members/*/delete")),
        Flow(
            settle_page,
            (
                PageChange("list_empty", "tr", path="/*/settle_bills"),
                PageChange("number_plus_one", "td", path="/*/settle_bills"),
            ),
            (Asked("GET", "/*/settle_bills"),),
        ),
        Flow(
            statistics_page,
            (
                PageChange("list_empty", "tr", path="/*/statistics"),
                PageChange("number_plus_one", "td", path="/*/statistics"),
            ),
            (Asked("GET", "/*/statistics"),),
        ),
        Flow(change_settings, _swallowed("/*/edit"), _posted("/*/edit")),
        Flow(
            invite_page,
            (PageChange("heading_changed", "h1", path="/*/invite"), WireChange("sent_home", "GET", "/*/invite")),
            (Asked("GET", "/*/invite"),),
        ),
        Flow(log_out, _swallowed("/exit"), _posted("/exit")),
    ),
    templates=(
        "/",
        "/authenticate",
        "/create",
        "/password-reminder",
        "/mobile",
        "/*/",
        "/*/add",
        "/*/edit",
        "/*/edit/*",
        "/*/settle_bills",
        "/*/statistics",
        "/*/history",
        "/*/invite",
        "/*/members/add",
        "/*/members/*/edit",
    ),
    forms=(
        Form("POST", "/authenticate", frozenset({"id", "password"})),
        Form("POST", "/create", frozenset({"name", "password", "contact_email"})),
        Form("POST", "/password-reminder", frozenset({"id"})),
        Form("POST", "/*/add", frozenset({"what", "payer", "amount"})),
        Form("POST", "/*/edit/*", frozenset({"what", "payer", "amount"})),
        Form("POST", "/*/delete/*", frozenset()),
        Form("GET", "/*/", frozenset({"search", "payer", "amount_min"})),
        Form("POST", "/*/members/add", frozenset({"name"})),
        Form("POST", "/*/members/*/edit", frozenset({"name", "weight"})),
        Form("POST", "/*/members/*/delete", frozenset()),
        Form("POST", "/*/edit", frozenset({"name", "contact_email", "current_password"})),
        Form("POST", "/*/invite", frozenset({"emails"})),
        Form("POST", "/exit", frozenset()),
    ),
    instructions=(
        Instruction("Test adding, editing and deleting bills.", ("add_bill", "edit_bill", "delete_bill")),
        Instruction(
            "Test logging in, with a wrong private code too, and logging out.", ("log_in", "wrong_password", "log_out")
        ),
        Instruction(
            "Test the participants of a project, but not the settings.",
            ("add_member", "duplicate_member", "deactivate_member"),
            (Asked("GET", "/*/edit"), Asked("POST", "/*/edit")),
        ),
        Instruction("Test creating projects.", ("create_project", "create_without_email", "create_invalid_email")),
        Instruction(
            "Test filtering the bills and the statistics. Do not use the demo.",
            ("filter_bills", "statistics_page"),
            (Asked("GET", "/demo"), Asked("GET", "/demo/")),
        ),
    ),
    username=PROJECT,
    password=PASSWORD,
    credentials={"id": PROJECT, "password": PASSWORD},
    equivalent={},
)
