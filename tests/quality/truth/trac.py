"""The main flows of Trac."""

from __future__ import annotations

import base64
import re

from playwright.async_api import Page, expect

from tests.quality.changes import PageChange, WireChange
from tests.quality.truth import Asked, Flow, Form, Instruction, Truth, named
from tests.quality.truth.spoiling import accepted, missing

USERNAME, PASSWORD = "admin", "admin"
_BASIC = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()


async def start_page(page: Page) -> None:
    """It welcomes."""
    await page.goto("/wiki")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome to Trac")


async def _edit(page: Page, text: str, button: str) -> None:
    await page.goto("/wiki/WikiStart")
    await page.get_by_role("button", name="Edit this page").first.click()
    await page.locator("textarea[name=text]").fill(f"= Welcome to Trac =\n{text}")
    await page.get_by_role("button", name=button).first.click()


async def edit_page(page: Page) -> None:
    """The page says what was written."""
    await _edit(page, "We meet on Friday.", "Submit changes")
    await expect(page.locator("#wikipage")).to_contain_text("We meet on Friday.")


async def preview_page(page: Page) -> None:
    """It is shown as it would be."""
    await _edit(page, "We may meet on Monday.", "Preview")
    await page.wait_for_load_state()
    await expect(page.locator("#preview, .wikipage").filter(has_text="We may meet on Monday.").first).to_be_visible()


async def page_history(page: Page) -> None:
    """A version for each change."""
    await page.goto("/wiki/WikiStart")
    await page.get_by_role("link", name="History").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Change History")
    await expect(page.locator("table.listing tbody tr")).to_have_count(1)


async def _new_ticket(page: Page, summary: str) -> None:
    await page.goto("/newticket")
    await page.locator("#field-summary").fill(summary)
    await page.locator("#field-description").fill("It is so.")
    await page.get_by_role("button", name="Create ticket").click()


async def new_ticket(page: Page) -> None:
    """It has its page."""
    await _new_ticket(page, "Lamp is broken")
    await expect(page).to_have_url(re.compile(r"/ticket/\d+"))
    await expect(page.locator("h1.summary, .summary").first).to_contain_text("Lamp is broken")


async def ticket_without_summary(page: Page) -> None:
    """It is refused."""
    await _new_ticket(page, "")
    await expect(page.get_by_text("Tickets must contain a summary").first).to_be_visible()


async def _ticket(page: Page) -> None:
    await _new_ticket(page, "Lamp is broken")
    await expect(page).to_have_url(re.compile(r"/ticket/\d+"))


async def comment(page: Page) -> None:
    """It is part of the ticket's story."""
    await _ticket(page)
    await page.locator("#comment").fill("So is mine.")
    await page.get_by_role("button", name="Submit changes").click()
    await expect(page.locator("#changelog .comment")).to_contain_text("So is mine.")


async def change_state(page: Page) -> None:
    """What was accepted says so."""
    await _ticket(page)
    await page.locator("h3").filter(has_text="Modify Ticket").get_by_role("link").click()
    await page.locator("#action_accept").check()
    await page.get_by_role("button", name="Submit changes").click()
    await expect(page.locator("#ticket .trac-status")).to_have_text("accepted")


async def query_tickets(page: Page) -> None:
    """Only tickets that fit are listed."""
    await _ticket(page)
    await page.goto("/query")
    await expect(page.locator("table.tickets")).to_contain_text("Lamp is broken")
    for status in ("accepted", "assigned", "new", "reopened"):
        await page.locator(f"#_0_status_{status}").uncheck()
    await page.locator("#_0_status_closed").check()
    await page.get_by_role("button", name="Update").click()
    await expect(page.get_by_text("No tickets found")).to_be_visible()


async def _search(page: Page, text: str) -> None:
    await page.goto("/wiki")
    await page.locator("#proj-search").fill(text)
    await page.locator("#search").get_by_role("button", name="Search").click()


async def search_hit(page: Page) -> None:
    """Pages with the word are listed."""
    await _search(page, "documentation")
    await expect(page.locator("#results dt").first).to_be_visible()


async def search_miss(page: Page) -> None:
    """That there are none, is said."""
    await _search(page, "zzqxv")
    await expect(page.get_by_text("No matches found")).to_be_visible()


async def roadmap(page: Page) -> None:
    """Milestones are listed."""
    await page.goto("/wiki")
    await page.get_by_role("link", name="Roadmap", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Roadmap")
    await expect(page.get_by_role("link", name=re.compile("milestone1"))).to_be_visible()


async def timeline(page: Page) -> None:
    """What has happened is listed."""
    await _ticket(page)
    await page.get_by_role("link", name="Timeline", exact=True).first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Timeline")
    await expect(page.locator("dt").filter(has_text="created").first).to_be_visible()


async def save_preferences(page: Page) -> None:
    """They are kept."""
    await page.goto("/wiki")
    await page.get_by_role("link", name="Preferences").click()
    await page.locator("[name=name]").fill("Ada Example")
    await page.get_by_role("button", name="Save changes").first.click()
    await expect(page.get_by_text("preferences have been saved")).to_be_visible()
    await expect(page.locator("[name=name]")).to_have_value("Ada Example")


async def log_in(page: Page) -> None:
    """An administrator is greeted, and may administer."""
    await page.goto("/wiki")
    await page.context.set_extra_http_headers({"Authorization": _BASIC})
    await page.get_by_role("link", name="Login").click()
    await expect(page.get_by_text("logged in as admin")).to_be_visible()
    await expect(page.get_by_role("link", name="Admin", exact=True)).to_be_visible()


_TICKET = (Asked("POST", "/ticket/*", 303, frozenset({"submit", "comment"})),)
_SEARCH = (Asked("GET", "/search", 200, frozenset({"q"})),)

TRUTH = Truth(
    flows=named(
        Flow(start_page, (PageChange("heading_changed", "h1", text="Welcome to Trac"),)),
        Flow(
            edit_page,
            (WireChange("swallowed", "POST", "/wiki/*"), accepted("edits are lost", "[name=text]", "Nothing.")),
            (Asked("POST", "/wiki/*", 303),),
        ),
        Flow(
            preview_page,
            (WireChange("swallowed", "POST", "/wiki/*"),),
            (Asked("POST", "/wiki/*", 200, frozenset({"preview"})),),
        ),
        Flow(
            page_history,
            (PageChange("list_empty", "tr", path="/wiki/*"), missing("there is no history", "table.listing tbody tr")),
            (Asked("GET", "/wiki/*", fields=frozenset({"action"})),),
        ),
        Flow(new_ticket, (WireChange("swallowed", "POST", "/newticket"),), (Asked("POST", "/newticket", 303),)),
        Flow(
            ticket_without_summary,
            (
                PageChange("message_removed", path="/newticket"),
                accepted("no summary is asked for", "[name=field_summary]", "None", "(field) => !field.value"),
            ),
            (Asked("POST", "/newticket", 200, frozenset({"submit"})),),
        ),
        Flow(comment, (accepted("comments are lost", "[name=comment]"),), _TICKET),
        Flow(change_state, (accepted("the state stays as it is", "#action_leave"),), _TICKET),
        Flow(
            query_tickets,
            (WireChange("query_dropped", "GET", "/query"), WireChange("swallowed", "POST", "/query")),
            (Asked("POST", "/query", 303),),
        ),
        Flow(search_hit, (missing("nothing is found", "#results"),), _SEARCH),
        Flow(search_miss, (missing("nothing is said of that", "#notfound"),), _SEARCH),
        Flow(
            roadmap,
            (
                PageChange("heading_changed", "h1", text="Roadmap", path="/roadmap"),
                missing("there are no milestones", ".milestone"),
            ),
            (Asked("GET", "/roadmap"),),
        ),
        Flow(
            timeline,
            (
                PageChange("heading_changed", "h1", text="Timeline", path="/timeline"),
                missing("nothing has happened", "#content.timeline dt"),
            ),
            (Asked("GET", "/timeline"),),
        ),
        Flow(save_preferences, (WireChange("swallowed", "POST", "/prefs"),), (Asked("POST", "/prefs", 303),)),
        Flow(
            log_in,
            (missing("nobody is greeted", "#metanav"), missing("there is nothing to administer", "#mainnav")),
            (Asked("GET", "/login", fields=frozenset({"authorization"})),),
        ),
    ),
    templates=(
        "/",
        "/wiki",
        "/wiki/*",
        "/timeline",
        "/roadmap",
        "/milestone/*",
        "/report",
        "/report/*",
        "/query",
        "/newticket",
        "/ticket/*",
        "/search",
        "/prefs",
        "/prefs/*",
        "/about",
    ),
    forms=(
        Form("GET", "/search", frozenset({"q"})),
        Form("GET", "/search", frozenset({"q", "noquickjump"})),
        Form("POST", "/wiki/*", frozenset({"text", "version"})),
        Form("POST", "/newticket", frozenset({"field_summary", "field_description", "submit"})),
        Form("POST", "/ticket/*", frozenset({"comment", "action", "submit"})),
        Form("POST", "/query", frozenset({"update"})),
        Form("POST", "/prefs", frozenset({"name", "email"})),
        Form("POST", "/prefs/*", frozenset()),
        Form("GET", "/timeline", frozenset({"from", "daysback"})),
    ),
    instructions=(
        Instruction(
            "Test creating tickets and commenting on them.", ("new_ticket", "ticket_without_summary", "comment")
        ),
        Instruction("Test the search only.", ("search_hit", "search_miss")),
        Instruction(
            "Test editing wiki pages, with preview and history.", ("edit_page", "preview_page", "page_history")
        ),
        Instruction(
            "Test the roadmap and the timeline, not the wiki.",
            ("roadmap", "timeline"),
            (Asked("GET", "/wiki"), Asked("GET", "/wiki/*"), Asked("POST", "/wiki/*")),
        ),
        Instruction(
            "Test the preferences. Never create tickets.",
            ("save_preferences",),
            (Asked("POST", "/newticket"),),
        ),
    ),
    username=USERNAME,
    password=PASSWORD,
    credentials={"authorization": _BASIC},
    equivalent={},
)
