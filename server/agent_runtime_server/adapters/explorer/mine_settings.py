"""Forms of choices alone, such as settings: what is chosen is there again when the page is opened anew.

Only what each visitor chooses for themselves: what is chosen for everybody is chosen back, and becomes no test.
Those of one select are left to ``mine_choices``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.language import Goto
from agent_runtime_server.adapters.explorer.may_send import asks, may_be_sent
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.other_choices import CHOSEN, fields_to_choose_in, other_choices
from agent_runtime_server.adapters.explorer.place import Place, choose_back_if_shared
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.view import Form

MOST_FORMS = 4


async def mine_settings(kit: Kit) -> None:
    """One choice of each such form."""
    for place in list(_places(kit))[:MOST_FORMS]:
        await _choose(kit, place)


def _places(kit: Kit) -> Iterator[Place]:
    """The forms that may be sent, each with a name of its own."""
    names: set[str] = set()
    for visit, form in kit.site.forms():
        place = Place(visit, form)
        if visit.signed_in or not _is_of_choices(form) or asks(place) or not may_be_sent(kit, place):
            continue
        if visit.label and visit.label not in place.name:
            place = replace(place, called=f"{place.name}: {visit.label}")
        if place.name not in names:
            names.add(place.name)
            yield place


def _is_of_choices(form: Form) -> bool:
    kinds = [each.kind for each in form.fields]
    alone = bool(kinds) and kinds != ["select"] and all(kind in CHOSEN for kind in kinds)
    return alone and form.method == "post" and form.submit is not None and row_of(form.element) is None


async def _choose(kit: Kit, place: Place) -> None:
    async with place.attempt(kit, f"choosing something else in “{place.name}”") as hand:
        form = await (await place.reached(kit)).open(hand)
        fields = fields_to_choose_in(form)
        actions, told, back = await other_choices(hand, fields)
        checks = [check for check in told if check is not None]
        if checks != told:
            raise LostError("it could not be seen for whom something else is chosen")
        name = fields[0].name or place.name
        effect = await hand.step(
            f"Choose another “{name}” and click “{place.sends}”", *actions, await place.submit(hand, form)
        )
        await expect_message(hand, effect, "the app answers")
        await hand.step(f"Open {place.visit.path} again", Goto(place.visit.path))
        await choose_back_if_shared(hand, kit, place, checks, back)
        for check in checks:
            await hand.expect(f"“{name}” is as it was chosen", check)
        kit.keep(
            hand.flow(f"{slug(place.name)}-is-kept", "Settings", f"“{place.name}” keeps what is chosen", "@form"),
            "form",
        )
