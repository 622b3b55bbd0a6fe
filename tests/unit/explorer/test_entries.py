"""Lists that people add to: what they are made of is found by trying, and their flows see what breaks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.entry_list import EDITED, ENTRY, SECOND, EntryList, reworded
from agent_runtime_server.adapters.explorer.entry_start import entry_fields
from agent_runtime_server.adapters.explorer.entry_survey import survey
from agent_runtime_server.adapters.explorer.flow import Flow
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Click, Locator
from agent_runtime_server.adapters.explorer.mine_entries import mine_entries
from agent_runtime_server.adapters.explorer.mining import Mined
from agent_runtime_server.adapters.explorer.player import ActionError, Player
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import Page, serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SHOPPING = """<h1>Shopping</h1>
<div><input placeholder="Milk, bread …"><button onclick="add()">Put on the list</button></div>
<label hidden><input type=checkbox onchange="tickAll(this.checked)"> Everything is in the bag</label>
<ul></ul>
<p id=count></p>
<div><button onclick="show('every')">Everything</button><button onclick="show('buy')">To buy</button
><button onclick="show('got')">In the bag</button></div>
<button id=sweep onclick="sweep()" hidden>Empty the bag</button>
<a href="/elsewhere">Elsewhere</a>
<script>
  const $ = (selector) => document.querySelector(selector);
  let things = JSON.parse(localStorage.things ?? '[]');
  let shown = 'every';
  let changed = -1;
  const show = (view) => { shown = view; draw(); };
  const add = () => {
    const text = $('input').value.trim();
    if (text) things.push({ text, got: false });
    $('input').value = '';
    keep();
  };
  const keep = () => { localStorage.things = JSON.stringify(things); draw(); };
  const tickAll = (got) => { things.forEach((thing) => (thing.got = got)); keep(); };
  const sweep = () => { things = things.filter((thing) => !thing.got); keep(); };
  const cells = (thing, at) => at === changed
    ? `<input value="${thing.text}" onkeydown="end(event, ${at})">`
    : `<input type=checkbox ${thing.got ? 'checked' : ''} onchange="tick(${at}, this.checked)"><b>${thing.text}</b>
       <button onclick="change(${at})">Rename</button><button onclick="drop(${at})">Remove ${thing.text}</button>`;
  const tick = (at, got) => { things[at].got = got; keep(); };
  const change = (at) => { changed = at; draw(); };
  const end = (event, at) => {
    if (event.key === 'Escape') changed = -1;
    else if (event.key === 'Enter') { things[at].text = event.target.value.trim(); changed = -1; keep(); return; }
    else return;
    draw();
  };
  const drop = (at) => { things.splice(at, 1); keep(); };
  const draw = () => {
    const open = things.filter((thing) => !thing.got).length;
    $('ul').innerHTML = things.map((thing, at) =>
      shown === 'every' || (shown === 'got') === thing.got ? `<li>${cells(thing, at)}</li>` : '').join('');
    $('#count').textContent = `${open} still to buy`;
    $('#sweep').hidden = open === things.length;
    $('label').hidden = !things.length;
  };
  draw();
</script>"""

NOTES = """<h1>Notes</h1><label>Note <input id=note></label><ol></ol><script>
  document.querySelector('#note').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    document.querySelector('ol').insertAdjacentHTML('beforeend', `<li>${event.target.value}</li>`);
  });
</script>"""

SHARED = SHOPPING.replace("localStorage.things ?? '[]'", '\'[{"text": "Salt", "got": false}]\'')

TWICE = SHOPPING.replace("<b>", "<b style='display: block' ondblclick='change(${at})'>").replace(
    '<button onclick="change(${at})">Rename</button>', ""
)
"""What is clicked twice is as wide as its row, but only as long as its style is there."""

KEPT = TWICE.replace("? `<input value", "? `<b hidden>${thing.text}</b><input value")
"""The text of an entry is still in its row, unseen, while it is changed."""

SEARCH = """<h1>Find</h1><form action=/found><label>Words <input name=q></label></form>"""


FAULTS = {
    "add-entry": ("$('input').value = '';", ""),
    "add-entries": ("${open} still", "${things.length ? 1 : 0} still"),
    "blank-entry": ("if (text)", ""),
    "trim-entry": ("$('input').value.trim()", "$('input').value"),
    "entry-persists": ("localStorage.things = JSON.stringify(things); ", ""),
    "tick-entry": ("${open} still", "${things.length} still"),
    "untick-entry": ("things[at].got = got;", "things[at].got = true;"),
    "edit-entry": ("things[at].text = event", "things[0].text += event"),
    "trim-edited-entry": ("event.target.value.trim()", "event.target.value"),
    "cancel-edit": (
        "=== 'Escape') changed = -1;",
        "=== 'Escape') { changed = -1; things[at].text = event.target.value; }",
    ),
    "remove-entry": ("things.splice(at, 1)", "things.pop()"),
    "view-everything": ("shown === 'every' ||", "shown === 'every' && !thing.got ||"),
    "view-to-buy": ("(shown === 'got') === thing.got", "shown === 'buy' || thing.got"),
    "view-in-the-bag": ("(shown === 'got') === thing.got", "shown === 'got' || !thing.got"),
    "clear-ticked": ("things.filter((thing) => !thing.got); keep", "[]; keep"),
    "tick-all": ("(thing.got = got)", "(thing.got = true)"),
}
"""By flow: what it is to see when it breaks."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def fault() -> list[tuple[str, str]]:
    """Replacements in the page, while they are in it."""
    return []


@pytest.fixture(scope="module")
def site(fault: list[tuple[str, str]]) -> Iterator[str]:
    def shopping(_: Mapping[str, str]) -> str:
        page = SHOPPING
        for old, new in fault:
            page = page.replace(old, new)
        return page

    pages: dict[str, Page] = {
        "/": shopping,
        "/notes": NOTES,
        "/search": SEARCH,
        "/shared": SHARED,
        "/twice": TWICE,
        "/kept": KEPT,
    }
    with serve(pages) as url:
        yield url


@asynccontextmanager
async def hand_at(browser: Browser, site: str) -> AsyncIterator[Hand]:
    context = await browser.new_context()
    try:
        page = await context.new_page()
        yield Hand(page, await context.new_cdp_session(page), site, {"uid": f"{time.time_ns()}"})
    finally:
        await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shopping(browser: Browser, site: str) -> EntryList:
    async with hand_at(browser, site) as hand:
        return await survey(hand, "/")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flows(browser: Browser, site: str) -> dict[str, Flow]:
    mined: list[Mined] = []
    kit = kit_for(browser, site.rstrip("/"), mined)
    await opened(kit, "/")
    await mine_entries(kit)
    return {each.flow.id: each.flow for each in mined}


async def failure_of(browser: Browser, site: str, flow: Flow, patience_ms: float = 20_000) -> str | None:
    """Act a flow out: how the first expectation that does not hold fails."""
    context = await browser.new_context()
    try:
        player = Player(await context.new_page(), site, {"uid": f"{time.time_ns()}"})
        for step in flow.steps:
            for action in step.actions:
                await player.act(action, patience_ms)
            for expectation in step.expectations:
                if failure := await player.failure(expectation.check, patience_ms):
                    return failure
    except ActionError as error:
        return str(error)
    finally:
        await context.close()
    return None


async def test_what_a_list_is_made_of(shopping: EntryList) -> None:
    assert shopping.button == Locator(by="role", value="button", name="Put on the list")
    row = Locator(by="role", value="listitem", has_text=ENTRY)
    assert (shopping.row, shopping.box) == (row, Locator(by="role", value="checkbox", within=row))
    assert shopping.remove == Locator(by="role", value="button", name=f"Remove {ENTRY}", within=row)
    assert shopping.opener is not None
    assert shopping.opener.target == Locator(by="role", value="button", name="Rename", within=row)
    assert shopping.counter is not None
    assert shopping.box_of_all == Locator(by="role", value="checkbox", name="Everything is in the bag")
    assert shopping.clear == Locator(by="role", value="button", name="Empty the bag")
    assert [(each.name, each.shows_ticked, each.shows_open) for each in shopping.views] == [
        ("Everything", True, True),
        ("To buy", False, True),
        ("In the bag", True, False),
    ]
    assert shopping.lasts


async def test_what_is_clicked_twice_is_what_bears_the_text(browser: Browser, site: str) -> None:
    async with hand_at(browser, site) as hand:
        twice = await survey(hand, "/twice")
    row = Locator(by="role", value="listitem", has_text=ENTRY)
    assert twice.opener == Click(Locator(by="text", value=ENTRY, within=row), double=True)
    assert twice.editor == Locator(by="role", value="textbox", within=Locator(by="role", value="listitem"))


async def test_what_is_changed_is_told_by_its_row_where_that_still_has_its_text(browser: Browser, site: str) -> None:
    async with hand_at(browser, site) as hand:
        kept = await survey(hand, "/kept")
    row = Locator(by="role", value="listitem", has_text=ENTRY)
    assert kept.editor == Locator(by="role", value="textbox", within=row)
    assert kept.any_editor == Locator(by="role", value="textbox", within=Locator(by="role", value="listitem"))
    assert kept.lasts, "the text was put back as it was"


async def test_a_list_that_only_grows(browser: Browser, site: str) -> None:
    async with hand_at(browser, site) as hand:
        notes = await survey(hand, "/notes")
    assert notes.button is None
    assert notes.rows is not None
    assert (notes.box, notes.remove, notes.editor, notes.counter, notes.views, notes.lasts) == (*[None] * 4, (), False)


async def test_what_others_have_on_the_list_is_left_alone(browser: Browser, site: str) -> None:
    async with hand_at(browser, site) as hand:
        shared = await survey(hand, "/shared")
    assert shared.box is not None
    assert shared.remove is None or shared.remove.name == f"Remove {ENTRY}"
    assert (shared.box_of_all, shared.clear) == (None, None)


async def test_a_field_that_is_sent_makes_no_entries(browser: Browser, site: str) -> None:
    async with hand_at(browser, site) as hand:
        assert not entry_fields(await hand.visit("/search"))
        with pytest.raises(LostError):
            await survey(hand, "/search")


async def test_all_that_a_list_does_is_a_flow_and_can_be_repeated(
    browser: Browser, site: str, flows: dict[str, Flow]
) -> None:
    assert sorted(flows) == sorted(FAULTS)
    for flow in flows.values():
        assert await failure_of(browser, site, flow) is None, flow.id


@pytest.mark.parametrize("identity", FAULTS)
async def test_a_flow_sees_what_breaks(
    browser: Browser, site: str, flows: dict[str, Flow], fault: list[tuple[str, str]], identity: str
) -> None:
    assert FAULTS[identity][0] in SHOPPING
    fault.append(FAULTS[identity])
    try:
        assert await failure_of(browser, site, flows[identity], 1000) is not None
    finally:
        fault.clear()


async def test_a_piece_of_another_entry() -> None:
    box = Locator(by="role", value="checkbox", name=f"Tick {ENTRY}", within=Locator(by="text", value=ENTRY))
    other = Locator(by="role", value="checkbox", name=f"Tick {SECOND}", within=Locator(by="text", value=SECOND))
    assert EntryList.of(SECOND, box) == other
    assert reworded(other, SECOND, EDITED) == EntryList.of(EDITED, box)
