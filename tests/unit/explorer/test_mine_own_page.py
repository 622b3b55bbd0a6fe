"""A small list of issues: each has a page where it is talked about and moved on, and the list can be filtered."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.flow import Flow
from agent_runtime_server.adapters.explorer.language import (
    Click,
    Fill,
    HasOutline,
    IsChecked,
    IsHidden,
    IsVisible,
    Locator,
    SetChecked,
)
from agent_runtime_server.adapters.explorer.mine_filters import mine_filters
from agent_runtime_server.adapters.explorer.mine_forms import mine_forms
from agent_runtime_server.adapters.explorer.mine_settings import mine_settings
from agent_runtime_server.adapters.explorer.mining import Mined
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import Page, serve

pytestmark = pytest.mark.timeout(300)
STATES = {"open": "open", "begin": "begun", "close": "closed"}


@dataclass
class Issue:
    title: str
    state: str = "open"
    comments: list[str] = field(default_factory=list)


class Tracker:
    """Keeps issues; one that is deaf takes neither comments nor states, and its filter lists everything.

    Where what is needed is not ``marked``, nothing tells which fields may be left out; ``strict``: none.
    """

    def __init__(self, *, deaf: bool = False, marked: bool = True, strict: bool = False) -> None:
        self.issues: list[Issue] = []
        self.deaf = deaf
        self.required = "required" if marked else ""
        self.strict = strict
        self.rules = ["one"]

    def pages(self) -> dict[str, Page]:
        return {
            "/": self.listed,
            "/again": self.listed,
            "/new": self.new,
            "/issue": self.issue,
            "/search": self.search,
            "/settings": self.set,
            "/rules": self.rule,
        }

    def listed(self, sent: Mapping[str, str]) -> str:
        wanted = {state for state in STATES if state in sent} if "show" in sent else {"open", "begin"}
        boxes = "".join(
            f"<label><input type=checkbox name=state id={state} {'checked' if state in wanted else ''}"
            f" onchange='this.form.elements[this.id + 2].disabled = !this.checked'>{state}</label>"
            f"<input type=hidden id={state}2 name={state} value=1 {'' if state in wanted else 'disabled'}>"
            for state in STATES
        )
        listed = [each for each in self.issues if self.deaf or each.state in wanted]
        rows = "".join(f"<li>{html.escape(each.title)}</li>" for each in listed)
        return (
            f"<main><h1>Issues</h1><form action=/>{boxes}<label>Words <input name=words></label>"
            f"<button name=show value=1>Update</button></form><ul>{rows}</ul><a href=/new>New issue</a></main>"
        )

    def new(self, sent: Mapping[str, str]) -> str:
        if (title := sent.get("title")) and (sent.get("author") or not self.strict):
            self.issues.append(Issue(title))
            return f"<script>location.replace('/issue?number={len(self.issues)}')</script>"
        return f"""<main><h1>New issue</h1><form method=post action=/new>
            <label>Title <input name=title {self.required}></label>
            <label>Your email <input name=author></label><button>Add the issue</button></form></main>"""

    def issue(self, sent: Mapping[str, str]) -> str:
        issue = self.issues[int(sent["number"]) - 1]
        if "act" in sent:
            if not self.deaf:
                issue.comments += filter(None, [sent.get("comment")])
                issue.state = sent["act"] if sent["act"] != "stay" else issue.state
            return f"<script>location.replace('/issue?number={sent['number']}')</script>"
        radios = "".join(
            f"<label><input type=radio name=act value={state} {'checked' if state == 'stay' else ''}>{state}</label>"
            for state in ("stay", "begin", "close")
        )
        said = "".join(f"<p>{html.escape(each)}</p>" for each in issue.comments)
        title = f"#{sent['number']} <span>{html.escape(issue.title)}</span>"
        return f"""<main><h1>{title}</h1><p><i>{STATES[issue.state]}</i></p>{said}
            <form method=post action=/issue><input type=hidden name=number value={sent["number"]}>
            <div><h2><a href="#fold" onclick="fold.hidden = !fold.hidden">Move on</a></h2>
            <div id=fold hidden>{radios}</div></div>
            <label>Your email <input name=author></label><label>Comment <textarea name=comment></textarea></label>
            <button>Preview</button><button>Save changes</button>
            </form></main>"""

    def search(self, sent: Mapping[str, str]) -> str:
        said = "checked" if "said" in sent or not sent else ""
        return f"""<main><h1>Search</h1><form action=/search><label>Words <input name=words type=search></label>
            <label><input type=checkbox name=said {said}> Comments, too</label><button name=go value=1>Search</button>
            </form></main>"""

    def set(self, _: Mapping[str, str]) -> str:
        """Kept by the browser, so that each visitor has settings of their own."""
        keep = "" if self.deaf else "onsubmit='localStorage.colour = this.colour.value'"
        return f"""<main><h1>Settings</h1><form method=post action=/settings {keep}>
            <label>Colour <select name=colour><option>red<option>blue<option>green</select></label>
            <label><input type=checkbox name=sound> Sound</label><button>Save</button></form></main>
            <script>document.querySelector('select').value = localStorage.colour || 'red'</script>"""

    def rule(self, sent: Mapping[str, str]) -> str:
        """One setting for everybody."""
        if "days" in sent:
            self.rules.append(sent["days"])
        days = "".join(f"<option {'selected' if each == self.rules[-1] else ''}>{each}" for each in ("one", "two"))
        return f"""<main><h1>Rules</h1><form method=post action=/rules><label>Days <select name=days>{days}</select>
            </label><label><input type=checkbox name=strict> Strict</label><button>Save</button></form></main>"""


async def mined(tracker: Tracker) -> dict[str, Flow]:
    flows: list[Mined] = []
    with serve(tracker.pages()) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows)
            await opened(kit, "/", "/again?state=open", "/new", "/search", "/settings", "/rules")
            await mine_forms(kit)
            await mine_filters(kit)
            await mine_settings(kit)
    return {each.flow.id: each.flow for each in flows}


def checks(flow: Flow) -> list[type]:
    return [type(each.check) for step in flow.steps for each in step.expectations]


async def test_made_talked_about_moved_on_and_filtered() -> None:
    tracker = Tracker()
    flows = await mined(tracker)
    assert flows.keys() == {
        "add-the-issue-is-made",
        "add-the-issue-has-a-page",
        "add-the-issue-is-commented-on",
        "add-the-issue-changes-its-state",
        "forms-add-the-issue-asks-for-title",
        "issues-filters",
        "search-filters",
        "settings-is-kept",
    }
    own = flows["add-the-issue-has-a-page"].steps[-1].expectations[-1].check
    assert isinstance(own, HasOutline)
    assert '- heading "Move on"' in own.outline
    assert '- textbox "Comment"' in own.outline
    assert checks(flows["add-the-issue-is-commented-on"]) == [IsVisible] * 3  # what was made, too
    shown = flows["add-the-issue-is-commented-on"].steps[1].expectations[0].check
    assert shown == IsVisible(Locator(by="role", value="heading", name="Test ${uid}", exact=False))
    moved = flows["add-the-issue-changes-its-state"]
    assert moved.title.endswith("can be set to “begin”")
    assert checks(moved) == [IsVisible] * 3
    assert [type(action) for action in moved.steps[3].actions] == [SetChecked, Click]
    assert tracker.rules == ["one", "two", "one"]
    assert checks(flows["issues-filters"]) == [IsVisible, IsVisible, IsChecked, IsChecked, IsChecked, IsHidden]


async def test_what_the_app_does_not_keep_becomes_no_test() -> None:
    flows = await mined(Tracker(deaf=True))
    assert not flows.keys() & {"add-the-issue-is-commented-on", "add-the-issue-changes-its-state", "settings-is-kept"}
    assert IsHidden not in checks(flows["issues-filters"])


def filled_first(flow: Flow) -> list[str]:
    """The fields of the form that makes the thing."""
    made = next(step for step in flow.steps if any(isinstance(action, Fill) for action in step.actions))
    return [str(action.target.name) for action in made.actions if isinstance(action, Fill)]


@pytest.mark.parametrize(("strict", "needed"), [(False, ["Title"]), (True, ["Title", "Your email"])])
async def test_what_happens_to_a_thing_needs_no_more_of_it_than_the_app_does(strict: bool, needed: list[str]) -> None:
    flows = await mined(Tracker(marked=False, strict=strict))
    assert filled_first(flows["add-the-issue-is-made"]) == ["Title", "Your email"]
    assert filled_first(flows["add-the-issue-is-commented-on"]) == needed
    assert filled_first(flows["add-the-issue-changes-its-state"]) == needed
