from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, SignInRecipe, Step
from agent_runtime_server.adapters.explorer.language import (
    Check,
    Click,
    CountOf,
    Equals,
    Fill,
    Goto,
    HasText,
    IsVisible,
    Literally,
    Locator,
    Plus,
    Recall,
    Reload,
    Remember,
    RememberText,
    UrlIs,
)
from agent_runtime_server.adapters.explorer.protocol import Line, Log
from agent_runtime_server.adapters.explorer.proving import Credentials, Rejected, prove
from tests.unit.explorer.site import Page, serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

HOME = """<h1>Notes</h1><nav><a href="/data" download>Data</a> <a href="/about">About</a></nav>
<form onsubmit="event.preventDefault(); add()"><label>Note <input></label><button>Add</button></form>
<ul></ul><p role=status></p>
<script>
  const add = () => {
    document.querySelector("ul").insertAdjacentHTML("beforeend", `<li>${document.querySelector("input").value}</li>`);
    document.querySelector("[role=status]").textContent = "Added";
  };
</script>"""

SIGN_IN = """<h1>Sign in</h1><form method=post action=/account><label>User <input name=user></label>
<label>Secret <input type=password name=secret></label><button>Go in</button></form>"""


def account(form: Mapping[str, str]) -> str:
    return "<h1>Hello joe</h1>" if form.get("secret") == "pass" else "<h1>No</h1>"


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    visits, shaky = itertools.count(1), itertools.count(1)
    pages: dict[str, Page] = {
        "/": HOME,
        "/about": "<h1>About us</h1>",
        "/index": HOME,
        "/news": lambda _: f"<h1>News</h1><p role=status>Visit {next(visits)}</p>",
        "/shaky": lambda _: "<h1>At last</h1>" if next(shaky) > 2 else 503,
        "/sign-in": SIGN_IN,
        "/account": account,
        "/language": lambda said: f"<h1>Language: {said['accept-language']}</h1>",
        "/limited-sign-in": SIGN_IN.replace("/account", "/limited"),
        "/limited": "<h1>Too many attempts. Please try again later.</h1>",
    }
    with serve(pages) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


def heading(name: str) -> Locator:
    return Locator(by="role", value="heading", name=name)


def button(name: str) -> Locator:
    return Locator(by="role", value="button", name=name)


STATUS = Locator(by="role", value="status")
NOTE = Locator(by="label", value="Note")
NOTES = Locator(by="role", value="listitem")


def expects(**checks: Check) -> tuple[Expectation, ...]:
    return tuple(Expectation(check, text) for text, check in checks.items())


def flow(*steps: Step, session: str = "anonymous") -> Flow:
    return Flow(id="notes", suite="Notes", title="Notes", steps=steps, session=session)  # type: ignore[arg-type]


ADD = flow(
    Step("Open the notes", (Goto("/"),), expects(home=IsVisible(heading("Notes")))),
    Step(
        "Add a note",
        (Remember("before", CountOf(NOTES)), Fill(NOTE, "note ${uid}"), Click(button("Add"))),
        expects(
            shown=IsVisible(Locator(by="role", value="listitem", has_text="note ${uid}")),
            one_more=Equals(CountOf(NOTES), Plus(Recall("before"), Literally(1))),
            typed=HasText(Locator(by="css", value="body"), "Notes"),
            vacuous=UrlIs("/*"),
        ),
    ),
)


async def run(
    browser: Browser, site: str, flow: Flow, sign_in: SignInRecipe | None = None
) -> tuple[Flow | Rejected, list[str]]:
    lines: list[Line] = []
    result = await prove(browser, site, flow, sign_in, Credentials("joe", "pass"), lines.append)
    return result, [line.message for line in lines if isinstance(line, Log)]


def kept(result: Flow | Rejected) -> dict[str, Expectation]:
    assert isinstance(result, Flow), result
    return {expectation.text: expectation for step in result.steps for expectation in step.expectations}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def added(browser: Browser, site: str) -> tuple[Flow | Rejected, list[str]]:
    return await run(browser, site, ADD)


async def test_what_can_fail_is_kept_with_its_proof(added: tuple[Flow | Rejected, list[str]]) -> None:
    result, log = added
    for text in ("shown", "one_more"):
        expectation = kept(result)[text]
        assert expectation.outcome
        assert expectation.proof is not None
        assert expectation.proof.left_out == 'click button "Add"'
        assert expectation.proof.failure.startswith("expected ")
    assert any(line.startswith("can fail: “shown” — without click button") for line in log)


async def test_what_nothing_can_make_fail_is_dropped(added: tuple[Flow | Rejected, list[str]]) -> None:
    result, log = added
    assert "vacuous" not in kept(result)
    assert "dropped: “vacuous” — it holds whatever is left out" in log


async def test_what_an_earlier_step_causes_is_proved_by_that(added: tuple[Flow | Rejected, list[str]]) -> None:
    home, typed = (kept(added[0])[text] for text in ("home", "typed"))
    assert (home.outcome, typed.outcome) == (True, False)
    for expectation in (home, typed):
        assert expectation.proof is not None
        assert expectation.proof.left_out == "open / (on /about instead)"


async def test_what_comes_after_the_last_expectation_is_left_out_but_what_tidies_up(
    browser: Browser, site: str
) -> None:
    more = Step("Go on", (Goto("/about"),)), Step("Tidy up", (Goto("/index"),), tidies=True)
    result, _ = await run(browser, site, flow(*ADD.steps, *more))
    assert isinstance(result, Flow)
    assert [step.title for step in result.steps] == ["Open the notes", "Add a note", "Tidy up"]


async def test_what_tidying_up_needs_to_know_is_found_out_all_the_same(browser: Browser, site: str) -> None:
    more = (
        Step("Read the heading", (Goto("/about"), RememberText("before", heading("About us")))),
        Step("Go on", (Reload(),)),
        Step("Put it back", (Goto("/"), Fill(NOTE, "${before}")), tidies=True),
    )
    result, _ = await run(browser, site, flow(*ADD.steps, *more))
    assert isinstance(result, Flow)
    titles = [step.title for step in result.steps]
    assert titles == ["Open the notes", "Add a note", "Read the heading", "Put it back"]


async def test_a_flow_that_tells_nothing_before_it_tidies_up_is_no_test(browser: Browser, site: str) -> None:
    tidying = Step(
        "Tidy up", (Fill(NOTE, "note ${uid}"), Click(button("Add"))), ADD.steps[1].expectations[:1], tidies=True
    )
    result, _ = await run(browser, site, flow(Step("Open the notes", (Goto("/"),)), tidying))
    assert isinstance(result, Rejected)


async def test_what_is_still_so_is_proved_by_what_brought_it(browser: Browser, site: str) -> None:
    typed = tuple(Fill(NOTE, text) for text in ("one", "two", "three", "four"))
    note = IsVisible(Locator(by="role", value="listitem", has_text="note ${uid}"))
    result, _ = await run(browser, site, flow(*ADD.steps, Step("Type on", typed, expects(still_shown=note))))
    proof = kept(result)["still_shown"].proof
    assert proof is not None
    assert proof.left_out == 'click button "Add"'


async def test_what_differs_each_time_is_dropped(browser: Browser, site: str) -> None:
    volatile = flow(
        Step("Open", (Goto("/about"),), expects(about=IsVisible(heading("About us")))),
        Step(
            "Read the news",
            (Goto("/news"),),
            expects(news=IsVisible(heading("News")), visit=HasText(STATUS, "Visit 1", exact=True)),
        ),
    )
    result, log = await run(browser, site, volatile)
    assert list(kept(result)) == ["about", "news"]
    assert any(line.startswith("dropped: “visit” — it held once but not with other data") for line in log)


async def test_a_flow_without_an_outcome_is_rejected(browser: Browser, site: str) -> None:
    idle = flow(
        Step("Open", (Goto("/"),), expects(home=IsVisible(heading("Notes")))),
        Step("Type", (Fill(NOTE, "x"),), expects(still=IsVisible(heading("Notes")))),
    )
    result, _ = await run(browser, site, idle)
    assert result == Rejected("no expectation is left that its actions make true and that can fail")


async def test_a_page_that_shows_what_the_start_page_does_is_told_from_a_third_one(browser: Browser, site: str) -> None:
    index = flow(Step("Open the index", (Goto("/index"),), expects(notes=IsVisible(heading("Notes")))))
    result, log = await run(browser, site, index)
    assert set(kept(result)) == {"notes"}
    assert any("on /about instead" in line for line in log)


async def test_what_a_flow_is_not_about_is_no_outcome_of_it(browser: Browser, site: str) -> None:
    home = Expectation(IsVisible(heading("Notes")), "home", outcome=False)
    result, _ = await run(browser, site, flow(Step("Open", (Goto("/"),), (home,))))
    assert result == Rejected("no expectation is left that its actions make true and that can fail")


async def test_what_outlasts_a_reload_is_an_outcome_of_what_made_it(browser: Browser, site: str) -> None:
    about = expects(about=IsVisible(heading("About us")))
    lasting = flow(
        Step("Open", (Goto("/"), Click(Locator(by="role", value="link", name="About")))),
        Step("Load the page again", (Reload(),), about),
    )
    result, _ = await run(browser, site, lasting)
    expectation = kept(result)["about"]
    assert expectation.outcome
    assert expectation.proof is not None
    assert expectation.proof.left_out == 'click link "About"'


async def test_a_flow_that_cannot_be_repeated_is_rejected(browser: Browser, site: str) -> None:
    result, _ = await run(browser, site, flow(Step("Open", (Goto("/about"), Goto("http://127.0.0.1:1/")))))
    assert isinstance(result, Rejected)
    assert result.reason.startswith("it cannot be repeated: could not open http://127.0.0.1:1/")


async def test_the_app_is_asked_as_tests_will_ask_it(browser: Browser, site: str) -> None:
    result, _ = await run(
        browser, site, flow(Step("Open", (Goto("/language"),), expects(english=IsVisible(heading("Language: en-US")))))
    )
    assert list(kept(result)) == ["english"]


async def test_what_an_error_of_the_app_spoilt_may_be_tried_again(browser: Browser, site: str) -> None:
    shaky = flow(Step("Open", (Goto("/shaky"),), expects(last=IsVisible(heading("At last")))))
    assert await run(browser, site, shaky) == (
        Rejected("the app answers with an error", by_chance=True, failed=True),
        [],
    )
    result, _ = await run(browser, site, shaky)
    assert list(kept(result)) == ["last"]


def recipe_for(path: str) -> SignInRecipe:
    user, secret = Locator(by="label", value="User"), Locator(by="label", value="Secret")
    welcome = Expectation(IsVisible(heading("Hello joe")), "welcome")
    return SignInRecipe(
        (Goto(path), Fill(user, "${username}"), Fill(secret, "${password}"), Click(button("Go in"))), welcome
    )


async def test_who_signs_in_too_often_may_try_again(browser: Browser, site: str) -> None:
    news = flow(Step("Read the news", (Goto("/news"),), expects(news=IsVisible(heading("News")))), session="fresh")
    result, _ = await run(browser, site, news, recipe_for("/limited-sign-in"))
    assert isinstance(result, Rejected)
    assert result.by_chance


async def test_sign_in_and_two_flows_at_a_time(browser: Browser, site: str) -> None:
    recipe = recipe_for("/sign-in")
    news = Step("Read the news", (Goto("/news"),), expects(news=IsVisible(heading("News"))))
    results = await asyncio.gather(
        run(browser, site, flow(news, session="stored"), recipe),
        run(browser, site, flow(news, session="fresh"), recipe),
        run(browser, site, flow(news, session="fresh"), None),
    )
    stored, fresh, lost = (result for result, _ in results)
    assert list(kept(stored)) == ["news"]
    proof = kept(fresh)["news"].proof
    assert proof is not None
    assert proof.left_out == "open /news (on the page before instead)"
    assert isinstance(lost, Rejected)
