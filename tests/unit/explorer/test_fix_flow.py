"""What becomes of a flow when its app has changed, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from msgspec.structs import replace
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer import fix_flow, fix_trouble
from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.fix_flow import FlowRepair
from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, Step
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.known_elements import KnownElements, content
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Check,
    Click,
    Fill,
    Goto,
    HasText,
    IsVisible,
    Locator,
)
from agent_runtime_server.adapters.explorer.stage import Credentials, Stage
from agent_runtime_server.adapters.explorer.verdict import Verdict
from tests.unit.explorer.site import Page, serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

PATH = "tests/notes/add-note.spec.ts"
NOTES = """<nav><a href="/about">About</a></nav><main><h1>Notes</h1>
<form onsubmit="event.preventDefault(); add()"><label>Note <input id=note name=note></label>
<button id=save>Save</button> <button type=button>Hint</button></form><ul></ul><p role=status></p></main>
<script>
  const add = () => {
    document.querySelector("ul").insertAdjacentHTML("beforeend", `<li>${document.querySelector("input").value}</li>`);
    document.querySelector("[role=status]").textContent = "Saved 1 note";
  };
</script>"""
FIELD = Locator(by="role", value="textbox", name="Note")
SAVE = Locator(by="role", value="button", name="Save")
STATUS = Locator(by="role", value="status")
STEPS: tuple[tuple[str, tuple[Action, ...], Check], ...] = (
    ("Open the notes", (Goto("/"),), IsVisible(SAVE)),
    ("Save a note", (Fill(FIELD, "Note ${uid}"), Click(SAVE)), HasText(STATUS, "Saved 1 note")),
    ("See it", (), IsVisible(Locator(by="text", value="Note ${uid}"))),
)


class App:
    """The notes, as they are at the moment."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {"/": NOTES, "/about": "<h1>About</h1>"}
        self.url = ""

    def change(self, old: str, new: str) -> None:
        assert old in NOTES
        self.pages["/"] = NOTES.replace(old, new)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app is a quick one."""
    for module, name in ((fix_trouble, "ACTION_MS"), (fix_trouble, "CHECK_MS"), (fix_flow, "OPEN_MS")):
        monkeypatch.setattr(module, name, 2500)


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    app = App()
    with serve(app.pages) as app.url:
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flow(app: App, browser: Browser) -> Flow:
    """What a hand has learnt of the notes as they were."""
    context = await browser.new_context()
    page = await context.new_page()
    hand = Hand(page, await context.new_cdp_session(page), app.url, {"uid": "abc1"})
    for title, actions, check in STEPS:
        await hand.step(title, *actions)
        assert await hand.expect(title, check)
    await context.close()
    return hand.flow("add-note", "Notes", "Adds a note")


async def repaired(app: App, browser: Browser, flow: Flow) -> Verdict:
    known = KnownElements({})
    known.learn(PATH, flow)
    stage = Stage(browser, app.url, flow, None, Credentials("", ""))
    return await FlowRepair(stage, app.url, PATH, known, ()).run()


async def test_what_was_seen_is_known_without_what_is_new_in_each_run(flow: Flow) -> None:
    names = {each.locator.name or each.locator.value for each in flow.elements}
    assert names == {"Note", "Save", "status", "Note ${uid}"}
    written = content({PATH: flow})
    assert "abc1" not in written
    assert '"Hint"' in written


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (">Save<", ">Save changes<", "Save changes"),
        (">Save<", ">Store<", "Store"),
        ("<button id=save>Save</button>", "<a role=link id=save href=# onclick='add()'>Save</a>", "Save"),
        ("Note <input", "Your note <input", "Your note"),
    ],
)
async def test_an_element_under_another_name_is_found(
    app: App, browser: Browser, flow: Flow, old: str, new: str, name: str
) -> None:
    app.change(old, new)
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is not None, verdict.explanation
    assert verdict.cause == "locator"
    assert f'"{name}"' in verdict.explanation
    assert [step.title for step in verdict.flow.steps] == [title for title, _, _ in STEPS]
    assert verdict.flow.steps[1].expectations == flow.steps[1].expectations
    assert len(verdict.flow.elements) == len(flow.elements)


async def test_an_element_that_is_gone_is_not_found_in_another_one(app: App, browser: Browser, flow: Flow) -> None:
    app.change("<button id=save>Save</button>", "")
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is None
    assert verdict.cause == "locator"


async def test_a_second_element_of_the_same_name_is_told_apart(app: App, browser: Browser, flow: Flow) -> None:
    app.change("</main>", "</main><aside><button>Save</button></aside>")
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is not None, verdict.explanation
    click = verdict.flow.steps[1].actions[1]
    assert isinstance(click, Click)
    assert click.target.within is not None


async def test_what_is_in_a_menu_now_is_shown_first(app: App, browser: Browser, flow: Flow) -> None:
    opener = "<button type=button aria-expanded=false onclick='menu.hidden = false'>More</button>"
    app.change("<button id=save>Save</button>", f"{opener}<div id=menu hidden><button id=save>Save</button></div>")
    more = Click(Locator(by="role", value="button", name="More"))
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is not None, verdict.explanation
    assert verdict.flow.steps[0].actions == (Goto("/"), more)
    assert verdict.flow.steps[0].expectations == flow.steps[0].expectations
    flow = replace(flow, steps=(Step("Open the notes", (Goto("/"),)), *flow.steps[1:]))
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is not None, verdict.explanation
    assert more in verdict.flow.steps[1].actions


GO_ON = "<button type=button onclick='this.nextElementSibling.showModal()'>Go on</button>"


@pytest.mark.parametrize(
    ("there_now", "opener"),
    [
        ("<details><summary>More</summary><button id=save>Save</button></details>", "More"),
        ("<details><summary><b>More</b></summary><button id=save>Save</button></details>", "More"),
        (
            f"{GO_ON}<dialog><button id=save>Save</button></dialog><button type=button>Save as a draft</button>",
            "Go on",
        ),
    ],
)
async def test_what_is_there_but_not_shown_is_opened_by_what_is_next_to_it_before_anything_else_is_taken_for_it(
    app: App, browser: Browser, flow: Flow, there_now: str, opener: str
) -> None:
    others = "".join(f"<button type=button aria-expanded=false>Menu {number}</button>" for number in range(5))
    app.change("<button id=save>Save</button>", there_now)
    app.pages["/"] = others + str(app.pages["/"]).replace("<button type=button>Hint</button>", "")
    flow = replace(flow, steps=(Step("Open the notes", (Goto("/"),)), *flow.steps[1:]))
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is not None, verdict.explanation
    fill, click, save = verdict.flow.steps[1].actions
    assert (fill, save) == flow.steps[1].actions
    assert isinstance(click, Click)
    assert opener in (click.target.name, click.target.value, click.target.has_text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (  # A button that was there before may do anything.
            "<button id=save>Save</button> <button type=button>Hint</button>",
            "<button id=save hidden>Save</button> <button type=button onclick='save.hidden = false'>Hint</button>",
        ),
        (  # Two are shown, and nobody knows which one was meant.
            "<button id=save>Save</button>",
            f"<button id=save>Save</button><button>Save</button>{GO_ON}<dialog><button>Save</button></dialog>",
        ),
        (  # What is shown may be another one, and so may what is not.
            "<button id=save>Save</button>",
            "<button type=button>Save as a draft</button>"
            "<details><summary>More</summary><button disabled>Save</button></details>",
        ),
    ],
)
async def test_where_it_is_not_sure_it_opens_nothing(
    app: App, browser: Browser, flow: Flow, old: str, new: str
) -> None:
    app.change(old, new)
    flow = replace(flow, steps=(Step("Open the notes", (Goto("/"),)), *flow.steps[1:]))
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is None
    assert verdict.cause == "locator"


async def test_another_one_of_the_name_that_was_never_shown_is_not_taken(
    app: App, browser: Browser, flow: Flow
) -> None:
    known = GO_ON.replace("<button", "<button aria-haspopup=dialog").replace("Go on", "Hint")
    app.change(
        "<button id=save>Save</button> <button type=button>Hint</button>",
        f"<button id=save>Store</button> {known}<dialog><button>Save</button></dialog>",
    )
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is not None, verdict.explanation
    assert [action.target.name for action in verdict.flow.steps[1].actions if isinstance(action, Click)] == ["Store"]


async def test_a_field_with_a_twin_that_is_not_shown_is_told_from_it(app: App, browser: Browser, flow: Flow) -> None:
    app.change("</main>", "</main><dialog><label>Note <input></label></dialog>")
    labelled = Locator(by="label", value="Note")
    steps = (
        flow.steps[0],
        replace(flow.steps[1], actions=(Fill(labelled, "Note ${uid}"), Click(SAVE))),
        *flow.steps[2:],
    )
    verdict = await repaired(app, browser, replace(flow, steps=steps))
    assert verdict.flow is not None, verdict.explanation
    fill = verdict.flow.steps[1].actions[0]
    assert isinstance(fill, Fill)
    assert fill.target != labelled


async def test_each_thing_that_a_page_shows_may_have_to_be_opened(app: App, browser: Browser, flow: Flow) -> None:
    folded = "<details><summary>{}</summary><button type=button>{}</button></details>"
    app.pages["/"] = NOTES.replace("<button type=button>Hint</button>", folded.format("Two", "Hint")).replace(
        "<button id=save>Save</button>", "<details><summary>One</summary><button id=save>Save</button></details>"
    )
    shown = [Locator(by="role", value="button", name=name) for name in ("Save", "Hint")]
    looks = tuple(Expectation(IsVisible(each), f"{each.name} is shown") for each in shown)
    flow = replace(flow, steps=(Step("Open the notes", (Goto("/"),), looks),))
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is not None, verdict.explanation
    assert len([action for action in verdict.flow.steps[0].actions if isinstance(action, Click)]) == 2
    assert verdict.flow.steps[0].expectations == looks


async def test_no_click_shows_what_an_action_does_not_show_any_more(app: App, browser: Browser, flow: Flow) -> None:
    shown = "<button type=button aria-haspopup=dialog onclick='dialog.showModal()'>Basket</button>"
    app.change("</main>", f"{shown}<dialog id=dialog><button>Pay</button></dialog></main>")
    pay = Expectation(IsVisible(Locator(by="role", value="button", name="Pay")), "it can be paid")
    flow = replace(flow, steps=(*flow.steps[:1], replace(flow.steps[1], expectations=(pay,))))
    verdict = await repaired(app, browser, flow)
    assert (verdict.cause, verdict.flow) == ("locator", None)


async def test_what_an_action_brings_into_a_closed_part_is_opened(app: App, browser: Browser, flow: Flow) -> None:
    clear = Locator(by="role", value="button", has_text="Clear")
    brought = Expectation(IsVisible(clear), "it can be cleared")
    flow = replace(flow, steps=(*flow.steps[:1], replace(flow.steps[1], expectations=(brought,))))
    button = "<button type=button>Clear 1 note</button>"
    more = f"<details><summary>More</summary>{button}</details>"
    app.change('.textContent = "Saved 1 note"', f".innerHTML = `{more}`")
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is not None, verdict.explanation
    assert isinstance(verdict.flow.steps[1].actions[-1], Click)
    app.change("<p role=status></p>", f"<p role=status></p>{more}")
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is None


async def test_what_is_only_looked_at_is_not_opened_first(app: App, browser: Browser, flow: Flow) -> None:
    show = "onclick='this.nextElementSibling.hidden = false'"
    app.change("<p role=status>", f"<button type=button aria-expanded=false {show}>More</button><p hidden role=status>")
    verdict = await repaired(app, browser, flow)
    assert verdict.flow is None


async def test_another_value_is_a_change_of_behaviour(app: App, browser: Browser, flow: Flow) -> None:
    app.change("Saved 1 note", "Saved 2 notes")
    verdict = await repaired(app, browser, flow)
    assert (verdict.cause, verdict.flow) == ("assertion", None)
    assert "Saved 1 note" in verdict.explanation
    assert "Saved 2 notes" in verdict.explanation


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("const add = () => {", "const add = () => { missing();", "script error"),
        ("<form onsubmit='event.preventDefault(); add()'>", "<form action=/gone>", "GET /gone?note="),
    ],
)
async def test_what_the_app_does_wrong_is_left_to_it(
    app: App, browser: Browser, flow: Flow, old: str, new: str, said: str
) -> None:
    app.change(old.replace("'", '"'), new)
    verdict = await repaired(app, browser, flow)
    assert (verdict.cause, verdict.flow) == ("app_defect", None)
    assert said in verdict.explanation


async def test_a_flow_that_holds_is_left_alone(app: App, browser: Browser, flow: Flow) -> None:
    app.pages["/"] = NOTES
    verdict = await repaired(app, browser, flow)
    assert (verdict.cause, verdict.flow) == ("timing", None)
