"""A select of its own: what is chosen stays chosen."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.language import Choose, Click, HasValue, UrlIs
from agent_runtime_server.adapters.explorer.mine_choices import mine_choices
from agent_runtime_server.adapters.explorer.mining import Mined
from tests.unit.explorer.kits import kit_for, opened
from tests.unit.explorer.site import serve

pytestmark = pytest.mark.timeout(300)


def listed(sent: Mapping[str, str]) -> str:
    orders = "".join(
        f"<option value={value} {'selected' if sent.get('by', 'age') == value else ''}>By {value}"
        for value in ("age", "name", "size")
    )
    return f"""<main><h1>Things</h1><form><label>Order <select name=by>{orders}</select></label><button>Sort</button>
        </form><form action=/purge><label>Since <select name=since><option>June<option>July</select></label>
        <button>Purge</button></form></main>"""


async def test_a_choice_stays_and_one_that_does_harm_is_not_made() -> None:
    flows: list[Mined] = []
    purged: list[Mapping[str, str]] = []

    def purge(sent: Mapping[str, str]) -> str:
        purged.append(sent)
        return "<h1>Gone</h1>"

    with serve({"/": listed, "/purge": purge}) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows)
            await opened(kit, "/")
            await mine_choices(kit)
    [mined] = flows
    [_, chosen] = mined.flow.steps
    assert [type(action) for action in chosen.actions] == [Choose, Click]
    assert [each.check for each in chosen.expectations if isinstance(each.check, UrlIs)] == [UrlIs("/?by=name")]
    assert [each.check.value for each in chosen.expectations if isinstance(each.check, HasValue)] == ["name"]
    assert not purged


@pytest.mark.parametrize(("numbered", "led"), [(False, ["Ada", "Ben", "Ada"]), (True, ["Ada"])])
async def test_what_is_chosen_for_everybody_is_chosen_back_or_not_at_all(numbered: bool, led: list[str]) -> None:
    flows: list[Mined] = []
    leaders = ["Ada"]

    def team(sent: Mapping[str, str]) -> str:
        people = {str(number) if numbered else name: name for number, name in enumerate(("Ada", "Ben"), 7)}
        if "leader" in sent:
            leaders.append(people[sent["leader"]])
        options = "".join(
            f"<option value={key} {'selected' if name == leaders[-1] else ''}>{name}" for key, name in people.items()
        )
        return f"""<main><h1>Team</h1><form method=post action=/team><label>Leader
            <select name=leader>{options}</select></label><button>Save</button></form></main>"""

    with serve({"/team": team}) as url:
        async with open_browser() as browser:
            kit = kit_for(browser, url, flows)
            await opened(kit, "/team")
            await mine_choices(kit)
    assert flows == []
    assert leaders == led
