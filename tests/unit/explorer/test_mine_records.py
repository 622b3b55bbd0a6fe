"""What forms make, followed through its life in a small app: made, changed, deleted, and refused a second time."""

from __future__ import annotations

import html
import time
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.crawl import Budget, Crawl
from agent_runtime_server.adapters.explorer.flow import Flow, Skipped
from agent_runtime_server.adapters.explorer.language import (
    Choose,
    Click,
    Fill,
    HasOutline,
    HasText,
    HasValue,
    IsHidden,
    IsVisible,
    Locator,
)
from agent_runtime_server.adapters.explorer.mine_forms import _places, mine_forms
from agent_runtime_server.adapters.explorer.mining import Mined
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import Page, Redirect, serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

BACK = "<script>location.replace('/')</script>"
FORM = """<main><h1>{title}</h1>{said}<form method=post action={action}>
<label>Name <input name=name required value="{name}"></label>
<label>Size <input name=size value="large"></label>
<label>Kept at <input name=place></label>
<label>Made of <select name=wood required><option>oak<option>birch</select></label>
<button>Save</button></form></main>"""


class Boxes:
    """An app that keeps boxes with names of their own; its form says what it needs, if its fields are ``marked``."""

    def __init__(self, *, marked: bool = True) -> None:
        self.boxes: dict[str, tuple[str, str, str]] = {}
        self.form = FORM if marked else FORM.replace(" required", "")

    def pages(self) -> Mapping[str, Page]:
        return {"/": self.listed, "/new": self.new, "/edit": self.edit, "/delete": self.delete, "/search": self.search}

    def listed(self, _: Mapping[str, str]) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(size)}</td><td>{wood}</td>"
            f"<td><a href='/edit?id={key}'>edit</a>"
            f"<form method=post action='/delete?id={key}'><input type=hidden name=id value={key}>"
            "<button>delete</button></form></td></tr>"
            for key, (name, size, wood) in self.boxes.items()
        )
        return (
            "<style>tr a { visibility: hidden } tr:hover a { visibility: visible }"
            # Of four columns of the same width the middle of a row is between two.
            "main table { table-layout: fixed; width: 800px; border-spacing: 60px 0 }</style>"
            "<main><h1>Boxes</h1><a href='/new'>Add a box</a>"
            f"<table><tr><th>Name<th>Size<th>Made of<th></tr>{rows}</table></main>"
            "<aside><table><tr><td>Latest<td>None</tr></table></aside>"
        )

    def new(self, sent: Mapping[str, str]) -> str:
        name = sent.get("name", "")
        if not name:
            said = "<p role=alert>A box needs a name.</p>" if "size" in sent else ""
            return self.form.format(title="Add a box", said=said, action="/new", name="")
        if name in (box for box, _, _ in self.boxes.values()):
            said = "<p role=alert>There is such a box already.</p>"
            return self.form.format(title="Add a box", said=said, action="/new", name=html.escape(name))
        self.boxes[str(time.monotonic_ns())] = name, sent.get("size", ""), html.escape(sent.get("wood", ""))
        return BACK

    def edit(self, sent: Mapping[str, str]) -> str:
        key = sent["id"]
        if name := sent.get("name"):
            self.boxes[key] = name, sent.get("size", ""), html.escape(sent.get("wood", ""))
            return BACK
        action = f"'/edit?id={key}'><input type=hidden name=id value={key}"
        return self.form.format(title="Change a box", said="", action=action, name=html.escape(self.boxes[key][0]))

    def delete(self, sent: Mapping[str, str]) -> str:
        self.boxes.pop(sent["id"], None)
        return BACK

    def search(self, _: Mapping[str, str]) -> str:
        return "<main><h1>Send a letter</h1><form method=post action=/search><label>To <input></label><button>Send invitation</button></form></main>"  # noqa: E501


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serve(Boxes().pages()) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mined(browser: Browser, site: str) -> tuple[dict[str, Flow], list[Skipped]]:
    """The flows about the forms of the app, by their ids."""
    flows: list[Mined] = []
    kit = kit_for(browser, site, flows)
    async with kit.hand() as hand:
        for path in ("/", "/new", "/search"):
            kit.site.add(await hand.visit(path), signed_in=False)
    await mine_forms(kit)
    return {each.flow.id: each.flow for each in flows}, kit.site.skipped


def checks(flow: Flow, kind: type) -> int:
    return sum(isinstance(each.check, kind) for step in flow.steps for each in step.expectations)


async def test_what_is_made_is_seen_with_what_was_typed_and_after_a_reload(
    mined: tuple[dict[str, Flow], list[Skipped]],
) -> None:
    flow = mined[0]["add-a-box-is-made"]
    assert [step.title for step in flow.steps] == [
        "Open /new",
        "Fill in the form and click “Save”",
        "Load the page again",
    ]
    assert checks(flow, IsVisible) == 2
    assert checks(flow, HasText) == 1  # the wood; the size is the form's own and was not typed


async def test_a_row_is_told_from_those_in_other_parts_of_the_page(
    mined: tuple[dict[str, Flow], list[Skipped]],
) -> None:
    shown = next(each.check for each in mined[0]["add-a-box-is-made"].steps[1].expectations)
    assert isinstance(shown, IsVisible)
    assert shown.target.within == Locator(by="role", value="main")


async def test_a_page_that_is_looked_at_for_itself_is_not_looked_at_on_the_way(browser: Browser) -> None:
    boxes = Boxes()
    boxes.boxes["1"] = "First box", "small", "birch"
    flows: list[Mined] = []
    with serve(boxes.pages()) as url:
        kit = kit_for(browser, url, flows)
        async with kit.hand() as hand:
            for path in ("/", "/new", "/edit?id=1"):
                kit.site.add(await hand.visit(path), signed_in=False)
        await mine_forms(kit)
    changed = next(each.flow for each in flows if each.flow.id == "add-a-box-is-changed")
    assert checks(changed, HasOutline) == 0
    assert checks(changed, HasValue) == 1


async def test_it_is_changed_and_deleted_by_the_controls_of_its_row(
    mined: tuple[dict[str, Flow], list[Skipped]],
) -> None:
    flows, _ = mined
    changed, deleted = flows["add-a-box-is-changed"], flows["add-a-box-is-deleted"]
    assert checks(changed, HasOutline) == 1
    assert checks(changed, HasValue) == 1
    assert checks(changed, IsVisible) == 2
    assert checks(changed, IsHidden) == 1
    assert [each.check.text for each in changed.steps[-1].expectations if isinstance(each.check, HasText)] == ["oak"]
    assert checks(deleted, IsHidden) == 2


async def test_a_list_that_sending_leads_to_is_no_page_of_a_things_own(
    mined: tuple[dict[str, Flow], list[Skipped]],
) -> None:
    assert "add-a-box-is-made" in mined[0]
    assert "add-a-box-has-a-page" not in mined[0]


async def test_what_shows_below_the_mouse_only_is_shown_first(mined: tuple[dict[str, Flow], list[Skipped]]) -> None:
    changed, deleted = mined[0]["add-a-box-is-changed"], mined[0]["add-a-box-is-deleted"]
    assert "Move the mouse over it" in [step.title for step in changed.steps]
    assert "Move the mouse over it" not in [step.title for step in deleted.steps]


async def test_what_is_there_already_and_what_has_no_name_is_refused(
    mined: tuple[dict[str, Flow], list[Skipped]],
) -> None:
    assert {"add-a-box-is-refused-twice", "forms-add-a-box-asks-for-name"} <= mined[0].keys()


async def test_a_mistake_is_made_with_no_more_than_the_form_needs(browser: Browser) -> None:
    flows: list[Mined] = []
    with serve(Boxes(marked=False).pages()) as url:
        await opened(kit := kit_for(browser, url, flows), "/", "/new")
        await mine_forms(kit)
    by_id = {each.flow.id: each.flow for each in flows}
    filled = {name: [type(action) for action in flow.steps[1].actions] for name, flow in by_id.items()}
    assert filled["add-a-box-is-made"] == [Fill, Fill, Fill, Choose, Click]
    assert filled["forms-add-a-box-asks-for-name"] == [Fill]
    assert filled["add-a-box-is-deleted"] == filled["add-a-box-is-refused-twice"] == [Fill, Click]


async def test_a_form_that_may_do_harm_is_not_sent(mined: tuple[dict[str, Flow], list[Skipped]]) -> None:
    flows, skipped = mined
    assert not any("letter" in each or "invitation" in each for each in flows)
    assert [each.what for each in skipped] == ["the form “Send invitation” on /search"]


async def test_of_two_forms_of_one_name_the_second_is_left_out_and_told(browser: Browser) -> None:
    form = "<main><h1>Add a box</h1><form method=post><label>{0} <input name={0}></label><label>Size <input name=size></label><button>Save</button></form></main>"  # noqa: E501
    with serve({"/new": form.format("name"), "/old": form.format("number")}) as url:
        kit = kit_for(browser, url, [])
        await opened(kit, "/new", "/old")
        assert [place.visit.path for place in _places(kit)] == ["/new"]
        assert [each.what for each in kit.site.skipped] == ["another form “Add a box” on /old"]


async def test_a_page_that_needs_a_session_is_reached_by_the_page_that_begins_one(browser: Browser) -> None:
    pages: dict[str, Page] = {
        "/": "<main><h1>Home</h1><a href=/trial>Try it</a></main>",
        "/trial": "<main><h1>Trial</h1><script>document.cookie = 'trial=1'</script><a href=/inside>Inside</a></main>",
        "/inside": "<main><h1>Inside</h1></main><script>if (!document.cookie) location.replace('/')</script>",
    }
    with serve(pages) as url:
        kit = kit_for(browser, url, [])
        async with kit.hand() as hand:
            for path, source in (("/", ""), ("/trial", "/"), ("/inside", "/trial")):
                kit.site.add(await hand.visit(path), signed_in=False, source=source)
        ways = {path: await kit.way_to(visit) for path, visit in kit.site.visits.items()}
    assert ways == {"/": ("/",), "/trial": ("/trial",), "/inside": ("/trial", "/inside")}


async def test_where_the_start_page_has_another_address_the_others_need_not_begin_there(browser: Browser) -> None:
    pages: dict[str, Page] = {
        "/": Redirect("/welcome"),
        "/welcome": "<main><h1>Welcome</h1><a href=/terms>Terms</a></main>",
        "/terms": "<main><h1>Terms</h1></main>",
    }
    with serve(pages) as url:
        kit = kit_for(browser, url, [])
        async with kit.hand() as hand:
            budget = Budget(9, time.monotonic() + 100)
            await Crawl(hand, kit.site, kit.wish, budget, kit.emit, signed_in=False).run("/")
        assert kit.site.start is kit.site.visits["/welcome"]
        assert await kit.way_to(kit.site.visits["/terms"]) == ("/terms",)


async def test_where_strangers_are_sent_to_sign_in_is_no_start_page(browser: Browser) -> None:
    sign_in = "<form method=post><label>Name <input name=n></label><label>Secret <input type=password name=s></label>"
    pages: dict[str, Page] = {"/": Redirect("/login"), "/login": f"<main><h1>Log in</h1>{sign_in}<button>Go</button>"}
    with serve(pages) as url:
        kit = kit_for(browser, url, [])
        async with kit.hand() as hand:
            budget = Budget(9, time.monotonic() + 100)
            await Crawl(hand, kit.site, kit.wish, budget, kit.emit, signed_in=False).run("/")
    assert "/login" in kit.site.visits
    assert kit.site.start is None
