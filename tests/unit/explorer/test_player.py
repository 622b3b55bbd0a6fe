from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer import looking
from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Check,
    Choose,
    Click,
    CountOf,
    EachHasText,
    Equals,
    Fill,
    Goto,
    HasText,
    HasValue,
    Hover,
    InOrder,
    IsChecked,
    IsDisabled,
    IsHidden,
    IsInvalid,
    IsVisible,
    Literally,
    Locator,
    Minus,
    NumberIn,
    Plus,
    Press,
    Recall,
    Reload,
    Remember,
    RememberText,
    SetChecked,
    SumOf,
    Times,
    UrlIs,
)
from agent_runtime_server.adapters.explorer.player import ActionError, Player
from tests.unit.explorer.site import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOME = """
<h1>Mugs</h1>
<form action="/done"><label>E-mail <input type=email name=email required></label>
  <label>Size <select name=size><option>Small<option>Large</select></label>
  <label><input type=checkbox name=gift> Gift</label>
  <input placeholder="Coupon" name=coupon value="NONE">
  <button>Order</button><button type=button disabled>Never</button></form>
<table>
  <tr><td>Blue mug</td><td data-testid=price>£1,200.50</td><td><button onclick="more(this)">Add</button></td></tr>
  <tr><td>Red mug</td><td data-testid=price>£9.50</td><td><button onclick="more(this)">Add</button></td></tr>
</table>
<p>Lines: <output>0</output></p><p id=total>Total £1,210.00</p><p hidden>Secret</p>
<ul aria-label=Results><li>Blue MUG<li>Red mug</ul>
<script>
  const more = () => setTimeout(() => document.querySelector("output").textContent++, 150);
  document.querySelector("#total").onmouseenter = (event) => (event.target.textContent = "Grand total");
  document.querySelector("h1").ondblclick = (event) => (event.target.textContent = "Cups");
</script>
"""


def role(value: str, name: str | None = None, within: Locator | None = None) -> Locator:
    return Locator(by="role", value=value, name=name, within=within)


def css(value: str) -> Locator:
    return Locator(by="css", value=value)


PATIENT_MS = 20_000
"""For what is to come out well."""
EMAIL = Locator(by="label", value="E-mail")
PRICES = Locator(by="test_id", value="price")
RESULTS = role("listitem", within=role("list", "Results"))
LINES = css("output")
BLUE_ROW = Locator(by="role", value="row", has_text="Blue mug")


@pytest.fixture(autouse=True)
def looks_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_LOOK_SECONDS", 20.0)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serve({"/": HOME, "/done": lambda query: f"<h1>Done</h1><p>{query.get('email')} {query.get('size')}"}) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def player(browser: Browser, site: str) -> AsyncIterator[Player]:
    page = await browser.new_page()
    player = Player(page, site, {"uid": "ab12cd34", "username": "joe", "password": "s3cret"})
    await player.act(Goto("/"))
    yield player
    await page.close()


@pytest.mark.parametrize(
    "check",
    [
        IsVisible(role("heading", "Mugs")),
        IsHidden(Locator(by="text", value="Secret")),
        IsHidden(role("alert")),
        HasText(css("#total"), "£1,210"),
        HasText(css("#total"), "Total £1,210.00", exact=True),
        HasValue(Locator(by="placeholder", value="Coupon"), "NONE"),
        EachHasText(RESULTS, "mug"),
        IsChecked(Locator(by="label", value="Gift"), checked=False),
        IsDisabled(role("button", "Never")),
        UrlIs("/"),
        Equals(CountOf(PRICES), Literally(2)),
        Equals(NumberIn(css("#total")), SumOf(PRICES)),
        Equals(NumberIn(Locator(by="test_id", value="price", within=BLUE_ROW)), Literally(1200.5)),
        InOrder(PRICES, descending=True),
        Equals(Times(Literally(3), Plus(Literally(1), Literally(2))), Literally(9.004)),
        Equals(Minus(Literally(3), CountOf(PRICES)), Literally(1)),
        IsVisible(Locator(by="role", value="row", has=Locator(by="text", value="Red mug"))),
    ],
)
async def test_a_check_that_holds(player: Player, check: Check) -> None:
    assert await player.failure(check, PATIENT_MS) is None


@pytest.mark.parametrize(
    ("check", "failure"),
    [
        (
            IsVisible(role("heading", "Cups")),
            'expected heading "Cups" to be visible, but there is no such element',
        ),
        (IsVisible(role("button", "Add")), 'expected button "Add" to be visible, but there are 2 such elements'),
        (IsHidden(role("heading", "Mugs")), 'expected heading "Mugs" to be hidden, seen "Mugs"'),
        (
            HasText(css("#total"), "Total", exact=True),
            'expected element #total to have text "Total", seen "Total £1,210.00"',
        ),
        (HasValue(EMAIL, "a@b"), 'expected field "E-mail" to hold "a@b", seen ""'),
        (EachHasText(RESULTS, "blue"), 'expected each listitem in list "Results" to contain "blue", seen "Red mug"'),
        (EachHasText(role("article"), "x"), 'expected each article to contain "x", but there is no such element'),
        (
            IsInvalid(EMAIL),
            'expected field "E-mail" to be invalid, but the browser does not refuse it',
        ),
        (UrlIs("/do*"), "expected URL to be /do*, seen /"),
        (
            InOrder(PRICES),
            'expected the numbers in each element with test id "price" to rise, but they are 1200.5, 9.5',
        ),
        (
            InOrder(role("heading", "None")),
            'expected the numbers in each heading "None" to rise, but they are not there',
        ),
        (
            Equals(CountOf(PRICES), Literally(3)),
            'expected count of element with test id "price" to equal 3, but 2 is not 3',
        ),
        (
            Equals(NumberIn(role("heading", "Mugs")), Literally(3)),
            'expected number in heading "Mugs" to equal 3, but there is no number in "Mugs"',
        ),
        (
            HasText(css("#total"), "${nobody}"),
            'expected element #total to contain text "${nobody}", but there is no value for ${nobody}',
        ),
    ],
)
async def test_a_check_that_fails_says_expected_and_seen(player: Player, check: Check, failure: str) -> None:
    assert await player.failure(check, 100) == failure


async def test_the_mouse_over_an_element(player: Player) -> None:
    await player.act(Hover(css("#total")))
    assert await player.failure(HasText(css("#total"), "Grand total"), PATIENT_MS) is None


async def test_actions_fill_choose_tick_and_submit(player: Player) -> None:
    gift = Locator(by="label", value="Gift")
    for action in (
        Fill(EMAIL, "tg+${uid}@example.com"),
        Choose(role("combobox", "Size"), "Large"),
        SetChecked(gift),
    ):
        await player.act(action)
    assert await player.failure(IsChecked(gift), PATIENT_MS) is None
    await player.act(Press(EMAIL, "Enter"))
    assert await player.failure(UrlIs("/done?email=tg%2Bab12cd34%40example.com&size=*"), PATIENT_MS) is None
    assert await player.failure(IsVisible(Locator(by="text", value="tg+${uid}@example.com Large")), PATIENT_MS) is None


@pytest.mark.parametrize("value", ["", "not an address"])
async def test_the_browser_refuses_a_field_only_after_the_form_is_sent(player: Player, value: str) -> None:
    await player.act(Fill(EMAIL, value))
    assert await player.failure(IsInvalid(EMAIL), 100) is not None
    await player.act(Click(role("button", "Order")))
    assert await player.failure(IsInvalid(EMAIL), PATIENT_MS) is None
    assert await player.failure(UrlIs("/"), PATIENT_MS) is None


async def test_checks_wait_and_numbers_are_remembered(player: Player) -> None:
    await player.act(Remember("before", NumberIn(LINES)))
    more = Equals(NumberIn(LINES), Plus(Recall("before"), Literally(1)))
    assert await player.failure(more, 0) is not None
    await player.act(Click(role("button", "Add", within=BLUE_ROW)))
    assert await player.failure(more, PATIENT_MS) is None
    await player.act(Reload())
    assert await player.failure(Equals(NumberIn(LINES), Literally(0)), PATIENT_MS) is None


async def test_remembered_text_and_double_click(player: Player) -> None:
    await player.act(RememberText("title", role("heading")))
    await player.act(Click(role("heading", "${title}"), double=True))
    assert await player.failure(IsVisible(role("heading", "Cups")), PATIENT_MS) is None


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Click(role("button", "Add")), "strict mode violation"),
        (Click(role("button", "Gone")), 'could not click button "Gone": there is no such element'),
        (Click(role("button", "Never")), "it does not become ready for that"),
        (Remember("n", NumberIn(role("heading"))), 'there is no number in "Mugs"'),
        (Fill(EMAIL, "${nobody}"), "no value for ${nobody}"),
    ],
)
async def test_an_action_that_cannot_be_done(player: Player, action: Action, message: str) -> None:
    with pytest.raises(ActionError) as error:
        await player.act(action, 1000)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


async def test_a_click_in_time_waits_for_its_page(browser: Browser) -> None:
    def slow(_: object) -> str:
        time.sleep(4)
        return "<h1>At last</h1>"

    with serve({"/": "<a href=/slow>Go</a>", "/slow": slow}) as url:
        player = Player(await browser.new_page(), url, {})
        await player.act(Goto("/"))
        await player.act(Click(Locator(by="role", value="link")), 3000)
        assert await player.failure(IsVisible(Locator(by="role", value="heading", name="At last")), 0) is None


async def test_the_password_is_never_told(player: Player) -> None:
    await player.act(Fill(EMAIL, "${password}"))
    failure = await player.failure(HasValue(EMAIL, "x"), 100)
    assert failure == 'expected field "E-mail" to hold "x", seen "•••"'
