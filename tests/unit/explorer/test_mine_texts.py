"""Texts that are there already are added to, and never lost."""

from __future__ import annotations

import html
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.flow import Flow, Step
from agent_runtime_server.adapters.explorer.language import Click, Fill, HasValue, IsVisible, Locator
from agent_runtime_server.adapters.explorer.mine_forms import mine_forms
from agent_runtime_server.adapters.explorer.mining import Mined
from agent_runtime_server.adapters.explorer.proving import Credentials, Rejected, prove
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import serve

pytestmark = pytest.mark.timeout(300)
ARTICLE = "Ducks swim.\n\nSome fly."


class Wiki:
    """One article, which all may change; or which forgets what it is told, or keeps what should only be shown.

    ``stays``: what was saved is shown beside the field, on the same page. ``hides``: only its first line is ever shown.
    """

    def __init__(
        self, *, forgets: bool = False, previews: bool = True, stays: bool = False, hides: bool = False
    ) -> None:
        self.text = ARTICLE
        self.hides = hides
        self.forgets = forgets
        self.previews = previews
        self.stays = stays
        self.saved: list[str] = []

    def article(self, _: Mapping[str, str]) -> str:
        return f"<main><h1>Ducks</h1>{_paragraphs(self._shown(self.text))}<a href=/edit>Edit</a></main>"

    def edit(self, sent: Mapping[str, str]) -> str:
        text = sent.get("text", self.text).replace("\r\n", "\n")
        if "save" in sent:
            self.text = self.text if self.forgets else text
            self.saved.append(text)
            if not self.stays:
                return "<script>location.replace('/ducks')</script>"
        if not self.previews:
            self.text = text
        shown = _paragraphs(self._shown(text)) if "preview" in sent or self.stays else ""
        return f"""<main><h1>Change “Ducks”</h1>{shown}<form method=post action=/edit>
            <label>Text <textarea name=text>{html.escape(text)}</textarea></label>
            <button name=preview value=1>Preview</button><button name=cancel value=1>Cancel</button>
            <button name=save value=1>Save changes</button></form></main>"""

    def _shown(self, text: str) -> str:
        return text.partition("\n")[0] if self.hides else text


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{html.escape(part)}</p>" for part in text.split("\n\n"))


async def mined(wiki: Wiki, instructions: str = "") -> dict[str, Flow]:
    flows: list[Mined] = []
    with serve({"/ducks": wiki.article, "/edit": wiki.edit}) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows, instructions)
            await opened(kit, "/ducks", "/edit")
            await mine_forms(kit)
    return {each.flow.id: each.flow for each in flows}


def checks(flow: Flow) -> list[type]:
    return [type(each.check) for step in flow.steps for each in step.expectations]


async def test_a_line_is_added_after_the_text_and_a_preview_keeps_nothing() -> None:
    wiki = Wiki()
    flows = await mined(wiki)
    assert wiki.saved[0].startswith(ARTICLE)
    assert wiki.saved[0].count("A test added this line") == 1
    assert wiki.text == ARTICLE
    [added] = flows.values()
    assert checks(added) == [IsVisible, HasValue, IsVisible, IsVisible, HasValue, HasValue]
    filled = [action.value for step in added.steps for action in step.actions if isinstance(action, Fill)]
    longer = "${text_before}\n\nA test added this line, ${uid}."
    assert filled == [longer, longer, "${text_before}"], "previewed, saved, and put back"
    assert [step.title for step in added.steps if step.tidies] == [
        "Put the text back",
        "Come back to see whether it is there",
    ]


async def test_what_it_takes_to_prove_the_flow_leaves_the_text_as_it_was() -> None:
    wiki = Wiki(stays=True)
    flows: list[Mined] = []
    with serve({"/ducks": wiki.article, "/edit": wiki.edit}) as url:
        async with open_browser() as browser:
            await opened(kit := kit_for(browser, url, flows), "/ducks", "/edit")
            await mine_forms(kit)
            [mined] = flows
            kept = await prove(browser, url, mined.flow, None, Credentials("", ""), lambda _: None)
    assert wiki.text == ARTICLE
    assert isinstance(kept, Flow)
    assert [each.text for each in kept.steps[-1].expectations] == ["the text is the one before"]


async def test_a_text_that_is_not_kept_becomes_no_test() -> None:
    assert await mined(Wiki(forgets=True)) == {}


async def test_a_line_that_is_not_shown_is_taken_away_again() -> None:
    wiki = Wiki(hides=True)
    assert await mined(wiki) == {}
    assert any("A test added this line" in text for text in wiki.saved)
    assert wiki.text == ARTICLE


async def test_where_a_flow_cannot_go_on_the_text_is_put_back_all_the_same() -> None:
    wiki = Wiki()
    flows: list[Mined] = []
    with serve({"/ducks": wiki.article, "/edit": wiki.edit}) as url:
        async with open_browser() as browser:
            await opened(kit := kit_for(browser, url, flows), "/ducks", "/edit")
            await mine_forms(kit)
            [mined] = flows
            *steps, put_back, look = mined.flow.steps
            nowhere = Step("Go on", (Click(Locator(by="role", value="button", name="Go on")),))
            broken = replace(mined.flow, steps=(*steps, nowhere, put_back, look))
            wiki.saved.clear()
            kept = await prove(browser, url, broken, None, Credentials("", ""), lambda _: None)
    assert isinstance(kept, Rejected)
    assert "A test added this line" in wiki.saved[0]
    assert wiki.text == ARTICLE


async def test_a_preview_that_saves_is_not_called_one() -> None:
    wiki = Wiki(previews=False)
    flows = await mined(wiki)
    assert wiki.text == ARTICLE
    assert [flow.title for flow in flows.values()] == ["“Change “Ducks”” keeps what is added"]


async def test_no_text_is_touched_where_nothing_is_to_be_edited() -> None:
    wiki = Wiki()
    assert await mined(wiki, "Never edit anything") == {}
    assert wiki.saved == []


async def test_blank_lines_around_a_text_are_kept_with_it() -> None:
    wiki = Wiki()
    wiki.text = f"{ARTICLE}\n\n"
    [added] = (await mined(wiki)).values()
    assert checks(added) == [IsVisible, HasValue, IsVisible, IsVisible, HasValue, HasValue]
    assert wiki.text == f"{ARTICLE}\n\n"
