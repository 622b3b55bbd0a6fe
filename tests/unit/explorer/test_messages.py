"""What an app says to a person, as a test expects it: without what closes it, and wherever it is said."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.language import Check, Click, Goto, HasText, IsVisible, Locator
from agent_runtime_server.adapters.explorer.messages import expect_message, standing_words
from tests.unit.explorer.kits import kit_for
from tests.unit.explorer.site import serve

SEND = Click(Locator(by="role", value="button", name="Send"))
FORM = "<form method=post action=/said><button>Send</button></form>"
CLOSE = "<a href=#><span>close</span></a>"
WARNING = f"<div class=warning-message>{CLOSE} <strong>Warning:</strong> A summary is missing.</div>"
JUMP = "<div><a href=#below>Below</a> &darr;</div>"


async def expected(answer: str) -> list[Check]:
    """What is expected of the page that says this."""
    with serve({"/": lambda _: f"<main>{FORM}</main>", "/said": lambda _: answer}) as url:
        async with open_browser() as browser, kit_for(browser, url, []).hand() as hand:
            await hand.step("Open it", Goto("/"))
            effect = await hand.step("Send it", SEND)
            if not await expect_message(hand, effect, "the app answers"):
                return []
            return [each.check for each in hand.flow("a", "A", "A").steps[-1].expectations]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (f"<main><div class=message>{CLOSE} Your changes are saved.</div>{FORM}</main>", "Your changes are"),
        ("<main><div class=message>Your changes are saved. <button>Undo</button></div></main>", "Your changes are"),
        ("<main><div class=message>See <a href=/other>the page</a> for more.</div></main>", "See the page for"),
        ("<main><div class=message>Mind: <a href=#name>Enter a name</a></div></main>", "Mind: Enter a name"),
        ("<main><div class=message>Closed it. <button>Close</button></div></main>", "Closed it"),
        ("<main><div class=message><button>Close</button>Closed it.</div></main>", "Closed it"),
    ],
)
async def test_a_message_is_told_by_what_it_says_and_not_by_what_closes_it(answer: str, words: str) -> None:
    [check] = await expected(answer)
    assert isinstance(check, IsVisible)
    assert check.target.value.startswith(words)


async def test_what_is_said_twice_is_expected_of_the_page_around() -> None:
    main = Locator(by="role", value="main")
    [check] = await expected(f"<main>{JUMP}{WARNING}<h1>New <small>a draft now</small></h1>{WARNING}{FORM}</main>")
    assert check == HasText(main, "Warning: A summary is missing")
    [check] = await expected(f"{WARNING}<h1>New</h1>{WARNING}{FORM}")
    assert check == HasText(Locator(by="css", value="body"), "Warning: A summary is missing")


async def test_neither_a_link_to_another_part_of_the_page_nor_a_single_word_says_anything() -> None:
    assert await expected(f"<main>{JUMP}<h1>Here <small>draft)</small></h1>{FORM}</main>") == []


async def test_what_nobody_sees_is_no_message_of_the_page_around() -> None:
    assert await expected(f"<main><div role=alert style='height:0'>It is saved.</div>{FORM}</main>") == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("'Dune' was added to your list.", "'Dune' was added to your list"),
        ("“Dune” is in the basket now: 3", "“Dune” is in the basket now"),
        ("(None) of them", "(None) of them"),
        ("'Dune'", "Dune"),
        ("\u00d7 It's done.", "It's done"),
    ],
)
async def test_quotation_marks_are_left_in_pairs(said: str, words: str) -> None:
    assert standing_words(said) == words
